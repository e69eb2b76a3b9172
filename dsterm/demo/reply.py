"""What the server is to say to one request, and what is to go wrong with it.

The guide makes replies, scenario files hold them.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class UsagePlace(StrEnum):
    """Where in the stream the usage comes: with the finish, behind it, both, or not at all."""

    FINISH = "finish"
    TRAILING = "trailing"
    BOTH = "both"
    MISSING = "missing"


class GivenUsage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Token figures to report instead of the true ones."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


class ReplyCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tool call: arguments as values, or as a text that is sent as it is. An empty `id` is made up by the server."""

    name: str
    arguments: dict[str, object] | str = {}
    id: str = ""

    @property
    def text(self) -> str:
        """The arguments as they go over the wire."""
        return self.arguments if isinstance(self.arguments, str) else msgspec.json.encode(self.arguments).decode()


class Refusal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An HTTP error instead of an answer. A `body` of text is sent as it is; without one an error object is made."""

    status: int
    message: str = "The scenario asked for this error."
    body: str | dict[str, object] | None = None
    retry_after: str = ""
    headers: dict[str, str] = {}


class _Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Something that happens in the stream once `after` chunks have been sent; the chunk with the role is the first."""

    after: int = 0


class Stall(_Fault, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="stall"):
    """Nothing is sent for so many seconds."""

    seconds: float


class Comment(_Fault, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="comment"):
    """Comment lines are sent, so many of them, so many seconds apart."""

    text: str = "keep-alive"
    times: int = 1
    seconds: float = 0.0


class Malformed(_Fault, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="malformed"):
    """A data line that is no JSON."""

    text: str = '{"choices": ['


class StreamError(_Fault, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="error"):
    """An error object inside the stream, which then ends."""

    message: str = "The scenario asked for this error."
    code: str | int = "server_error"
    type: str = "server_error"


class End(_Fault, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="end"):
    """The stream ends properly, but without a finish reason and without `[DONE]`."""


class Drop(_Fault, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="drop"):
    """The connection is closed in the middle of the answer."""


class Reset(_Fault, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="reset"):
    """The connection is reset in the middle of the answer, as by a server that crashed."""


Fault = Stall | Comment | Malformed | StreamError | End | Drop | Reset


class Reply(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One answer. Texts are sent `repeat` and `reasoning_repeat` times over.

    `tokens_per_second` 0 is full speed, None the speed of the server; `times` is how many requests get this reply (0: any
    number); `match` is a regular expression that the newest words of the user must contain. `finish_reason` None follows
    from the tool calls. `omits_ids` leaves the ids of tool calls out, `late_ids` sends them with the arguments only,
    `omits_done` ends without `[DONE]`, `splits_characters` cuts writes inside of characters; with `hangs_up` the connection is
    reset before anything is answered.
    """

    match: str = ""
    times: int = 1
    reasoning: str = ""
    reasoning_repeat: int = 1
    text: str = ""
    repeat: int = 1
    tool_calls: tuple[ReplyCall, ...] = ()
    finish_reason: str | None = None
    usage: GivenUsage | None = None
    usage_place: UsagePlace = UsagePlace.FINISH
    tokens_per_second: float | None = None
    model: str = ""
    refusal: Refusal | None = None
    faults: tuple[Fault, ...] = ()
    hangs_up: bool = False
    omits_ids: bool = False
    late_ids: bool = False
    omits_done: bool = False
    splits_characters: bool = False
