"""Reasoning that repeats itself for ever, noticed while it streams, in linear time and bounded memory.

Rather one missed than good reasoning that is stopped: only prose counts, never a table, code or an enumeration, and only long
stretches: one block again and again to the letter, or very few sentences in any order.
"""

from __future__ import annotations

import re
from collections import Counter, deque

_TAIL = 12_000
"""Characters that are looked back on."""

_EVERY = 500
"""Characters between two looks."""

_COPIES = 4
_SHORT_BLOCK = 40
_LEAST = 2_000
"""Characters that a block must fill with its copies."""

_LEAST_OF_SHORT = 3_000
_ANCHOR = 32
_PLACES = 12
"""Earlier places of the last characters that are tried as the beginning of the block."""

_SENTENCES = 48
_LEAST_SENTENCE = 24
_MOST_SENTENCE = 300
_LEAST_OF_SENTENCES = 1_500
_MOST_DIFFERENT = 5
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])|\n+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_NO_PROSE = re.compile(r"^\s*[|+>#]|^\s*(?:[-*•]|\d+[.)])\s|^(?: {4}|\t)", re.MULTILINE)
_FENCE = re.compile(r"^\s*```", re.MULTILINE)
_PROSE_SHARE = 0.75


class ReasoningWatch:
    """Hears the reasoning of one answer piece by piece; `sane` is how many characters of it come before the repetition."""

    def __init__(self) -> None:
        self.sane = 0
        self._pending: list[str] = []
        self._size = 0
        self._read = 0
        self._tail = ""
        self._line = ""
        self._is_code = False
        self._open = ""
        self._sentences: deque[str] = deque(maxlen=_SENTENCES)
        self._counts: Counter[str] = Counter()

    def feed(self, text: str) -> bool:
        """Take in more of the reasoning; whether it goes round in circles."""
        self._pending.append(text)
        self._size += len(text)
        if self._size < _EVERY:
            return False
        new = "".join(self._pending)
        self._pending.clear()
        self._size = 0
        self._read += len(new)
        return self._take(new[-2 * _TAIL :])

    def _take(self, new: str) -> bool:
        self._note_fences(new)
        self._tail = (self._tail + new)[-_TAIL:]
        self._note_sentences(new)
        if self._is_code:
            return False
        repeated = self._repeated_block() or self._repeated_sentences()
        self.sane = max(0, self._read - repeated)
        return repeated > 0

    def _note_fences(self, new: str) -> None:
        lines = (self._line + new).rpartition("\n")
        self._is_code ^= len(_FENCE.findall(lines[0])) % 2 == 1
        self._line = lines[2][:200]

    def _repeated_block(self) -> int:
        """How many characters at the end say again what stands right before them; 0 where that is no loop."""
        tail = self._tail
        if len(tail) < _LEAST:
            return 0
        anchor = tail[-_ANCHOR:]
        end = len(tail) - 1
        for _ in range(_PLACES):
            place = tail.rfind(anchor, 0, end)
            if place < 0:
                return 0
            period = len(tail) - _ANCHOR - place
            least = max(_COPIES * period, _LEAST if period >= _SHORT_BLOCK else _LEAST_OF_SHORT)
            if least > len(tail):
                return 0
            if tail[-least:-period] == tail[period - least :] and _is_prose(_whole(tail[-least:], period)):
                return least - period
            end = place + _ANCHOR - 1
        return 0

    def _note_sentences(self, new: str) -> None:
        *whole, rest = _SENTENCE_END.split(self._open + new)
        self._open = rest[:_MOST_SENTENCE]
        for sentence in whole:
            plain = " ".join(sentence.split()).casefold()[:_MOST_SENTENCE]
            if _NO_PROSE.match(sentence):
                self._sentences.clear()
                self._counts.clear()
            elif len(plain) >= _LEAST_SENTENCE:
                self._note_sentence(plain)

    def _note_sentence(self, plain: str) -> None:
        if len(self._sentences) == _SENTENCES:
            oldest = self._sentences[0]
            self._counts[oldest] -= 1
            if not self._counts[oldest]:
                del self._counts[oldest]
        self._sentences.append(plain)
        self._counts[plain] += 1

    def _repeated_sentences(self) -> int:
        """How many characters the last sentences fill, where nearly all of them are the same few."""
        if len(self._sentences) < _SENTENCES or len(self._counts) > _MOST_DIFFERENT:
            return 0
        size = sum(map(len, self._sentences))
        is_loop = size >= _LEAST_OF_SENTENCES and all(_is_prose(sentence) for sentence in self._counts)
        return size if is_loop else 0


def _whole(stretch: str, period: int) -> str:
    """The block, as often as it takes to judge it."""
    return stretch[: max(period, 200)]


def _is_prose(text: str) -> bool:
    """Whether `text` is sentences, and no table, list, code or row of figures."""
    if _NO_PROSE.search(text) or not _WORD.search(text):
        return False
    letters = sum(character.isalpha() or character in " ,.!?'’…，。！？、" for character in text)
    marks = sum(character in '{}[]()<>=;:|_\\/"`#$%&*+' for character in text)
    return letters >= _PROSE_SHARE * len(text) and marks * 20 <= len(text)
