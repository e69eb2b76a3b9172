"""What the user says in passing (to a running turn, as a reason): what looks like a key in it is masked, as nobody asks."""

from __future__ import annotations

from dsterm.core.events import NoticeLevel
from dsterm.engine.live import LiveSession


def masked_words(live: LiveSession, text: str) -> str:
    """`text` as it may be kept and sent; the user is told when something was masked."""
    found = live.parts.find_secrets(text)
    if not found:
        return text
    live.notice(f"Masked {' and '.join(found)} in what you said to the model.", NoticeLevel.WARNING)
    return live.parts.redact(text)
