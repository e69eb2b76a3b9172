"""How git names bytes."""

from __future__ import annotations

import hashlib


def blob_name(data: bytes, digits: int = 40) -> str:
    """Git's name for `data`, by SHA-1 where it has 40 digits, else by SHA-256."""
    head = b"blob %d\0" % len(data)
    # Names, no secrets: git chose the function.
    made = hashlib.sha1(head, usedforsecurity=False) if digits == 40 else hashlib.sha256(head)
    made.update(data)
    return made.hexdigest()
