"""Secrets kept out of everything that is shown, logged or sent: the known ones, and what is shaped or named like one."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import quote

import msgspec

from dsterm.store.randomness import is_random
from dsterm.store.secret_shapes import escapes_in, shaped_secrets

MASK = "[redacted]"

_SHORTEST_SECRET = 6
_MOST_PASSES = 4
_LONE_KEY = re.compile(r"[A-Za-z0-9_-]{24,200}")
_HASH_OR_ID = re.compile(r"[0-9a-f]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def redact(text: str, secrets: Collection[str]) -> str:
    """`text` with every known secret, and everything shaped or named like a key, token or password, masked.

    A known one is masked in any spelling that JSON or an address gives it. Masking once more changes nothing.
    """
    known = _spellings(secrets)
    for _ in range(_MOST_PASSES):
        masked = _mask_shapes(_mask_known(text, known))
        if masked == text:
            break
        text = masked
    return text


def find_secrets(text: str, secrets: Collection[str]) -> tuple[str, ...]:
    """What in `text` looks like a secret, each named once without showing it (`a key that begins with sk-a…`)."""
    found = ["the API key that dsterm uses"] if any(secret in text for secret in _spellings(secrets)) else []
    found += [span.what for span in shaped_secrets(_mask_known(text, _spellings(secrets)))]
    word = text.strip()
    if not found and _LONE_KEY.fullmatch(word) and is_random(word) and not _HASH_OR_ID.fullmatch(word):
        found.append("nothing but what looks like a key")
    return tuple(dict.fromkeys(found))


def _spellings(secrets: Collection[str]) -> list[str]:
    """Every known secret as it is, as in JSON and as in an address; the longest first, as one may be part of another."""
    known: set[str] = set()
    for secret in tuple(secrets):
        if len(secret) >= _SHORTEST_SECRET and secret not in MASK:
            known |= {secret, msgspec.json.encode(secret).decode()[1:-1], quote(secret, safe="")}
    return sorted(known, key=lambda secret: (-len(secret), secret))


def _mask_known(text: str, known: list[str]) -> str:
    for secret in known:
        text = text.replace(secret, MASK)
    return text


def _mask_shapes(text: str) -> str:
    pieces, at = [], 0
    for span in shaped_secrets(text):
        if span.end <= at:
            continue
        if span.start >= at:
            pieces += [text[at : span.start], MASK]
        pieces.append(escapes_in(text[max(at, span.start) : span.end]))
        at = span.end
    return "".join((*pieces, text[at:]))
