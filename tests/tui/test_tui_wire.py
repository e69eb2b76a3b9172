from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
import pytest
from screen_fakes import FakeConversation, Wait, answer_turn, tool_events
from screen_pilot import Start, asked, screen_text, send, settle
from textual.pilot import Pilot

from dsterm.core.delta_events import ReasoningDelta, TextDelta
from dsterm.core.events import MessageAdded, StepEnded, StepRetried, StepStarted, TurnEnd, TurnEnded
from dsterm.core.messages import AssistantMessage
from dsterm.core.models import Forecast, ThinkingMode
from dsterm.core.provider import StopReason
from dsterm.core.questions import Answer, Option, QuestionAnswered, QuestionAsked
from dsterm.core.status import Spend
from dsterm.core.wire_events import StepStalled
from dsterm.tui.app import DstermApp
from dsterm.tui.hints import Hints, hint_line
from dsterm.tui.waiting import Wait as Waited
from dsterm.tui.waiting import Waiting

CAUSE = "Novita AI limits the rate of requests for this account."
STEP = StepStarted(provider="novita", model="deepseek/deepseek-v4-pro", mode=ThinkingMode.THINK)
STALL = QuestionAsked(
    id="s1",
    text="Novita AI has sent nothing for 100 s. Try again?",
    options=(
        Option(key="r", answer="try-again", label="try again"),
        Option(key="w", answer="keep-waiting", label="keep waiting"),
    ),
)
OFFER = Forecast(prompt_tokens=62_000, cached_tokens=61_000, dollars=Decimal("0.0012"))
PLACEHOLDER = "Enter: answer now in Non-think · ~$0.0012"


def activity(app: DstermApp) -> str:
    app.foot.draw()
    return app.foot._lines[0].text.strip()


async def until(pilot: Pilot[int], app: DstermApp, words: str) -> None:
    while words not in activity(app):
        await pilot.pause(0.02)


@pytest.mark.parametrize("size", [(80, 24), (140, 45)])
async def test_a_retry_counts_down_and_is_gone_when_the_next_try_brings_something(
    start: Start, size: tuple[int, int]
) -> None:
    retried = StepRetried(attempt=2, wait=3.0, cause=CAUSE, limit=4)
    conversation = FakeConversation([STEP, retried, Wait("waited"), TextDelta("Yes."), Wait("end")])
    async with start(conversation, size=size) as (app, pilot):
        await send(pilot, app, "why?")
        await until(pilot, app, "trying again in 3 s (2 of 4): Novita AI limits")
        assert activity(app).endswith(" · Esc stops")
        assert activity(app).endswith("account · Esc stops") is (size[0] > 80)
        conversation.clock.seconds += 1.2
        assert "trying again in 2 s (2 of 4)" in activity(app)
        conversation.gates["waited"].set()
        await until(pilot, app, "working")
        assert any(row.startswith(" ↻ retry: Novita AI limits the rate") for row in screen_text(app))
        conversation.gates["end"].set()
        await settle(app, pilot)


def test_a_countdown_ends_by_itself() -> None:
    waiting = Waiting()
    waiting.take(StepRetried(attempt=1, wait=1.5, cause="Busy."), 10.0)
    assert waiting.wait(10.1, "Novita AI") == Waited("trying again in 2 s (retry 1)", "Busy")
    assert waiting.wait(11.4, "Novita AI") == Waited("trying again in 1 s (retry 1)", "Busy")
    assert waiting.wait(11.5, "Novita AI") is None


def test_a_step_that_is_closed_and_begun_for_the_next_try_keeps_the_countdown() -> None:
    waiting = Waiting()
    waiting.take(StepRetried(attempt=1, wait=5, cause="Cut."), 0.0)
    assert not waiting.take(StepEnded(stop=StopReason.FAILED, model="m"), 0.0)
    assert not waiting.take(STEP, 0.0)
    assert waiting.wait(1.0, "x") is not None


