"""How a change went, told from the result of the tool that was to make it."""

from __future__ import annotations

import re

from dsterm.demo.steps import Step
from dsterm.demo.talk import Exchange

_REASON = re.compile(r"(?:reason|said|because)\W+(.+)", re.IGNORECASE | re.DOTALL)
_FAILED = re.compile(
    r"error|fail|not found|no match|nothing (?:was )?changed|does(?:n't| not)|could(?:n't| not)|can(?:'t|not)|must|outside",
    re.IGNORECASE,
)


def unhappy_end(change: Exchange) -> Step | None:
    """The answer to a change that was refused or did not work, None when it was made."""
    said = change.result.strip()
    if change.is_refused:
        reason = _REASON.search(said)
        because = f" You said: {' '.join(reason[1].split())[:300]}" if reason else ""
        return Step(
            thoughts=("The change was refused. That is an answer, so I leave everything as it is.",),
            text=f"Understood: I have changed nothing.{because}\n\nTell me what you would like instead.",
        )
    if not said or _FAILED.search(said.split("\n")[0]):
        shown = said.split("\n")[0][:300] or "it gave no result"
        return Step(
            thoughts=("The tool did not make the change. I would only guess if I tried again.",),
            text=f"The change could not be made; `{change.name}` says: {shown}",
        )
    return None
