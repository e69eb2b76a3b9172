"""What one session remembers of looking for changes of attached files; light, since every session has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dsterm.engine.attaching.drift_look import DriftLook


class DriftMemory:
    """`is_slow`: the last look took too long, so that there is none until the next prompt. `told` are troubles told once.

    `offered` are the tokens of changes, and how often files were only named, at the last offer of a new snapshot, by pack.
    """

    def __init__(self) -> None:
        self.look: DriftLook | None = None
        self.is_slow = False
        self.told: set[str] = set()
        self.offered: dict[str, tuple[int, int]] = {}
