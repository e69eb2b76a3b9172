"""What a request shares with the one before it, told by digests: the provider's cache holds only what comes again unchanged."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from dsterm.core.messages import AssistantMessage, RequestMessage, ToolMessage, UserMessage
from dsterm.core.provider import Request, ResponseFormat
from dsterm.core.tools import ToolSpec

MESSAGES = "messages"
_HEAD = ("format", "system", "tools", "repair")
"""The parts of a digest before that of the messages; a repair is what stands for missing reasoning after a refusal."""


class PrefixChain:
    """Digests of the requests of one conversation.

    Every message is hashed once, into the digest of all before it, so that an earlier request is found again as a link of the
    chain: no count of its messages is needed, and a resumed session can check against its log.
    """

    def __init__(self) -> None:
        self._head: tuple[str, ...] = ()
        self._messages: list[RequestMessage] = []
        self._links = [_mark([])]
        self.same: int | None = None
        """With how many of its messages the last request continues the one before it; None: there was none here."""

    def digest(self, request: Request) -> str:
        """The digest of what `request` sends ahead of the answer: a part each for what `difference` tells apart."""
        self._head = head_marks(request.system, request.tools, request.response_format, request.placeholder)
        self._follow(request.messages)
        return ".".join((*self._head, self._links[-1]))

    def difference(self, former: str) -> str:
        """The first part in which the last digest does not continue the request of digest `former`; empty where it does."""
        *head, messages = former.split(".")
        for name, before, now in zip(_HEAD, head, self._head, strict=False):
            if before != now:
                return name
        return "" if messages in self._links else MESSAGES

    def _follow(self, messages: tuple[RequestMessage, ...]) -> None:
        """Make the links those of `messages`; what was there before and is the same is not hashed again."""
        is_first = not self._messages
        same = 0
        for before, now in zip(self._messages, messages, strict=False):
            if before is not now and before != now:
                break
            same += 1
        self.same = None if is_first else same
        del self._messages[same:], self._links[same + 1 :]
        for message in messages[same:]:
            self._messages.append(message)
            self._links.append(_mark([self._links[-1], *_texts(message)]))


def head_marks(
    system: str, tools: Iterable[ToolSpec], shape: ResponseFormat | None, placeholder: str
) -> tuple[str, ...]:
    """The digest of what stands ahead of the messages, part by part."""
    schema = "" if shape is None else bytes(shape.schema or b"any object").decode()
    texts = (text for tool in tools for text in (tool.name, tool.description, bytes(tool.parameters).decode()))
    return (_mark([schema]), _mark([system]), _mark(texts), _mark([placeholder]))


def has_head(digest: str, head: tuple[str, ...]) -> bool:
    """Whether a request of that `digest` began with `head`; one from before there were digests is taken to have done so."""
    return not digest or tuple(digest.split(".")[:-1]) == head


def _texts(message: RequestMessage) -> list[str]:
    """What of a message goes over the wire."""
    match message:
        case UserMessage():
            return ["user", message.text]
        case ToolMessage():
            return ["tool", message.call_id, message.content]
        case AssistantMessage():
            calls = [text for call in message.tool_calls for text in (call.id, call.name, call.arguments)]
            return ["assistant", message.content, message.reasoning, *calls]


def _mark(texts: Iterable[str]) -> str:
    digest = blake2b(digest_size=12)
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.hexdigest()
