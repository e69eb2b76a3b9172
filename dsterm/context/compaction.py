"""What stands for earlier messages in requests: stubs for old tool results, one summary for what lies before a cut. Pure.

The same functions choose and fold, so a resumed session sends the same bytes. Valid histories stay valid: a tool call and its
answers are never parted, and what stays of the model's answers has its reasoning. Sizes are tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import accumulate

import msgspec

from dsterm.core.messages import AssistantMessage, Message, Pack, ToolMessage, UserMessage

_STUB = "[dsterm: this result ("
LEAST_PRUNED = 200
"""A shorter result is not worth breaking the provider's cache for."""

_WORTH = 3
"""So many times the size of its stub is what a result must have, at least."""


class PrunableResult(msgspec.Struct, frozen=True, kw_only=True):
    """A tool result that a stub could stand for; `saved` is what that makes the prompt shorter."""

    call_id: str
    place: int
    saved: int


def stub_of(content: str) -> str:
    """The line that stands for a result: that it was there, and how to have it again. The call itself stands above it."""
    lines = content.count("\n") + 1
    return (
        f"{_STUB}{lines:,} line{'' if lines == 1 else 's'}) was taken out to save room. If you need it, make the call above"
        " again, unless that would do something a second time.]"
    )


def is_stub(content: str) -> bool:
    """Whether a stub stands for the result."""
    return content.startswith(_STUB)


def pruned(messages: Iterable[Message], call_ids: Collection[str]) -> list[Message]:
    """`messages` with stubs for the results of these calls; all others are the same objects as before."""
    ids = frozenset(call_ids)
    return [_stubbed(message) if _is_result_of(message, ids) else message for message in messages]


def compacted(messages: Sequence[Message], keeps: int, newest: Collection[UserMessage], summary: str) -> list[Message]:
    """`messages` with `summary` for those before the last `keeps`.

    Packs with what was told of their changes stay in front of it, and the `newest` words of the user (these objects) behind it.
    """
    early, late = parted(messages, keeps)
    ids = {id(message) for message in newest}
    in_front = [message for message in early if stays_in_front(message)]
    words = [message for message in early if id(message) in ids and not stays_in_front(message)]
    return [*in_front, UserMessage(text=summary), *words, *late]


def replaced(messages: Sequence[Message], keeps: int, newest: Collection[UserMessage]) -> list[Message]:
    """The messages that a summary would stand for."""
    ids = {id(message) for message in newest}
    return [message for message in parted(messages, keeps)[0] if id(message) not in ids and not stays_in_front(message)]


def parted(messages: Sequence[Message], keeps: int) -> tuple[Sequence[Message], Sequence[Message]]:
    """`messages` without their last `keeps`, and those."""
    cut = max(0, len(messages) - keeps)
    return messages[:cut], messages[cut:]


def stays_in_front(message: Message) -> bool:
    """Whether no summary ever stands for it: a pack, or what was told of a pack's changes."""
    return isinstance(message, Pack) or (isinstance(message, UserMessage) and bool(message.repo))


def shared_front(before: Sequence[Message], after: Sequence[Message]) -> int:
    """How many messages both begin with: what a provider's cache has of the one it has of the other."""
    for place, (one, other) in enumerate(zip(before, after, strict=False)):
        if one is not other and one != other:
            return place
    return min(len(before), len(after))


def cuts(messages: Sequence[Message]) -> list[int]:
    """The places, in order, at which a history can be parted: none between an answer of the model and a result behind it."""
    places = [len(messages)]
    is_inside = False
    for place in range(len(messages) - 1, -1, -1):
        match messages[place]:
            case AssistantMessage():
                is_inside = False
            case ToolMessage():
                is_inside = True
            case _:
                pass
        if not is_inside:
            places.append(place)
    return places[::-1]


def choose_keeps(
    messages: Sequence[Message], newest: Collection[UserMessage], most: int, weigh: Callable[[Message], int]
) -> int:
    """How many of the last messages stand as they are, beside the `newest` words of the user and the packs: those that come to
    `most` at most, from words of a user on where some are among them. Results that the model has not answered to stay.
    """
    ids = {id(message) for message in newest}
    # What stays in any case weighs nothing here.
    weights = [0 if id(message) in ids or stays_in_front(message) else weigh(message) for message in messages]
    behind = [*accumulate(reversed(weights), initial=0)][::-1]
    until = _unanswered(messages)
    possible = [place for place in cuts(messages) if place <= until]
    fitting = [place for place in possible if behind[place] <= most] or possible[-1:]
    turns = [place for place in fitting if place < len(messages) and isinstance(messages[place], UserMessage)]
    return len(messages) - min(turns or fitting)


def prunable(messages: Sequence[Message], until: int, weigh: Callable[[Message], int]) -> list[PrunableResult]:
    """The results before the place `until` that are worth a stub, the largest first and of equal ones the oldest."""
    found = []
    for place, message in enumerate(messages[:until]):
        if not isinstance(message, ToolMessage) or is_stub(message.content):
            continue
        size, small = weigh(message), weigh(_stubbed(message))
        if size >= max(LEAST_PRUNED, _WORTH * small):
            found.append(PrunableResult(call_id=message.call_id, place=place, saved=size - small))
    return sorted(found, key=lambda result: (-result.saved, result.place))


def _unanswered(messages: Sequence[Message]) -> int:
    """The place of the newest answer of the model where that asks for tools; the end where it does not."""
    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
        if isinstance(message, AssistantMessage):
            return place if message.tool_calls else len(messages)
    return len(messages)


def _is_result_of(message: Message, ids: frozenset[str]) -> bool:
    return isinstance(message, ToolMessage) and message.call_id in ids


def _stubbed(message: Message) -> Message:
    if not isinstance(message, ToolMessage) or is_stub(message.content):
        return message
    return ToolMessage(call_id=message.call_id, content=stub_of(message.content))
