"""Stay inside the workspace: from a path as a model wrote it to a real place on disk, or a sentence saying why not.

Links are followed first and the result is judged, so neither `..` nor a link leads out; `.git` is closed to everyone.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from pathlib import Path

from dsterm.core.errors import WorkspaceError


def resolve_inside(path: str, root: Path) -> Path:
    """The real place of `path` below `root` (itself resolved); it need not exist. WorkspaceError says what to write instead."""
    # Where the workspace itself stands is the user's business, whatever it is called.
    if path != str(root):
        _check_characters(path.removeprefix(f"{root}{os.sep}"))
    if path.startswith("~"):
        raise WorkspaceError(f"{path} starts in a home folder. Write the path relative to the workspace instead.")
    lexical = Path(os.path.normpath(root / path))
    real = Path(os.path.realpath(root / path))
    if not real.is_relative_to(root):
        if lexical.is_relative_to(root):
            raise WorkspaceError(
                f"{path} is a link that leads outside the workspace. Only files inside it can be used."
            )
        raise WorkspaceError(f"{path} is outside the workspace. Use a path inside it, relative to its top folder.")
    if _has_git_part(real, root) or _has_git_part(lexical, root):
        raise WorkspaceError(
            f"{path} belongs to git itself, which is closed to tools. Use the files beside .git instead."
        )
    _check_kind(path, real)
    return real


def display_path(path: Path, root: Path) -> str:
    """`path` relative to `root` where it is inside, `/` between parts, and always text that can be encoded."""
    shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    return os.fsencode(shown).decode("utf-8", "replace")


def is_git_name(part: str) -> bool:
    """Whether some file system takes `part` for `.git`: case, trailing dots and spaces, invisible characters, short name."""
    visible = "".join(character for character in part if unicodedata.category(character) != "Cf")
    return visible.casefold().rstrip(". ") in {".git", "git~1"}


def _check_characters(path: str) -> None:
    if not path.strip():
        raise WorkspaceError("The path is empty. Give a path relative to the workspace; `.` is its top folder.")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in path):
        raise WorkspaceError("The path has control characters in it. Give a plain path, as glob shows it.")


def _has_git_part(path: Path, root: Path) -> bool:
    return path.is_relative_to(root) and any(is_git_name(part) for part in path.relative_to(root).parts)


def _check_kind(path: str, real: Path) -> None:
    try:
        mode = real.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise WorkspaceError(f"{path[:200]} can't be used: {error.strerror}. Check the path.") from error
    if stat.S_ISLNK(mode):
        raise WorkspaceError(f"{path} is a link that leads in a circle. Use the file that it was meant for.")
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise WorkspaceError(
            f"{path} is no regular file but a device, pipe or socket. Only files and folders can be used."
        )
