"""Pages that are mentioned: asked about, then fetched."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from dsterm.core.errors import WorkspaceError
from dsterm.core.mentions import Mention
from dsterm.core.questions import Option, QuestionAsked
from dsterm.engine.asking import ask
from dsterm.engine.live import LiveSession
from dsterm.engine.mentioning.brought import Brought, one_line
from dsterm.engine.mentioning.files import FILE_CAP
from dsterm.engine.questions import DENY, ONCE


async def bring_page(live: LiveSession, mention: Mention) -> Brought:
    """The text of the page, where the user says yes; in a run that can't ask, the setting that allows pages is the yes."""
    from dsterm.workspace.page import fetch_page  # noqa: PLC0415  only where a page is fetched

    if live.parts.can_ask and not await _wanted(live, mention):
        return Brought(mention=replace(mention, problem="The user did not want it fetched."))
    try:
        page = await asyncio.to_thread(fetch_page, mention.target)
    except WorkspaceError as error:
        return Brought(mention=replace(mention, problem=str(error)))
    text = page.text[:FILE_CAP]
    is_cut = page.is_cut or len(text) < len(page.text)
    told = (f"{mention.written} is long, so only its beginning is sent.",) if is_cut else ()
    block = f"{one_line(page.address)}{', its beginning' if is_cut else ''}:\n{text}"
    return Brought(mention=replace(mention, size=page.size), blocks=(block,), told=told)


async def _wanted(live: LiveSession, mention: Mention) -> bool:
    question = QuestionAsked(
        id=live.parts.new_id(),
        text=f"Fetch {mention.target} and send its text to the model?",
        options=(
            Option(key="y", answer=ONCE, label="yes, this once"),
            Option(key="n", answer=DENY, label="no, send the prompt without it"),
        ),
    )
    return (await ask(live, question)).answer == ONCE
