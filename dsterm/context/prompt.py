"""The system text: the same bytes for the whole session, so that the provider's prompt cache keeps everything after it."""

from __future__ import annotations

from pathlib import Path

from dsterm.core.errors import DiskError

_TEXT = Path(__file__).with_name("prompt.md")


def system_prompt(append: str = "") -> str:
    """The system text, with the user's own words after it. Nothing in it varies by day, folder, branch or mode.

    DiskError when the package is damaged.
    """
    try:
        text = _TEXT.read_text("utf-8").strip()
    except OSError as error:
        raise DiskError(f"{_TEXT} is missing from the installation; install dsterm again.") from error
    own = append.strip()
    return f"{text}\n\n# From the user\n{own}\n" if own else f"{text}\n"
