"""Where in a Markdown text a stream stands: in code, in a quoted line, or in words that may turn out to be markup.

Follows fences, spans of inline code, quoted and indented lines; the text may be cut anywhere, and each character is looked at
once. A span of inline code ends with its paragraph at the latest: a lone backtick must not hide all that follows.
"""

from __future__ import annotations

import re

from dsterm.llm.markup import BARS

_SPECIAL = re.compile(rf"`+|~+|<(?=/?(?:[{BARS}]|\Z|[iI](?:[nN]|\Z)|[tT](?:[oOhH]|\Z)|[fF](?:[uU]|\Z)))|\[(?=T|\Z)")
_OPEN_HEAD = re.compile(r"[ \t]*(?:(?:[-*+]|\d{1,9}[.)]?)[ \t]*)?")
_SHIELDED_HEAD = re.compile(r" {0,3}(?:>| \t|\t| {4})| {4}")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_HEAD_SIZE = 40
_FENCE_SIZE = 3


class Place:
    """The place behind all the text that was walked over.

    `_head` is the current line as long as a fence may still begin in it, None afterwards. `_mark` and `_marks` are the run of
    backticks or tildes that the text ends with: what it means is known when another character follows.
    """

    def __init__(self) -> None:
        self._head: str | None = ""
        self._is_shielded = False
        self._code = 0
        self._mark = ""
        self._marks = 0
        self._fence = ""
        self._fence_size = 0
        self._is_fence_line = False
        self._is_closing = False

    def walk(self, text: str, at: int) -> int:
        """Go on from `at` to the next character that may begin markup, or to the end of `text`."""
        size = len(text)
        while at < size:
            if self._marks and text[at] != self._mark:
                self._settle()
            if self._fence:
                at = self._walk_fence(text, at)
                continue
            found = _SPECIAL.search(text, at)
            begin = found.start() if found else size
            if begin > at:
                self._pass(text, at, begin)
            if found is None:
                break
            at = found.end()
            if text[begin] in "`~":
                self._add(text[begin], at - begin)
            elif self._is_protected:
                self.skip()
            else:
                return begin
        return size

    def skip(self) -> None:
        """The character that was stopped at is a word like any other."""
        self._extend_head("<")

    def begin_block(self) -> None:
        """What follows stands as in a new paragraph."""
        self._begin_line()
        self._code = 0

    def _begin_line(self) -> None:
        self._head = ""
        self._is_shielded = False

    @property
    def _is_protected(self) -> bool:
        return bool(self._code or self._is_shielded or (self._head and _SHIELDED_HEAD.match(self._head)))

    def _pass(self, text: str, begin: int, end: int) -> None:
        newline = text.rfind("\n", begin, end)
        if newline >= 0:
            is_empty = self._head is not None and not self._head.strip(" \t")
            if self._code and _BLANK_LINE.search(("\n" if is_empty else "x") + text[begin : newline + 1]):
                self._code = 0
            self._begin_line()
            begin = newline + 1
        if self._head is not None and begin < end:
            self._extend_head(text[begin : min(end, begin + _HEAD_SIZE)])

    def _extend_head(self, words: str) -> None:
        if self._head is None:
            return
        head = self._head + words
        if self._fence:
            self._head = head if head.isspace() and len(head) < _HEAD_SIZE else None
        elif len(head) < _HEAD_SIZE and _OPEN_HEAD.fullmatch(head):
            self._head = head
        else:
            self._is_shielded = _SHIELDED_HEAD.match(head) is not None
            self._head = None

    def _add(self, mark: str, count: int) -> None:
        if self._marks and mark != self._mark:
            self._settle()
        self._mark = mark
        self._marks += count

    def _settle(self) -> None:
        """The run of backticks or tildes is complete: a fence, its end, or the border of inline code."""
        count, self._marks = self._marks, 0
        opens_line = self._head is not None
        if self._fence:
            if self._is_fence_line:
                # A fence has no backticks in its line: this was inline code that opened a line.
                self._code = 0 if count == self._fence_size else self._fence_size
                self._fence = ""
            else:
                self._is_closing = opens_line and count >= self._fence_size
        elif opens_line and count >= _FENCE_SIZE and not self._is_shielded:
            self._fence, self._fence_size = self._mark, count
            self._is_fence_line = True
            self._is_closing = False
            self._code = 0
        elif self._mark == "`":
            self._extend_head("`")
            if self._code in {0, count}:
                self._code = count - self._code
        else:
            self._extend_head("~")
        self._head = None

    def _walk_fence(self, text: str, at: int) -> int:
        """Go on inside a fence, to the end of its line, of the next run of its character, or of `text`."""
        mark = text.find(self._fence, at)
        end = len(text) if mark < 0 else mark
        if self._is_fence_line or self._is_closing:
            newline = text.find("\n", at, end)
            if self._is_closing and text[at : end if newline < 0 else newline].strip():
                self._is_closing = False
            if newline >= 0:
                if self._is_closing:
                    self._fence = ""
                self._is_fence_line = self._is_closing = False
                self._begin_line()
                return newline + 1
        else:
            self._pass(text, at, end)
        if mark < 0:
            return end
        while end < len(text) and text[end] == self._fence:
            end += 1
        self._add(self._fence, end - mark)
        return end
