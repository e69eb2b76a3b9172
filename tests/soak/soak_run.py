"""Thousands of turns in one process: whatever may be said, switched, stopped and taken back, at any moment."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from soak_events import broken_contracts, unanswered
from soak_leaks import Held, holds_now, settled
from soak_world import SoakWorld

from dsterm.core.delta_events import ReasoningDelta, TextDelta, ToolCallDelta, ToolProgress
from dsterm.core.events import (
    AsideEnded,
    Envelope,
    Event,
    Notice,
    NoticeLevel,
    StepEnded,
    StepRetried,
    StepStarted,
    ToolRequested,
    TurnEnded,
)
from dsterm.core.questions import Answer, QuestionAsked
from dsterm.engine.session import Session
from dsterm.store.sessions import SessionStore

PROMPTS = (
    "hello",
    "what is in this repo",
    "summarise README.md",
    "summarise parcels/prices.py",
    "find shipping",
    "rename price_of to cost_of",
    "rename cost_of to price_of",
    "rename zone_of to region_of",
    "rename region_of to zone_of",
    "fix the failing test",
    "run `echo one two three`",
    "run `sleep 0.2; echo done`",
    "Grüße, 世界 🎉",
)
SAID_BETWEEN = ("and be quick about it", "no, wait", "that is enough")
COMMANDS = ("/undo", "/redo", "/rewind 1 conversation", "/rewind 1", "/cost", "/status", "/model", "/mode")

PLACES: dict[str, type[Event]] = {
    "connect": StepStarted,
    "reasoning": ReasoningDelta,
    "text": TextDelta,
    "arguments": ToolCallDelta,
    "tool": ToolRequested,
    "output": ToolProgress,
    "question": QuestionAsked,
    "retry": StepRetried,
}


@dataclass(frozen=True)
class Cancel:
    """Stop the turn at the event number `count` of a kind, after `delay` seconds; `leaves`: by leaving the iteration."""

    place: str
    count: int
    delay: float
    leaves: bool


@dataclass
class Report:
    """What happened."""

    turns: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    cancels: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    resumed: int = 0
    sessions: int = 0
    most_tasks: int = 0
    seconds: float = 0.0
    held: list[Held] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    booked: list[Envelope] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)


class Soak:
    """Runs turns and looks at what they leave behind."""

    def __init__(self, world: SoakWorld, seed: int, say: Callable[[str], None]) -> None:
        self._world = world
        self._random = Random(seed)
        self._say = say
        self._engine = world.engine()
        self.report = Report(sessions=1)
        self._in_session = 0

    async def run(self, turns: int) -> Report:
        """So many turns, then everything closed."""
        began = time.monotonic()
        every = max(5, turns // 20)
        for number in range(1, turns + 1):
            await self._step_aside()
            await self._turn(self._random.choice(PROMPTS))
            await settled(0, 1.0)
            self.report.most_tasks = max(self.report.most_tasks, len(asyncio.all_tasks()) - 1)
            if number % every == 0:
                await self._restart()
                self._say(self._state(number, time.monotonic() - began))
            elif self._random.random() < 0.05:
                await self._restart()
        await self._close()
        self.report.seconds = time.monotonic() - began
        return self.report

    def _state(self, number: int, seconds: float) -> str:
        held = self.report.held[-1]
        return (
            f"{number} turns, {seconds:.0f} s: {held.memory / 1e6:.0f} MB, {held.tasks} tasks, {len(held.descriptors)} "
            f"descriptors, {len(self.report.problems)} problems"
        )

    async def _step_aside(self) -> None:
        """What a user does between two prompts."""
        random = self._random
        if random.random() < 0.15:
            await self._command(f"/model {random.choice(('pro', 'flash'))}")
        if random.random() < 0.15:
            await self._command(f"/mode {random.choice(('non-think', 'think', 'think-max'))}")
        if random.random() < 0.2:
            await self._command(random.choice(COMMANDS))
        if self._in_session >= 30 or random.random() < 0.01:
            self._look_at_session()
            await self._command("/new")
            self._in_session = 0
            self.report.sessions += 1
            self._world.reset_files()

    async def _command(self, line: str) -> None:
        self.report.commands[line.split()[0]] += 1
        stream = self._engine.command(line)
        async for envelope in stream:
            self._answer(envelope.event)
            if isinstance(envelope.event, Notice) and envelope.event.level is NoticeLevel.ERROR:
                self.report.errors[envelope.event.text[:90]] += 1

    async def _turn(self, prompt: str) -> None:
        cancel, steer_at = self._drawn_cancel(), self._random.choice((0, 0, 0, 4, 40))
        seen: Counter[str] = Counter()
        stream = self._engine.run(prompt)
        self._in_session += 1
        self.report.turns += 1
        try:
            number = 0
            async for envelope in stream:
                event, number = envelope.event, number + 1
                if number == steer_at:
                    self._engine.steer(self._random.choice(SAID_BETWEEN))
                seen[type(event).__name__] += 1
                cancel = self._cancel_of_retry(event) or cancel
                is_hit = cancel is not None and isinstance(event, PLACES[cancel.place])
                if is_hit and seen[type(event).__name__] == cancel.count:
                    self.report.cancels[f"{cancel.place}{', left' if cancel.leaves else ''}"] += 1
                    if cancel.leaves:
                        await asyncio.sleep(cancel.delay)
                        break
                    asyncio.get_running_loop().call_later(cancel.delay, self._engine.interrupt)
                self._answer(event)
        finally:
            await stream.aclose()
        last = self._engine.transcript()[-1].event if self._engine.transcript() else None
        if isinstance(last, TurnEnded):
            self.report.ends[last.reason] += 1
            if last.reason == "failed":
                self.report.errors[last.text[:90]] += 1

    def _cancel_of_retry(self, event: Event) -> Cancel | None:
        """Retries are rare, so every fourth of them is stopped while it waits."""
        is_stopped = isinstance(event, StepRetried) and event.attempt == 1 and self._random.random() < 0.25
        return Cancel("retry", 1, 0.0, leaves=self._random.random() < 0.3) if is_stopped else None

    def _drawn_cancel(self) -> Cancel | None:
        random = self._random
        if random.random() > 0.35:
            return None
        place = random.choice([name for name in PLACES if name != "retry"])
        most = {"reasoning": 8, "text": 20, "arguments": 6}.get(place, 1)
        delay = random.choice((0.0, 0.0, random.random() * 0.03))
        return Cancel(place, random.randint(1, most), delay, leaves=random.random() < 0.3)

    def _answer(self, event: Event) -> None:
        """Mostly the first option, which lets things go on."""
        if not isinstance(event, QuestionAsked):
            return
        options = [option.answer for option in event.options]
        chosen = options[0] if self._random.random() < 0.8 else self._random.choice(options)
        self._engine.answer(event.id, Answer(answer=chosen, text=""))

    def _look_at_session(self) -> None:
        envelopes = self._engine.transcript()
        session_id = self._engine._live.journal.session_id
        self.report.problems += [f"{session_id}: {problem}" for problem in broken_contracts(envelopes)]
        messages = self._engine._live.session.messages
        self.report.problems += [f"{session_id}: call {name}" for name in unanswered(messages)]
        self._keep_booked(envelopes)

    def _keep_booked(self, envelopes: Sequence[Envelope]) -> None:
        """Only what the books are about: all events of thousands of turns would look like a leak of dsterm's."""
        self.report.booked += [envelope for envelope in envelopes if isinstance(envelope.event, StepEnded | AsideEnded)]

    async def _close(self) -> None:
        self._look_at_session()
        await self._engine.close()
        await settled(0)
        self.report.held.append(holds_now())

    async def _restart(self) -> None:
        """End the program, as far as one process can, and go on with the session from disk."""
        live = self._engine._live
        before, session_id = self._engine.transcript(), live.journal.session_id
        messages, chosen = list(live.session.messages), (live.model.id, live.mode)
        kept = len(self.report.booked)
        await self._close()
        del self.report.booked[kept:]
        self._engine = self._world.engine()
        if not any(session_id in log.name for log in self._world.logs):
            self._keep_booked(before)
            self.report.sessions += 1
            self._in_session = 0
            return
        store = SessionStore(self._world.home / "state" / "sessions")
        if Session(store.read(session_id)[1]).messages != messages:
            self.report.problems.append(f"{session_id}: the log tells another conversation")
        self._engine.resume(session_id)
        self.report.resumed += 1
        if tuple(self._engine.transcript())[: len(before)] != before:
            self.report.problems.append(f"{session_id}: the events of the log are others")
        if self._engine._live.session.messages != messages:
            self.report.problems.append(f"{session_id}: the resumed conversation is another one")
        if len(self._engine.transcript()) != len(before):
            added = [type(envelope.event).__name__ for envelope in self._engine.transcript()[len(before) :]]
            self.report.problems.append(f"{session_id}: had to be repaired with {added}")
        if (self._engine._live.model.id, self._engine._live.mode) != chosen:
            self.report.problems.append(f"{session_id}: model or mode were lost")
