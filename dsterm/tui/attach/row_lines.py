"""A row of the tree as one line: what it is at the left, what it comes to at the right."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from dsterm.core.attachments import LeftOut, Level
from dsterm.render.clean import clean_code, clean_line
from dsterm.render.style import Line, Span, Style, clipped
from dsterm.render.width import cells, truncated
from dsterm.render.wording import format_money, format_share, format_tokens
from dsterm.tui.attach.folders import Folder
from dsterm.tui.attach.rows import Row
from dsterm.tui.attach.tree import AttachTree, Box, Sum
from dsterm.tui.attach_desk import Quote

MARGIN = 1
INDENT = 2
_DEEPEST = 12
"""Rows deeper than that are not indented further."""

_TOKEN_CELLS = 7
_SHARE_CELLS = 6
_MONEY_CELLS = 10
_NOTE_CELLS = 32
_SHOWS_SHARE = 56
_SHOWS_ONE_MODEL = 76
_SHOWS_ALL_MODELS = 116
_MILLION = 1_000_000

UNKNOWN = "…"
"""In place of figures that are not counted yet."""

_BOXES = {Box.IN: "[x]", Box.PARTLY: "[~]", Box.OUT: "[ ]"}
_LEVEL_BOXES = {Level.OUTLINE: "[o]", Level.LISTED: "[l]"}


class Prices(msgspec.Struct, frozen=True):
    """US dollars per million tokens of one model: for the first send, and for each that its cache has; None: not known."""

    title: str
    first: Decimal | None
    again: Decimal | None

    def dollars(self, tokens: int) -> tuple[Decimal | None, Decimal | None]:
        """What so many tokens cost, first and again."""
        first, again = (None if price is None else price * tokens / _MILLION for price in (self.first, self.again))
        return first, again


class Scale(msgspec.Struct, frozen=True):
    """What tokens are worth: of a `window` of so many, and by model, the chosen one first."""

    window: int
    prices: tuple[Prices, ...]

    def columns(self, width: int) -> tuple[Prices, ...]:
        """The models whose prices have room in rows of `width` cells."""
        if width >= _SHOWS_ALL_MODELS:
            return by_size(self.prices)[:2]
        return self.prices[:1] if width >= _SHOWS_ONE_MODEL else ()


def scale(quotes: Sequence[Quote], window: int) -> Scale:
    """The scale that quotes of a million tokens give."""
    return Scale(window, tuple(Prices(quote.title, quote.miss_dollars, quote.hit_dollars) for quote in quotes))


def by_size(prices: Sequence[Prices]) -> tuple[Prices, ...]:
    """Flash before Pro, whichever is chosen."""
    return tuple(sorted(prices, key=lambda each: each.title != "Flash"))


def row_line(tree: AttachTree, row: Row, scale: Scale, width: int, *, is_cursor: bool) -> Line:
    """The row in `width` cells."""
    lead = Span(">" if is_cursor else " ", Style.ACCENT, bold=True)
    indent = Span(" " * (INDENT * min(row.depth, _DEEPEST)))
    if isinstance(row.target, LeftOut):
        named = (lead, indent, Span("   -  ", Style.DIM), Span(_name(row.target.path), Style.DIM))
        return _placed(named, (Span(f"{clean_line(row.target.reason)}, not entered", Style.DIM),), width)
    summed = tree.sum(row.target)
    is_dim = summed.box is Box.OUT
    style = Style.DIM if is_dim else Style.TEXT
    left = (lead, indent, *_handle(tree, row.target, summed), Span(_label(tree, row.target), style, bold=_is_bold(row)))
    return _placed(left, _figures(tree, row.target, summed, scale, width), width)


def title_line(scale: Scale, width: int) -> Line:
    """The heads of the columns."""
    parts = [f"{'tokens':>{_TOKEN_CELLS}}"]
    if width >= _SHOWS_SHARE:
        parts.append(f"{'window':>{_SHARE_CELLS + 1}}")
    for prices in scale.columns(width):
        title = truncated(clean_line(prices.title), 5)
        parts += [f"{title + ' 1st':>{_MONEY_CELLS}}", f"{'again':>{_MONEY_CELLS}}"]
    return _placed((Span(" "),), (Span("".join(parts), Style.DIM),), width)


def box_cell(row: Row) -> int:
    """Where the box of a row begins."""
    return MARGIN + INDENT * min(row.depth, _DEEPEST) + 2


def _is_bold(row: Row) -> bool:
    return isinstance(row.target, Folder) and row.target.parent is None


def _handle(tree: AttachTree, target: Folder | int, summed: Sum) -> tuple[Span, ...]:
    arrow = "  "
    if isinstance(target, Folder):
        arrow = "▾ " if target.is_open or tree.shown is not None else "▸ "
    if not _can_tick(tree, target):
        return (Span(f"{arrow} -  ", Style.DIM),)
    level = summed.level
    box = _LEVEL_BOXES.get(level, "") if level is not None and summed.box is Box.IN else ""
    style = Style.DIM if summed.box is Box.OUT else Style.WARNING if summed.box is Box.PARTLY else Style.SUCCESS
    return (Span(arrow, Style.DIM), Span(box or _BOXES[summed.box], style), Span(" "))


def _label(tree: AttachTree, target: Folder | int) -> str:
    if isinstance(target, int):
        return _name(tree.files[target].path)
    return clean_code(clean_line(target.label)) if target.parent is not None else "everything"


def _name(path: str) -> str:
    return clean_code(clean_line(path.rstrip("/").rpartition("/")[2]))


def _figures(tree: AttachTree, target: Folder | int, summed: Sum, scale: Scale, width: int) -> tuple[Span, ...]:
    is_out = summed.box is Box.OUT
    tokens = summed.all_tokens if is_out else summed.tokens
    style = Style.DIM if is_out else Style.TEXT
    note = truncated(_note(tree, target, summed, scale, width), _note_room(scale, width))
    spans = [Span(f"{note}  ", Style.DIM)]
    if not _can_tick(tree, target):
        return (*spans, Span(" " * _blank(scale, width)))
    if summed.all_unknown if is_out else summed.unknown:
        return (
            *spans,
            Span(f"{UNKNOWN:>{_TOKEN_CELLS}}", Style.DIM),
            Span(" " * (_blank(scale, width) - _TOKEN_CELLS)),
        )
    spans.append(Span(f"{token_words(tokens, is_guess=_is_guess(tree, target, summed)):>{_TOKEN_CELLS}}", style))
    if width >= _SHOWS_SHARE:
        spans.append(Span(f"{format_share(tokens / scale.window):>{_SHARE_CELLS + 1}}", Style.DIM))
    for prices in scale.columns(width):
        money = "".join(f"{format_money(dollars):>{_MONEY_CELLS}}" for dollars in prices.dollars(tokens))
        spans.append(Span(money, Style.DIM))
    return tuple(spans)


def _note_room(scale: Scale, width: int) -> int:
    """Cells that a note may take without pushing figures off the row."""
    room = width - MARGIN
    return min(_NOTE_CELLS, max(len("name only"), room - room // 3 - _blank(scale, width) - 2))


def _blank(scale: Scale, width: int) -> int:
    """Cells that all figures of a row take."""
    share = _SHARE_CELLS + 1 if width >= _SHOWS_SHARE else 0
    return _TOKEN_CELLS + share + 2 * _MONEY_CELLS * len(scale.columns(width))


def _can_tick(tree: AttachTree, target: Folder | int) -> bool:
    return tree.can_tick(target) if isinstance(target, int) else tree.all_tokens(target) > 0


def _is_guess(tree: AttachTree, target: Folder | int, summed: Sum) -> bool:
    if isinstance(target, int) and summed.box is Box.OUT:
        return tree.files[target].tokens < 0
    return summed.is_guess


def token_words(tokens: int, *, is_guess: bool) -> str:
    """`391k`, or `~391k` where it is a guess."""
    return f"{'~' if is_guess else ''}{format_tokens(tokens)}"


def _note(tree: AttachTree, target: Folder | int, summed: Sum, scale: Scale, width: int) -> str:
    words = {Level.OUTLINE: "outline", Level.LISTED: "name only"}
    level = words.get(summed.level or Level.FULL, "")
    if isinstance(target, int):
        reason = clean_line(tree.files[target].reason)
        return level or reason or ("" if summed.files else "left out")
    count = target.end - target.start
    if not count:
        return "no files"
    inside = f"{count:,} file{'s' if count != 1 else ''}" if tree.shown is None else ""
    if summed.box is Box.PARTLY and tree.shown is None:
        inside = f"{summed.files:,} of {count:,}"
    both = " ".join(part for part in (level, inside) if part)
    return both if cells(both) <= _note_room(scale, width) else level or inside


def _placed(left: tuple[Span, ...], right: tuple[Span, ...], width: int) -> Line:
    """Both in one line; the left gives way, and the names keep at least a third."""
    room = width - MARGIN
    right_cells = sum(cells(span.text) for span in right)
    least = room // 3
    if right_cells > room - least:
        right = clipped(right, room - least)
        right_cells = sum(cells(span.text) for span in right)
    kept = clipped(left, room - right_cells - 1)
    used = sum(cells(span.text) for span in kept)
    return Line((*kept, Span(" " * (room - right_cells - used)), *right))
