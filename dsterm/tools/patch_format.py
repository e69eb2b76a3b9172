"""A patch as text, to one model: finds out which form it has, and refuses what it can't read to the last line.

The `*** Begin Patch` form is read here, unified diffs in `unified_diff`. Words before the patch, a code fence
or a shell heredoc around it are passed over.
"""

from __future__ import annotations

from dsterm.core.diff import ChangeKind, DiffLine, LineKind
from dsterm.core.errors import ToolError
from dsterm.tools.patch_model import FilePatch, PatchHunk
from dsterm.tools.unified_diff import HUNK_HEADER, is_file_header, parse_unified

_BEGIN = "*** Begin Patch"
_END = "*** End Patch"
_END_OF_FILE = "*** End of File"
_ADD = "*** Add File:"
_DELETE = "*** Delete File:"
_UPDATE = "*** Update File:"
_MOVE = "*** Move to:"


def parse_patch(text: str) -> list[FilePatch]:
    """The files that `text` changes, in its order; ToolError says which line can't be read."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    for index, line in enumerate(lines):
        if line.strip() == _BEGIN:
            return _checked(_BeginPatch(lines, index + 1).parse())
        if is_file_header(lines, index):
            return _checked(parse_unified(lines, index))
    raise ToolError(
        "There is no patch in it. Send a unified diff that begins with `--- a/FILE` and `+++ b/FILE`, "
        f"or the form that begins with `{_BEGIN}`."
    )


def _checked(patches: list[FilePatch]) -> list[FilePatch]:
    if not patches:
        raise ToolError("The patch names no file. Say which file each hunk belongs to.")
    for patch in patches:
        if patch.kind is ChangeKind.MODIFIED and not patch.hunks:
            raise ToolError(f"The patch changes nothing in {patch.path}. Give at least one hunk for it.")
    return patches


class _BeginPatch:
    """Reads the `*** Begin Patch` form from line `position` on."""

    def __init__(self, lines: list[str], position: int) -> None:
        self._lines = lines
        self._position = position

    def parse(self) -> list[FilePatch]:
        patches: list[FilePatch] = []
        while True:
            line = self._next("is cut off: there is no `*** End Patch`. Send all of it")
            if line.strip() == _END:
                if any(later.strip() == _BEGIN for later in self._lines[self._position :]):
                    raise ToolError(
                        "There are two patches in it. Send all files between one Begin Patch and End Patch."
                    )
                return patches
            if line.startswith(_ADD):
                patches.append(self._added(line.removeprefix(_ADD).strip()))
            elif line.startswith(_DELETE):
                patches.append(FilePatch(path=line.removeprefix(_DELETE).strip(), kind=ChangeKind.DELETED))
            elif line.startswith(_UPDATE):
                patches.append(self._updated(line.removeprefix(_UPDATE).strip()))
            elif line.strip() not in {"", _END_OF_FILE}:
                raise self._unreadable("begins no file; write `*** Update File: PATH` first")

    def _added(self, path: str) -> FilePatch:
        lines = []
        while (line := self._peek()) is not None and not line.startswith("***"):
            self._position += 1
            if line and not line.startswith("+"):
                raise self._unreadable("should begin with +, as all lines of a new file")
            lines.append(line)
        while lines and lines[-1] == "":
            lines.pop()
        added = tuple(DiffLine(LineKind.ADDED, line[1:]) for line in lines)
        return FilePatch(path=path, kind=ChangeKind.CREATED, hunks=(PatchHunk(lines=added),))

    def _updated(self, path: str) -> FilePatch:
        new_path = ""
        if (line := self._peek()) is not None and line.startswith(_MOVE):
            self._position += 1
            new_path = line.removeprefix(_MOVE).strip()
        hunks = []
        while (line := self._peek()) is not None and not self._begins_file(line):
            hunks.append(self._hunk())
        kept = tuple(hunk for hunk in hunks if hunk.lines)
        kind = ChangeKind.RENAMED if new_path else ChangeKind.MODIFIED
        return FilePatch(path=path, kind=kind, hunks=kept, new_path=new_path)

    def _hunk(self) -> PatchHunk:
        anchors, hint = self._anchors()
        lines: list[DiffLine] = []
        is_at_end = False
        while (line := self._peek()) is not None and not line.startswith("@@") and not self._begins_file(line):
            self._position += 1
            if line.strip() == _END_OF_FILE:
                is_at_end = True
                break
            if line[:1] not in {"", " ", "+", "-"}:
                raise self._unreadable("should begin with a space, + or -")
            kind = LineKind(line[:1] or " ")
            lines.append(DiffLine(kind, line[1:]))
        separators = 0 if is_at_end else self._blank_lines_before()
        lines = lines[: max(0, len(lines) - separators)]
        return PatchHunk(lines=tuple(lines), hint=hint, anchors=anchors, is_at_end=is_at_end)

    def _anchors(self) -> tuple[tuple[str, ...], int]:
        anchors: list[str] = []
        hint = 0
        while (line := self._peek()) is not None and line.startswith("@@"):
            self._position += 1
            if numbers := HUNK_HEADER.match(line):
                hint = int(numbers["old"])
                continue
            anchor = line.removeprefix("@@").removesuffix("@@").strip()
            if anchor:
                anchors.append(anchor)
        return tuple(anchors), hint

    def _begins_file(self, line: str) -> bool:
        return line.strip() == _END or line.startswith((_ADD, _DELETE, _UPDATE))

    def _blank_lines_before(self) -> int:
        """How many quite empty lines were just read: they only keep a hunk and the next marker apart."""
        start = self._position
        while start > 0 and self._lines[start - 1] == "":
            start -= 1
        return self._position - start

    def _peek(self) -> str | None:
        return self._lines[self._position] if self._position < len(self._lines) else None

    def _next(self, problem: str) -> str:
        line = self._peek()
        if line is None:
            raise ToolError(f"The patch {problem}.")
        self._position += 1
        return line

    def _unreadable(self, problem: str) -> ToolError:
        return ToolError(f"Line {self._position} of the patch {problem}.")