@pytest.mark.parametrize(
    "life", [StepStalled(seconds=0), TextDelta("x"), MessageAdded(message=AssistantMessage(content="x"))]
)
def test_silence_is_counted_on_until_there_is_life(life: TextDelta) -> None:
    waiting = Waiting()
    waiting.take(StepStalled(seconds=30.2), 100.0)
    assert waiting.wait(109.9, "Novita AI") == Waited("nothing from Novita AI for 40 s")
    waiting.take(life, 110.0)
    assert waiting.wait(110.0, "Novita AI") is None


def test_a_cause_of_any_length_leaves_the_way_out_in_sight() -> None:
    for width in (30, 60, 80):
        line = hint_line(Hints(seconds=1, wait=Waited("trying again in 3 s (2 of 4)", "字" * 200), queued=1), width)
        assert line.width <= width
        assert "Esc stops" in line.text or width < 50


async def test_silence_is_said_in_the_line_of_activity(start: Start) -> None:
    conversation = FakeConversation([STEP, StepStalled(seconds=40), Wait("life"), StepStalled(seconds=0), Wait("end")])
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "why?")
        await until(pilot, app, "nothing from Novita AI for 40 s · Esc stops")
        conversation.gates["life"].set()
        await until(pilot, app, "working")
        conversation.gates["end"].set()
        await settle(app, pilot)
        assert not activity(app)


async def test_the_offer_to_try_again_takes_a_letter_and_leaves_esc_to_the_turn(start: Start) -> None:
    conversation = FakeConversation([STEP, StepStalled(seconds=40), STALL, Wait("never")])
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "why?")
        await asked(app, pilot)
        assert any(row.startswith("▌ Novita AI has sent nothing for 100 s. Try again?") for row in screen_text(app))
        assert "nothing from Novita AI for 41 s · Esc stops" in activity(app)
        await pilot.press("escape")
        await settle(app, pilot)
        assert conversation.interrupts == 1
        assert conversation.answers == []
        assert not app.dock.display
        assert app.composer.has_focus


async def test_the_offer_to_try_again_is_answered_with_its_letter(start: Start) -> None:
    conversation = FakeConversation([STEP, STALL, Wait("end")])
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "why?")
        await asked(app, pilot)
        await pilot.press("r")
        await pilot.pause(0.1)
        assert conversation.answers == [("s1", Answer(answer="try-again"))]
        conversation.gates["end"].set()
        await settle(app, pilot)


async def test_the_offer_to_try_again_leaves_a_draft_the_keys(start: Start) -> None:
    conversation = FakeConversation([STEP, Wait("ask"), STALL, Wait("end")])
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "why?")
        await pilot.press(*"then wo")
        conversation.gates["ask"].set()
        while app.dock.current is None:
            await pilot.pause(0.02)
        app.options.clock.seconds += 5  # type: ignore[attr-defined]
        await pilot.pause(0.6)
        assert app.composer.has_focus
        await pilot.press(*"rk")
        assert app.composer.text == "then work"
        assert any("Tab to answer" in row for row in screen_text(app))
        app.composer.set_draft("")
        await asked(app, pilot)
        conversation.gates["end"].set()
        await settle(app, pilot)
        assert conversation.answers == []


async def test_the_offer_to_try_again_goes_when_the_engine_answers_it(start: Start) -> None:
    answered = QuestionAnswered(id="s1", answer=Answer(answer="keep-waiting"), by="policy")
    conversation = FakeConversation([STEP, STALL, Wait("life"), answered, Wait("end")])
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "why?")
        await asked(app, pilot)
        conversation.gates["life"].set()
        while app.dock.display:
            await pilot.pause(0.02)
        assert app.composer.has_focus
        conversation.gates["end"].set()
        await settle(app, pilot)


CONSENT = QuestionAsked(
    id="f1",
    text="Go on with DeepSeek V4 Flash at DeepSeek?",
    reasons=("Novita AI is overloaded.", "deepseek-flash: $0.30 in, $1.20 out, $0.006 cached per 1M tokens."),
    options=(
        Option(key="y", answer="once", label="yes"),
        Option(key="a", answer="session", label="always in this session"),
        Option(key="n", answer="deny", label="no"),
    ),
)


