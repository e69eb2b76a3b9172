"""The tool `apply_patch`: a change over several files, all of them or none."""

from __future__ import annotations

import asyncio
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Annotated

import msgspec

from dsterm.core.diff import ChangeKind, FileDiff, LineKind
from dsterm.core.errors import ToolError
from dsterm.core.tools import PreparedCall, Tool
from dsterm.core.workspace import Workspace
from dsterm.tools.changes import FileBytes, content_of, diff_of, prepare_changes
from dsterm.tools.checked_tool import CheckedTool
from dsterm.tools.matching import FileLines, place_hunk
from dsterm.tools.patch_format import parse_patch
from dsterm.tools.patch_model import FilePatch, PatchHunk
from dsterm.tools.read_record import ReadRecord
from dsterm.tools.text_file import Splice, decode, encode, spliced


class ApplyPatchArguments(msgspec.Struct, frozen=True):
    """What `apply_patch` takes."""

    patch: Annotated[str, msgspec.Meta(description="the patch text")]


def apply_patch_tool(workspace: Workspace, record: ReadRecord) -> Tool:
    """`apply_patch` over `workspace`; context lines prove what the model knows, so files need not stand in `record`."""

    async def plan(arguments: ApplyPatchArguments) -> PreparedCall:
        return await asyncio.to_thread(_plan_patch, workspace, record, arguments.patch)

    return CheckedTool("apply_patch", ApplyPatchArguments, plan)


def _plan_patch(workspace: Workspace, record: ReadRecord, text: str) -> PreparedCall:
    staged = _Staged(workspace)
    for patch in parse_patch(text):
        staged.apply(patch)
    return prepare_changes(workspace, record, staged.files(), staged.diffs())


class _Staged:
    """The workspace as it would be after the files of a patch so far; nothing is written here."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._before: dict[Path, bytes | None] = {}
        self._after: dict[Path, bytes | None] = {}
        self._origin: dict[Path, Path] = {}

    def apply(self, patch: FilePatch) -> None:
        """Take one file of the patch in; ToolError names the file, and the hunk where there is one."""
        path = self._workspace.resolve(patch.path)
        content = self._content(path)
        if patch.kind is ChangeKind.CREATED:
            if content is not None:
                raise ToolError(
                    f"{patch.path} exists already, so the patch can't create it. Send hunks that change it."
                )
            self._after[path] = encode(_new_text(patch))
            return
        if content is None:
            raise ToolError(f"There is no file {patch.path} to patch. Use glob to find the right path.")
        changed = apply_hunks(content, patch) if patch.hunks else content
        match patch.kind:
            case ChangeKind.DELETED:
                if patch.hunks and changed:
                    raise ToolError(
                        f"The patch deletes {patch.path} but leaves lines of it. Read it again, then delete it."
                    )
                self._after[path] = None
            case ChangeKind.RENAMED:
                self._move(path, patch, changed)
            case _:
                self._after[path] = changed

    def files(self) -> dict[Path, FileBytes]:
        """Every file that comes out different from what is on disk."""
        files = {path: FileBytes(before=self._before[path], after=after) for path, after in self._after.items()}
        changed = {path: content for path, content in files.items() if content.before != content.after}
        if not changed:
            raise ToolError("The patch changes nothing: the files are already so.")
        return changed

    def diffs(self) -> tuple[FileDiff, ...]:
        """What the user is asked to approve; a file that moved is one change."""
        files = self.files()
        moved_away = {origin for path, origin in self._origin.items() if path in files}
        return tuple(
            self._diff(path, content)
            for path, content in files.items()
            if not (path in moved_away and content.after is None)
        )

    def _diff(self, path: Path, content: FileBytes) -> FileDiff:
        origin = self._origin.get(path)
        before = self._before[origin] if origin else content.before
        return diff_of(
            self._workspace.display(path),
            self._text(origin or path, before),
            self._text(path, content.after),
            old_path=self._workspace.display(origin) if origin else "",
        )

    def _text(self, path: Path, data: bytes | None) -> str | None:
        return None if data is None else decode(data, self._workspace.display(path)).text

    def _move(self, path: Path, patch: FilePatch, changed: bytes) -> None:
        target = self._workspace.resolve(patch.new_path)
        if self._content(target) is not None:
            raise ToolError(f"{patch.new_path} exists already, so {patch.path} can't move there. Choose another name.")
        decode(changed, patch.path)
        self._after[path] = None
        self._after[target] = changed
        self._origin[target] = self._origin.pop(path, path)

    def _content(self, path: Path) -> bytes | None:
        if path not in self._before:
            self._before[path] = content_of(self._workspace, path)
        return self._after.get(path, self._before[path])


def apply_hunks(data: bytes, patch: FilePatch) -> bytes:
    """The bytes of the file after all hunks of `patch`, each placed in the file as it was before. ToolError if one isn't."""
    file = decode(data, patch.path)
    lines = FileLines(file.text)
    starts = [0, *accumulate(len(line) + 1 for line in lines.lines)]
    splices: list[Splice] = []
    for number, hunk in enumerate(patch.hunks, 1):
        label = f"{patch.path}, hunk {number}" if len(patch.hunks) > 1 else patch.path
        place = place_hunk(lines, hunk, label)
        splices += _splices(lines, starts, hunk, place)
    splices.sort(key=lambda splice: (splice.start, splice.end))
    for one, following in pairwise(splices):
        if following.start < one.end or following.start == one.start:
            line = file.text.count("\n", 0, following.start) + 1
            raise ToolError(f"{patch.path}: two hunks change the same place, line {line}. Join them into one.")
    return spliced(file, splices)


def _splices(file: FileLines, starts: list[int], hunk: PatchHunk, place: int) -> list[Splice]:
    """One splice for each run of removed and added lines; lines that are kept are not touched."""
    says_how_it_ends = hunk.old_lacks_newline or hunk.new_lacks_newline
    ends_with_newline = not hunk.new_lacks_newline if says_how_it_ends else file.ends_with_newline
    splices = []
    first = last = place
    added: list[str] = []
    for line in (*hunk.lines, None):
        if line is not None and line.kind is LineKind.ADDED:
            added.append(line.text)
        elif line is not None and line.kind is LineKind.REMOVED:
            last += 1
        else:
            if added or last > first:
                splices.append(_splice(file, starts, range(first, last), added, ends_with_newline))
            first = last = last + 1
            added = []
    return splices


def _splice(file: FileLines, starts: list[int], lines: range, added: list[str], ends_with_newline: bool) -> Splice:
    """`added` in place of `lines`; at the end of the file the final newline is a matter of its own."""
    text = "".join(f"{line}\n" for line in added)
    start, end = starts[lines.start], starts[lines.stop]
    if lines.stop < len(file.lines):
        return Splice(start, end, text)
    length = starts[-1] - (0 if file.ends_with_newline or not file.lines else 1)
    if start > length:
        start, text = length, f"\n{text}"
    if not ends_with_newline:
        if not added and start > 0:
            start -= 1
        text = text.removesuffix("\n")
    return Splice(start, length, text)


def _new_text(patch: FilePatch) -> str:
    """The content of a new file: its added lines."""
    lines = [line for hunk in patch.hunks for line in hunk.lines]
    if any(line.kind is not LineKind.ADDED for line in lines):
        raise ToolError(f"{patch.path} is new, so all its lines begin with +.")
    text = "".join(f"{line.text}\n" for line in lines)
    lacks = bool(patch.hunks) and patch.hunks[-1].new_lacks_newline
    return text.removesuffix("\n") if lacks else text
