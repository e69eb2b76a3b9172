"""The session's log as it is written: what looks like a key in the diffs of files stays out of it, while the screen shows it.

Whoever is asked about a change has to see it as it is; what the model was told of it is masked before it gets here.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from dsterm.core.diff import DiffLine, FileDiff, Hunk
from dsterm.core.events import Envelope, ToolEnded, ToolRequested
from dsterm.engine.journal import Log


class MaskedLog:
    """`log` with the lines of diffs passed through `redact`."""

    def __init__(self, log: Log, redact: Callable[[str], str]) -> None:
        self._log = log
        self._redact = redact

    def append(self, envelope: Envelope, *, durable: bool = True) -> None:
        """See Log."""
        match envelope.event:
            case ToolRequested(plan=plan) as event if plan is not None and plan.diffs:
                masked = msgspec.structs.replace(plan, diffs=self._masked(plan.diffs))
                envelope = msgspec.structs.replace(envelope, event=msgspec.structs.replace(event, plan=masked))
            case ToolEnded(result=result) as event if result.diffs:
                ended = msgspec.structs.replace(result, diffs=self._masked(result.diffs))
                envelope = msgspec.structs.replace(envelope, event=msgspec.structs.replace(event, result=ended))
            case _:
                pass
        self._log.append(envelope, durable=durable)

    def close(self) -> None:
        """See Log."""
        self._log.close()

    def _masked(self, diffs: tuple[FileDiff, ...]) -> tuple[FileDiff, ...]:
        return tuple(msgspec.structs.replace(diff, hunks=tuple(map(self._masked_hunk, diff.hunks))) for diff in diffs)

    def _masked_hunk(self, hunk: Hunk) -> Hunk:
        whole = "\n".join(line.text for line in hunk.lines)
        masked = self._redact(whole).split("\n")
        if len(masked) != len(hunk.lines):
            # Something over several lines, as a private key is: it can't be told which of them are harmless.
            masked = ["[redacted]"] * len(hunk.lines)
        lines = tuple(DiffLine(line.kind, text) for line, text in zip(hunk.lines, masked, strict=True))
        return msgspec.structs.replace(hunk, lines=lines)
