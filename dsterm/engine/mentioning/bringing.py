"""From one mention to its text, whatever it names; nothing is asked, sent or kept here."""

from __future__ import annotations

from msgspec.structs import replace

from dsterm.context.data_marks import mark_data
from dsterm.context.mentions import Found
from dsterm.core.mentions import MentionKind
from dsterm.engine.mentioning.brought import Brought
from dsterm.engine.mentioning.files import bring_path
from dsterm.engine.mentioning.git_texts import bring_git
from dsterm.engine.parts import EngineParts

_KINDS = {
    MentionKind.FILE: "file",
    MentionKind.FOLDER: "folder",
    MentionKind.DIFF: "diff",
    MentionKind.LOG: "commits",
    MentionKind.URL: "page",
}


async def bring(parts: EngineParts, found: Found) -> Brought | None:
    """What `found` names, as it stands now; None where it names nothing. A page is not fetched, only judged."""
    match found.mention.kind:
        case MentionKind.FILE | MentionKind.FOLDER:
            return await bring_path(parts.workspace, parts.sources, found)
        case MentionKind.DIFF | MentionKind.LOG:
            return await bring_git(parts, found.mention)
        case MentionKind.URL:
            return Brought(mention=replace(found.mention, problem=url_problem(parts)))


def url_problem(parts: EngineParts) -> str:
    """Why no page is fetched in this run, or that it will be asked about."""
    if not parts.config.allow_urls:
        return "Pages are not fetched here; --allow-urls, or allow_urls in the settings, lets them be."
    return "It is fetched when the prompt is sent."


def marked(parts: EngineParts, brought: Brought) -> str:
    """The blocks as data for the model, with what looks like a key masked where that is wanted."""
    redact = parts.redact if parts.config.mask_secrets else str
    kind = _KINDS[brought.mention.kind]
    return "\n".join(mark_data(kind, redact(block)) for block in brought.blocks)
