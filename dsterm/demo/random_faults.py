"""Faults by chance: on a share of the requests something goes wrong, in one of all the ways that a provider can fail.

What happens to a request follows from the seed and the number of the request alone, so that a run can be played again.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import msgspec

from dsterm.demo.chunks import fragments, pieces
from dsterm.demo.leaks import SPELLINGS, leaked
from dsterm.demo.reply import (
    Comment,
    Drop,
    End,
    Fault,
    Malformed,
    Refusal,
    Reply,
    Reset,
    Stall,
    StreamError,
    UsagePlace,
)
from dsterm.demo.settle import cut_to_limit

_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_STALL_SECONDS = 1.0


class Drawn(msgspec.Struct, frozen=True):
    """A reply with what is to go wrong with it, and the name of that; the name is empty where nothing is."""

    reply: Reply
    name: str = ""


class _Shape(msgspec.Struct, frozen=True):
    """Where the parts of a reply lie, in chunks from the first one, which brings the role: each ends before the next begins."""

    reasoning: range
    text: range
    calls: range

    @property
    def whole(self) -> range:
        return range(self.reasoning.start, self.calls.stop + 1)


class _Victim(msgspec.Struct, frozen=True):
    """A reply that is to fail."""

    reply: Reply
    is_thinking: bool
    shape: _Shape
    random: Random

    def with_fault(self, make: Callable[[int], Fault], places: range) -> Reply | None:
        """The reply with a fault behind so many chunks, anywhere in `places`; None where there is no such place."""
        if not places:
            return None
        fault = make(self.random.choice(places))
        return msgspec.structs.replace(self.reply, faults=(*self.reply.faults, fault))

    def refused(self, status: int, retry_after: str = "") -> Reply:
        """An HTTP error instead of the reply."""
        message = f"The demo was told to fail with {status} now and then."
        return Reply(refusal=Refusal(status=status, message=message, retry_after=retry_after))

    def ended(self, reason: str) -> Reply:
        """The reply cut somewhere, with the reason for that."""
        limit = self.random.randrange(1, max(2, len(self.shape.whole)))
        cut = cut_to_limit(self.reply, limit, is_thinking=self.is_thinking)
        return msgspec.structs.replace(cut, finish_reason=reason)


_Fail = Callable[[_Victim], Reply | None]


def _refusal(status: int, retry_after: str = "") -> _Fail:
    return lambda victim: victim.refused(status, retry_after)


def _broken(kind: type[Drop | Reset], part: Callable[[_Shape], range]) -> _Fail:
    return lambda victim: victim.with_fault(lambda after: kind(after=after), part(victim.shape))


def _in_stream(make: Callable[[int], Fault]) -> _Fail:
    return lambda victim: victim.with_fault(make, victim.shape.whole)


def _end(reason: str) -> _Fail:
    return lambda victim: victim.ended(reason)


def _changed(**fields: object) -> _Fail:
    return lambda victim: msgspec.structs.replace(victim.reply, **fields)


def _with_calls(**fields: object) -> _Fail:
    return lambda victim: msgspec.structs.replace(victim.reply, **fields) if victim.reply.tool_calls else None


def _web_page(_victim: _Victim) -> Reply:
    return Reply(refusal=Refusal(status=502, body=_PAGE, headers={"content-type": "text/html"}))


def _repeated_ids(victim: _Victim) -> Reply | None:
    """The same id for every call of every request."""
    calls = tuple(msgspec.structs.replace(call, id="call_0") for call in victim.reply.tool_calls)
    return msgspec.structs.replace(victim.reply, tool_calls=calls) if calls else None


def _leaked_calls(victim: _Victim) -> Reply | None:
    reply = victim.reply
    if not reply.tool_calls:
        return None
    markup = leaked(reply.tool_calls, victim.random.choice(SPELLINGS))
    text = f"{reply.text * reply.repeat}\n\n{markup}".lstrip("\n")
    return msgspec.structs.replace(reply, text=text, repeat=1, tool_calls=())


def _think_tags(victim: _Victim) -> Reply | None:
    reply = victim.reply
    if not (victim.is_thinking and reply.reasoning):
        return None
    text = f"<think>{reply.reasoning * reply.reasoning_repeat}</think>{reply.text * reply.repeat}"
    return msgspec.structs.replace(reply, reasoning="", text=text, repeat=1)


FAULTS: dict[str, _Fail] = {
    "status-408": _refusal(408),
    "status-429": _refusal(429),
    "status-429-retry-after": _refusal(429, "1"),
    "status-500": _refusal(500),
    "status-502": _refusal(502),
    "status-503": _refusal(503),
    "status-504": _refusal(504),
    "status-529": _refusal(529),
    "web-page": _web_page,
    "hang-up": lambda _: Reply(hangs_up=True),
    "reset-in-reasoning": _broken(Reset, lambda shape: shape.reasoning),
    "reset-in-text": _broken(Reset, lambda shape: shape.text),
    "reset-in-arguments": _broken(Reset, lambda shape: shape.calls),
    "drop-in-reasoning": _broken(Drop, lambda shape: shape.reasoning),
    "drop-in-text": _broken(Drop, lambda shape: shape.text),
    "drop-in-arguments": _broken(Drop, lambda shape: shape.calls),
    "early-end": _in_stream(lambda after: End(after=after)),
    "malformed": _in_stream(lambda after: Malformed(after=after)),
    "error-in-stream": _in_stream(lambda after: StreamError(after=after, message="The demo was told to fail.")),
    "overloaded-in-stream": _in_stream(
        lambda after: StreamError(after=after, message="Overloaded.", code=503, type="overloaded_error")
    ),
    "stall": _in_stream(lambda after: Stall(after=after, seconds=_STALL_SECONDS)),
    "comments": _in_stream(lambda after: Comment(after=after, times=4, seconds=0.02)),
    "empty-stop": lambda _: Reply(finish_reason="stop"),
    "insufficient": _end("insufficient_system_resource"),
    "content-filter": _end("content_filter"),
    "length": _end("length"),
    "no-usage": _changed(usage_place=UsagePlace.MISSING),
    "trailing-usage": _changed(usage_place=UsagePlace.TRAILING),
    "no-done": _changed(omits_done=True),
    "ids-missing": _with_calls(omits_ids=True),
    "ids-late": _with_calls(late_ids=True),
    "ids-repeated": _repeated_ids,
    "leaked-calls": _leaked_calls,
    "think-tags": _think_tags,
    "other-model": lambda _: None,
}
"""Every way to fail, by name; None says that the reply at hand can't fail so."""


