"""Stay inside the workspace: from a path as a model wrote it to a real place on disk, or a sentence saying why not.

Links are followed first and the result is judged, so neither `..` nor a link leads out. Closed to everyone: `.git`, dsterm's
own folders, and what the system shows of itself as files. The disk can change right after: `inside` opens what was judged here.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from dsterm.core.errors import WorkspaceError

SYSTEM_FOLDERS = (Path("/proc"), Path("/sys"), Path("/dev"))
"""Files there are devices and windows into processes; a root may contain them (`/`), but tools don't reach them."""


def resolve_inside(path: str, root: Path, *, extra_roots: Sequence[Path] = (), closed: Sequence[Path] = ()) -> Path:
    """The real place of `path`, which starts at `root`, in one of the roots (all resolved) and not in a `closed` folder.

    It need not exist. WorkspaceError says what to write instead.
    """
    roots = (root, *extra_roots)
    # Where the workspace itself stands is the user's business, whatever it is called.
    if path not in map(str, roots):
        top = next((top for top in roots if path.startswith(f"{top}{os.sep}")), None)
        _check_characters(path.removeprefix(f"{top}{os.sep}") if top else path)
    if path.startswith("~"):
        raise WorkspaceError(f"{path} starts in a home folder. Write the path relative to the workspace instead.")
    lexical = Path(os.path.normpath(root / path))
    real = _real(path, root)
    if not is_below(real, roots):
        if is_below(lexical, roots):
            raise WorkspaceError(
                f"{path} is a link that leads outside the workspace. Only files inside it can be used."
            )
        raise WorkspaceError(f"{path} is outside the workspace. Use a path inside it, relative to its top folder.")
    for place in (real, lexical):
        check_open(path, place, roots, closed)
    _check_kind(path, real)
    return real


def check_open(name: str, place: Path, roots: Sequence[Path], closed: Sequence[Path]) -> None:
    """WorkspaceError, calling it `name`, when `place` belongs to git, to dsterm or to the system."""
    if any(_has_git_part(place, root) for root in roots):
        raise WorkspaceError(
            f"{name} belongs to git itself, which is closed to tools. Use the files beside .git instead."
        )
    if is_below(place, closed):
        raise WorkspaceError(f"{name} belongs to dsterm itself, which is closed to tools. Use other files.")
    if any(place.is_relative_to(folder) for folder in SYSTEM_FOLDERS if is_below(folder, roots)):
        raise WorkspaceError(f"{name} belongs to the system itself, which is closed to tools. Use other files.")


def display_path(path: Path, root: Path) -> str:
    """`path` relative to `root` where it is inside, `/` between parts, and always text that can be encoded."""
    shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    return os.fsencode(shown).decode("utf-8", "replace")


def is_below(path: Path, folders: Sequence[Path]) -> bool:
    """Whether `path` is one of `folders` or inside one, as written."""
    return any(path.is_relative_to(folder) for folder in folders)


def is_git_name(part: str) -> bool:
    """Whether some file system takes `part` for `.git`: case, trailing dots and spaces, invisible characters, short name."""
    visible = "".join(character for character in part if unicodedata.category(character) != "Cf")
    return visible.casefold().rstrip(". ") in {".git", "git~1"}


def _real(path: str, root: Path) -> Path:
    try:
        return Path(os.path.realpath(root / path))
    except OSError as error:
        # A link that is gone, or no link any more, between two looks at it.
        raise WorkspaceError(f"{path[:200]} changed just now. Name it again.") from error


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
