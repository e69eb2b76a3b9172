"""The patch model as text again, in either form; what is printed is read back as the same model.

A unified diff has room for one anchor a hunk, the `*** Begin Patch` form for no modes, copies and line numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from dsterm.core.diff import LineKind
from dsterm.tools.patch_model import FilePatch, PatchAction, PatchHunk

_PLAIN_NAME = re.compile(r"[\w./+=@%,-]+", re.ASCII)
_NO_FILE = "/dev/null"
_NO_NEWLINE = "\\ No newline at end of file"
_HEADINGS = {
    PatchAction.ADD: "Add",
    PatchAction.DELETE: "Delete",
    PatchAction.CHANGE: "Update",
    PatchAction.MOVE: "Update",
}


def print_unified(patches: Sequence[FilePatch]) -> str:
    """The patches as one unified diff with git's headers."""
    return "".join(f"{line}\n" for patch in patches for line in _unified_file(patch))


def print_begin_patch(patches: Sequence[FilePatch]) -> str:
    """The patches between `*** Begin Patch` and `*** End Patch`. ValueError for a copy, which that form does not have."""
    lines = ["*** Begin Patch"]
    for patch in patches:
        if patch.action not in _HEADINGS:
            raise ValueError("the *** Begin Patch form has no copies")
        lines.append(f"*** {_HEADINGS[patch.action]} File: {patch.path}")
        if patch.action is PatchAction.MOVE:
            lines.append(f"*** Move to: {patch.new_path}")
        if patch.action is PatchAction.ADD:
            lines += [f"+{line.text}" for hunk in patch.hunks for line in hunk.lines]
            continue
        for hunk in patch.hunks:
            lines += [f"@@ {anchor}" for anchor in hunk.anchors] or ["@@"]
            lines += _body(hunk)
            if hunk.is_at_end and not (hunk.old_lacks_newline or hunk.new_lacks_newline):
                lines.append("*** End of File")
    return "".join(f"{line}\n" for line in (*lines, "*** End Patch"))


def _unified_file(patch: FilePatch) -> list[str]:
    old, new = patch.path, patch.new_path or patch.path
    lines = [f"diff --git {_name('a/', old)} {_name('b/', new)}", *_extended(patch)]
    if patch.hunks:
        lines.append(f"--- {_NO_FILE if patch.action is PatchAction.ADD else _name('a/', old)}")
        lines.append(f"+++ {_NO_FILE if patch.action is PatchAction.DELETE else _name('b/', new)}")
    moved = 0
    for hunk in patch.hunks:
        olds = sum(line.kind is not LineKind.ADDED for line in hunk.lines)
        news = sum(line.kind is not LineKind.REMOVED for line in hunk.lines)
        anchor = f" {hunk.anchors[-1]}" if hunk.anchors else ""
        start = max(0, hunk.hint + moved) if hunk.hint or not olds else 1
        lines.append(f"@@ -{hunk.hint},{olds} +{start},{news} @@{anchor}")
        lines += _body(hunk)
        moved += news - olds
    return lines


def _extended(patch: FilePatch) -> list[str]:
    mode = "100755" if patch.is_executable else "100644"
    lines = []
    match patch.action:
        case PatchAction.ADD:
            return [f"new file mode {mode}"]
        case PatchAction.DELETE:
            return ["deleted file mode 100644"]
        case PatchAction.MOVE | PatchAction.COPY:
            verb = "rename" if patch.action is PatchAction.MOVE else "copy"
            lines = [f"{verb} from {_name('', patch.path)}", f"{verb} to {_name('', patch.new_path)}"]
        case PatchAction.CHANGE:
            pass
    if patch.is_executable is None:
        return lines
    other = "100644" if patch.is_executable else "100755"
    return [f"old mode {other}", f"new mode {mode}", *lines]


def _body(hunk: PatchHunk) -> list[str]:
    """The lines with their marks, and after the last old and the last new one what is said of their newline."""
    lines = [f"{line.kind}{line.text}" for line in hunk.lines]
    last_old = max((i for i, line in enumerate(hunk.lines) if line.kind is not LineKind.ADDED), default=-1)
    last_new = max((i for i, line in enumerate(hunk.lines) if line.kind is not LineKind.REMOVED), default=-1)
    marked = {last_old} if hunk.old_lacks_newline else set()
    marked |= {last_new} if hunk.new_lacks_newline else set()
    return [text for index, line in enumerate(lines) for text in ([line, _NO_NEWLINE] if index in marked else [line])]


def _name(prefix: str, path: str) -> str:
    """A path as git writes it: in quotes, its bytes escaped, where it has odd characters."""
    if _PLAIN_NAME.fullmatch(path):
        return f"{prefix}{path}"
    escaped = "".join(
        f"\\{chr(byte)}" if byte in b'"\\' else chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"
        for byte in path.encode("utf-8", "replace")
    )
    return f'"{prefix}{escaped}"'
