"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

_PACKAGES = ("dsterm", "openai", "textual", "fastokens")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Cores, load average over a minute when the run began, versions, and when that was."""

    at: str
    system: str
    processor: str
    cores: int
    load: float
    python: str
    packages: dict[str, str]


def this_machine() -> Machine:
    """The facts, now."""
    return Machine(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        processor=_processor(),
        cores=os.cpu_count() or 0,
        load=round(os.getloadavg()[0], 2),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages={name: version(name) for name in _PACKAGES},
    )


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
