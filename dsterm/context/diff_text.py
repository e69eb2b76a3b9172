"""A diff for a model: taken apart by file, secrets left out, the rest within a cap, with words for what is missing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from dsterm.core.secret_names import looks_secret

_BEGIN = re.compile(r"^diff --git ", re.MULTILINE)
_NAME = re.compile(r"^(?P<side>---|\+\+\+|rename to|rename from) (?P<name>.+?)\t?$", re.MULTILINE)
_EQUAL_NAMES = re.compile(r'diff --git (?P<q>"?)a/(?P<name>.+)(?P=q) (?P=q)b/(?P=name)(?P=q)$', re.MULTILINE)
_OCTAL = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_LEAST_SHARE = 400
"""Characters that a file gets at least, before files are left out whole."""


class FilePatch(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a diff that is about one file, with the lines it adds and removes; `former` is its name before a rename."""

    path: str
    text: str
    added: int = 0
    removed: int = 0
    former: str = ""

    @property
    def looks_secret(self) -> bool:
        """Whether it shows lines of a file that looks like it holds secrets, by either of its names."""
        return looks_secret(self.path) or looks_secret(self.former)


class PackedDiff(msgspec.Struct, frozen=True, kw_only=True):
    """What a model gets of a diff: a line for every file, then the patches; `missing` says what is not in it, and why."""

    text: str
    files: int
    missing: tuple[str, ...] = ()


def split_diff(diff: str) -> tuple[FilePatch, ...]:
    """The files of what `git diff` printed, in its order."""
    starts = [match.start() for match in _BEGIN.finditer(diff)]
    return tuple(_patch(diff[start:end]) for start, end in pairwise([*starts, len(diff)]))


def new_file_patch(path: str, text: str) -> FilePatch:
    """A patch for a file that git doesn't know yet."""
    lines = text.split("\n")
    ends = lines[-1] == ""
    if ends:
        lines.pop()
    body = "".join(f"+{line}\n" for line in lines) + ("" if ends or not lines else "\\ No newline at end of file\n")
    head = f"diff --git a/{path} b/{path}\nnew file\n--- /dev/null\n+++ b/{path}\n"
    place = f"@@ -0,0 +1{f',{len(lines)}' if len(lines) > 1 else ''} @@\n" if lines else ""
    return FilePatch(path=path, text=f"{head}{place}{body}", added=len(lines))


def pack_diff(patches: Sequence[FilePatch], cap: int, left_out: Sequence[str] = ()) -> PackedDiff:
    """`patches` in at most about `cap` characters: small ones whole, long ones cut at a line; secret-looking files only by name.

    `left_out` are sentences about files that are missing already.
    """
    shown = [patch for patch in patches if not patch.looks_secret]
    missing = [*left_out, *(f"{each.path} looks like it holds secrets" for each in patches if each.looks_secret)]
    limit = _limit([len(patch.text) for patch in shown], cap)
    parts = []
    for patch in shown:
        text, rest = _cut(patch.text, limit)
        parts.append(text)
        if rest:
            missing.append(f"{rest:,} lines at the end of {patch.path}, for its size")
    stat = [f"{patch.path} | +{patch.added} -{patch.removed}" for patch in patches]
    return PackedDiff(text="\n".join([*stat, "", *parts]), files=len(patches), missing=tuple(missing))


def added_text(patches: Sequence[FilePatch]) -> str:
    """The lines that the patches add, for looking at what a commit would keep."""
    lines = (line for patch in patches for line in _hunks(patch.text).split("\n"))
    return "\n".join(line[1:] for line in lines if line.startswith("+"))


def _patch(text: str) -> FilePatch:
    hunks = _hunks(text)
    lines = hunks.split("\n")
    header = text[: len(text) - len(hunks)]
    former = next((match["name"] for match in _NAME.finditer(header) if match["side"] == "rename from"), "")
    return FilePatch(
        path=_path(header),
        former=_unquoted(former),
        text=text,
        added=sum(line.startswith("+") for line in lines),
        removed=sum(line.startswith("-") for line in lines),
    )


def _hunks(text: str) -> str:
    """All behind the header of a patch."""
    start = text.find("\n@@ ")
    return text[start + 1 :] if start >= 0 else ""


def _path(header: str) -> str:
    """The file as it is after the change, before it where it is deleted."""
    names = {match["side"]: _unquoted(match["name"]) for match in _NAME.finditer(header)}
    for side in ("+++", "---"):
        if (name := names.get(side, "/dev/null")) != "/dev/null":
            return name[2:] if name[:2] in {"a/", "b/"} else name
    if "rename to" in names:
        return names["rename to"]
    equal = _EQUAL_NAMES.match(header)
    return _unquoted(f"{equal['q']}{equal['name']}{equal['q']}") if equal else header.partition("\n")[0]


def _unquoted(name: str) -> str:
    """A name as git quotes it when it holds unusual bytes."""
    if len(name) < 2 or not (name.startswith('"') and name.endswith('"')):
        return name
    raw = name[1:-1].encode("utf-8", "surrogateescape")
    return _OCTAL.sub(lambda found: _byte(found[1]), raw).decode("utf-8", "replace")


def _byte(escape: bytes) -> bytes:
    return bytes([int(escape, 8) & 0xFF]) if len(escape) == 3 else _ESCAPES.get(escape, escape)


def _limit(sizes: Sequence[int], cap: int) -> int:
    """The length at which patches are cut so that all of them fit: what small ones leave goes to the large ones."""
    left, limit = cap, cap
    for place, size in enumerate(sorted(sizes)):
        limit = max(_LEAST_SHARE, left // (len(sizes) - place))
        if size > limit:
            return limit
        left -= size
    return max(limit, *sizes, 0) if sizes else cap


def _cut(text: str, limit: int) -> tuple[str, int]:
    """The beginning of `text` up to a line's end, and how many lines are missing."""
    if len(text) <= limit:
        return text, 0
    kept = text[: text.rfind("\n", 0, limit) + 1] or f"{text[:limit]}\n"
    return kept, len(text[len(kept) :].splitlines())
