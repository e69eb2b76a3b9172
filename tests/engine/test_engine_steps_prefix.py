from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scripted import ScriptedProvider, TickingClock, World, answer, call, calls, do, kinds, only, play

from dsterm.core.config import Config
from dsterm.core.delta_events import TextDelta
from dsterm.core.errors import UsageError
from dsterm.core.events import Envelope, Intervened, StepEnded, StepStarted
from dsterm.core.models import PermissionMode, ThinkingMode
from dsterm.core.provider import Delta, Ended, Failure, FailureKind, ReasoningPiece, Request, StopReason, TextPiece
from dsterm.core.questions import Answer, QuestionAsked
from dsterm.core.wire_events import Intervention
from dsterm.demo.request import read_request
from dsterm.demo.validation import check_request
from dsterm.engine.engine import Engine
from dsterm.llm.catalog import load_catalog
from dsterm.llm.wire import request_body

CATALOG = load_catalog()
REFUSED = Failure(kind=FailureKind.BAD_REQUEST, message="no", status=400)
MISSING = Failure(kind=FailureKind.REASONING_MISSING, message="no", status=400)
READ = call("read", {"file_path": "a.txt"}, "call_a")
WRITE = call("write", {"file_path": "b.txt", "content": "x\n"}, "call_b", 1)
SCRIPTS = {
    "answer": [[ReasoningPiece("hm"), *answer("said")]],
    "tools": [calls(ReasoningPiece("look"), READ, WRITE), answer("done")],
    "same ids": [
        calls(TextPiece("so"), READ, call("read", {"file_path": "a.txt"}, "call_a", 1)),
        calls(READ),
        answer("ok"),
    ],
    "refused": [[Ended(stop=StopReason.FAILED, failure=REFUSED)]],
    "reasoning missing": [[Ended(stop=StopReason.FAILED, failure=MISSING)], answer("mended")],
    "cut twice": [[ReasoningPiece("hm"), TextPiece("half"), Ended(stop=StopReason.CUT)]] * 2,
    "cut call": [[READ, Ended(stop=StopReason.LENGTH)], answer("shorter")],
    "only thoughts": [[ReasoningPiece("hm"), Ended(stop=StopReason.STOP)]],
    "filtered": [[TextPiece("well"), Ended(stop=StopReason.CONTENT_FILTER)]],
}
LINES = [
    "/mode non-think",
    "/mode think",
    "/flash",
    "/pro",
    "/attach .",
    "/detach",
    "/undo",
    "/redo",
    "/rewind 1 both",
    "!echo hi",
]
CONTENT_BREAKS = {"rewound", "detached", "repair"}


class Recorder(ScriptedProvider):
    """Plays what it is given, then plain answers; keeps the bytes of each request with the step that announced it."""

    def __init__(self) -> None:
        super().__init__([])
        self.scripts: list = []
        self.sent: list[tuple[bytes, StepStarted]] = []
        self.engine: Engine | None = None

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        body = request_body(request, CATALOG.provider(request.model.provider))
        check_request(read_request(body), [request.model.id])
        started = next(e.event for e in reversed(self.engine.transcript()) if isinstance(e.event, StepStarted))
        self.sent.append((body, started))
        for entry in self.scripts.pop(0) if self.scripts else answer("more"):
            # A pause: so that a stop can come between any two deltas.
            await asyncio.sleep(0)
            yield entry


