"""What HEAD says, read in Python: safe in folders that nobody trusts yet, and too cheap to need a thread."""

from __future__ import annotations

import re
from pathlib import Path

_SHORT = 7
_MOST_BYTES = 4096


def find_git_folder(folder: Path) -> Path | None:
    """The git folder that `folder` belongs to: `.git` in it or above, or what a worktree's `.git` file names."""
    for candidate in (folder, *folder.parents):
        dot_git = candidate / ".git"
        if dot_git.is_dir():
            return dot_git
        if dot_git.is_file():
            named = _first_line(dot_git).removeprefix("gitdir:").strip()
            return candidate / named if named else None
    return None


def read_branch(folder: Path) -> str:
    """The branch that is checked out, the short commit of a detached HEAD, or nothing where there is no repository."""
    git_folder = find_git_folder(folder)
    head = _first_line(git_folder / "HEAD") if git_folder else ""
    if head.startswith("ref:"):
        return head.removeprefix("ref:").strip().removeprefix("refs/heads/")
    return head[:_SHORT] if re.fullmatch(r"[0-9a-f]{40,64}", head) else ""


def _first_line(path: Path) -> str:
    """The first line of a small file; nothing where it can't be read, for a branch is only ever shown."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as stream:
            text = stream.read(_MOST_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
    return text.partition("\n")[0].strip()
