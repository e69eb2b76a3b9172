"""Text from files, commands and repositories, marked as data, so that nothing in it counts as the user's word.

The mark's name is a hash of the text that doesn't occur in it: no content can close its own mark, and the same content has the
same bytes, so that the provider's prompt cache holds.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import count

_DIGITS = 12
_PREFIX = "data-"
_LONGEST_KIND = 80


def mark_data(kind: str, text: str) -> str:
    """`text` between two tags that only this text has; `kind` says in a few words what it is (`diff`, `output`)."""
    name = f"{_PREFIX}{_name(text)}"
    return f'<{name} kind="{_plain(kind)}">\n{text.removesuffix(chr(10))}\n</{name}>'


def holds_data(text: str) -> bool:
    """Whether something in `text` was marked."""
    return f"<{_PREFIX}" in text


def own_words(text: str) -> str:
    """What of `text` stands before the first mark: what dsterm says itself, as nothing of others does without one."""
    return text.partition(f"<{_PREFIX}")[0]


def _name(text: str) -> str:
    """A hash that `text` doesn't hold, in whatever case; the next one where it does."""
    folded = text.casefold()
    data = text.encode("utf-8", "surrogatepass")
    return next(name for number in count() if (name := _hashed(number, data)) not in folded)


def _hashed(number: int, data: bytes) -> str:
    return sha256(f"{number}:".encode() + data).hexdigest()[:_DIGITS]


def _plain(kind: str) -> str:
    """One printable line that can't leave its quotation marks."""
    kept = "".join(character if character.isprintable() and character not in '<>"' else " " for character in kind)
    return " ".join(kept.split())[:_LONGEST_KIND]
