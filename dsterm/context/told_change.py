"""How a change of an attached file is told to the model: as a unified diff, or as its whole text where that is shorter.

Nothing is lost in it: who applies what is told to the text before has the text after, byte for byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

import msgspec

from dsterm.context.line_changes import Block, changed_blocks

NOT_SHOWN = "not shown"
"""Why a new file of which only the name is attached has no text."""

_CONTEXT = 3
_NO_NEWLINE = "\\ No newline at end of file\n"
_PLAIN_PATH = re.compile(r"[\w.@+()\[\]{}~=,/ -]+")
_BACKTICKS = re.compile(r"`{3,}")


class TextChange(msgspec.Struct, frozen=True, kw_only=True):
    """A file that differs from what was told of it: its text then and now, None where there was or is none.

    `old_path` is where it stood before a rename. `why` says why there is no text now though the file is there (`binary`).
    `is_outline`: the texts are outlines. `is_unsure`: the text before is not known any more.
    """

    path: str
    before: str | None
    after: str | None
    old_path: str = ""
    why: str = ""
    is_outline: bool = False
    is_unsure: bool = False


class ToldChange(msgspec.Struct, frozen=True, kw_only=True):
    """The words for one change, and the lines that come and go; `is_whole`: they hold the text as it is now, all of it."""

    text: str
    added: int = 0
    removed: int = 0
    is_whole: bool = False


def told_change(change: TextChange) -> ToldChange:
    """The words for `change`."""
    name = shown_path(change.path)
    head = f"diff --git a/{shown_path(change.old_path or change.path)} b/{name}\n"
    if change.old_path:
        head += f"rename from {shown_path(change.old_path)}\nrename to {name}\n"
    before, after = lines_of(change.before or ""), lines_of(change.after or "")
    if change.why == NOT_SHOWN:
        return ToldChange(text=f"{head}new file; its text is not attached\n")
    if change.after is not None and change.before == change.after and not change.old_path:
        return ToldChange(text=f"{head}is again as it was told before\n")
    if change.after is None:
        gone = f"now {change.why}; its text is not attached any more\n" if change.why else "deleted file\n"
        return ToldChange(text=head + gone, removed=len(before))
    if change.before is None and not change.is_unsure:
        return ToldChange(text=f"{head}new file\n{_new_file(name, after)}", added=len(after), is_whole=True)
    outline = " (an outline)" if change.is_outline else ""
    whole = f"{head}its whole text is now{outline}:\n{fenced(change.after)}"
    if change.is_unsure:
        return ToldChange(text=whole, added=len(after), is_whole=True)
    blocks = changed_blocks(before, after)
    added, removed = sum(d - c for _, _, c, d in blocks), sum(b - a for a, b, _, _ in blocks)
    old = shown_path(change.old_path or change.path)
    diff = f"{head}--- a/{old}{outline}\n+++ b/{name}{outline}\n" if blocks else head
    diff += "".join(_hunks(before, after, blocks))
    if len(diff) > len(whole):
        return ToldChange(text=whole, added=added, removed=removed, is_whole=True)
    return ToldChange(text=diff, added=added, removed=removed)


def lines_of(text: str) -> list[str]:
    r"""Lines with their `\n`; nothing else ends one."""
    lines = text.split("\n")
    return [*(f"{line}\n" for line in lines[:-1]), *lines[-1:]] if lines[-1] else [f"{line}\n" for line in lines[:-1]]


def shown_path(path: str) -> str:
    """A path on one line; one with unusual characters is quoted as JSON, so that it can't be taken for anything else."""
    return path if _PLAIN_PATH.fullmatch(path) else json.dumps(path)


def fenced(text: str) -> str:
    """`text` between two lines of backticks that don't occur in it; a missing newline at its end is told."""
    fence = "`" * (max((len(run) for run in _BACKTICKS.findall(text)), default=2) + 1)
    if text and not text.endswith("\n"):
        return f"{fence}\n{text}\n{fence}\n{_NO_NEWLINE}"
    return f"{fence}\n{text}{fence}\n"


def _new_file(name: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    return f"--- /dev/null\n+++ b/{name}\n@@ -0,0 +{_range(0, len(lines))} @@\n" + "".join(_marked("+", lines))


def _hunks(before: Sequence[str], after: Sequence[str], blocks: Sequence[Block]) -> Iterator[str]:
    for group in _groups(blocks):
        start, end = max(0, group[0][0] - _CONTEXT), min(len(before), group[-1][1] + _CONTEXT)
        shift = group[0][2] - group[0][0]
        last = group[-1][3] - group[-1][1]
        old, new = _range(start, end - start), _range(start + shift, end + last - start - shift)
        yield f"@@ -{old} +{new} @@\n"
        place = start
        for a, b, c, d in group:
            yield from _marked(" ", before[place:a])
            yield from _marked("-", before[a:b])
            yield from _marked("+", after[c:d])
            place = b
        yield from _marked(" ", before[place:end])


def _groups(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Blocks whose context touches stand in one hunk."""
    group: list[Block] = []
    for block in blocks:
        if group and block[0] - group[-1][1] > 2 * _CONTEXT:
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _range(start: int, length: int) -> str:
    """A place in a hunk's header; an empty one names the line before."""
    first = start + 1 if length else start
    return str(first) if length == 1 else f"{first},{length}"


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield f"{mark}{line}" if line.endswith("\n") else f"{mark}{line}\n{_NO_NEWLINE}"
