"""The line of keys under a question."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.content import Content

from dsterm.core.questions import Option
from dsterm.core.review import EDITED, REVIEWED
from dsterm.render.clean import clean
from dsterm.tui.review import Review

SPLIT_KEY = "t"
FULL_KEY = "f"
WALK_KEYS = frozenset("ynadb")
_WALK = (("y", "write it"), ("n", "leave it out"), ("a", "write the rest"), ("d", "leave out the rest"), ("b", "back"))


def key_words(options: Sequence[Option], review: Review, *, is_split: bool, is_full: bool) -> list[tuple[str, str]]:
    """The keys that mean something now, with their words."""
    pairs = list(_WALK) if review.walk is not None else list(_option_words(options, review))
    if review.diffs:
        pairs.append((SPLIT_KEY, "unified" if is_split else "split"))
        pairs.append((FULL_KEY, "smaller" if is_full else "full screen"))
    return pairs


def key_line(pairs: Sequence[tuple[str, str]], *, is_active: bool) -> Content:
    """Keys and words in one line; dim while letters go to the composer, and it says how to change that."""
    parts: list[Content] = []
    for key, words in pairs:
        parts += [
            # A no-break space keeps a key and its words on one row.
            Content.styled(clean(key), "bold $accent" if is_active else "bold $dim"),
            Content.styled("\u00a0" + clean(words).replace(" ", "\u00a0"), "$foreground" if is_active else "$dim"),
            Content.styled(" · ", "$dim"),
        ]
    parts = parts[:-1] if is_active else [*parts, Content.styled("Tab to answer", "$dim")]
    return Content.assemble(" ", *parts)


def _option_words(options: Iterable[Option], review: Review) -> Iterable[tuple[str, str]]:
    for option in options:
        if not review.edits:
            yield option.key, option.label
        elif option.answer == EDITED:
            yield option.key, "edit again"
        elif option.wants_text:
            yield option.key, option.label
        elif option.answer != REVIEWED and option.key != "a":
            yield option.key, "yes, as edited"