class RandomFaults:
    """Lets `share` of the requests fail (0 to 1), as `seed` will have it. `models` are those that may answer unasked."""

    def __init__(self, share: float, seed: int, models: tuple[str, ...]) -> None:
        self._share = share
        self._seed = seed
        self._models = models

    def draw(self, number: int, reply: Reply, asked: str, *, is_thinking: bool) -> Drawn:
        """What becomes of `reply` to request `number`, which asked for the model `asked`."""
        random = Random(f"{self._seed}:{number}")  # noqa: S311 - chance that can be played again, no secret
        if random.random() >= self._share or reply.refusal or reply.hangs_up:
            return Drawn(reply)
        victim = _Victim(reply, is_thinking, _shape(reply, is_thinking=is_thinking), random)
        for name in random.sample(sorted(FAULTS), len(FAULTS)):
            others = [model for model in self._models if model != asked]
            if name == "other-model" and others:
                return Drawn(msgspec.structs.replace(reply, model=random.choice(others)), name)
            failed = FAULTS[name](victim)
            if failed is not None:
                return Drawn(failed, name)
        return Drawn(reply)


def _shape(reply: Reply, *, is_thinking: bool) -> _Shape:
    reasoning = len(pieces(reply.reasoning)) * reply.reasoning_repeat if is_thinking else 0
    text = len(pieces(reply.text)) * reply.repeat
    calls = sum(1 + len(list(fragments(call.text))) for call in reply.tool_calls)
    first_text, first_call = 1 + reasoning, 1 + reasoning + text
    return _Shape(range(1, first_text), range(first_text, first_call), range(first_call, first_call + calls))
