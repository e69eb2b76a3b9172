"""The workspace as it would be after a patch: every file checked and worked out in memory before the first byte is written."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import msgspec

from dsterm.core.diff import FileDiff, LineKind
from dsterm.core.errors import ToolError
from dsterm.core.workspace import Workspace
from dsterm.tools.changes import FileChange, FileState, notes_between, state_of
from dsterm.tools.hunk_splices import splices_of
from dsterm.tools.patch_model import FilePatch, PatchAction
from dsterm.tools.read_record import ReadRecord
from dsterm.tools.splice_diff import diff_of_splices
from dsterm.tools.text_diff import diff_of
from dsterm.tools.text_file import Splice, decode, encode, spliced

_EXECUTE = 0o111
_READ_BITS = 2
"""How far the bits for reading stand above those for executing."""


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """The splices that made a file out of the text it has on disk at `origin`."""

    origin: Path
    text: str
    splices: tuple[Splice, ...]


class Staging:
    """Takes in one file of a patch after the other; nothing is written here."""

    def __init__(self, workspace: Workspace, record: ReadRecord) -> None:
        self._workspace = workspace
        self._record = record
        self._before: dict[Path, FileState] = {}
        self._after: dict[Path, FileState] = {}
        self._moved_from: dict[Path, Path] = {}
        self._copied_from: dict[Path, Path] = {}
        self._known: dict[Path, _Known] = {}
        self.notes: list[str] = []

    def apply(self, patch: FilePatch) -> None:
        """Take one file of the patch in; ToolError names the file, and the hunk where there is one."""
        path = self._path(patch)
        state = self._state(path)
        if patch.action is PatchAction.ADD:
            self._add(path, patch, state)
            return
        if patch.action is PatchAction.COPY and self._before[path].data is not None:
            # git copies from the file as it was before the patch, whatever the patch does to it.
            state = self._before[path]
        data = state.data
        if data is None:
            raise ToolError(f"There is no file {patch.path} to patch. Use glob to find the right path.")
        if patch.action in {PatchAction.DELETE, PatchAction.MOVE}:
            self._check_no_link(patch.path, path)
        match patch.action:
            case PatchAction.DELETE:
                self._delete(path, patch, data)
            case PatchAction.MOVE | PatchAction.COPY:
                self._transfer(path, patch, state)
            case _:
                self._after[path] = self._changed(path, path, patch, state)

    def changes(self) -> dict[Path, FileChange]:
        """Every file that comes out different from what is on disk."""
        changes = {path: FileChange(before=self._before[path], after=after) for path, after in self._after.items()}
        changed = {path: change for path, change in changes.items() if change.before != change.after}
        if not changed:
            raise ToolError("The patch changes nothing: the files are already so.")
        return changed

    def diffs(self, changes: dict[Path, FileChange]) -> tuple[FileDiff, ...]:
        """What the user is asked to approve; a file that moved is one change."""
        moved_away = {origin for path, origin in self._moved_from.items() if path in changes}
        return tuple(
            self._diff(path, change)
            for path, change in changes.items()
            if not (path in moved_away and change.after.data is None)
        )

    def _path(self, patch: FilePatch) -> Path:
        path = self._workspace.resolve(patch.path)
        if patch.action is not PatchAction.CHANGE or not patch.other_path:
            return path
        other = self._workspace.resolve(patch.other_path)
        if self._state(path).data is None:
            return other if self._state(other).data is not None else path
        names_differ = PurePosixPath(patch.path).name != PurePosixPath(patch.other_path).name
        if names_differ and self._state(other).data is not None:
            raise ToolError(
                f"The patch names both {patch.other_path} and {patch.path}, and both exist. Name the file that is to change."
            )
        return path

    def _add(self, path: Path, patch: FilePatch, state: FileState) -> None:
        if state.data is not None:
            raise ToolError(f"{patch.path} exists already, so the patch can't create it. Send hunks that change it.")
        mode = 0o755 if patch.is_executable else None
        self._after[path] = FileState(data=encode(_new_text(patch)), mode=mode)

    def _delete(self, path: Path, patch: FilePatch, data: bytes) -> None:
        if patch.hunks:
            file = decode(data, patch.path)
            if spliced(file, splices_of(file, patch).splices) not in {b"", file.encoding.mark}:
                raise ToolError(
                    f"The patch deletes {patch.path} but leaves lines of it. Read it again, then delete it."
                )
        elif self._record.knows(path) and path not in self._after:
            self._record.require(path, data, patch.path)
        self._after[path] = FileState()

    def _transfer(self, path: Path, patch: FilePatch, state: FileState) -> None:
        target = self._workspace.resolve(patch.new_path)
        verb = "move" if patch.action is PatchAction.MOVE else "be copied"
        if self._state(target).data is not None:
            raise ToolError(
                f"{patch.new_path} exists already, so {patch.path} can't {verb} there. Choose another name."
            )
        decode(state.data or b"", patch.path)
        self._after[target] = self._changed(path, target, patch, state)
        if patch.action is PatchAction.COPY:
            self._copied_from[target] = path
            return
        self._after[path] = FileState()
        self._moved_from[target] = self._moved_from.pop(path, path)

    def _changed(self, path: Path, target: Path, patch: FilePatch, state: FileState) -> FileState:
        """What becomes of the content and mode of `path`, which stands at `target` then."""
        data = state.data or b""
        if patch.hunks:
            file = decode(data, self._workspace.display(path))
            found = splices_of(file, patch)
            self.notes += found.notes
            after = spliced(file, found.splices)
            if state is self._before[path]:
                self._known[target] = _Known(origin=path, text=file.text, splices=found.splices)
            else:
                self._known.pop(target, None)
            data = after
        return FileState(data=data, mode=_with_execution(state.mode, patch.is_executable))

    def _diff(self, path: Path, change: FileChange) -> FileDiff:
        name = self._workspace.display(path)
        origin = self._moved_from.get(path)
        before = self._before[origin] if origin else change.before
        old_path = self._workspace.display(origin) if origin else ""
        known = self._known.get(path)
        if known and known.origin == (origin or path):
            diff = diff_of_splices(name, known.text, known.splices, old_path=old_path)
        else:
            diff = diff_of(name, self._text(path, before), self._text(path, change.after), old_path=old_path)
        if copied := self._copied_from.get(path):
            diff = msgspec.structs.replace(diff, old_path=self._workspace.display(copied))
        return msgspec.structs.replace(diff, note=notes_between(before, change.after, diff))

    def _text(self, path: Path, state: FileState) -> str | None:
        return None if state.data is None else decode(state.data, self._workspace.display(path)).text

    def _check_no_link(self, name: str, path: Path) -> None:
        """What is deleted or moved is the file that is named, not what a link of that name leads to."""
        pure = PurePosixPath(name)
        if self._workspace.resolve(str(pure.parent)) / pure.name != path:
            raise ToolError(f"{name} is a link to {self._workspace.display(path)}. Name that file instead.")

    def _state(self, path: Path) -> FileState:
        if path not in self._before:
            self._before[path] = state_of(self._workspace, path)
        return self._after.get(path, self._before[path])


def _with_execution(mode: int | None, is_executable: bool | None) -> int | None:
    """The permission bits with those for executing wherever reading is allowed, or with none of them."""
    if mode is None or is_executable is None:
        return mode
    return mode | ((mode >> _READ_BITS) & _EXECUTE) if is_executable else mode & ~_EXECUTE


def _new_text(patch: FilePatch) -> str:
    """The content of a new file: its added lines."""
    lines = [line for hunk in patch.hunks for line in hunk.lines]
    if any(line.kind is not LineKind.ADDED for line in lines):
        raise ToolError(f"{patch.path} is new, so all its lines begin with +.")
    text = "".join(f"{line.text}\n" for line in lines)
    lacks = bool(patch.hunks) and patch.hunks[-1].new_lacks_newline
    return text.removesuffix("\n") if lacks else text
