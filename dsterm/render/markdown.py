"""Markdown as it streams: finished blocks are parsed and laid out once, only the open one again.

The result does not depend on how the text was split on its way here. An earlier block can't change any more once a later
one holds a whole line; a line that is still growing never decides that.
"""

from __future__ import annotations

import re

from dsterm.render.clean import StreamCleaner, clean
from dsterm.render.code import CodeLines, fence_lexer
from dsterm.render.markdown_layout import code_lines, lay_out
from dsterm.render.markdown_parse import TopBlock, parse
from dsterm.render.nodes import Code, Node
from dsterm.render.style import EMPTY, Line, Span, indented
from dsterm.render.wrap import wrap_text

_FENCE = re.compile(r"( {0,3})(`{3,}(?=[^`\n]*\n)|~{3,})([^\n]*)\n")
_BLANK_LINES = re.compile(r"(?:[ \t]*\n)+")
# A growing line of marks alone may become a list entry, a rule, a heading, a fence: it waits.
_MARKS = re.compile(r"[ \t]*(?:[-=*+#>|~`_:]+|\d{1,9}[.)]?)[ \t]*")
_MARGIN = (Span(" "),)

LONG = 16_384
"""Characters of an open block from which on it is parsed again only when it has grown by an eighth."""


class _Fence:
    """An open top-level code fence, read line by line without the parser."""

    def __init__(self, match: re.Match[str]) -> None:
        indent, mark, info = match.groups()
        self._indent = len(indent)
        self._closing = re.compile(rf" {{0,3}}{re.escape(mark[0])}{{{len(mark)},}}[ \t]*")
        self._marks = mark[0] + " \t"
        self.code = CodeLines(fence_lexer(info))

    def read(self, text: str, *, is_final: bool) -> tuple[str, bool]:
        """Take the whole lines of `text`; what is left of it, and whether the fence is closed."""
        lines = text.split("\n")
        rest = lines.pop()
        for index, line in enumerate(lines):
            if self._closing.fullmatch(line):
                self.code.append(map(self._content, lines[:index]))
                return "\n".join([*lines[index + 1 :], rest]), True
        self.code.append(map(self._content, lines))
        if is_final and rest and not self._closing.fullmatch(rest):
            self.code.append([self._content(rest)])
        return ("", True) if is_final else (rest, False)

    def shown(self, rest: str) -> str:
        """The growing line as far as it can't be the closing fence."""
        return self._content(rest) if rest.strip(self._marks) else ""

    def _content(self, line: str) -> str:
        if not self._indent:
            return line
        return line[min(self._indent, len(line) - len(line.lstrip(" "))) :]


class Markdown:
    """One growing text and its lines, one cell in from the left edge."""

    def __init__(self) -> None:
        self._raw: list[str] = []
        self._pending: list[str] = []
        self._cleaner = StreamCleaner()
        self._tail = ""
        self._nodes: list[Node] = []
        self._fence: _Fence | None = None
        self._open: tuple[Node, ...] = ()
        self._parsed = 0
        self._is_final = False
        self._layout = _Layout(0, has_gap=False)

    @property
    def raw(self) -> str:
        """The text as it came."""
        if len(self._raw) > 1:
            self._raw = ["".join(self._raw)]
        return self._raw[0] if self._raw else ""

    @property
    def source(self) -> str:
        """The text, cleaned, for copying."""
        return clean(self.raw)

    @property
    def settled(self) -> int:
        """How many of the lines last returned will stay as they are at that width."""
        return self._layout.settled

    def feed(self, text: str) -> None:
        """Add text; cheap, nothing is parsed before `lines`."""
        self._raw.append(text)
        self._pending.append(text)

    def finish(self) -> None:
        """No more text comes."""
        self._is_final = True

    def lines(self, width: int, *, has_gap: bool = False) -> list[Line]:
        """All lines at `width`, after a blank one if `has_gap`. The list is kept and changed in place by the next call."""
        self._absorb()
        if self._layout.width != width or self._layout.has_gap != has_gap:
            self._layout = _Layout(width, has_gap=has_gap)
        self._layout.add_finished(self._nodes)
        if self._fence:
            self._layout.add_fence(self._fence.code, self._fence.shown(self._tail))
        else:
            self._layout.add_open(self._open, self._tail[self._parsed :])
        return self._layout.lines

    def _absorb(self) -> None:
        text = self._cleaner.feed("".join(self._pending))
        self._pending.clear()
        if self._is_final:
            text += self._cleaner.finish()
        elif not text:
            return
        self._tail += text
        while self._advance():
            pass
        if self._is_final:
            self._nodes.extend(self._open)
            self._open, self._tail, self._parsed = (), "", 0

    def _advance(self) -> bool:
        """Move what can't change any more out of the tail; True where there may be more of it."""
        if self._fence:
            self._tail, is_closed = self._fence.read(self._tail, is_final=self._is_final)
            if is_closed:
                self._nodes.append(Code(self._fence.code.finish()))
                self._fence = None
            return is_closed
        blank = _BLANK_LINES.match(self._tail)
        if blank:
            self._tail, self._parsed = self._tail[blank.end() :], 0
        opening = _FENCE.match(self._tail)
        if opening:
            self._fence, self._open = _Fence(opening), ()
            self._tail, self._parsed = self._tail[opening.end() :], 0
            return True
        if self._is_final or not LONG < len(self._tail) < self._parsed + self._parsed // 8:
            return self._parse_tail()
        return False

    def _parse_tail(self) -> bool:
        text = self._tail
        last_line = text.rfind("\n") + 1
        if not self._is_final and _MARKS.fullmatch(text, last_line):
            text = text[:last_line]
        blocks = parse(text)
        growing = text.count("\n") if not text.endswith("\n") else -1
        keep = len(blocks) - 1
        if keep > 0 and blocks[keep].line == growing:
            keep -= 1
        if keep > 0:
            starts = _line_starts(text)
            self._nodes.extend(_finished(block, text, starts) for block in blocks[:keep])
            self._tail = self._tail[starts[blocks[keep].line] :]
            if _FENCE.match(self._tail):
                return True
        self._open = tuple(block.node() for block in blocks[max(keep, 0) :])
        self._parsed = len(self._tail)
        return False


