"""A patch as text, to one model: finds out which form it has, and refuses what it can't read to the last line.

The `*** Begin Patch` form is read here, unified diffs in `unified_diff`. Words before the patch, a code fence
or a shell heredoc around it are passed over.
"""

from __future__ import annotations

import re
import textwrap

from dsterm.core.diff import DiffLine, LineKind
from dsterm.core.errors import ToolError
from dsterm.tools.patch_model import FilePatch, PatchAction, PatchHunk
from dsterm.tools.unified_diff import HUNK_HEADER, anchors_in, diff_line, is_file_header, mark_of, parse_unified

_BEGIN = "*** Begin Patch"
_END = "*** End Patch"
_END_OF_FILE = "*** End of File"
_FILE = re.compile(r"\*\*\* (add|delete|update) file:\s*(.*)", re.IGNORECASE)
_MOVE = re.compile(r"\*\*\* move to:\s*(.*)", re.IGNORECASE)


def parse_patch(text: str) -> list[FilePatch]:
    """The files that `text` changes, in its order; ToolError says which line can't be read."""
    patches = _parse(text) or _parse(textwrap.dedent(text))
    if patches is not None:
        return _checked(patches)
    if "\n" not in text.strip() and "\\n" in text:
        raise ToolError("The patch is one line with \\n written out as two characters. Send real line ends.")
    if "<<<<<<<" in text and ">>>>>>>" in text:
        raise ToolError("Search and replace blocks are no patch. Use edit, or send a unified diff.")
    raise ToolError(
        "There is no patch in it. Send a unified diff that begins with `--- a/FILE` and `+++ b/FILE`, "
        f"or the form that begins with `{_BEGIN}`."
    )


def _parse(text: str) -> list[FilePatch] | None:
    """The files of the first patch in `text`, None when there is none."""
    lines = text.removeprefix("\ufeff").split("\n")
    for index, line in enumerate(lines):
        is_begin = line.strip() == _BEGIN
        if not is_begin and not is_file_header(lines, index):
            continue
        if line.endswith("\r"):
            # The text itself was sent with these line ends, so they say nothing about the files.
            lines = [one.removesuffix("\r") for one in lines]
        return _BeginPatch(lines, index + 1).parse() if is_begin else parse_unified(lines, index)
    return None


def _checked(patches: list[FilePatch]) -> list[FilePatch]:
    if not patches:
        raise ToolError("The patch names no file. Say which file each hunk belongs to.")
    for patch in patches:
        if not patch.path or (patch.action in {PatchAction.MOVE, PatchAction.COPY} and not patch.new_path):
            raise ToolError("A part of the patch has no path. Name the file of each part.")
        if patch.action is PatchAction.CHANGE and not patch.hunks and patch.is_executable is None:
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
            if found := _FILE.fullmatch(line.strip()):
                patches.append(self._file(found[1].casefold(), found[2]))
            elif line.strip() not in {"", _END_OF_FILE}:
                raise self._unreadable("begins no file; write `*** Update File: PATH` first")

    def _file(self, verb: str, path: str) -> FilePatch:
        match verb:
            case "add":
                return self._added(path)
            case "delete":
                return FilePatch(path=path, action=PatchAction.DELETE)
            case _:
                return self._updated(path)

    def _added(self, path: str) -> FilePatch:
        lines = []
        while (line := self._peek()) is not None and not line.startswith("***"):
            self._position += 1
            if line.strip() and not line.startswith("+"):
                raise self._unreadable("should begin with +, as all lines of a new file")
            lines.append(line)
        while lines and not lines[-1].startswith("+"):
            lines.pop()
        added = tuple(DiffLine(LineKind.ADDED, line[1:]) for line in lines)
        return FilePatch(path=path, action=PatchAction.ADD, hunks=(PatchHunk(lines=added),) if added else ())

    def _updated(self, path: str) -> FilePatch:
        new_path = ""
        if (line := self._peek()) is not None and (move := _MOVE.fullmatch(line.strip())):
            self._position += 1
            new_path = move[1]
        self._skip_names(path)
        hunks = []
        while (line := self._peek()) is not None and not self._begins_file(line):
            hunks.append(self._hunk())
        kept = tuple(hunk for hunk in hunks if hunk.lines)
        action = PatchAction.MOVE if new_path else PatchAction.CHANGE
        return FilePatch(path=path, action=action, hunks=kept, new_path=new_path)

    def _skip_names(self, path: str) -> None:
        """Pass over the `---` and `+++` of the other form, which name the file once more."""
        pair = self._lines[self._position : self._position + 2]
        if len(pair) == 2 and pair[0].startswith("--- ") and pair[1].startswith("+++ "):
            name = path.rpartition("/")[2]
            if all(line.rstrip().endswith((name, "/dev/null")) for line in pair):
                self._position += 2

    def _hunk(self) -> PatchHunk:
        anchors, hint = self._anchors()
        lines: list[DiffLine] = []
        is_at_end, old_lacks, new_lacks = False, False, False
        while (line := self._peek()) is not None and not line.startswith("@@") and not self._begins_file(line):
            self._position += 1
            if line.rstrip() == _END_OF_FILE:
                is_at_end = True
                break
            if line.startswith("\\ "):
                last = lines[-1].kind if lines else LineKind.CONTEXT
                old_lacks, new_lacks = (
                    old_lacks or last is not LineKind.ADDED,
                    new_lacks or last is not LineKind.REMOVED,
                )
                continue
            if mark_of(line) not in {" ", "+", "-"}:
                raise self._unreadable("should begin with a space, + or -")
            lines.append(diff_line(line))
        separators = 0 if is_at_end else self._blank_lines_before()
        return PatchHunk(
            lines=tuple(lines[: max(0, len(lines) - separators)]),
            hint=hint,
            anchors=anchors,
            is_at_end=is_at_end or old_lacks or new_lacks,
            old_lacks_newline=old_lacks,
            new_lacks_newline=new_lacks,
        )

    def _anchors(self) -> tuple[tuple[str, ...], int]:
        anchors: list[str] = []
        hint = 0
        while (line := self._peek()) is not None and line.startswith("@@"):
            self._position += 1
            if numbers := HUNK_HEADER.match(line):
                hint = int(numbers["old"])
                continue
            anchors += anchors_in(line.strip().removeprefix("@@").removesuffix("@@"))
        return tuple(anchors), hint

    def _begins_file(self, line: str) -> bool:
        return line.rstrip() == _END or _FILE.fullmatch(line.rstrip()) is not None

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
