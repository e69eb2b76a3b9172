"""Whether what is chosen fits, what it costs on Flash and on Pro, and what to leave out where it doesn't fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dsterm.context.choice import FolderSum
from dsterm.context.pack_quote import PackQuote, pack_quote
from dsterm.core.models import ModelCard
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.requests import forecast_next
from dsterm.render.wording import format_count, format_tokens

_ALIASES = ("flash", "pro")
_MOST_FOLDERS = 4
_NEARLY_ALL = 0.8


def quotes(live: LiveSession, tokens: int) -> tuple[PackQuote, ...]:
    """What attaching `tokens` means on the model that is chosen, first, and on Flash and Pro of the same provider."""
    already = forecast_next(live).prompt_tokens
    return tuple(pack_quote(tokens, live.card(model), already) for model in _models(live))


def _models(live: LiveSession) -> tuple[ModelCard, ...]:
    known = live.parts.catalog.models(live.model.provider)
    others = (model for model in known if model.alias in _ALIASES and model.id != live.model.id)
    return (live.model, *others)


def does_not_fit(source: str, quote: PackQuote, sums: Mapping[str, FolderSum], *, files: int) -> str:
    """By how much, and which folders would do."""
    text = (
        f"{source} has {quote.tokens:,} tokens in {format_count(files, 'file')} and does not fit: it is {quote.missing:,} tokens"
        f" too many for the {quote.window:,} of {quote.title}, beside what is there and with room for an answer."
    )
    folders = largest_folders(sums)
    if not folders:
        return f"{text} Take a part of it with --include GLOB, or /detach something."
    named = ", ".join(f"{folder} ({format_tokens(tokens)} tokens)" for folder, tokens in folders)
    flags = " ".join(f"--exclude /{folder}" for folder in _enough(folders, quote.missing))
    return f"{text} Largest are {named}: leave some out, as with {flags}, or /detach something."


def largest_folders(sums: Mapping[str, FolderSum]) -> list[tuple[str, int]]:
    """The largest folders and their tokens; a folder that holds nearly all is looked into."""
    inner: dict[str, list[str]] = {}
    for folder in sums:
        if folder:
            inner.setdefault(folder[: folder.rfind("/", 0, -1) + 1], []).append(folder)
    base = ""
    while True:
        large = [one for one in inner.get(base, []) if sums[one].tokens > _NEARLY_ALL * sums[""].tokens]
        if not large or large[0] not in inner:
            break
        base = large[0]
    found = [
        (folder, sums[folder].tokens + sums[folder].frame) for folder in inner.get(base, []) if sums[folder].tokens
    ]
    return sorted(found, key=lambda one: (-one[1], one[0]))[:_MOST_FOLDERS]


def _enough(folders: Sequence[tuple[str, int]], missing: int) -> list[str]:
    """The smallest of them that would do alone, else as many of the largest as it takes."""
    alone = [folder for folder, tokens in folders if tokens >= missing]
    if alone:
        return alone[-1:]
    taken: list[str] = []
    for folder, tokens in folders:
        if missing <= 0:
            break
        taken.append(folder)
        missing -= tokens
    return taken