@pytest.mark.parametrize(("key", "answer"), [("y", "once"), ("a", "session"), ("n", "deny"), ("escape", "deny")])
async def test_going_on_elsewhere_is_asked_with_its_price(start: Start, key: str, answer: str) -> None:
    conversation = FakeConversation([STEP, CONSENT])
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "why?")
        await asked(app, pilot)
        text = "\n".join(screen_text(app))
        assert "Go on with DeepSeek V4 Flash at DeepSeek?" in text
        assert "$0.30 in, $1.20 out, $0.006 cached per 1M tokens." in text
        await pilot.press(key)
        await settle(app, pilot)
        assert conversation.answers == [("f1", Answer(answer=answer))]


async def test_esc_never_says_yes_wherever_the_no_stands(start: Start) -> None:
    question = QuestionAsked(
        id="q1",
        text="3 files look secret. Send them too?",
        options=(Option(key="n", answer="deny", label="leave them out"), Option(key="y", answer="once", label="yes")),
    )
    conversation = FakeConversation([question])
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "why?")
        await asked(app, pilot)
        await pilot.press("escape")
        await settle(app, pilot)
        assert conversation.answers == [("q1", Answer(answer="deny"))]


class Stopped(FakeConversation):
    """Offers to answer now once its first turn was stopped."""

    offered = OFFER

    def interrupt(self) -> None:
        super().interrupt()
        self.now = msgspec.structs.replace(self.now, answer_now=self.offered)


async def stop(app: DstermApp, pilot: Pilot[int]) -> None:
    await send(pilot, app, "why?")
    await pilot.press("escape")
    await settle(app, pilot)


@pytest.mark.parametrize("size", [(80, 24), (140, 45)])
async def test_enter_with_nothing_written_answers_now(start: Start, size: tuple[int, int]) -> None:
    conversation = Stopped([STEP, Wait("never")], answer_turn("", "So be it."))
    async with start(conversation, size=size) as (app, pilot):
        await stop(app, pilot)
        assert any(row.startswith("┃ " + PLACEHOLDER) for row in screen_text(app))
        assert activity(app) == "write to say something else · Esc lets it go"
        await pilot.press("enter")
        await pilot.pause()
        await settle(app, pilot)
        assert conversation.prompts == ["why?", "Answer now."]
        assert not any(PLACEHOLDER in row for row in screen_text(app))
        await pilot.press("enter")
        await settle(app, pilot)
        assert len(conversation.prompts) == 2


async def test_what_is_written_goes_out_instead(start: Start) -> None:
    conversation = Stopped([STEP, Wait("never")], answer_turn("", "Other."))
    async with start(conversation) as (app, pilot):
        await stop(app, pilot)
        await pilot.press("x")
        assert not activity(app)
        await pilot.press("enter")
        await pilot.pause()
        await settle(app, pilot)
        assert conversation.prompts == ["why?", "x"]


async def test_blanks_are_not_nothing(start: Start) -> None:
    conversation = Stopped([STEP, Wait("never")])
    async with start(conversation) as (app, pilot):
        await stop(app, pilot)
        await pilot.press("space", "enter")
        await settle(app, pilot)
        assert conversation.prompts == ["why?"]


async def test_esc_lets_the_offer_go_and_two_more_go_back(start: Start) -> None:
    conversation = Stopped([STEP, Wait("never")])
    async with start(conversation) as (app, pilot):
        await stop(app, pilot)
        await pilot.press("escape")
        assert any(PLACEHOLDER in row for row in screen_text(app))
        conversation.clock.seconds += 0.6
        await pilot.press("escape")
        await pilot.pause()
        assert not any(PLACEHOLDER in row for row in screen_text(app))
        await pilot.press("enter")
        await settle(app, pilot)
        assert conversation.prompts == ["why?"]
        await pilot.press("escape")
        assert "Esc again goes back" in activity(app)
        await pilot.press("escape")
        await pilot.pause()
        assert type(app.screen).__name__ == "PickScreen"
        await pilot.press("escape")


