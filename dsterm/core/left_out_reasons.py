"""The words for why a file is not attached, where more than one part of dsterm goes by them."""

from __future__ import annotations

HOLDS_KEYS = "looks like it holds secrets"
OWN = "belongs to dsterm itself"
MISSING = "its content is not in this clone"
ODD_NAME = "its name is not plain text"
NO_FILE = "no regular file"
GONE = "gone meanwhile"
SYMLINK = "symbolic link"
BINARY = "binary"
NOT_TEXT = "not UTF-8 text"
UNREADABLE = "unreadable"
"""Followed by a colon and what the system said."""

OVER_LIMIT = "bytes, over the limit of"
"""Between how many the file has and how many any may have: more are never read, whoever asks."""

NOT_CHOSEN = "not chosen"
"""Nothing speaks against it; globs, a preset or a hand left it out."""

_FINAL = frozenset({OWN, MISSING, ODD_NAME, NO_FILE, GONE, SYMLINK, BINARY, NOT_TEXT, UNREADABLE})


def is_final(reason: str) -> bool:
    """Whether a file with this reason can't be taken in at all, even if it is asked for."""
    return reason in _FINAL or reason.startswith(UNREADABLE) or OVER_LIMIT in reason
