"""A change to a file as lines: two columns of line numbers, a mark, the text, and what differs inside a line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

import msgspec

from dsterm.core.diff import ChangeKind, DiffLine, FileDiff, Hunk, LineKind
from dsterm.render.clean import clean_code, clean_line
from dsterm.render.code import CodeLine, file_lexer, highlight_lines
from dsterm.render.style import Line, Span, Style, indented, spread
from dsterm.render.wording import format_count
from dsterm.render.wrap import fold

MARGIN = " " * 3
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_COLOURED_LINES = 400
_PAIRED_LINES = 40
_PAIRED_LENGTH = 400
_ALIKE = 0.4


class LineLook(msgspec.Struct, frozen=True):
    """How a line of a diff is drawn: its mark, its role, the role of what differs inside it, and its background."""

    mark: str
    style: Style
    inline: Style
    fill: Style | None


LOOKS = {
    LineKind.CONTEXT: LineLook(" ", Style.TEXT, Style.TEXT, None),
    LineKind.ADDED: LineLook("+", Style.ADDED, Style.ADDED_INLINE, Style.ADDED),
    LineKind.REMOVED: LineLook("−", Style.REMOVED, Style.REMOVED_INLINE, Style.REMOVED),
}


def diff_lines(diff: FileDiff, width: int) -> list[Line]:
    """The change of one file in at most `width` cells: a header, then its hunks."""
    lines = [diff_header(diff, width)]
    digits = number_digits(diff)
    for index, hunk in enumerate(diff.hunks):
        if index:
            lines.append(Line((Span(f"{MARGIN}{'⋯':>{digits}}", Style.DIM),)))
        lines.extend(_hunk_lines(diff, hunk, digits, width))
    return lines


def diff_header(diff: FileDiff, width: int, *, is_folded: bool = False) -> Line:
    """The path, what happens to it, and how much of it changes; an arrow where the hunks are folded away."""
    path = clean_code(clean_line(diff.path))
    if diff.old_path:
        path = f"{clean_code(clean_line(diff.old_path))} → {path}"
    left = (Span(" ▸ " if is_folded else MARGIN, Style.DIM), Span(path, bold=True), Span(f"  {_what(diff)}", Style.DIM))
    count = Span(f"   {format_count(len(diff.hunks), 'hunk')}", Style.DIM)
    return spread(left, (*change_counts(diff.added, diff.removed), count), width - 1)


def _what(diff: FileDiff) -> str:
    kind = "copied" if diff.kind is ChangeKind.CREATED and diff.old_path else str(diff.kind)
    return f"{kind}, {clean_line(diff.note)}" if diff.note else kind


def change_counts(added: int, removed: int) -> tuple[Span, ...]:
    """`+2 −1` in the colours of a diff."""
    return (Span(f"+{added}", Style.ADDED), Span(" "), Span(f"−{removed}", Style.REMOVED))


def diff_source(diff: FileDiff) -> str:
    """The change as text for copying: the path, then the marked lines."""
    marked = [f"{line.kind}{clean_code(line.text)}" for hunk in diff.hunks for line in hunk.lines]
    return "\n".join([clean_line(diff.path), *marked])


def number_digits(diff: FileDiff) -> int:
    """How wide its line numbers are."""
    return max([2, *(len(str(max(_ends(hunk)))) for hunk in diff.hunks)])


def _ends(hunk: Hunk) -> tuple[int, int]:
    old = sum(line.kind is not LineKind.ADDED for line in hunk.lines)
    new = sum(line.kind is not LineKind.REMOVED for line in hunk.lines)
    return hunk.old_start + old, hunk.new_start + new


def _hunk_lines(diff: FileDiff, hunk: Hunk, digits: int, width: int) -> Iterator[Line]:
    texts = [clean_code(line.text).expandtabs(4) for line in hunk.lines]
    context = context_colours(diff.path, hunk, texts)
    changes = inline_changes(hunk.lines, texts)
    old, new = hunk.old_start, hunk.new_start
    for index, line in enumerate(hunk.lines):
        look = LOOKS[line.kind]
        old_number = "" if line.kind is LineKind.ADDED else str(old)
        new_number = "" if line.kind is LineKind.REMOVED else str(new)
        old += bool(old_number)
        new += bool(new_number)
        gutter = f"{MARGIN}{old_number:>{digits}}   {new_number:>{digits}} "
        spans = context.get(index) or changes.get(index) or ((Span(texts[index], look.style),) if texts[index] else ())
        rows = fold(spans, max(width - len(gutter) - 3, 8), look.fill)
        mark = Span(f"{look.mark} ", look.style)
        blank = (Span(" " * len(gutter), Style.DIM), mark.with_text("  "))
        yield from indented(rows, (Span(gutter, Style.DIM), mark), blank)


def context_colours(path: str, hunk: Hunk, texts: Sequence[str]) -> dict[int, CodeLine]:
    """Syntax colours of the unchanged lines, lexed together with the new ones."""
    places = [index for index, line in enumerate(hunk.lines) if line.kind is not LineKind.REMOVED]
    lexer = file_lexer(path) if len(places) <= _COLOURED_LINES else None
    if lexer is None:
        return {}
    coloured = highlight_lines([texts[index] for index in places], lexer)
    # Between coloured lines the background of code would only be noise.
    return {
        index: tuple(
            msgspec.structs.replace(span, style=Style.TEXT) if span.style is Style.CODE else span for span in spans
        )
        for index, spans in zip(places, coloured, strict=True)
        if hunk.lines[index].kind is LineKind.CONTEXT
    }


def inline_changes(lines: Sequence[DiffLine], texts: Sequence[str]) -> dict[int, tuple[Span, ...]]:
    """For removed lines followed by added ones: what differs within each pair of similar lines."""
    changes: dict[int, tuple[Span, ...]] = {}
    index = 0
    while index < len(lines):
        middle = run_end(lines, index, LineKind.REMOVED)
        end = run_end(lines, middle, LineKind.ADDED)
        for old, new in zip(range(index, middle), range(middle, min(end, middle + _PAIRED_LINES)), strict=False):
            if len(texts[old]) <= _PAIRED_LENGTH and len(texts[new]) <= _PAIRED_LENGTH:
                changes.update(_pair(old, new, texts))
        index = max(end, index + 1)
    return changes


def run_end(lines: Sequence[DiffLine], start: int, kind: LineKind) -> int:
    """Where the run of lines of this kind ends that begins at `start`, or would."""
    while start < len(lines) and lines[start].kind is kind:
        start += 1
    return start


def _pair(old: int, new: int, texts: Sequence[str]) -> dict[int, tuple[Span, ...]]:
    before, after = _WORDS.findall(texts[old]), _WORDS.findall(texts[new])
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return {}
    removed: list[Span] = []
    added: list[Span] = []
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        _append(removed, before[old_from:old_to], LineKind.REMOVED, is_same=tag == "equal")
        _append(added, after[new_from:new_to], LineKind.ADDED, is_same=tag == "equal")
    return {old: tuple(removed), new: tuple(added)}


def _append(spans: list[Span], words: Sequence[str], kind: LineKind, *, is_same: bool) -> None:
    text = "".join(words)
    if text:
        look = LOOKS[kind]
        spans.append(Span(text, look.style if is_same else look.inline))
