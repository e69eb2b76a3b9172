"""A long text that nobody wrote, with facts hidden in it, to find out what a model still sees far back in its window.

The same seed gives the same text on every machine. Its sentences are put together from tables of words, so none of it is known
to a model, none of it is anybody's, and no line is repeated like wallpaper.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import msgspec

from dsterm.core.errors import UsageError

_WORDS = Path(__file__).with_name("haystack_words.toml")

_SENTENCES_A_PARAGRAPH = 6
_PARAGRAPHS_AT_ONCE = 400
_CHAPTER_TOKENS = 20_000
_FRAME_TOKENS = 40
"""About as many stand around each chapter: its path, its fences, its heading, its row in the table."""

_NEEDLE_TOKENS = 24
LEAST_TOKENS = 2_000
MOST_NEEDLES = 100


class Needle(msgspec.Struct, frozen=True):
    """A fact: the code of the thing called `key` is `value`, at `depth` from 0, the beginning, to 1, the end."""

    key: str
    value: str
    depth: float

    @property
    def sentence(self) -> str:
        """How it stands in the text."""
        return f"The code of the {self.key} is {self.value}."


class Haystack(msgspec.Struct, frozen=True):
    """The text as chapters, by file name in their order, and what is hidden in it, from the beginning to the end."""

    chapters: dict[str, str]
    needles: tuple[Needle, ...]


def build_haystack(tokens: int, needles: int, seed: int, count: Callable[[Sequence[str]], list[int]]) -> Haystack:
    """About `tokens` tokens, by `count`, with `needles` facts spread evenly over them; blocks.

    UsageError where they don't go in.
    """
    if tokens < LEAST_TOKENS or not 1 <= needles <= MOST_NEEDLES or needles * _NEEDLE_TOKENS > tokens // 4:
        raise UsageError(
            f"Give at least {LEAST_TOKENS:,} tokens, 1 to {MOST_NEEDLES} needles, and {4 * _NEEDLE_TOKENS} tokens for each."
        )
    dice = random.Random(f"{seed} {tokens} {needles}")  # noqa: S311  the same for the same seed is what is wanted
    hidden = _needles(dice, needles)
    frames = _FRAME_TOKENS * (tokens // _CHAPTER_TOKENS + 1)
    room = tokens - needles * _NEEDLE_TOKENS - frames
    paragraphs = list(_paragraphs(dice, room, count))
    places: dict[int, list[Needle]] = {}
    for needle in hidden:
        places.setdefault(round(needle.depth * (len(paragraphs) - 1)), []).append(needle)
    texts = [_with_needles(paragraph, places.get(place, [])) for place, (paragraph, _) in enumerate(paragraphs)]
    return Haystack(_chapters(texts, [size for _, size in paragraphs]), hidden)


def _needles(dice: random.Random, count: int) -> tuple[Needle, ...]:
    names: dict[str, None] = {}
    while len(names) < count:
        names[f"{_pick(dice, 'colours')}-{_pick(dice, 'animals')}-{10 + int(dice.random() * 90)}"] = None
    last = max(1, count - 1)
    return tuple(
        Needle(name, f"{int(dice.random() * 9_000_000) + 1_000_000}", at / last if count > 1 else 0.5)
        for at, name in enumerate(names)
    )


def _paragraphs(
    dice: random.Random, room: int, count: Callable[[Sequence[str]], list[int]]
) -> Iterator[tuple[str, int]]:
    """Paragraphs with their tokens, until they come to `room`."""
    while True:
        texts = [" ".join(_sentence(dice) for _ in range(_SENTENCES_A_PARAGRAPH)) for _ in range(_PARAGRAPHS_AT_ONCE)]
        # With the empty line behind it, which is part of another token than it would be alone.
        for text, size in zip(texts, count([f"{text}\n\n" for text in texts]), strict=True):
            if size > room:
                return
            room -= size
            yield text, size


def _sentence(dice: random.Random) -> str:
    who, did, what = _pick(dice, "people"), _pick(dice, "deeds"), f"{_pick(dice, 'looks')} {_pick(dice, 'things')}"
    many = 2 + int(dice.random() * 900)
    match int(dice.random() * 4):
        case 0:
            return f"{who} {did} {many} {what} {_pick(dice, 'places')}."
        case 1:
            return f"{who} {did} the {what} {_pick(dice, 'times')}, {_pick(dice, 'reasons')}."
        case 2:
            return f"{who}, {_pick(dice, 'times')}, {did} some {what} {_pick(dice, 'places')}."
        case _:
            return f"{who} {did} {what} and {many} {_pick(dice, 'looks')} {_pick(dice, 'things')}, {_pick(dice, 'reasons')}."


def _with_needles(paragraph: str, needles: Sequence[Needle]) -> str:
    """The facts between the sentences, behind the first one."""
    if not needles:
        return paragraph
    first, _, rest = paragraph.partition(". ")
    return f"{first}. {' '.join(needle.sentence for needle in needles)} {rest}"


def _chapters(paragraphs: Sequence[str], sizes: Sequence[int]) -> dict[str, str]:
    chapters: list[list[str]] = [[]]
    size = 0
    for paragraph, tokens in zip(paragraphs, sizes, strict=True):
        if size + tokens > _CHAPTER_TOKENS:
            chapters.append([])
            size = 0
        chapters[-1].append(paragraph)
        size += tokens
    return {
        f"chapter-{number:03}.txt": "\n\n".join([f"Chapter {number}", *texts]) + "\n"
        for number, texts in enumerate(chapters, 1)
    }


def _pick(dice: random.Random, table: str) -> str:
    words = _tables()[table]
    return words[int(dice.random() * len(words))]


@cache
def _tables() -> dict[str, list[str]]:
    return tomllib.loads(_WORDS.read_text(encoding="utf-8"))
