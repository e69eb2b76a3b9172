"""What other sessions of this run left in the providers' caches, as far as another session can begin with the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from dsterm.context.forecast import Kept
from dsterm.core.messages import Message, Pack
from dsterm.engine.session import Place, Session

MOST_KEPT = 64
"""The newest so many count, which is more than one uses within the time that a cache keeps anything."""


class KeptElsewhere(NamedTuple):
    """What a request of another session left at `place`; the packs of these digests stood at its front, ahead of all else."""

    place: Place
    kept: Kept
    packs: tuple[str, ...]


def left_behind(session: Session) -> tuple[KeptElsewhere, ...]:
    """What of `session` another one can share: what stands ahead of all messages, and the packs that it began with."""
    return tuple(
        KeptElsewhere(place, kept, _leading_packs(session.messages[: kept.messages]))
        for place, kept in session.kept.items()
    )


def shared_with(elsewhere: Iterable[KeptElsewhere], messages: Sequence[Message]) -> list[tuple[Place, Kept]]:
    """What of it a conversation of `messages` begins with."""
    packs = _leading_packs(messages)
    return [(one.place, replace(one.kept, messages=_alike(one.packs, packs), tokens=None)) for one in elsewhere]


def _leading_packs(messages: Sequence[Message]) -> tuple[str, ...]:
    digests = []
    for message in messages:
        if not isinstance(message, Pack):
            break
        digests.append(message.digest)
    return tuple(digests)


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many both begin with."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))
