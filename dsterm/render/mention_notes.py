"""What went along with a prompt, as a line under it."""

from __future__ import annotations

from collections.abc import Sequence

from dsterm.core.mentions import Mention
from dsterm.render.blocks import Note
from dsterm.render.clean import clean_line
from dsterm.render.wording import format_count, format_tokens

_MOST = 6


def mentions_note(mentions: Sequence[Mention]) -> Note | None:
    """The mentions whose text was sent, with their tokens; None where there are none. What was not sent is told by itself."""
    sent = [mention for mention in mentions if not mention.problem]
    if not sent:
        return None
    shown = [f"{clean_line(each.written)} {format_tokens(each.tokens, is_fine=True)} tok" for each in sent[:_MOST]]
    if len(sent) > _MOST:
        shown.append(f"and {format_count(len(sent) - _MOST, 'other')}")
    return Note(f"with {', '.join(shown)}")
