from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
from attach_fakes import FakeDesk

from dsterm.boot.crash import describe_crash, write_crash_log
from dsterm.core.attachments import PackChoice
from dsterm.core.delta_events import ReasoningDelta, TextDelta
from dsterm.core.diff import FileDiff, diff_texts
from dsterm.core.events import (
    Envelope,
    Event,
    MessageAdded,
    ModeChanged,
    ModelChanged,
    Notice,
    NoticeLevel,
    PermissionModeChanged,
    StepEnded,
    StepStarted,
    Timings,
    ToolEnded,
    ToolRequested,
    TurnEnd,
    TurnEnded,
    TurnStarted,
)
from dsterm.core.forecasts import SendForecast
from dsterm.core.mentions import Mention, MentionPaths
from dsterm.core.messages import AssistantMessage, ToolCall
from dsterm.core.models import Cost, ModelCard, PermissionMode, Price, ThinkingMode, Usage
from dsterm.core.provider import StopReason
from dsterm.core.questions import Answer, Option, QuestionAnswered, QuestionAsked
from dsterm.core.review import EDITED, REVIEWED, ProposedFile
from dsterm.core.status import Spend, Status
from dsterm.core.tools import Effect, Outcome, Plan, ToolResult
from dsterm.core.wire_events import StepStalled
from dsterm.engine.undoing.rewind import RewindPoint, rewind_points
from dsterm.tui.conversation import ScreenOptions, SessionSummary
from dsterm.tui.keys import ScreenCommand

START = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)
PRICE = Price(
    input=Decimal("1.6"),
    output=Decimal("3.2"),
    cache_read=Decimal("0.135"),
    since=START.date(),
    source="https://novita.ai",
)
PRO = ModelCard(
    id="deepseek/deepseek-v4-pro",
    provider="novita",
    title="DeepSeek V4 Pro",
    context_window=1_048_576,
    max_output=65_536,
    alias="pro",
    price=PRICE,
)
FLASH = msgspec.structs.replace(PRO, id="deepseek/deepseek-v4-flash", title="DeepSeek V4 Flash", alias="flash")
CARDS = {"pro": PRO, "flash": FLASH}


class StillClock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return 1000.0 + self.seconds


class ListMemory:
    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)

    def entries(self) -> Sequence[str]:
        return self.texts

    def add(self, text: str) -> None:
        self.texts.append(text)


class Wait(msgspec.Struct, frozen=True):
    """A point of the script where the test lets the turn go on."""

    name: str


Script = Sequence[Event | Wait]


