"""The files of a repository that git obeys: what can make it run programs, or look elsewhere. Read here, never acted on."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

_SINGLE_FILES = ("config", "config.worktree", "commondir", "info/attributes")
CONFIGURATIONS = frozenset({"config", "config.worktree"})
PROTECTED = (*_SINGLE_FILES, "hooks", "worktrees")
"""What in a git folder is read-only in the sandbox, where it is there."""

SET_ASIDE = ".set-aside"
"""How the name of a file ends that git is not to obey any more."""

MOST_BYTES = 4_000_000
_LONGEST_LINE = 10_000
_MOST_HOOKS = 200
_MOST_MODULES = 200
_SECTION = re.compile(r'\s*\[\s*([A-Za-z0-9.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]')
_ENTRY = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)\s*(?:=\s*(.*?))?\s*")
_HARMLESS = {
    "core": {
        "repositoryformatversion",
        "filemode",
        "bare",
        "logallrefupdates",
        "ignorecase",
        "precomposeunicode",
        "symlinks",
        "autocrlf",
        "eol",
        "safecrlf",
        "sharedrepository",
        "sparsecheckout",
        "sparsecheckoutcone",
        "abbrev",
        "quotepath",
        "untrackedcache",
        "preloadindex",
        "longpaths",
    },
    "extensions": {"objectformat", "partialclone", "refstorage"},
    "remote": {"url", "pushurl", "fetch", "tagopt", "prune", "promisor", "partialclonefilter"},
    "branch": {"remote", "merge", "rebase", "pushremote", "description"},
    "init": {"defaultbranch"},
    "user": {"name", "email"},
    "pull": {"rebase", "ff"},
    "push": {"default", "autosetupremote"},
    "submodule": {"active", "url"},
    "gc": {"auto"},
}


class Obeyed(msgspec.Struct, frozen=True):
    """A file that git obeys, as it is: its bytes and mode, or where it leads as a link. What can't be read has neither."""

    data: bytes = b""
    mode: int = 0
    link: str = ""


def read_obeyed(git_folder: Path) -> dict[str, Obeyed]:
    """What git obeys in `git_folder`, by path inside it; samples of hooks are never run and don't count."""
    found: dict[str, Obeyed] = {}
    for name in _SINGLE_FILES:
        if (kept := read_file(git_folder / name)) is not None:
            found[name] = kept
    hooks = read_file(git_folder / "hooks")
    if hooks is not None and (hooks.link or not is_folder(git_folder / "hooks")):
        found["hooks"] = hooks
    elif hooks is not None:
        for name in islice(sorted(_names(git_folder / "hooks")), _MOST_HOOKS):
            if not name.endswith((".sample", SET_ASIDE)) and (kept := read_file(git_folder / "hooks" / name)):
                found[f"hooks/{name}"] = kept
    return found


def read_file(path: Path) -> Obeyed | None:
    """What is at `path`, None where there is nothing; folders and devices count as something that can't be read."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            return Obeyed(link=os.fspath(path.readlink()))
        if not stat.S_ISREG(mode):
            return Obeyed(mode=stat.S_IFMT(mode))
        # Never waits, even if a pipe takes the place of the file at this moment.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return Obeyed(file.read(MOST_BYTES), stat.S_IMODE(mode))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return Obeyed()


def risky_settings(kept: Obeyed) -> frozenset[str]:
    """The settings of a git configuration that are not known to be harmless: any other might name a program or a file."""
    if kept.link or (kept.mode and stat.S_IFMT(kept.mode)):
        return frozenset({"a link or folder in place of the file"})
    risky, section = set(), ""
    for line in _lines(kept.data):
        if len(line) > _LONGEST_LINE:
            risky.add("a line of more than ten thousand characters")
            continue
        rest = line
        if match := _SECTION.match(line):
            section, rest = match[1].casefold(), line[match.end() :]
        if not rest.strip() or rest.lstrip()[0] in "#;":
            continue
        entry = _ENTRY.fullmatch(rest)
        value = (entry[2] or "").strip('"') if entry else ""
        is_known = entry is not None and entry[1].casefold() in _HARMLESS.get(section, ())
        if not is_known or "::" in value or value.startswith(("!", "-")):
            risky.add(f"[{section}] {rest.strip()}")
    return frozenset(risky)


def named_files(kept: Obeyed, work_folder: Path, git_folder: Path) -> list[Path]:
    """The folders and files with more that git obeys, as a configuration names them: its hooks, and what it includes."""
    section, found = "", []
    for line in _lines(kept.data):
        if len(line) > _LONGEST_LINE:
            continue
        match = _SECTION.match(line)
        section = match[1].casefold() if match else section
        entry = _ENTRY.fullmatch(line[match.end() :] if match else line)
        value = (entry[2] or "").strip('"') if entry else ""
        if entry is None or not value or "\0" in value:
            continue
        key = f"{section}.{entry[1].casefold()}"
        if key == "core.hookspath":
            found.append(work_folder / value)
        elif key in {"include.path", "includeif.path"}:
            found.append(git_folder / value)
    return found


def git_folders(git_folder: Path) -> Iterator[Path]:
    """`git_folder` and those of its submodules, which lie in its `modules`, at any depth up to a limit."""
    yield git_folder
    waiting, seen = [git_folder / "modules"], 0
    while waiting and seen < _MOST_MODULES:
        folder = waiting.pop()
        seen += 1
        names = _names(folder) if is_folder(folder) and not folder.is_symlink() else frozenset()
        if names >= {"HEAD", "objects"}:
            yield folder
            waiting.append(folder / "modules")
        else:
            waiting += (folder / name for name in sorted(names))


def is_folder(path: Path) -> bool:
    """Whether a folder is at `path` or where it leads; one that can't be looked at is none."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _names(folder: Path) -> frozenset[str]:
    """What is in `folder`; nothing where git couldn't list it either."""
    try:
        return frozenset(child.name for child in folder.iterdir())
    except OSError:
        return frozenset()


def _lines(data: bytes) -> list[str]:
    """The lines of a configuration, those joined that a backslash continues."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").removeprefix("\ufeff")
    return re.sub(r"(?<!\\)((?:\\\\)*)\\\n", r"\1 ", text).split("\n")