async def test_an_offer_that_was_let_go_says_nothing_about_the_next_turn(start: Start) -> None:
    conversation = Stopped([STEP, Wait("never")], [STEP, Wait("never")])
    async with start(conversation) as (app, pilot):
        await stop(app, pilot)
        conversation.clock.seconds += 0.6
        await pilot.press("escape")
        await stop(app, pilot)
        assert any(PLACEHOLDER in row for row in screen_text(app))


async def test_a_held_queue_has_enter_first(start: Start) -> None:
    conversation = Stopped([STEP, Wait("never")], answer_turn("", "Two."))
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "why?")
        await send(pilot, app, "second")
        await pilot.press("escape")
        await settle(app, pilot)
        assert not any(PLACEHOLDER in row for row in screen_text(app))
        await pilot.press("enter")
        await pilot.pause()
        await settle(app, pilot)
        assert conversation.prompts == ["why?", "second"]


@pytest.mark.parametrize(
    ("dollars", "is_demo", "words"),
    [
        (None, False, "price unknown"),
        (Decimal("0.00001"), False, "<$0.0001"),
        (Decimal("0.0012"), True, "~$0.0012, owed to nobody"),
    ],
)
async def test_the_offer_says_what_is_known_of_its_price(
    start: Start, dollars: Decimal | None, is_demo: bool, words: str
) -> None:
    conversation = Stopped([STEP, Wait("never")])
    conversation.offered = msgspec.structs.replace(OFFER, dollars=dollars)
    conversation.now = msgspec.structs.replace(conversation.now, turn=Spend(is_demo=is_demo))
    async with start(conversation) as (app, pilot):
        await stop(app, pilot)
        assert any(row == f"┃ Enter: answer now in Non-think · {words}" for row in screen_text(app))


class Refused(FakeConversation):
    """Asks about a key in the prompt, and was told not to send it."""

    async def run(self, prompt: str):  # type: ignore[override]
        await self._until(self.gates.setdefault("decided", asyncio.Event()).wait())
        yield self.envelope(TurnEnded(reason=TurnEnd.FAILED, text="Not sent: the prompt holds a key."))


async def test_a_prompt_that_was_not_sent_is_a_draft_again(start: Start) -> None:
    async with start(Refused()) as (app, pilot):
        await send(pilot, app, "my key is\nsk_1")
        app.conversation.gates["decided"].set()  # type: ignore[attr-defined]
        await settle(app, pilot)
        assert app.composer.text == "my key is\nsk_1"


async def test_a_prompt_that_was_not_sent_never_takes_the_place_of_another_draft(start: Start) -> None:
    async with start(Refused()) as (app, pilot):
        app.composer.set_draft("my key")
        await pilot.press("enter", "n", "e", "w")
        app.conversation.gates["decided"].set()  # type: ignore[attr-defined]
        await settle(app, pilot)
        assert app.composer.text == "new"


async def test_a_prompt_that_was_sent_does_not_come_back(start: Start) -> None:
    conversation = FakeConversation(tool_events())
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "fix it")
        await asked(app, pilot)
        await pilot.press("escape")
        await settle(app, pilot)
        assert app.composer.text == ""


async def test_what_a_retry_takes_away_may_be_painted_once_more_before_the_next_frame(start: Start) -> None:
    conversation = FakeConversation([STEP, ReasoningDelta("Hm."), TextDelta("Half an answer"), Wait("end")])
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "why?")
        while not any("Half an answer" in row for row in screen_text(app)):
            await pilot.pause(0.02)
        app.view.show(conversation.envelope(StepRetried(attempt=1, wait=1.0, cause=CAUSE, limit=1)))
        assert app.view.is_waiting
        assert any("Half an answer" in app.view.render_line(row).text for row in range(app.view.size.height))
        conversation.gates["end"].set()
        await settle(app, pilot)
        assert not any("Half an answer" in row for row in screen_text(app))