class FakeConversation:
    def __init__(self, *turns: Script, clock: StillClock | None = None, pause: float = 0.0) -> None:
        self.clock = clock or StillClock()
        self.turns = list(turns)
        self.pause = pause
        self.prompts: list[str] = []
        self.lines: list[str] = []
        self.answers: list[tuple[str, Answer]] = []
        self.steered: list[str] = []
        self.interrupts = 0
        self.log: list[Envelope] = []
        self.stored: list[SessionSummary] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.failure: Exception | None = None
        self.files: tuple[ProposedFile, ...] = ()
        self.held = ""
        self.attachments = FakeDesk()
        self.attached: list[tuple[str, PackChoice]] = []
        self.mentions: tuple[Mention, ...] = ()
        self.known = MentionPaths()
        self.next_send: SendForecast | None = None
        self.drafts: list[tuple[str, tuple[str, ...], int]] = []
        self._stop = asyncio.Event()
        self._answers: dict[str, asyncio.Future[Answer]] = {}
        self.now = Status(
            session_id="s1",
            model=PRO,
            provider_title="Novita AI",
            mode=ThinkingMode.THINK,
            permission_mode=PermissionMode.ASK,
            branch="main",
            dirty_files=2,
            sandbox="bubblewrap",
            context_tokens=61_400,
            hit_share=0.99,
            turn=Spend(dollars=Decimal("0.0142")),
            session=Spend(dollars=Decimal("0.0312")),
        )

    @property
    def commands(self) -> tuple[ScreenCommand, ...]:
        return (
            ScreenCommand(
                name="/model",
                usage="/model [pro|flash|ID]",
                help="choose the model of the next request",
                choices=("pro", "flash"),
            ),
            ScreenCommand(
                name="/mode",
                aliases=("/think",),
                usage="/mode [MODE]",
                help="how much it reasons",
                choices=tuple(ThinkingMode),
            ),
            ScreenCommand(
                name="/permissions",
                usage="/permissions [MODE]",
                help="what needs no question",
                choices=tuple(PermissionMode),
            ),
            ScreenCommand(name="/attach", usage="/attach PATH_OR_URL[@REV]", help="put a repo into the window"),
            ScreenCommand(name="/cost", usage="/cost", help="what this session came to"),
            ScreenCommand(name="/new", aliases=("/clear",), usage="/new", help="begin a new session"),
            ScreenCommand(
                name="/resume", aliases=("/sessions",), usage="/resume [ID]", help="go on with an earlier session"
            ),
        )

    def envelope(self, event: Event) -> Envelope:
        is_delta = isinstance(event, TextDelta | ReasoningDelta | StepStalled)
        number = len(self.log) + (0 if is_delta else 1)
        parent = self.log[-1].id if self.log else ""
        made = Envelope(
            id="" if is_delta else f"e{number}", parent=parent, seq=number, at=self.clock.now(), event=event
        )
        if not is_delta:
            self.log.append(made)
        return made

    def answer_now(self) -> AsyncIterator[Envelope]:
        self.now = msgspec.structs.replace(self.now, answer_now=None)
        return self.run("Answer now.")

    async def run(self, prompt: str) -> AsyncIterator[Envelope]:
        self.prompts.append(prompt)
        self._stop.clear()
        if self.failure is not None:
            raise self.failure
        self.now = msgspec.structs.replace(self.now, is_running=True, switch_note="")
        yield self.envelope(TurnStarted(prompt=prompt))
        reason = TurnEnd.ANSWERED
        for item in self.turns.pop(0) if self.turns else ():
            if isinstance(item, Wait):
                if not await self._until(self.gates.setdefault(item.name, asyncio.Event()).wait()):
                    reason = TurnEnd.INTERRUPTED
                    break
                continue
            yield self.envelope(item)
            if isinstance(item, QuestionAsked) and item.refusal is not None:
                future = self._answers[item.id] = asyncio.get_running_loop().create_future()
                if not await self._until(future):
                    reason = TurnEnd.INTERRUPTED
                    break
                yield self.envelope(QuestionAnswered(id=item.id, answer=future.result()))
            if self.pause:
                self.clock.seconds += self.pause
                await asyncio.sleep(self.pause)
            elif isinstance(item, TextDelta | ReasoningDelta):
                await asyncio.sleep(0)
        self.now = msgspec.structs.replace(self.now, is_running=False)
        yield self.envelope(TurnEnded(reason=reason))

    async def _until(self, awaited: object) -> bool:
        task = asyncio.ensure_future(awaited)  # type: ignore[arg-type]
        stop = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if task.done():
            return True
        task.cancel()
        return False

    async def command(self, line: str) -> AsyncIterator[Envelope]:
        self.lines.append(line)
        name, _, argument = line.partition(" ")
        match name:
            case "/model":
                card = CARDS[argument]
                note = f"from here on {card.short_title}: the prefix is read again, ~$0.0982"
                self.now = msgspec.structs.replace(self.now, model=card, switch_note=note)
                yield self.envelope(ModelChanged(provider="novita", model=card.id))
            case "/mode":
                self.now = msgspec.structs.replace(self.now, mode=ThinkingMode(argument))
                yield self.envelope(ModeChanged(mode=self.now.mode))
            case "/permissions":
                self.now = msgspec.structs.replace(self.now, permission_mode=PermissionMode(argument))
                yield self.envelope(PermissionModeChanged(mode=self.now.permission_mode))
            case "/new" | "/resume":
                self.log = []
                self.now = msgspec.structs.replace(self.now, session_id=argument or "s2")
                yield self.envelope(Notice(text=f"Now in {self.now.session_id}."))
            case "/commit" | "/review" | "!sleep" if self.held:
                self._stop.clear()
                await self._until(self.gates.setdefault(self.held, asyncio.Event()).wait())
            case "/cost":
                yield self.envelope(Notice(text="1 request  Pro  Think  $0.0312"))
            case _:
                yield self.envelope(Notice(text=f"{name} is not a command.", level=NoticeLevel.ERROR))

    def forecast(self, draft: str = "", pasted: Sequence[str] = (), mentioned: int = 0) -> SendForecast | None:
        self.drafts.append((draft, tuple(pasted), mentioned))
        return self.next_send

    async def count_draft(self, draft: str, pasted: Sequence[str] = ()) -> None:
        return

    async def weigh(self, draft: str) -> tuple[Mention, ...]:
        return tuple(mention for mention in self.mentions if mention.written in draft)

    async def mention_paths(self) -> MentionPaths:
        return self.known

    async def attach(self, source: str, choice: PackChoice) -> AsyncIterator[Envelope]:
        self.attached.append((source, choice))
        yield self.envelope(Notice(text=f"Attached {source}."))

    def listen(self, listener: Callable[[Envelope], None]) -> None:
        self.listener = listener

    def answer(self, question_id: str, answer: Answer) -> None:
        self.answers.append((question_id, answer))
        future = self._answers.get(question_id)
        if future is not None and not future.done():
            future.set_result(answer)

    def steer(self, text: str) -> None:
        self.steered.append(text)

    def interrupt(self) -> None:
        self.interrupts += 1
        self._stop.set()

    def status(self) -> Status:
        return self.now

    def transcript(self) -> tuple[Envelope, ...]:
        return tuple(self.log)

    def branch(self) -> tuple[Envelope, ...]:
        return tuple(self.log)

    def rewind_points(self) -> tuple[RewindPoint, ...]:
        return rewind_points(self.log)

    def proposed(self, question_id: str) -> Sequence[ProposedFile]:
        return self.files

    def sessions(self) -> Sequence[SessionSummary]:
        return self.stored

    async def close(self) -> None:
        return


