"""How a change went, told from the result of the tool that was to make it."""

from __future__ import annotations

import re

from dsterm.demo.steps import Step
from dsterm.demo.talk import Exchange

_MADE = re.compile(
    r"\W*(?:edited|modified|updated|changed|patched|applied|wrote|written|created|done|ok|success)", re.IGNORECASE
)
_REFUSED = re.compile(r"refus|denied|declin|reject|not allowed|permission|switched off|plan mode", re.IGNORECASE)
_NOT_RUN = re.compile(r"The user (?:refused|stopped)|Not allowed|Plan mode|The user has switched off", re.IGNORECASE)
_REASON = re.compile(r"(?:reason|said)\W+(.+)", re.IGNORECASE | re.DOTALL)


def was_refused(ran: Exchange) -> bool:
    """Whether the call did not run because somebody or some rule said no."""
    first = ran.result.strip().partition("\n")[0][:300]
    return _NOT_RUN.match(first) is not None


def unhappy_end(change: Exchange) -> Step | None:
    """The answer to a change that was refused or did not work, None when the tool says that it was made."""
    said = " ".join(change.result.split())[:300]
    if _MADE.match(said):
        return None
    if not _REFUSED.search(said):
        return Step(
            thoughts=("The tool did not make the change. I would only guess if I tried again.",),
            text=f"The change could not be made; `{change.name}` says: {said or 'nothing at all'}",
        )
    reason = _REASON.search(said)
    because = f"You said: {reason[1]}" if reason else f"The answer was: {said}"
    return Step(
        thoughts=("The change was refused. That is an answer, so I leave everything as it is.",),
        text=f"Understood: I have changed nothing. {because}\n\nTell me what you would like instead.",
    )
