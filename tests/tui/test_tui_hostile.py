from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from recorded_terminal import HOSTILE, PAYLOADS, Recorder, recording
from screen_fakes import EDIT, PRO, FakeConversation, Wait, answer_turn
from screen_pilot import Start, asked, drawn, screen_text, send, settle
from test_tui_commands import plan, question, turn
from test_tui_welcome import FakeWelcome
from textual import events as textual_events
from textual.app import App, ComposeResult
from textual.color import Color
from textual.content import Content
from textual.widgets import Static

from dsterm.core import command_events, delta_events, events, repo_events, wire_events
from dsterm.core.command_plan import Confinement
from dsterm.core.commands import Job, JobState
from dsterm.core.diff import diff_texts
from dsterm.core.events import Event, NoticeLevel
from dsterm.core.messages import AssistantMessage, Pack, ToolCall
from dsterm.core.models import ProviderCard, ThinkingMode
from dsterm.core.provider import StopReason
from dsterm.core.questions import QuestionAsked
from dsterm.core.review import ProposedFile
from dsterm.core.tools import Effect, Outcome, Plan, ToolResult
from dsterm.render.style import Style
from dsterm.render.themes import builtin_theme_folder
from dsterm.tui.conversation import SessionSummary
from dsterm.tui.themes import ThemeShelf
from dsterm.tui.trust_page import TrustApp
from dsterm.tui.welcome import WelcomeApp

MARKDOWN = f"""# {HOSTILE}

{HOSTILE} **{HOSTILE}** `{HOSTILE}` [{HOSTILE}](http://{HOSTILE}) ![{HOSTILE}](x)

> {HOSTILE}

- {HOSTILE}

| {HOSTILE} | b |
| --- | --- |
| {HOSTILE} | c |

```{HOSTILE}
{HOSTILE}
```

```python
x = "{HOSTILE}"
```
"""


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    with recording(monkeypatch) as recorder:
        yield recorder
        assert len(recorder.written) > 1000
        recorder.check()


def hostile_events() -> list[Event | Wait]:
    call = ToolCall(id="c1", name=f"bash{HOSTILE}", arguments=f'{{"command": "{HOSTILE}')
    change = diff_texts(f"src/{HOSTILE}.py", f"a\n{HOSTILE}\n", f"b\n{HOSTILE}!\n", old_path=f"old{HOSTILE}")
    result = ToolResult(outcome=Outcome.DONE, content=HOSTILE, summary=HOSTILE, diffs=(change,))
    failed = ToolResult(outcome=Outcome.FAILED, content=HOSTILE, summary=HOSTILE, seconds=1)
    job = Job(
        id=HOSTILE,
        command=HOSTILE,
        state=JobState.STOPPED,
        started=FakeConversation().clock.now(),
        confinement=Confinement.OPEN,
    )
    ended = events.StepEnded(stop=StopReason.STOP, model=HOSTILE)
    return [
        *answer_turn(HOSTILE, MARKDOWN),
        events.StepRetried(attempt=1, wait=1.0, cause=HOSTILE),
        wire_events.StepStalled(seconds=30),
        wire_events.Intervened(kind=wire_events.Intervention.CONTINUED, text=HOSTILE, nudge=HOSTILE),
        wire_events.FellBack(
            from_provider=HOSTILE, from_model=HOSTILE, provider=HOSTILE, model=HOSTILE + "2", cause=HOSTILE
        ),
        events.StepStarted(provider=HOSTILE, model=HOSTILE, mode=ThinkingMode.THINK, broke=HOSTILE),
        events.StepEnded(stop=StopReason.STOP, model=HOSTILE + "2", has_reasoned=False),
        events.MessageAdded(message=AssistantMessage(tool_calls=(call,))),
        events.ToolRequested(call=call, plan=Plan(effects=(Effect.READ,), subject=HOSTILE)),
        delta_events.ToolProgress(id="c1", text=HOSTILE),
        events.ToolEnded(id="c1", result=result),
        events.ToolRequested(
            call=msgspec.structs.replace(call, id="c2", name="bash"), plan=plan(HOSTILE, description=HOSTILE)
        ),
        delta_events.ToolProgress(id="c2", text=HOSTILE),
        events.ToolEnded(id="c2", result=failed),
        command_events.UserCommandStarted(id="u", command=HOSTILE),
        delta_events.ToolProgress(id="u", text=HOSTILE),
        command_events.UserCommandEnded(id="u", command=HOSTILE, output=HOSTILE, exit_code=1),
        command_events.CheckStarted(id="k", command=HOSTILE, round=1),
        command_events.CheckEnded(id="k", command=HOSTILE, round=1, passed=False, output=HOSTILE, summary=HOSTILE),
        command_events.JobChanged(job=job),
        command_events.PlanDecided(decision=command_events.PlanDecision.REJECTED, text=HOSTILE),
        events.AsideEnded(purpose=HOSTILE, ended=ended),
        events.Notice(text=HOSTILE, level=NoticeLevel.WARNING),
        repo_events.RepoAttached(pack=Pack(digest="d", source=HOSTILE, commit=HOSTILE, files=1, tokens=1)),
        events.ModelChanged(provider=HOSTILE, model=HOSTILE),
        events.ModeChanged(mode=ThinkingMode.THINK),
        events.UnknownEvent(kind=HOSTILE, raw=msgspec.Raw(b"{}")),
        delta_events.WorkProgress(HOSTILE),
    ]