def options(folder: Path, conversation: FakeConversation, **more: object) -> ScreenOptions:
    chosen: dict[str, object] = {
        "clock": conversation.clock,
        "history": ListMemory(),
        "log_crash": lambda error: write_crash_log(folder, describe_crash(error, ("sk-secret",))),
        "zone": UTC,
        **more,
    }
    return ScreenOptions(**chosen)  # type: ignore[arg-type]


def words(text: str, size: int = 5) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def answer_turn(reasoning: str, answer: str, *, calls: Sequence[ToolCall] = ()) -> list[Event | Wait]:
    message = AssistantMessage(content=answer, reasoning=reasoning, model=PRO.id, tool_calls=tuple(calls))
    usage = Usage(prompt_tokens=61_400, completion_tokens=1_900, cached_tokens=60_800, reasoning_tokens=1_482)
    return [
        StepStarted(provider="novita", model=PRO.id, mode=ThinkingMode.THINK),
        *(ReasoningDelta(text=piece) for piece in words(reasoning)),
        *(TextDelta(text=piece) for piece in words(answer)),
        MessageAdded(message=message),
        StepEnded(
            stop=StopReason.TOOL_CALLS if calls else StopReason.STOP,
            model=PRO.id,
            usage=usage,
            cost=Cost(hit=Decimal("0.0082"), miss=Decimal("0.001"), output=Decimal("0.00608")),
            price=PRICE,
            timings=Timings(first_token=0.4, first_answer=11.0, total=14.0),
        ),
    ]


BEFORE = "def is_expired(token: Token) -> bool:\n    return token.exp < datetime.now()\n\n\ndef other():\n    pass\n"
AFTER = BEFORE.replace(
    "    return token.exp < datetime.now()", "    now = datetime.now(tz=UTC)\n    return token.exp < now"
)
READ = ToolCall(id="c1", name="read", arguments='{"path": "src/auth/tokens.py"}')
GREP = ToolCall(id="c2", name="grep", arguments='{"pattern": "is_expired", "path": "src/"}')
EDIT = ToolCall(id="c3", name="edit", arguments='{"path": "src/auth/tokens.py", "old": "a", "new": "b"}')
QUESTION = QuestionAsked(
    id="q1",
    call_id="c3",
    text="Change src/auth/tokens.py?",
    options=(
        Option(key="y", answer="once", label="yes"),
        Option(key="a", answer="session", label="all edits this session"),
        Option(key="h", answer=REVIEWED, label="hunk by hunk"),
        Option(key="e", answer=EDITED, label="edit"),
        Option(key="n", answer="deny", label="no, because …", wants_text=True),
    ),
)
REASONING = (
    "The test compares a token's exp with datetime.now(), which is naive, while the fixture builds an aware value in UTC, so the "
    "comparison raises before the assertion. is_expired() is called from two places; only the middleware cares about the zone. "
    "So the smallest fix is to make now aware in is_expired and leave the callers alone. Let me read the file and look."
)


def tool_events(diff: FileDiff | None = None) -> list[Event | Wait]:
    change = diff or diff_texts("src/auth/tokens.py", BEFORE, AFTER)
    return [
        ToolRequested(call=READ, plan=Plan(effects=(Effect.READ,), subject="src/auth/tokens.py  1-120")),
        ToolEnded(id="c1", result=ToolResult(outcome=Outcome.DONE, content="x" * 7600, seconds=0.01)),
        ToolRequested(call=GREP, plan=Plan(effects=(Effect.READ,), subject="is_expired  in src/")),
        ToolEnded(id="c2", result=ToolResult(outcome=Outcome.DONE, content="x" * 800, summary="3 hits")),
        ToolRequested(call=EDIT, plan=Plan(effects=(Effect.WRITE,), subject="src/auth/tokens.py", diffs=(change,))),
        QUESTION,
        ToolEnded(id="c3", result=ToolResult(outcome=Outcome.DONE, content="changed", diffs=(change,), seconds=0.02)),
    ]


ANSWER = """The comparison mixed a naive and an aware time.

## What I changed

- `is_expired` in `src/auth/tokens.py` now takes the time **in UTC**
- nothing else: both callers pass the token on as it is

```python
def is_expired(token: Token) -> bool:
    now = datetime.now(tz=UTC)
    return token.exp < now
```

Run `pytest tests/test_tokens.py` to see it pass.
"""


def full_turn() -> list[Event | Wait]:
    return [
        *answer_turn(REASONING, "", calls=(READ, GREP, EDIT)),
        *tool_events(),
        *answer_turn("", ANSWER),
    ]
