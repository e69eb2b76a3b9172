"""Find the few programs that dsterm runs: beside its own interpreter first, then on PATH, never inside the workspace."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from dsterm.workspace.environment import is_inside, path_folders


def program_folders(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Where programs are looked for, in order: the script folder that wheels install into, then PATH."""
    return (Path(sysconfig.get_path("scripts")), *path_folders(environment))


def find_program(name: str, folders: Sequence[Path], *, outside: Path | Sequence[Path] | None = None) -> Path | None:
    """The first executable file `name` in `folders`; what is inside `outside`, as written or by a link, is passed over."""
    roots = [outside] if isinstance(outside, Path) else outside or ()
    for folder in folders:
        candidate = folder / name
        if any(is_inside(folder, root) or is_inside(candidate, root) for root in roots):
            continue
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    return None