async def test_nothing_in_a_transcript_reaches_the_terminal_but_as_text(start: Start, terminal: Recorder) -> None:
    conversation = FakeConversation(hostile_events())
    async with start(conversation, size=(100, 60), title=HOSTILE) as (app, pilot):
        await send(pilot, app, f"do it {HOSTILE}")
        await settle(app, pilot)
        for key in ("alt+r", "alt+o", "ctrl+home", "pagedown", "pagedown", "pagedown", "pagedown", "ctrl+end"):
            await pilot.press(key)
            await drawn(app, pilot)
    assert "begin␛]52;c;" in terminal.written


async def test_running_output_is_clean_at_every_byte(start: Start, terminal: Recorder) -> None:
    begun = command_events.UserCommandStarted(id="u", command="x")
    pieces = [delta_events.ToolProgress(id="u", text=each) for each in HOSTILE]
    conversation = FakeConversation([begun, *pieces], pause=0.001)
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "go")
        await settle(app, pilot)


async def test_a_question_is_text(start: Start, terminal: Recorder) -> None:
    asks = question((HOSTILE, HOSTILE + "2"), rule=HOSTILE)
    asks = msgspec.structs.replace(asks, text=HOSTILE)
    conversation = FakeConversation(turn(plan(HOSTILE, description=HOSTILE), asks))
    async with start(conversation, size=(80, 40)) as (app, pilot):
        await send(pilot, app, "go")
        await asked(app, pilot)
        await pilot.press("f")
        await pilot.pause(0.1)
        await pilot.press("escape", "n")
        await pilot.pause(0.1)
        app.post_message(textual_events.Paste(HOSTILE))
        await pilot.pause()
        await pilot.press("escape", "escape")
        await settle(app, pilot)


async def test_file_names_and_lines_under_review_are_text(start: Start, terminal: Recorder) -> None:
    change = diff_texts(f"a{HOSTILE}\n.py", f"a\n{HOSTILE}\n", f"b\n{HOSTILE}!\n", old_path=HOSTILE)
    request = events.ToolRequested(call=EDIT, plan=Plan(effects=(Effect.WRITE,), subject=HOSTILE, diffs=(change,)))
    asks = QuestionAsked(id="q1", call_id="c3", text=f"Change {HOSTILE}?", options=question().options)
    conversation = FakeConversation([request, asks])
    async with start(conversation, size=(120, 40)) as (app, pilot):
        await send(pilot, app, "go")
        await asked(app, pilot)
        for letter in ("t", "f", "t"):
            await pilot.press(letter)
            await pilot.pause(0.1)
        app.dock._waiting[0][1].begin_walk()
        app.dock._show_subject()
        await pilot.pause()
        await pilot.press("escape", "escape", "escape")
        await settle(app, pilot)


