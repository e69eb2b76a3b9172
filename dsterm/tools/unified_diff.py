r"""Unified diffs as git and diff write them, and as models do: counts and line numbers may be wrong, the lines may not.

A hunk is read by its counts where they come out even, else up to the next line that can't belong to it.
"""

from __future__ import annotations

import re

import msgspec

from dsterm.core.diff import DiffLine, LineKind
from dsterm.core.errors import ToolError
from dsterm.tools.patch_model import FilePatch, PatchAction, PatchHunk

HUNK_HEADER = re.compile(r"@@+ -(?P<old>\d+)(?:,(?P<olds>\d+))? \+(?P<new>\d+)(?:,(?P<news>\d+))? @@+")
_NO_FILE = "/dev/null"
_MARKS = frozenset(" -+\\")
_ESCAPE = re.compile(rb'\\([abfnrtv"\\]|[0-7]{3})')
_ESCAPED = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_SIGNATURE = re.compile(r"\d+\.\d[\w.-]*")
_BETWEEN_FILES = ("Index: ", "=====", "diff ")
_PASSED_OVER = ("index ", "similarity index ", "dissimilarity index ", "Index: ", "=====")
_BINARY = ("GIT binary patch", "Binary files ")
_MODES = ("old mode ", "new mode ", "new file mode ", "deleted file mode ")
_PATHS = ("rename from ", "rename to ", "copy from ", "copy to ")
_EXECUTABLE = "100755"
_REGULAR = ("100644", "100664", "100600", _EXECUTABLE)
_STAMP = re.compile(r"\s+\d{4}-\d\d-\d\d[ T]\d\d:\d\d.*|\s+(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} .*")
_NO_ANCHOR = re.compile(r"[-+\d,.\s]*|\W*")


class _Header(msgspec.Struct, kw_only=True):
    """What the lines before the hunks say of a file."""

    old: str = ""
    new: str = ""
    action: PatchAction = PatchAction.CHANGE
    is_executable: bool | None = None

    @property
    def is_named(self) -> bool:
        """Whether lines of git's own have given both paths, which are surer than those of `---` and `+++`."""
        return self.action in {PatchAction.MOVE, PatchAction.COPY}


def is_file_header(lines: list[str], index: int) -> bool:
    """Whether the part of a file begins at this line."""
    if lines[index].startswith("diff --git "):
        return True
    following = lines[index + 1] if index + 1 < len(lines) else ""
    return lines[index].startswith("--- ") and following.startswith("+++ ")


def parse_unified(lines: list[str], start: int) -> list[FilePatch]:
    """The files of the diff that begins at line `start`; ToolError names the line that can't be read."""
    patches = []
    index = start
    while index < len(lines) and not _is_over(lines, index):
        if not is_file_header(lines, index):
            if lines[index].startswith(_BETWEEN_FILES) or not lines[index]:
                index += 1
                continue
            raise ToolError(
                f"Line {index + 1} of the patch begins neither a file nor a hunk. "
                "A hunk begins with @@, its lines with a space, + or -."
            )
        header, index = _read_header(lines, index)
        hunks = []
        while index < len(lines) and lines[index].startswith("@@"):
            hunk, index = _read_hunk(lines, index)
            hunks.append(hunk)
        patches.append(_file_patch(header, tuple(hunks)))
    if any(is_file_header(lines, later) for later in range(index, len(lines))):
        raise ToolError("There are two patches in it. Send one diff with all files.")
    return patches


def _is_over(lines: list[str], index: int) -> bool:
    """Whether only blank lines, the end of a fence, or a mail signature are left."""
    rest = next((position for position in range(index, len(lines)) if lines[position].strip()), None)
    if rest is None:
        return True
    line = lines[rest]
    if line == "-- ":
        signature = [later for later in lines[rest + 1 : rest + 9] if later.strip()]
        return len(signature) == 1 and _SIGNATURE.fullmatch(signature[0]) is not None
    return line.startswith(("```", "~~~")) or line in {"EOF", "PATCH"}


def _read_header(lines: list[str], index: int) -> tuple[_Header, int]:
    header = _Header()
    if lines[index].startswith("diff --git "):
        header.old, header.new = _names_of_git_line(lines[index].removeprefix("diff --git "))
        index += 1
    while index < len(lines):
        line = lines[index]
        if line.startswith(_BINARY):
            raise ToolError(f"Line {index + 1} of the patch is for a binary file, which can't be patched.")
        if line.startswith(_PATHS):
            _take_path(header, line)
        elif line.startswith(_MODES):
            _take_mode(header, line, index + 1)
        elif line.startswith("--- ") and is_file_header(lines, index):
            if not header.is_named:
                header.old, header.new = _names(line[4:], lines[index + 1][4:])
            return header, index + 2
        elif not line.startswith(_PASSED_OVER) and (line.strip() or index + 1 == len(lines)):
            break
        index += 1
    return header, index


def _take_path(header: _Header, line: str) -> None:
    verb, side, name = line.split(" ", 2)
    header.action = PatchAction.MOVE if verb == "rename" else PatchAction.COPY
    if side == "from":
        header.old = _unquoted(name)
    else:
        header.new = _unquoted(name)


def _take_mode(header: _Header, line: str, number: int) -> None:
    words, _, mode = line.strip().rpartition(" ")
    if mode not in _REGULAR:
        kind = {"120000": "a link", "160000": "a submodule"}.get(mode, f"a file of mode {mode[:12]}")
        raise ToolError(f"Line {number} of the patch is about {kind}; only regular files can be patched.")
    if words == "new file mode":
        header.action = PatchAction.ADD
        header.is_executable = True if mode == _EXECUTABLE else None
    elif words == "deleted file mode":
        header.action = PatchAction.DELETE
    elif words == "new mode":
        header.is_executable = mode == _EXECUTABLE


