"""What a program printed, as lines of plain text: no escape sequences, the last state of a line that was written over."""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x9b[0-?]*[ -/]*[@-~]"
    r"|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?"
    r"|\x1b[PX^_][^\x1b\n]*(?:\x1b\\)?"
    r"|\x1b[ -/]*[0-~]"
)
_STRUCK_OVER = re.compile(r"[^\x08\n]\x08")
_UNUSUAL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd]")
_FOREIGN = re.compile("[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f-\x9f\ufffd]")
_MOST_FOREIGN = 0.1
_VISIBLE = {code: 0x2400 + code for code in range(0x20) if code not in {0x07, 0x09, 0x0A}} | {0x7F: 0x2421}
_SILENT = dict.fromkeys((0x07, *range(0x80, 0xA0)), None)
_TABLE: dict[int, int | None] = {**_VISIBLE, **_SILENT}


def plain_output(text: str) -> str:
    """`text` as plain lines; a run of lines that are no text becomes one line that says how many characters it had."""
    if not _UNUSUAL.search(text):
        return text
    lines: list[str] = []
    unreadable = 0
    has_seen_binary = False
    for line in text.replace("\r\n", "\n").split("\n"):
        # Between lines that are no text, one that is hardly any is none either.
        if _is_binary(line) or (has_seen_binary and _FOREIGN.search(line)):
            has_seen_binary = True
            unreadable += len(line)
            continue
        if unreadable:
            lines.append(_binary(unreadable))
            unreadable = 0
        lines.append(_plain_line(line))
    if unreadable:
        lines.append(_binary(unreadable))
        if text.endswith("\n"):
            lines.append("")
    return "\n".join(lines)


def has_binary(text: str) -> bool:
    """Whether any line of `text` is no text."""
    return _FOREIGN.search(text) is not None and any(_is_binary(line) for line in text.split("\n"))


def _is_binary(line: str) -> bool:
    return len(_FOREIGN.findall(line)) > max(3, len(line) * _MOST_FOREIGN)


def _binary(characters: int) -> str:
    return f"[binary output, about {characters:,} bytes, not shown]"


def _plain_line(line: str) -> str:
    plain = _ESCAPE.sub("", line) if "\x1b" in line or "\x9b" in line else line
    if "\r" in plain:
        plain = plain.rstrip("\r").rpartition("\r")[2]
    while "\x08" in plain and (shorter := _STRUCK_OVER.sub("", plain)) != plain:
        plain = shorter
    return plain.translate(_TABLE)
