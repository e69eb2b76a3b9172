"""Whether a request continues the one before it, and the name of what broke it where it does not."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dsterm.context.prefix import MESSAGES
from dsterm.core.context_events import Compacted, OriginalsRestored, ResultsPruned
from dsterm.core.events import Envelope, Event, StepStarted
from dsterm.core.provider import Request
from dsterm.core.repo_events import RepoDetached
from dsterm.core.undo_events import Rewound
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.break_place import place_name

UNNAMED = "unknown"
"""Why a request is no continuation where nobody can say why: that is a fault."""

_IN_MESSAGES = frozenset({"rewound", "detached", "compacted", "pruned", "restored", UNNAMED})


class Continuity(msgspec.Struct, frozen=True):
    """The `digest` of a request and what `broke` it, empty where it continues the one before; the first message that differs,
    `at`; whether the break is without a name, so that something `is_lost`.
    """

    digest: str
    broke: str = ""
    at: str = ""
    is_lost: bool = False


def continuity(live: LiveSession, request: Request) -> Continuity:
    """How `request` continues the one before it."""
    digest = live.prefix.digest(request)
    former, since = _former(live.journal.envelopes)
    if former is None:
        return Continuity(digest)
    content = _content_break(live, former, since)
    same = live.prefix.same
    at = place_name(request.messages, same) if content in _IN_MESSAGES and same is not None else ""
    return Continuity(digest, _choice_break(former, request) or content, at, content == UNNAMED)


def _former(envelopes: Sequence[Envelope]) -> tuple[StepStarted | None, list[Event]]:
    """The last request before, and what happened since."""
    since: list[Event] = []
    for envelope in reversed(envelopes):
        if isinstance(envelope.event, StepStarted):
            return envelope.event, since
        since.append(envelope.event)
    return None, since


def _choice_break(former: StepStarted, request: Request) -> str:
    if former.provider != request.model.provider:
        return "provider"
    if former.model != request.model.id:
        return "model"
    return "" if former.mode is request.mode else "mode"


def _content_break(live: LiveSession, former: StepStarted, since: Sequence[Event]) -> str:
    """An older log has no digests, and tells nothing."""
    part = live.prefix.difference(former.digest) if former.digest else ""
    if part != MESSAGES:
        return part
    for event in since:
        match event:
            case Rewound():
                return "rewound"
            case RepoDetached():
                return "detached"
            case Compacted():
                return "compacted"
            case ResultsPruned():
                return "pruned"
            case OriginalsRestored():
                return "restored"
            case _:
                pass
    return UNNAMED
