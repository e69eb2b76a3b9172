"""Lines without looks: for pipes, logs and screen readers; and lines in ASCII alone."""

from __future__ import annotations

from collections.abc import Iterable

from dsterm.render.style import Line

_GLYPHS = str.maketrans(
    {
        "▸": ">", "▾": "v", "│": "|", "┃": "|", "●": "*", "◐": "o", "✗": "x", "○": ".", "−": "-", "─": "-", "•": "*", "·": "-",
        "…": ".", "☐": "o", "☑": "x", "⋯": ".", "±": "+", "→": ">",
        "┆": ":", "“": '"', "”": '"', "↻": "@", "◇": "#", "⇄": "=",
        "■": "S", "□": "T", "▤": "I", "█": "#", "▓": "%", "◆": "A", "≈": "~", "▲": "^",
    }
)  # fmt: skip


def plain_text(lines: Iterable[Line]) -> str:
    """The text of `lines`, one a line, without trailing blanks; ends with a newline unless there are no lines."""
    return "".join([line.text.rstrip() + "\n" for line in lines])


def ascii_line(line: Line) -> Line:
    """`line` with dsterm's own glyphs replaced by ASCII ones of the same width; the words of others stay."""
    return Line(tuple(span.with_text(span.text.translate(_GLYPHS)) for span in line.spans), line.fill)
