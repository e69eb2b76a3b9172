"""What a server sends, without the API key: one that shows the headers it got must not bring it onto a screen or into a file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

_MASK = b"***"


async def masked(pieces: AsyncIterator[bytes], secret: str) -> AsyncGenerator[bytes, None]:
    """`pieces` with every `secret` replaced, also where it was cut in two on its way."""
    key = secret.encode()
    held = b""
    async for data in pieces:
        text = (held + data).replace(key, _MASK) if key else data
        size = _size_of_beginning(text, key)
        held = text[len(text) - size :]
        if size < len(text):
            yield text[: len(text) - size]
    if held:
        yield held


def _size_of_beginning(text: bytes, key: bytes) -> int:
    """How many bytes at the end of `text` may be the beginning of `key`."""
    sizes = range(min(len(text), len(key) - 1), 0, -1)
    return next((size for size in sizes if text.endswith(key[:size])), 0)