class Story:
    """One session, through stops, crashes and resumptions."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        (self.world.folder / "a.txt").write_text("alpha\n")
        self.provider = Recorder()
        self.open()

    def open(self) -> None:
        config = Config(permission_mode=PermissionMode.ASK)
        self.engine = self.provider.engine = self.world.engine(self.provider, config, has_sandbox=False)

    async def turn(self, name: str) -> None:
        self.provider.scripts = list(SCRIPTS[name])
        async for envelope in self.engine.run(name):
            self._answer(envelope)

    async def stop(self, name: str, after: int) -> None:
        """Esc at event number `after`."""
        self.provider.scripts = list(SCRIPTS[name])
        number = 0
        async for envelope in self.engine.run(name):
            if number == after:
                self.engine.interrupt()
            else:
                self._answer(envelope)
            number += 1

    async def crash(self, name: str, after: int) -> None:
        """The log stays as it is at event number `after`."""
        self.provider.scripts = list(SCRIPTS[name])
        number, saved = 0, b""
        async for envelope in self.engine.run(name):
            if number == after:
                saved = self._log().read_bytes()
                self.engine.interrupt()
            else:
                self._answer(envelope)
            number += 1
        await self.resume(saved)

    async def resume(self, saved: bytes = b"") -> None:
        session_id = self.engine.status().session_id
        await self.engine.close()
        log = self._log()
        if saved:
            log.write_bytes(saved)
        self.open()
        if log.exists():
            self.engine.resume(session_id)

    async def line(self, line: str) -> None:
        async for envelope in self.engine.command(line):
            self._answer(envelope)

    def choose(self, provider: str) -> None:
        self.engine.choose_model(CATALOG.model(provider, "flash"))

    def _answer(self, envelope: Envelope) -> None:
        if isinstance(envelope.event, QuestionAsked):
            self.engine.answer(envelope.event.id, Answer(answer=envelope.event.options[0].answer))

    def _log(self) -> Path:
        return next((self.world.home / "sessions").rglob("*.jsonl"), Path("none"))


names = st.sampled_from(sorted(SCRIPTS))
actions = st.one_of(
    st.tuples(st.just("turn"), names),
    st.tuples(st.just("stop"), names, st.integers(0, 25)),
    st.tuples(st.just("crash"), names, st.integers(0, 25)),
    st.tuples(st.just("resume")),
    st.tuples(st.just("line"), st.sampled_from(LINES)),
    st.tuples(st.just("choose"), st.sampled_from(["deepseek", "novita"])),
)


def head(body: bytes) -> bytes:
    """A body up to the end of its last message."""
    return body[: body.rindex(b'],"max_tokens"')]


def check_continuity(sent: list[tuple[bytes, StepStarted]]) -> None:
    for (before, former), (after, started) in pairwise(sent):
        continues = after.startswith(head(before))
        if started is former:
            assert before == after, "a retry sent other bytes"
        assert started.broke != "unknown"
        assert continues or started.broke, "a break that nobody named"
        assert not (continues and started.broke in CONTENT_BREAKS), f"{started.broke}, and yet it continues"


async def tell(folder: Path, story: list[tuple]) -> None:
    told = Story(folder)
    for what, *details in [("turn", "answer"), *story, ("turn", "tools"), ("turn", "answer")]:
        outcome = getattr(told, what)(*details)
        if outcome is not None:
            await outcome
    check_continuity(told.provider.sent)
    assert not any(is_lost(envelope) for envelope in told.engine.transcript())
    await told.engine.close()


def is_lost(envelope: Envelope) -> bool:
    return isinstance(envelope.event, Intervened) and envelope.event.kind is Intervention.PREFIX_LOST


@pytest.mark.timeout(60)
@example(story=[("turn", "cut call"), ("turn", "reasoning missing"), ("choose", "deepseek")])
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(story=st.lists(actions, min_size=1, max_size=6))
def test_whatever_happens_requests_are_valid_and_continue_or_say_why_not(story: list[tuple]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("dsterm.llm.retry._FIRST_WAIT", 0.0)
        asyncio.run(tell(Path(folder), story))


async def broke(world: World, *lines: str) -> str:
    provider = Recorder()
    engine = provider.engine = world.engine(provider)
    await do(engine, "/attach .")
    await play(engine, "one")
    for line in lines:
        await do(engine, line)
    events = await play(engine, "two")
    await engine.close()
    (started,) = only(events, StepStarted)
    return started.broke


async def test_each_break_has_its_name(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert await broke(world) == ""
    assert await broke(world, "/mode non-think") == "mode"
    assert await broke(world, "/flash") == "model"
    assert await broke(world, "/detach") == "detached"
    assert await broke(world, "/rewind 1 both") == "rewound"
    assert await broke(world, "/undo") == ""
    assert await broke(world, "/permissions plan") == ""


async def test_another_system_text_after_resuming_is_named(tmp_path: Path) -> None:
    world = World(tmp_path)
    engine = world.engine(ScriptedProvider([answer("one")]))
    await play(engine, "one")
    session_id = engine.status().session_id
    await engine.close()
    provider = ScriptedProvider([answer("two")])
    resumed = world.engine(provider)
    resumed.resume(session_id)
    object.__setattr__(resumed._parts, "system", "Another.")
    (started,) = only(await play(resumed, "two"), StepStarted)
    assert started.broke == "system"
    await resumed.close()


async def test_a_switch_of_provider_keeps_the_conversation_and_prices_what_answers(tmp_path: Path) -> None:
    world = World(tmp_path)
    provider = Recorder()
    engine = provider.engine = world.engine(provider, Config(mode=ThinkingMode.THINK))
    await play(engine, "one")
    engine.choose_model(CATALOG.model("deepseek", "pro"))
    assert engine.status().provider_title == "DeepSeek"
    events = await play(engine, "two")
    (started,), (ended,) = only(events, StepStarted), only(events, StepEnded)
    assert (started.provider, started.broke) == ("deepseek", "provider")
    card = CATALOG.model("deepseek", "pro")
    assert ended.price == card.price_at(TickingClock().now())
    await engine.close()


async def test_what_streams_is_finished_where_it_began_and_priced_at_this_hour(tmp_path: Path) -> None:
    provider = ScriptedProvider([[TextPiece("four letters"), 0.05, *answer("whole", None)], answer("two")])
    engine = World(tmp_path).engine(provider, Config(provider="deepseek", model="pro"))
    running = None
    events = []
    async for envelope in engine.run("one"):
        events.append(envelope.event)
        if isinstance(envelope.event, TextDelta) and running is None:
            forecast = only(events, StepStarted)[0].forecast
            running = engine.status().turn.dollars
            engine.choose_model(CATALOG.model("novita", "pro"))
    price = CATALOG.model("deepseek", "pro").off_peak
    assert running == (forecast.prompt_tokens * price.input + 3 * price.output) / 1_000_000
    assert only(events, StepEnded)[0].price == price
    (started,) = only(await play(engine, "two"), StepStarted)
    assert (started.provider, started.broke) == ("novita", "provider")
    await engine.close()


async def test_a_provider_without_a_key_ends_the_turn_before_a_step_begins(tmp_path: Path) -> None:
    engine = World(tmp_path).engine(ScriptedProvider([]))

    def connect(_card: object) -> ScriptedProvider:
        raise UsageError("There is no key.")

    object.__setattr__(engine._parts, "connect", connect)
    events = await play(engine, "hi")
    assert kinds(events) == ["TurnStarted", "TurnEnded"]
    assert events[-1].text == "There is no key."
    await engine.close()