class _Layout:
    """The lines of a Markdown text at one width; the settled ones are never touched again."""

    def __init__(self, width: int, *, has_gap: bool) -> None:
        self.width = width
        self.has_gap = has_gap
        self.lines: list[Line] = [EMPTY] if has_gap else []
        self.settled = len(self.lines)
        self._inner = max(width - 2, 10)
        self._start = self.settled
        self._laid_nodes = 0
        self._laid_code = 0
        self._is_in_fence = False
        self._open_nodes: tuple[Node, ...] = ()
        self._open_lines: list[Line] = []

    def add_finished(self, nodes: list[Node]) -> None:
        """Lay out the nodes that are new since the last call."""
        del self.lines[self.settled :]
        for node in nodes[self._laid_nodes :]:
            if self._is_in_fence and isinstance(node, Code):
                self._add(code_lines(node.lines[self._laid_code :], self._inner))
                self._is_in_fence, self._laid_code = False, 0
                continue
            self._separate()
            self._add(lay_out(node, self._inner))
        self._laid_nodes = len(nodes)
        self.settled = len(self.lines)

    def add_open(self, nodes: tuple[Node, ...], rest: str) -> None:
        """Lay out what may still change."""
        if nodes is not self._open_nodes:
            self._open_nodes, self._open_lines = nodes, []
            for node in nodes:
                self._open_lines.extend([EMPTY] if self._open_lines else [])
                self._open_lines.extend(indented(lay_out(node, self._inner), _MARGIN, _MARGIN))
        if nodes:
            self._separate()
            self.lines.extend(self._open_lines)
        if rest:
            self._add(wrap_text(rest, self._inner))

    def add_fence(self, code: CodeLines, growing: str) -> None:
        """Lay out an open fence; its settled lines are laid out once."""
        if not self._is_in_fence:
            self._separate()
            self._is_in_fence = True
        self._add(code_lines(code.settled_lines(self._laid_code), self._inner))
        self._laid_code = code.settled
        self.settled = len(self.lines)
        self._add(code_lines(code.open_lines(), self._inner))
        if growing:
            self._add(code_lines([(Span(growing.expandtabs(4)),)], self._inner))

    def _separate(self) -> None:
        if len(self.lines) > self._start:
            self.lines.append(EMPTY)

    def _add(self, lines: list[Line]) -> None:
        self.lines.extend(indented(lines, _MARGIN, _MARGIN))


def _finished(block: TopBlock, text: str, starts: list[int]) -> Node:
    """The node of a block that can't change any more; a top-level fence is read as it is when it streams."""
    lines = text[starts[block.line] : starts[block.end]]
    opening = _FENCE.match(lines) if block.is_fence else None
    if opening is None:
        return block.node()
    fence = _Fence(opening)
    fence.read(lines[opening.end() :].removesuffix("\n"), is_final=True)
    return Code(fence.code.finish())


def _line_starts(text: str) -> list[int]:
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts
