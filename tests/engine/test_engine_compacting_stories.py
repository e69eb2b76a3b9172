from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from compaction_world import SUMMARY, CompactionWorld, CountingProvider, is_for_summary
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scripted import call

from dsterm.core.config import Config
from dsterm.core.events import StepStarted
from dsterm.core.messages import Pack
from dsterm.core.models import PermissionMode, ThinkingMode
from dsterm.core.provider import Delta, Request, TextPiece
from dsterm.core.questions import QuestionAsked
from dsterm.demo.request import read_request
from dsterm.demo.validation import check_request
from dsterm.engine.session import Session
from dsterm.llm.catalog import load_catalog
from dsterm.llm.wire import request_body

NOVITA = load_catalog().provider("novita")
LINES = ["/compact", "/compact the names", "/compact prune", "/compact undo", "/attach .", "/detach", "/mode think"]
LONG = "word " * 800
WINDOW = 16_000


class Checked(CountingProvider):
    """Every request must be valid; each is kept with the step that announced it."""

    def __init__(self) -> None:
        super().__init__(self._reply, summary=lambda _request: [TextPiece(SUMMARY)], real_window=WINDOW)
        self.engine: Any = None
        self.sent: list[tuple[Request, StepStarted]] = []
        self.reads = self.made = 0

    def _reply(self, _request: Request) -> list[Delta | float]:
        if not self.reads:
            return [TextPiece(f"answer {LONG}")]
        self.reads -= 1
        self.made += 1
        return [call("read", {"file_path": "a.txt", "offset": self.made}, f"c{self.made}")]

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        check_request(read_request(request_body(request, NOVITA)), [request.model.id])
        if not is_for_summary(request):
            started = next(
                each.event for each in reversed(self.engine.transcript()) if isinstance(each.event, StepStarted)
            )
            self.sent.append((request, started))
        async for delta in super().stream(request):
            yield delta


class Story:
    def __init__(self, folder: Path) -> None:
        self.world = CompactionWorld(folder)
        (self.world.folder / "a.txt").write_text("".join(f"value {number}\n" for number in range(300)))
        self.provider = Checked()
        self._open()
        self._said = 0

    def _open(self) -> None:
        config = Config(mode=ThinkingMode.NON_THINK, permission_mode=PermissionMode.YOLO)
        self.engine = self.provider.engine = self.world.open(self.provider, window=WINDOW, config=config)

    async def turn(self, reads: int) -> None:
        self._said += 1
        self.provider.reads = reads
        async for envelope in self.engine.run(f"prompt {self._said}. {LONG}"):
            self._answer(envelope)
        newest = f"prompt {self._said}. "
        if self.provider.sent:
            assert newest in repr(self.provider.sent[-1][0].messages) or not self._was_sent(newest)

    def _was_sent(self, newest: str) -> bool:
        return any(newest in repr(request.messages) for request, _ in self.provider.sent)

    async def stop(self, reads: int, after: int) -> None:
        self.provider.reads = reads
        count = 0
        async for envelope in self.engine.run(f"stopped. {LONG}"):
            self._answer(envelope)
            count += 1
            if count == after:
                self.engine.interrupt()

    async def line(self, line: str) -> None:
        async for envelope in self.engine.command(line):
            self._answer(envelope)

    async def rewind(self, number: int) -> None:
        points = self.engine.rewind_points()
        if points:
            await self.line(f"/rewind {1 + number % len(points)} conversation")

    async def resume(self) -> None:
        session_id, messages = self.engine.status().session_id, self.engine._live.session.messages
        is_there = any((self.world.home / "sessions").rglob("*.jsonl"))
        await self.engine.close()
        self._open()
        if is_there:
            self.engine.resume(session_id)
            assert self.engine._live.session.messages == messages

    def check(self) -> None:
        live = self.engine._live.session
        assert Session(self.engine.transcript()).messages == live.messages
        assert len({id(message) for message in live.messages}) == len(live.messages)
        for (before, _), (after, started) in pairwise(self.provider.sent):
            shared = after.messages[: len(before.messages)] == before.messages and after.mode is before.mode
            assert started.broke != "unknown"
            assert shared or started.broke
        for request, _ in self.provider.sent:
            packs = [message.digest for message in live.messages if isinstance(message, Pack)]
            assert len(set(packs)) == len(packs)
            assert request.messages

    def _answer(self, envelope: Any) -> None:
        if isinstance(envelope.event, QuestionAsked):
            from dsterm.core.questions import Answer

            self.engine.answer(envelope.event.id, Answer(answer=envelope.event.options[0].answer))


actions = st.one_of(
    st.tuples(st.just("turn"), st.integers(0, 6)),
    st.tuples(st.just("turn"), st.integers(0, 1)),
    st.tuples(st.just("stop"), st.integers(0, 3), st.integers(1, 25)),
    st.tuples(st.just("line"), st.sampled_from(LINES)),
    st.tuples(st.just("rewind"), st.integers(0, 9)),
    st.tuples(st.just("resume")),
)


async def tell(folder: Path, story: list[tuple[Any, ...]]) -> None:
    told = Story(folder)
    for what, *details in [("turn", 2), ("turn", 0), *story, ("turn", 1), ("line", "/compact undo"), ("turn", 0)]:
        await getattr(told, what)(*details)
        told.check()
    await told.engine.close()


@pytest.mark.timeout(60)
@example(story=[("turn", 6), ("turn", 6), ("line", "/compact"), ("resume",), ("line", "/compact undo"), ("turn", 2)])
@example(
    story=[("line", "/attach ."), ("turn", 6), ("line", "/compact"), ("line", "/detach"), ("line", "/compact undo")]
)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(story=st.lists(actions, min_size=2, max_size=9))
def test_whatever_is_compacted_and_brought_back_requests_are_valid_and_breaks_have_names(
    story: list[tuple[Any, ...]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(tell(Path(folder), story))