def _file_patch(header: _Header, hunks: tuple[PatchHunk, ...]) -> FilePatch:
    action, path, new_path, other = header.action, header.new, "", ""
    if header.old == _NO_FILE:
        action = PatchAction.ADD
    elif header.new == _NO_FILE or action is PatchAction.DELETE:
        action, path = PatchAction.DELETE, header.old
    elif header.is_named:
        path, new_path = header.old, header.new
    elif action is PatchAction.CHANGE:
        # Both sides may carry the same prefix, or one of them another suffix (`file.orig`).
        other = header.old if header.old != header.new else path.removeprefix("a/").removeprefix("b/")
    return FilePatch(
        path=path,
        action=action,
        hunks=hunks,
        new_path=new_path,
        other_path="" if other == path else other,
        is_executable=header.is_executable,
    )


def anchors_in(text: str) -> tuple[str, ...]:
    """The line that stands after `@@`, unless it is only numbers or dots."""
    anchor = text.strip()
    return () if _NO_ANCHOR.fullmatch(anchor) else (anchor,)


def _read_hunk(lines: list[str], index: int) -> tuple[PatchHunk, int]:
    if lines[index].startswith("@@@"):
        raise ToolError(
            f"Line {index + 1} of the patch is of a merge with several parents. Send a diff of two versions."
        )
    header = HUNK_HEADER.match(lines[index])
    rest = lines[index][header.end() :] if header else lines[index].strip().strip("@")
    end = None
    if header:
        olds, news = int(header["olds"] or 1), int(header["news"] or 1)
        end = _end_by_counts(lines, index + 1, olds, news)
    if end is None:
        end = _end_by_shape(lines, index + 1)
    return _hunk_of(lines[index + 1 : end], int(header["old"]) if header else 0, anchors_in(rest)), end


def _end_by_counts(lines: list[str], index: int, olds: int, news: int) -> int | None:
    """Where the hunk ends if its counts are right; None when they don't come out even, or more of it follows."""
    while (olds > 0 or news > 0) and index < len(lines):
        mark = mark_of(lines[index])
        if mark not in _MARKS:
            return None
        olds -= mark in {" ", "-"}
        news -= mark in {" ", "+"}
        index += 1
    if olds or news:
        return None
    if index < len(lines) and lines[index].startswith("\\"):
        index += 1
    following = next((i for i in range(index, len(lines)) if lines[i]), None)
    if following is None or is_file_header(lines, following) or _is_over(lines, following):
        return following or len(lines)
    return None if lines[following][0] in " +-\\" else following


def _end_by_shape(lines: list[str], index: int) -> int:
    while index < len(lines) and mark_of(lines[index]) in _MARKS and not is_file_header(lines, index):
        index += 1
    return index


def mark_of(line: str) -> str:
    r"""The first character of a line of a hunk; an empty line is context whose space was lost."""
    return " " if line in {"", "\r"} else line[0]


def diff_line(line: str) -> DiffLine:
    """A line of a hunk."""
    return DiffLine(LineKind(mark_of(line)), line if line == "\r" else line[1:])


def _hunk_of(body: list[str], hint: int, anchors: tuple[str, ...]) -> PatchHunk:
    """The hunk of these lines; empty ones at its end only separate it from what follows."""
    while body and body[-1] == "":
        body = body[:-1]
    lines: list[DiffLine] = []
    old_lacks, new_lacks = False, False
    for line in body:
        if line.startswith("\\"):
            last = lines[-1].kind if lines else LineKind.CONTEXT
            old_lacks = old_lacks or last is not LineKind.ADDED
            new_lacks = new_lacks or last is not LineKind.REMOVED
        else:
            lines.append(diff_line(line))
    return PatchHunk(
        lines=tuple(lines),
        hint=hint,
        anchors=anchors,
        is_at_end=old_lacks or new_lacks,
        old_lacks_newline=old_lacks,
        new_lacks_newline=new_lacks,
    )


def _names(old: str, new: str) -> tuple[str, str]:
    """The two paths of `---` and `+++`, without time stamps and without the `a/` and `b/` that git puts before them."""
    old, new = (_unquoted(_STAMP.sub("", name.partition("\t")[0].rstrip())) for name in (old, new))
    old_is_git = old.startswith(("a/", "i/", "c/", "o/", "w/")) or old == _NO_FILE
    new_is_git = new.startswith(("b/", "w/", "i/")) or new == _NO_FILE
    if old_is_git and new_is_git and (old[2:] == new[2:] or _NO_FILE in {old, new} or old.startswith("a/")):
        old, new = (name if name == _NO_FILE else name[2:] for name in (old, new))
    return old, new


def _names_of_git_line(names: str) -> tuple[str, str]:
    """The two paths of `diff --git a/X b/X`, told apart where they are the same, as they are without a `rename`."""
    middle = len(names) // 2
    old, new = _names(names[:middle], names[middle + 1 :])
    return (old, new) if old == new else ("", "")


def _unquoted(name: str) -> str:
    """A path that git put in quotes because of odd characters, as it is."""
    name = name.strip()
    if not (len(name) > 1 and name.startswith('"') and name.endswith('"')):
        return name

    def plain(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code, 8) & 255]) if code.isdigit() else _ESCAPED.get(code, code)

    return _ESCAPE.sub(plain, name[1:-1].encode("utf-8", "replace")).decode("utf-8", "replace")