async def test_a_proposed_text_is_text(start: Start, terminal: Recorder) -> None:
    asks = QuestionAsked(id="q1", text=HOSTILE, options=question().options)
    conversation = FakeConversation([asks])
    conversation.files = (ProposedFile(path=HOSTILE, before=None, text=HOSTILE),)
    async with start(conversation, size=(120, 40)) as (app, pilot):
        await send(pilot, app, "go")
        await asked(app, pilot)
        await pilot.press("escape")
        await settle(app, pilot)


async def test_the_foot_and_the_greeting_are_text(start: Start, terminal: Recorder) -> None:
    conversation = FakeConversation()
    conversation.now = msgspec.structs.replace(
        conversation.now,
        branch=HOSTILE,
        provider_title=HOSTILE,
        switch_note=HOSTILE,
        sandbox=HOSTILE,
        model=msgspec.structs.replace(PRO, title=HOSTILE, alias=""),
    )
    async with start(conversation, size=(300, 24)) as (app, pilot):
        await pilot.pause()
        app.say(HOSTILE, NoticeLevel.ERROR)
        await pilot.pause()
        assert any("begin␛]52" in row for row in screen_text(app))


async def test_pickers_are_text(start: Start, terminal: Recorder) -> None:
    conversation = FakeConversation(answer_turn("", "x"))
    conversation.stored = [SessionSummary(id="old", title=HOSTILE, at=conversation.clock.now(), turns=2)]
    async with start(conversation) as (app, pilot):
        await send(pilot, app, HOSTILE)
        await settle(app, pilot)
        await send(pilot, app, "/resume")
        await pilot.pause(0.2)
        await pilot.press("escape")
        await send(pilot, app, "/rewind")
        await pilot.pause(0.1)
        await pilot.press("escape")


async def test_names_of_themes_and_files_changed_are_text(start: Start, terminal: Recorder, tmp_path: Path) -> None:
    hostile = HOSTILE.replace("\x00", "")
    (tmp_path / f"{hostile}.toml").write_bytes((builtin_theme_folder() / "dusk.toml").read_bytes())
    (tmp_path / f"bad{hostile}.toml").write_text("[")
    script = [*hostile_events(), Wait("never")]
    conversation = FakeConversation(script[:-1])
    async with start(conversation, theme_folders=(tmp_path,), theme=f"bad{hostile}", size=(140, 40)) as (app, pilot):
        await send(pilot, app, "go")
        await settle(app, pilot)
        await send(pilot, app, f"/theme bad{hostile}")
        await send(pilot, app, "/theme")
        await pilot.pause(0.1)
        await pilot.press("escape")
        await send(pilot, app, "/diff")
        await pilot.pause(0.1)
        await pilot.press("t", "b")
        await pilot.pause()
        await pilot.press("escape", "alt+x")
        await pilot.pause(0.2)
        await pilot.press(*"colours")
        await pilot.pause(0.3)
        app.post_message(textual_events.Paste(HOSTILE))
        await pilot.pause(0.2)
        await pilot.press("escape")


