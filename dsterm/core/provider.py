"""The seam to a model: a Request goes in, Deltas come out, and a failure is a value among them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from enum import StrEnum
from typing import Protocol

import msgspec

from dsterm.core.messages import RequestMessage
from dsterm.core.models import ModelCard, ThinkingMode, Usage
from dsterm.core.tools import ToolSpec


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True):
    """The answer is to be one JSON object; `schema` is a JSON schema that it must fit, None for any object."""

    schema: msgspec.Raw | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a model: stable system text and tools first, then the conversation. `max_tokens` caps the output.

    `placeholder` stands for reasoning that an earlier answer has none of, where the provider's own has been refused.
    """

    model: ModelCard
    mode: ThinkingMode
    system: str
    tools: tuple[ToolSpec, ...]
    messages: tuple[RequestMessage, ...]
    max_tokens: int
    response_format: ResponseFormat | None = None
    placeholder: str = ""


class StopReason(StrEnum):
    """Why a stream ended; the first five are the API's own words. LOOPED: dsterm stopped reasoning that repeated itself."""

    STOP = "stop"
    TOOL_CALLS = "tool_calls"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    INSUFFICIENT_RESOURCE = "insufficient_system_resource"
    CUT = "cut"
    INTERRUPTED = "interrupted"
    LOOPED = "looped"
    FAILED = "failed"


class FailureKind(StrEnum):
    """What went wrong between us and the provider."""

    AUTHENTICATION = "authentication"
    BALANCE = "balance"
    ACCESS = "access"
    NOT_FOUND = "not-found"
    BAD_REQUEST = "bad-request"
    CONTEXT_OVERFLOW = "context-overflow"
    REASONING_MISSING = "reasoning-missing"
    RATE_LIMIT = "rate-limit"
    SERVER = "server"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    PROTOCOL = "protocol"


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A request that did not work: what happened and what to do, in words for the user.

    `retry_after` is in seconds, as the server asked; `status` is the HTTP status, 0 where there was none. `window` is the
    context window in tokens and `asked_tokens` the size of the prompt, where the server named them. `request_id` is what the
    server calls the request.
    """

    kind: FailureKind
    message: str
    hint: str = ""
    status: int = 0
    retry_after: float | None = None
    is_retryable: bool = False
    window: int | None = None
    asked_tokens: int | None = None
    request_id: str = ""

    @property
    def is_outage(self) -> bool:
        """Whether the provider is overloaded or out of reach, so that another one may be better."""
        return self.kind in {FailureKind.RATE_LIMIT, FailureKind.SERVER, FailureKind.TIMEOUT, FailureKind.CONNECTION}

    @property
    def sentence(self) -> str:
        """What happened and what to do next, for the screen and for standard error."""
        return f"{self.message} {self.hint}".strip()


class ReasoningPiece(msgspec.Struct, frozen=True):
    """More of the reasoning."""

    text: str


class TextPiece(msgspec.Struct, frozen=True):
    """More of the answer."""

    text: str


class WasReasoning(msgspec.Struct, frozen=True):
    """What came as the answer so far was reasoning: only now did the server send the tag that ends it."""


class ToolCallPiece(msgspec.Struct, frozen=True, kw_only=True):
    """More of the tool call at `index`: its id and name come with the first piece, its arguments in any number of them."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class Sent(msgspec.Struct, frozen=True):
    """The whole request is on its way to the server, which has said nothing so far: whoever stops now will be billed for it."""


WAS_SENT = "sent"
"""The argument of the CancelledError of a stream that was stopped in the very moment of sending: there is no Sent any more to say
that the request went out.
"""


class Alive(msgspec.Struct, frozen=True):
    """The server sent a sign of life and nothing else."""


class UsagePiece(msgspec.Struct, frozen=True, kw_only=True):
    """The server's count of tokens so far; the last one holds."""

    usage: Usage


class ServedBy(msgspec.Struct, frozen=True):
    """The id of the model that answers, and of the answer, as the response names them."""

    model: str
    id: str = ""


class LeakedMarkup(msgspec.Struct, frozen=True, kw_only=True):
    """Markup of tool calls stood in the answer and was taken out; `recovered`: as a call that pieces bring, else it is lost."""

    text: str
    recovered: bool


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """The last delta of every stream: why it ended, and the failure when there was one. `raw` is an unknown finish reason."""

    stop: StopReason
    failure: Failure | None = None
    raw: str = ""


Delta = (
    ReasoningPiece
    | TextPiece
    | WasReasoning
    | ToolCallPiece
    | Sent
    | Alive
    | UsagePiece
    | ServedBy
    | LeakedMarkup
    | Ended
)


class Provider(Protocol):
    """A place that answers requests."""

    def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Send `request` and yield deltas; exactly one Ended comes last and nothing is raised but CancelledError (`WAS_SENT`)."""
        ...

    async def fetch(self, url: str) -> bytes:
        """The page at `url`, an address on the provider's own host; ProviderError says why it can't be had."""
        ...

    async def close(self) -> None:
        """Give back sockets."""
        ...
