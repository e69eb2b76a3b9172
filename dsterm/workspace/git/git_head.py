"""What HEAD says, read in Python: safe in folders that nobody trusts yet, and too cheap to need a thread."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

_SHORT = 7
_NO_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{")
_LONGEST = 200
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


def find_work_tree(folder: Path) -> Path | None:
    """The folder whose `.git` git would use for `folder`: not where the configuration in there says that the files are."""
    for candidate in (folder, *folder.parents):
        dot_git = candidate / ".git"
        if dot_git.is_file() or (dot_git.is_dir() and _is_git_folder(dot_git)):
            return candidate
    return None


def is_bare(folder: Path) -> bool:
    """Whether `folder` is itself a git folder, without files beside it."""
    return _is_git_folder(folder) and not os.path.lexists(folder / ".git")


def read_branch(folder: Path) -> str:
    """The branch that is checked out, the short commit of a detached HEAD, or nothing where there is no repository."""
    git_folder = find_git_folder(folder)
    head = _first_line(git_folder / "HEAD") if git_folder else ""
    if head.startswith("ref:"):
        branch = head.removeprefix("ref:").strip().removeprefix("refs/heads/")
        # The file is anybody's; what no branch can be called is not shown, and told to no model.
        return branch if branch.isprintable() and len(branch) <= _LONGEST and not _NO_REF.search(branch) else ""
    return head[:_SHORT] if re.fullmatch(r"[0-9a-f]{40,64}", head) else ""


def _is_git_folder(folder: Path) -> bool:
    has_objects = (folder / "objects").is_dir() and (folder / "refs").is_dir()
    return os.path.lexists(folder / "HEAD") and (has_objects or (folder / "commondir").exists())


def _first_line(path: Path) -> str:
    """The first line of a small file; nothing where it can't be read, for a branch is only ever shown."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        # Before it is opened, since that alone can have effects on a device; and after, since it may have been swapped.
        if not stat.S_ISREG(path.lstat().st_mode):
            return ""
        with os.fdopen(os.open(path, flags), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                return ""
            text = stream.read(_MOST_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
    return text.partition("\n")[0].strip()
