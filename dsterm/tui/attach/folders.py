"""The folders of a survey. Files are sorted by the bytes of their paths, so each folder is one run of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from dsterm.core.attachments import LeftOut, Survey


class Folder:
    """A folder: `path` ends in `/` ("" is everything), `label` is what a row shows, `start` to `end` are its files' numbers.

    A folder that holds one folder and nothing else is one with it: `src/app/`.
    """

    __slots__ = ("depth", "end", "files", "folders", "is_open", "label", "named", "parent", "path", "start")

    def __init__(self, path: str, label: str, start: int, parent: Folder | None) -> None:
        self.path = path
        self.label = label
        self.start = start
        self.end = start
        self.parent = parent
        self.folders: list[Folder] = []
        self.files: list[int] = []
        self.named: list[LeftOut] = []
        self.depth = 0
        self.is_open = False

    def walk(self) -> Iterator[Folder]:
        """The folder and those in it, each before those inside."""
        waiting = [self]
        while waiting:
            folder = waiting.pop()
            yield folder
            waiting.extend(reversed(folder.folders))


def build_folders(survey: Survey) -> Folder:
    """All folders of `survey`, the root open, the others closed."""
    paths = [file.path for file in survey.files]
    root = _of_files(paths)
    known = {folder.path: folder for folder in root.walk()}
    keys = [path.encode("utf-8", "surrogateescape") for path in paths] if survey.named else []
    for left in survey.named:
        _holder(known, left.path, keys).named.append(left)
    for folder in root.walk():
        _join(folder)
    root.is_open = True
    return root


def _of_files(paths: list[str]) -> Folder:
    root = Folder("", "", 0, None)
    root.end = len(paths)
    folder = root
    for number, path in enumerate(paths):
        cut = path.rfind("/") + 1
        if path[:cut] != folder.path:
            while not path.startswith(folder.path):
                folder.end = number
                folder = folder.parent or root
            for name in path[len(folder.path) : cut].split("/")[:-1]:
                inner = Folder(f"{folder.path}{name}/", f"{name}/", number, folder)
                folder.folders.append(inner)
                folder = inner
        folder.files.append(number)
    while folder.parent is not None:
        folder.end = len(paths)
        folder = folder.parent
    return root


def _holder(known: dict[str, Folder], path: str, keys: list[bytes]) -> Folder:
    """The folder in which `path` is, made where no file is in it."""
    parent = path[: path.rstrip("/").rfind("/") + 1]
    at = parent
    while at not in known:
        at = at[: at.rfind("/", 0, -1) + 1]
    folder = known[at]
    for name in parent[len(at) :].split("/")[:-1]:
        inner_path = f"{folder.path}{name}/"
        inner = Folder(inner_path, f"{name}/", bisect_left(keys, inner_path.encode("utf-8", "surrogateescape")), folder)
        known[inner_path] = inner
        folder.folders.append(inner)
        folder.folders.sort(key=lambda each: each.path)
        folder = inner
    return folder


def _join(folder: Folder) -> None:
    """Make one of `folder` and what is alone in it; its depth is known then."""
    if folder.parent is not None:
        folder.depth = folder.parent.depth + 1
        while len(folder.folders) == 1 and not folder.files and not folder.named:
            inner = folder.folders[0]
            folder.path, folder.label = inner.path, folder.label + inner.label
            folder.folders, folder.files, folder.named = inner.folders, inner.files, inner.named
            for each in folder.folders:
                each.parent = folder
