"""One question of a probe to a server, and what came of it; bounded in time and size whatever the server does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import msgspec

from dsterm.core.errors import ProviderError
from dsterm.core.models import ModelCard, ProviderCard, ThinkingMode, Usage
from dsterm.core.provider import Delta, Ended, Failure, FailureKind, Provider, Request, StopReason
from dsterm.llm.assemble import Assembler
from dsterm.llm.chunks import DONE
from dsterm.llm.event_stream import EventSplitter
from dsterm.llm.origin import clean
from dsterm.llm.probe_questions import SPARE, Body, Question

_MOST_HEARD = 1024 * 1024
_MOST_DELTAS = 20_000
_CHARACTERS_A_TOKEN = 40
_LONGEST_WAIT = 10.0
_KNOWN_FIELDS = (
    "prompt_tokens_details.cached_tokens",
    "prompt_cache_hit_tokens",
    "completion_tokens_details.reasoning_tokens",
)


class StreamFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the bytes of an answer show: which known fields its usage has, on which chunks that came, whether [DONE] ends it."""

    fields: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    is_stream: bool = False
    has_done: bool = False


class Tap:
    """Hears the bytes of one answer at a time, as the client's `debug`; keeps at most a megabyte."""

    def __init__(self) -> None:
        self._heard = bytearray()

    def listen(self, what: str, data: bytes) -> None:
        """Take in what passes."""
        if what == "request":
            self._heard.clear()
        elif what == "response" and len(self._heard) < _MOST_HEARD:
            self._heard += data[: _MOST_HEARD - len(self._heard)]

    def facts(self) -> StreamFacts:
        """What the last answer shows."""
        splitter = EventSplitter()
        try:
            events = [event for event in (*splitter.feed(bytes(self._heard)), *splitter.finish()) if event is not None]
        except ProviderError:
            return StreamFacts()
        fields: set[str] = set()
        places: set[str] = set()
        for event in events:
            place, found = _usage_in(event)
            places |= {place} if place else set()
            fields |= found
        has_done = bool(events) and events[-1].strip() == DONE
        return StreamFacts(
            fields=frozenset(fields), places=frozenset(places), is_stream=bool(events), has_done=has_done
        )


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one request; `reasoning` counts characters, `served_by` is cleaned."""

    stop: StopReason
    failure: Failure | None = None
    text: str = ""
    reasoning: int = 0
    usage: Usage | None = None
    served_by: str = ""
    facts: StreamFacts = StreamFacts()

    @property
    def has_reasoned(self) -> bool:
        """Whether reasoning was seen, or counted."""
        return self.reasoning > 0 or bool(self.usage and self.usage.reasoning_tokens)

    @property
    def has_arrived(self) -> bool:
        """Whether anything of an answer came."""
        return self.has_reasoned or bool(self.text.strip())

    @property
    def is_refused(self) -> bool:
        """Whether the server would not have the request as it was."""
        kinds = (FailureKind.BAD_REQUEST, FailureKind.REASONING_MISSING)
        return self.failure is not None and self.failure.kind in kinds and not self.has_arrived


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe is handed: how to connect to a provider, the tap in those connections, how to wait, and for how many
    seconds an answer may take.
    """

    connect: Callable[[ProviderCard], Provider]
    tap: Tap
    pause: Callable[[float], Awaitable[None]]
    limit: float = 120.0


class Asker:
    """Asks one question after another and keeps the account: `usages` by the id that answered, `uncounted` answers had none."""

    def __init__(self, card: ProviderCard, around: Circumstances) -> None:
        self.card = card
        self.sent = 0
        self.uncounted = 0
        self.usages: list[tuple[str, Usage]] = []
        self._around = around
        self._spare = SPARE
        empty = msgspec.structs.replace(card, accepts_empty_reasoning=True, reasoning_placeholder="")
        self._usual = around.connect(card)
        self._empty = around.connect(empty)

    async def ask(
        self, question: Question, model: ModelCard, mode: ThinkingMode, body: Body, *, is_empty: bool = False
    ) -> Reply:
        """Ask `question` with `body` for `mode`; `is_empty` sends "" where there is no reasoning. Once more after an outage."""
        card = msgspec.structs.replace(model, mode_bodies={mode: body})
        request = Request(
            model=card,
            mode=mode,
            system="",
            tools=question.tools,
            messages=question.messages,
            max_tokens=question.max_tokens,
        )
        provider = self._empty if is_empty else self._usual
        reply = await self._once(provider, request)
        failure = reply.failure
        if failure is not None and failure.is_outage and not reply.has_arrived and self._spare:
            self._spare -= 1
            await self._around.pause(min(failure.retry_after or 2.0, _LONGEST_WAIT))
            reply = await self._once(provider, request)
        return reply

    async def fetch_models(self) -> bytes:
        """The provider's own list of models, which costs nothing. ProviderError."""
        return await self._usual.fetch(f"{self.card.base_url}/models")

    async def pause(self, seconds: float) -> None:
        """Wait, as between two requests that a cache is to notice."""
        await self._around.pause(seconds)

    async def close(self) -> None:
        """Give back the connections."""
        await self._usual.close()
        await self._empty.close()

    async def _once(self, provider: Provider, request: Request) -> Reply:
        self.sent += 1
        assembler, failure, has_begun = Assembler(), None, False
        try:
            async with asyncio.timeout(self._around.limit), contextlib.aclosing(provider.stream(request)) as deltas:
                left, count = request.max_tokens * _CHARACTERS_A_TOKEN, 0
                async for delta in deltas:
                    assembler.feed(delta)
                    has_begun = has_begun or not isinstance(delta, Ended)
                    left, count = left - _size(delta), count + 1
                    if left < 0 or count > _MOST_DELTAS:
                        break
        except TimeoutError:
            message = f"{self.card.title} did not finish a tiny answer within {self._around.limit:g} seconds."
            failure = Failure(kind=FailureKind.TIMEOUT, message=message)
        finally:
            # What Ctrl+C breaks off was begun too, and may be billed; what the server refused is not.
            is_refused = assembler.failure is not None and assembler.failure.status != 0
            if assembler.usage is not None:
                self.usages.append((assembler.served_by or request.model.id, assembler.usage))
            elif has_begun and not is_refused:
                self.uncounted += 1
        return Reply(
            stop=assembler.stop,
            failure=failure or assembler.failure,
            text=assembler.content,
            reasoning=len(assembler.reasoning.strip()),
            usage=assembler.usage,
            served_by=clean(assembler.served_by)[:200],
            facts=self._around.tap.facts(),
        )


def _size(delta: Delta) -> int:
    text = getattr(delta, "text", "") or getattr(delta, "arguments", "")
    return len(text)


def _usage_in(event: bytes) -> tuple[str, set[str]]:
    """On which kind of chunk the usage of `event` stands, empty where it has none, and which of its fields are known."""
    try:
        chunk = msgspec.json.decode(event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", set()
    usage = chunk.get("usage") if isinstance(chunk, dict) else None
    if not isinstance(usage, dict) or not usage:
        return "", set()
    choices = chunk.get("choices")
    if not isinstance(choices, list) or not choices:
        place = "a chunk of its own behind the last"
    else:
        has_ended = any(isinstance(choice, dict) and choice.get("finish_reason") for choice in choices)
        place = "the chunk with the finish reason" if has_ended else "chunks on the way"
    return place, {path for path in _KNOWN_FIELDS if _has(usage, path)}


def _has(usage: dict[str, object], path: str) -> bool:
    value: object = usage
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return isinstance(value, int | float)
