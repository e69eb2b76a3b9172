"""The keys under a question: which mean something now, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from dsterm.core.questions import Option
from dsterm.core.review import EDITED, REVIEWED
from dsterm.render.clean import clean_code, clean_line
from dsterm.render.width import cells
from dsterm.render.wrap import wrap_text
from dsterm.tui.review import Review

SPLIT_KEY = "t"
FULL_KEY = "f"
WALK_KEYS = frozenset("ynadb")
_WALK = (("y", "write it"), ("n", "leave it out"), ("a", "write the rest"), ("d", "leave out the rest"), ("b", "back"))
_LONG = 40
_BETWEEN = " · "
_TO_ANSWER = "Tab to answer"


def offered(options: Sequence[Option], review: Review) -> list[Option]:
    """The options that can be taken now. Who edited what is proposed can take it so, edit it again, or refuse it."""
    if not review.edits:
        return list(options)
    plain = [option for option in options if not option.wants_text and option.answer not in {EDITED, REVIEWED}]
    yes = plain[:1]
    refusals = plain[-1:] if not any(option.wants_text for option in options) else []
    return [option for option in options if option in yes + refusals or option.wants_text or option.answer == EDITED]


def key_words(options: Sequence[Option], review: Review, *, is_split: bool, is_full: bool) -> list[tuple[str, str]]:
    """The keys that mean something now, with their words."""
    if review.walk is not None:
        pairs = list(_WALK)
    else:
        pairs = [(option.key, _label(option, place, review)) for place, option in enumerate(offered(options, review))]
    if review.diffs:
        pairs.append((SPLIT_KEY, "unified" if is_split else "split"))
    if review.is_long:
        pairs.append((FULL_KEY, "smaller" if is_full else "full screen"))
    return pairs


def key_rows(pairs: Sequence[tuple[str, str]], width: int, *, is_active: bool) -> list[Content]:
    """Keys and words in rows of at most `width` cells, nothing left out: short ones side by side, long ones below each other.

    They are dim while letters go to the composer, and then it says how to change that.
    """
    rows: list[Content] = []
    row, used = Content(" "), 1
    shown = [(clean_code(clean_line(key)), clean_code(clean_line(words))) for key, words in pairs]
    if not is_active:
        shown.append(("", _TO_ANSWER))
    for key, words in shown:
        size = cells(key) + cells(words) + 1
        if size > min(_LONG, width - 2):
            rows += [*([row] if used > 1 else []), *_long(key, words, width, is_active=is_active)]
            row, used = Content(" "), 1
            continue
        if used > 1 and used + size + len(_BETWEEN) > width:
            rows.append(row)
            row, used = Content(" "), 1
        between = Content.styled(_BETWEEN, "$dim") if used > 1 else Content("")
        row = Content.assemble(row, between, _pair(key, words, is_active=is_active))
        used += size + (len(_BETWEEN) if used > 1 else 0)
    return [*rows, row] if used > 1 else rows


def _pair(key: str, words: str, *, is_active: bool) -> Content:
    if not key:
        return Content.styled(words, "$dim")
    # A no-break space keeps a key and its words on one row.
    return Content.assemble(
        Content.styled(key, "bold $accent" if is_active else "bold $dim"),
        Content.styled("\u00a0" + words.replace(" ", "\u00a0"), "$foreground" if is_active else "$dim"),
    )


def _long(key: str, words: str, width: int, *, is_active: bool) -> list[Content]:
    margin = cells(key) + 2
    look = "$foreground" if is_active else "$dim"
    texts = [line.text for line in wrap_text(words, max(width - margin - 1, 8))]
    first = Content.styled(f" {key} ", "bold $accent" if is_active else "bold $dim")
    return [
        Content.assemble(first if not place else " " * margin, Content.styled(text, look))
        for place, text in enumerate(texts)
    ]


def _label(option: Option, place: int, review: Review) -> str:
    if not review.edits or option.wants_text:
        return option.label
    if option.answer == EDITED:
        return "edit again"
    return "yes, as edited" if place == 0 else option.label
