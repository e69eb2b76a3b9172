"""An engine whose provider counts what it is sent, keeps it in a cache, and refuses what its window does not hold."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from scripted import ScriptedProvider, WordCounter, World

from dsterm.context.compaction_text import SYSTEM
from dsterm.context.prompt_count import count_prompt
from dsterm.context.window import WindowParts
from dsterm.core.config import Config
from dsterm.core.context_events import Compacted
from dsterm.core.events import AsideEnded, Event, Notice
from dsterm.core.messages import Message, UserMessage
from dsterm.core.models import ThinkingMode, Usage
from dsterm.core.provider import Delta, Ended, Failure, FailureKind, Request, StopReason, TextPiece, UsagePiece
from dsterm.engine.engine import Engine
from dsterm.llm.catalog import load_catalog

SUMMARY = (
    "## Goal\nMend a.py.\n## Files\n- a.py: read, nothing changed.\n## Open\n- the rest of the work that was asked for"
)
WINDOWS = """
[providers.novita.models."deepseek/deepseek-v4-flash"]
context_window = {window}
max_output = 8192
[providers.novita.models."deepseek/deepseek-v4-pro"]
context_window = {window}
max_output = 8192
"""

Reply = Callable[[Request], list[Delta | float]]


def is_for_summary(request: Request) -> bool:
    last = request.messages[-1]
    return request.system == SYSTEM or (isinstance(last, UserMessage) and last.text.startswith("[dsterm: The conv"))


class CountingProvider(ScriptedProvider):
    """Answers requests by functions, in order; the last one goes on for ever. A request for a summary is answered by its own."""

    def __init__(self, *replies: Reply, summary: Reply | None = None, real_window: int = 0) -> None:
        super().__init__([])
        self.replies = list(replies)
        self.summary: Reply = summary or (lambda _request: [TextPiece(SUMMARY)])
        self.real_window = real_window
        self.names_window = True
        self._seen: list[tuple[str, ...]] = []

    @property
    def summaries(self) -> list[Request]:
        return [request for request in self.requests if is_for_summary(request)]

    @property
    def conversation(self) -> list[Request]:
        return [request for request in self.requests if not is_for_summary(request)]

    def plays(self, *replies: Reply) -> None:
        self.replies = list(replies)

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        self.requests.append(request)
        tokens = tokens_of(request)
        if self.real_window and tokens + 500 > self.real_window:
            window = self.real_window if self.names_window else None
            yield Ended(stop=StopReason.FAILED, failure=overflow(window, tokens if window else None))
            return
        if is_for_summary(request):
            deltas = self.summary(request)
        else:
            deltas = (self.replies.pop(0) if len(self.replies) > 1 else self.replies[0])(request)
        usage = Usage(prompt_tokens=tokens, cached_tokens=self._cached(request), completion_tokens=50)
        for delta in deltas:
            if isinstance(delta, float):
                await asyncio.sleep(delta)
            else:
                yield delta
        if not any(isinstance(delta, Ended) for delta in deltas):
            stop = (
                StopReason.TOOL_CALLS
                if any("ToolCall" in type(delta).__name__ for delta in deltas)
                else StopReason.STOP
            )
            yield UsagePiece(usage=usage)
            yield Ended(stop=stop)

    def _cached(self, request: Request) -> int:
        texts = (f"{request.model.id}{request.mode}{request.system}{len(request.tools)}", *map(repr, request.messages))
        best = 0
        for seen in self._seen:
            same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(seen, texts, strict=False)))
            best = max(best, same)
        self._seen.append(texts)
        return tokens_of(request, best - 1) if best else 0


def tokens_of(request: Request, messages: int | None = None) -> int:
    parts = WindowParts(
        system=request.system,
        tools=request.tools,
        messages=request.messages[:messages],
        model=request.model,
        mode=request.mode,
        max_output=1,
    )
    return count_prompt(parts, WordCounter())


def overflow(window: int | None, asked: int | None) -> Failure:
    message = "The prompt is longer than the context window."
    return Failure(
        kind=FailureKind.CONTEXT_OVERFLOW,
        message=message,
        hint="/compact.",
        status=400,
        window=window,
        asked_tokens=asked,
    )


def says(text: str) -> Reply:
    return lambda _request: [TextPiece(text)]


class CompactionWorld(World):
    """`window` tokens for both models."""

    def open(self, provider: CountingProvider, window: int = 0, model: str = "flash", **parts: Any) -> Engine:
        config = parts.pop("config", None) or Config(mode=ThinkingMode.NON_THINK)
        engine = self.engine(provider, config, **parts)
        if window:
            file = Path(self.home) / "catalog.toml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(WINDOWS.format(window=window))
            object.__setattr__(engine._parts, "catalog", load_catalog(file))
        engine.choose_model(engine._parts.catalog.model("novita", model))
        return engine


async def do(engine: Engine, line: str) -> list[Event]:
    return [envelope.event async for envelope in engine.command(line)]


def messages(engine: Engine) -> list[Message]:
    return list(engine._live.session.messages)


def notices(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Notice))


def spent(events: list[Event]) -> Decimal:
    costs = [event.ended.cost for event in events if isinstance(event, AsideEnded)]
    return sum((cost.total for cost in costs if cost), Decimal(0))


def compactions(engine: Engine) -> list[Compacted]:
    return [envelope.event for envelope in engine.transcript() if isinstance(envelope.event, Compacted)]
