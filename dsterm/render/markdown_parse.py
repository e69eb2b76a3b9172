"""Markdown text to nodes, by markdown-it: CommonMark with tables and strikethrough, without HTML.

Reference definitions stay ordinary text: with them, a line at the end could change everything before it, and text that is
shown while it streams must not change its meaning later.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from dsterm.render.clean import clean_line
from dsterm.render.code import fence_lexer, highlighted
from dsterm.render.nodes import Code, Heading, Item, Listing, Node, Paragraph, Quote, Rule, Spans, Table
from dsterm.render.style import Span, Style

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_TASKS = {"[ ] ": "☐", "[x] ": "☑", "[X] ": "☑"}
_MAX_NESTING = 100


class TopBlock(msgspec.Struct, frozen=True):
    """A top-level block: its tokens, the number of its first line, and that of the first line after it."""

    line: int
    end: int
    tokens: tuple[Token, ...]

    @property
    def is_fence(self) -> bool:
        """Whether it is fenced code."""
        return self.tokens[0].type == "fence"

    def node(self) -> Node:
        """The block as a node; highlighting its code is the costly part."""
        return _nodes(self.tokens)[0]


def parse(text: str) -> list[TopBlock]:
    """The top-level blocks of clean `text`."""
    tokens = _parser().parse(text, {})
    blocks: list[TopBlock] = []
    for group in _groups(tokens):
        line, end = group[0].map or (0, 0)
        blocks.append(TopBlock(line, end, tuple(group)))
    return blocks


@functools.cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # noqa: PLC0415 - loaded with the first answer

    options = {"html": False, "maxNesting": _MAX_NESTING}
    return MarkdownIt("commonmark", options).enable(["table", "strikethrough"]).disable("reference")


def _groups(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """The tokens of each block at this level, from its opening to its closing one."""
    depth = start = 0
    for index, token in enumerate(tokens):
        depth += token.nesting
        if depth == 0:
            yield tokens[start : index + 1]
            start = index + 1


def _nodes(tokens: Sequence[Token]) -> tuple[Node, ...]:
    return tuple(_node(group) for group in _groups(tokens))


def _node(group: Sequence[Token]) -> Node:
    first = group[0]
    match first.type:
        case "heading_open":
            spans = [span for line in inline(group[1], Style.HEADING) for span in (*line, Span(" ", Style.HEADING))]
            return Heading(int(first.tag[1:]), tuple(spans[:-1]))
        case "fence":
            return Code(highlighted(first.content, fence_lexer(first.info)))
        case "code_block":
            return Code(highlighted(first.content, None))
        case "hr":
            return Rule()
        case "blockquote_open":
            return Quote(_nodes(group[1:-1]))
        case "bullet_list_open" | "ordered_list_open":
            return _listing(group)
        case "table_open":
            return _table(group)
        case _:
            return Paragraph(tuple(line for token in group if token.type == "inline" for line in inline(token)))


def _listing(group: Sequence[Token]) -> Listing:
    number = int(group[0].attrs.get("start", 1)) if group[0].type == "ordered_list_open" else None
    entries = list(_groups(group[1:-1]))
    items: list[Item] = []
    for offset, entry in enumerate(entries):
        children = _nodes(entry[1:-1])
        mark = "•" if number is None else f"{number + offset}."
        task, children = _task(children)
        items.append(Item(task or mark, children))
    is_tight = all(
        token.hidden for token in group if token.type == "paragraph_open" and token.level == group[0].level + 2
    )
    return Listing(tuple(items), is_tight)


def _task(children: tuple[Node, ...]) -> tuple[str, tuple[Node, ...]]:
    """The box of a task-list entry, and its children without it."""
    match children:
        case (Paragraph(lines=((Span() as first, *others), *lines)), *rest) if box := _TASKS.get(first.text[:4]):
            spans = (first.with_text(first.text[4:]), *others)
            return box, (Paragraph((spans, *lines)), *rest)
        case _:
            return "", children


def _table(group: Sequence[Token]) -> Table:
    rows: list[list[Spans]] = []
    alignments: list[str] = []
    for token in group:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "th_open":
            alignments.append(str(token.attrs.get("style", "")).removeprefix("text-align:") or "left")
        elif token.type == "inline":
            lines = inline(token)
            rows[-1].append(tuple(span for line in lines for span in line))
    header, *body = rows
    return Table(tuple(header), tuple(tuple(row) for row in body), tuple(alignments))


def inline(token: Token, style: Style = Style.TEXT) -> tuple[Spans, ...]:
    """The spans of running text, one tuple for each line that a hard break begins."""
    writer = _InlineWriter(style)
    for child in token.children or ():
        writer.write(child)
    return writer.finish()


class _InlineWriter:
    """Collects spans while emphasis, links and strikethrough open and close."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._bold = style is Style.HEADING
        self._bold_depth = self._italic = self._strike = 0
        self._links: list[tuple[str, int]] = []
        self._lines: list[list[Span]] = [[]]

    def write(self, token: Token) -> None:
        """Take the next inline token."""
        match token.type:
            case "text":
                self._add(token.content, self._style)
            case "code_inline":
                self._add(token.content, Style.CODE)
            case "softbreak":
                self._add(" ", self._style)
            case "hardbreak":
                self._lines.append([])
            case "strong_open" | "strong_close":
                self._bold_depth += token.nesting
            case "em_open" | "em_close":
                self._italic += token.nesting
            case "s_open" | "s_close":
                self._strike += token.nesting
            case "link_open":
                self._links.append((str(token.attrs.get("href", "")), len(self._lines[-1])))
            case "link_close":
                self._close_link()
            case "image":
                self._add(f"image: {token.content}".rstrip(": "), Style.LINK)
                self._add_address(str(token.attrs.get("src", "")))
            case _:
                self._add(token.content, self._style)

    def finish(self) -> tuple[Spans, ...]:
        """All lines so far."""
        return tuple(tuple(line) for line in self._lines)

    def _add(self, text: str, style: Style) -> None:
        # Entities are decoded by the parser, so what was clean source may hold controls again.
        cleaned = clean_line(text)
        if not cleaned:
            return
        is_link = bool(self._links) and style is self._style
        self._lines[-1].append(
            Span(
                cleaned,
                Style.LINK if is_link else style,
                bold=self._bold or self._bold_depth > 0,
                italic=self._italic > 0,
                underline=is_link,
                strike=self._strike > 0,
            )
        )

    def _close_link(self) -> None:
        address, start = self._links.pop()
        shown = "".join([span.text for span in self._lines[-1][start:]])
        if address.removeprefix("mailto:") != shown:
            self._add_address(address)

    def _add_address(self, address: str) -> None:
        if address:
            self._lines[-1].append(Span(f" ({clean_line(address)})", Style.DIM))
