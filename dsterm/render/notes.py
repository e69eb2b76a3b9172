"""The words of dsterm's own that stand in a transcript."""

from __future__ import annotations

from dsterm.core import events
from dsterm.core.events import NoticeLevel, TurnEnd
from dsterm.core.messages import Pack
from dsterm.core.repo_events import RepoChanged
from dsterm.render.blocks import Note
from dsterm.render.clean import clean_line
from dsterm.render.style import Style
from dsterm.render.wording import format_count, format_tokens

_MOST_NAMED = 3
"""Changed files that a note names."""

_LEVELS = {
    NoticeLevel.INFO: ("·", Style.DIM),
    NoticeLevel.WARNING: ("!", Style.WARNING),
    NoticeLevel.ERROR: ("✗", Style.ERROR),
}
_ENDS = {
    TurnEnd.INTERRUPTED: ("stopped", "○", Style.WARNING),
    TurnEnd.FAILED: ("failed", "✗", Style.ERROR),
    TurnEnd.BUDGET: ("stopped by the budget", "!", Style.WARNING),
    TurnEnd.MAX_TURNS: ("stopped by the limit on requests", "!", Style.WARNING),
    TurnEnd.CUT: ("the answer was cut off", "!", Style.WARNING),
    TurnEnd.UNFIT: ("the answer is not the JSON that was asked for", "✗", Style.ERROR),
}


def notice_note(event: events.Notice) -> Note:
    """A notice, by its level."""
    return Note(event.text, *_LEVELS[event.level])


def to_model_note(text: str) -> Note:
    """Words that dsterm, not the user, says to the model in a turn."""
    return Note(f"to the model: {text}", "→", Style.WARNING)


def unknown_note(kind: str) -> Note:
    """An event that this version doesn't know."""
    return Note(f"an event of the kind {clean_line(kind)}, which this version of dsterm doesn't know")


def ended_note(event: events.TurnEnded, toll: str) -> Note | None:
    """Why a turn stopped, and what it came to, in words; None for one that ended with its answer."""
    if event.reason is TurnEnd.ANSWERED:
        return None
    word, mark, style = _ENDS[event.reason]
    words = f"{word}: {event.text}" if event.text not in {"", word} else word
    return Note(f"{words} ({toll})" if toll else words, mark, style)


def changed_note(
    event: events.ModelChanged | events.ModeChanged | events.PermissionModeChanged,
) -> tuple[str, str]:
    """Which setting changed, and the words for its new value."""
    match event:
        case events.ModelChanged(provider=provider, model=model):
            return "model", f"{clean_line(model)} at {clean_line(provider)}"
        case events.ModeChanged(mode=mode):
            return "mode", mode.label
        case events.PermissionModeChanged(mode=permission_mode):
            return "permission mode", f"permission mode {permission_mode}"


def changes_note(event: RepoChanged) -> Note:
    """What the model was told of changes of attached files: how many, the lines, the tokens, and the first names."""
    told = [file for file in event.files if not file.is_stale]
    added, removed = sum(file.added for file in told), sum(file.removed for file in told)
    parts = [f"{format_count(len(event.files), 'attached file')} changed", f"+{added} −{removed}"]
    parts.append(f"{format_tokens(event.tokens, is_fine=True)} tok")
    if len(told) < len(event.files):
        parts.append(f"{len(event.files) - len(told)} only named")
    names = [clean_line(file.path) for file in event.files[:_MOST_NAMED]]
    more = len(event.files) - len(names)
    parts.append(", ".join(names) + (f" and {more} more" if more else ""))
    return Note(" · ".join(parts), "±")


def pack_note(pack: Pack) -> Note:
    """What was attached, how large it is, and which state of it."""
    parts = [f"attached {clean_line(pack.source)}", format_count(pack.files, "file")]
    parts.append(f"{format_tokens(pack.tokens, is_fine=True)} tok")
    if pack.commit:
        parts.append(f"commit {clean_line(pack.commit)[:8]}{' and changes' if pack.is_dirty else ''}")
    return Note(" · ".join(parts), "+", Style.TEXT)