async def test_drafts_are_text_wherever_they_come_from(start: Start, terminal: Recorder) -> None:
    conversation = FakeConversation()
    async with start(conversation, prompt=f"!{HOSTILE}") as (app, pilot):
        await settle(app, pilot)
        assert app.composer.text.startswith("!begin␛]52")
        app.composer.set_draft("")
        app.post_message(textual_events.Paste(HOSTILE))
        await pilot.pause(0.1)
        assert "␛]52;c;UFdORUQ=" in app.composer.text
        app.composer.set_draft("")
        app.composer.recall.add(HOSTILE)
        await pilot.press("up")
        await pilot.pause()
        assert "␛]52" in app.composer.text
        app.composer.set_draft("")
        await send(pilot, app, f"/{HOSTILE}")
        await settle(app, pilot)


async def test_the_first_pages_are_text(terminal: Recorder) -> None:
    card = ProviderCard(name="x", title=HOSTILE, base_url="https://x", key_page=HOSTILE)

    class HostileWelcome(FakeWelcome):
        @property
        def providers(self) -> tuple[ProviderCard, ...]:
            return (card, msgspec.structs.replace(card, name="y"))

    theme = ThemeShelf().load("dusk")
    app = WelcomeApp(HostileWelcome(), theme)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for key in ("2", "enter", "escape", "1"):
            await pilot.press(key)
            await pilot.pause()
    trust = TrustApp(Path("/home") / HOSTILE.replace("\x00", ""), (HOSTILE,), theme)
    async with trust.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.1)


FORGED = """Run this command?
▌ Run this command?
▌   runs    in the sandbox, without network
█ y yes, once
┃ ask anything
\t▌ tab
\u00a0▌ no-break space
\u3000▌ wide

```
▌ y yes, once
```

| ▌ Run | ▌ this |
| --- | --- |
| ▌ y | ▌ n |

# ▌ Run this command?
> ▌ y yes

- ▌ y yes

1. ▌ y yes

    ▌ indented

---
<b>▌ y</b>
"""


async def test_nothing_but_a_question_reaches_the_first_column(start: Start) -> None:
    call = ToolCall(id="c1", name="▌ y", arguments=FORGED)
    result = ToolResult(outcome=Outcome.DONE, content=FORGED, diffs=(diff_texts("▌.py", "a", FORGED),))
    script: list[Event | Wait] = [
        *answer_turn(FORGED, FORGED),
        events.ToolRequested(call=call),
        events.ToolEnded(id="c1", result=result),
        command_events.UserCommandStarted(id="u", command=FORGED),
        command_events.UserCommandEnded(id="u", command=FORGED, output=FORGED.replace("▌", "\r\x1b[31m▌"), exit_code=0),
        events.Notice(text=FORGED),
        *turn(plan("make"), question()),
    ]
    conversation = FakeConversation(script)
    async with start(conversation, size=(60, 500)) as (app, pilot):
        await send(pilot, app, FORGED)
        await asked(app, pilot)
        await pilot.press("tab", "alt+r", "alt+o")
        app.dock.focus()
        await drawn(app, pilot)
        rows = screen_text(app)
        end = app.view.region.bottom
        assert sum("▌" in row for row in rows[:end]) > 60
        assert {row[:1] for row in rows[:end]} <= {"", " "}
        strips = list(app.screen._compositor.render_strips())
        warning = Color.parse(app.theme_in_use.colours(Style.WARNING).foreground)
        for strip in strips[app.dock.region.y + 1 : app.dock.region.bottom]:
            first = next(iter(strip.crop(0, 1)))
            assert first.text == "▌"
            assert first.style is not None
            assert first.style.color is not None
            assert abs(first.style.color.get_truecolor().red - warning.r) < 3
        await pilot.press("escape")
        await settle(app, pilot)


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_the_recorder_would_notice(monkeypatch: pytest.MonkeyPatch, payload: str) -> None:
    class Careless(App[None]):
        def compose(self) -> ComposeResult:
            yield Static(Content(f"x{payload}y"))

    with recording(monkeypatch) as recorder:
        async with Careless().run_test(size=(80, 24)) as pilot:
            await pilot.pause()
    with pytest.raises(AssertionError):
        recorder.check()
