"""Attach what the user names: count it, say what it costs before it is sent, refuse what does not fit, write it down for good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from dsterm.context.choice import folder_sums, levels
from dsterm.context.repo_pack import build_pack
from dsterm.core.attachments import Level, PackChoice, Survey, WorkState
from dsterm.core.delta_events import WorkProgress
from dsterm.core.errors import ContextOverflow, UsageError
from dsterm.core.left_out_reasons import HOLDS_KEYS
from dsterm.core.questions import Option, QuestionAsked
from dsterm.core.repo_events import RepoAttached
from dsterm.engine.asking import ask
from dsterm.engine.attaching.announcement import announcement, work_words
from dsterm.engine.attaching.counting import count_source, count_text
from dsterm.engine.attaching.fitting import does_not_fit, quotes
from dsterm.engine.attaching.packing import gather
from dsterm.engine.live import LiveSession
from dsterm.engine.questions import DENY, ONCE
from dsterm.render.wording import format_count

_NAMED = 5
"""Files that a question names; the others are counted."""

_EVERYTHING = PackChoice()


async def attach(live: LiveSession, source: str, choice: PackChoice = _EVERYTHING, *, asks: bool = True) -> None:
    """Put what `choice` takes of `source` into the conversation, frozen, to be sent with the next prompt.

    `asks` is whether files that only looking secret keeps out may be asked about. UsageError or GitError when there is no such
    source, ContextOverflow with figures when it doesn't fit.
    """
    tell = progress(live, source)
    survey = await count_source(live.parts, source, choice, tell)
    secret = _secret_files(survey, choice)
    if secret and asks and live.parts.can_ask and await _wants_secrets(live, secret):
        choice = replace(choice, takes_secrets=True)
        survey = await count_source(live.parts, source, choice, tell)
    await _require_room(live, survey, await asyncio.to_thread(levels, survey, choice), tokens=None)
    gathered = await gather(live.parts, survey, choice, tell)
    tell_text = f"counting {source}"
    live.emit(WorkProgress(tell_text))
    built = await asyncio.to_thread(build_pack, gathered, lambda text: count_text(live.parts, text))
    if any(built.pack.digest == attached.digest for attached in live.session.packs):
        raise UsageError(f"{source} is attached already, exactly as it is now.")
    await _require_room(live, gathered.survey, gathered.levels, tokens=built.pack.tokens)
    # Beside what is there so far: afterwards the pack would count as there already.
    quoted = quotes(live, built.pack.tokens)
    # All that takes as long as there are files, or waits for the disk, is done in threads: keys are typed meanwhile.
    await asyncio.to_thread(live.keep_pack, built.pack.digest, built.text, built.manifest)
    said = await asyncio.to_thread(announcement, built, gathered, quoted)
    live.emit(RepoAttached(pack=built.pack))
    live.notice(said)


def progress(live: LiveSession, source: str) -> Callable[[WorkState], None]:
    """What shows how far the work on `source` is."""
    return lambda state: live.emit(WorkProgress(work_words(source, state)))


async def _require_room(live: LiveSession, survey: Survey, chosen: Sequence[Level], *, tokens: int | None) -> None:
    """ContextOverflow where it doesn't fit: by its exact `tokens`, or by those of its files before they are read."""
    sums = await asyncio.to_thread(folder_sums, survey, chosen)
    quote = quotes(live, sums[""].tokens if tokens is None else tokens)[0]
    if not quote.fits:
        raise ContextOverflow(does_not_fit(survey.source, quote, sums, files=sums[""].taken))


def _secret_files(survey: Survey, choice: PackChoice) -> list[str]:
    """Files that only their looking secret keeps out."""
    if choice.takes_secrets or not any(file.reason == HOLDS_KEYS for file in survey.files):
        return []
    now, then = levels(survey, choice), levels(survey, replace(choice, takes_secrets=True))
    return [file.path for file, one, other in zip(survey.files, now, then, strict=True) if one is not other]


async def _wants_secrets(live: LiveSession, paths: Sequence[str]) -> bool:
    """Whether files that look secret go to the provider with the others; where nobody can be asked they don't."""
    named = ", ".join(paths[:_NAMED]) + (f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else "")
    question = QuestionAsked(
        id=live.parts.new_id(),
        text=f"Attach {format_count(len(paths), 'file')} that may hold secrets as well? {named}",
        options=(
            Option(key="n", answer=DENY, label="leave them out"),
            Option(key="y", answer=ONCE, label="yes, send them with the others"),
        ),
    )
    return (await ask(live, question)).answer == ONCE
