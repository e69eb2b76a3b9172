"""The branch of a session's log that the conversation stands on: from its last event back by parents to the first."""

from __future__ import annotations

from collections.abc import Sequence

from dsterm.core.events import Envelope


def on_branch(envelopes: Sequence[Envelope]) -> list[bool]:
    """For each envelope whether the conversation goes through it; events of branches that were left are False.

    A parent that isn't in the log (its line was damaged) is taken to be the line before.
    """
    parents: list[int] = []
    places: dict[str, int] = {}
    for place, envelope in enumerate(envelopes):
        parents.append(places.get(envelope.parent, place - 1) if envelope.parent else -1)
        places[envelope.id] = place
    flags = [False] * len(envelopes)
    place = len(envelopes) - 1
    while place >= 0:
        flags[place] = True
        place = parents[place]
    return flags


def branch(envelopes: Sequence[Envelope]) -> list[Envelope]:
    """The envelopes that the conversation goes through, in order."""
    return [envelope for envelope, is_on in zip(envelopes, on_branch(envelopes), strict=True) if is_on]
