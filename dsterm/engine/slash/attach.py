"""Attach a repository: read it, count it, say what it costs before it is sent, refuse what does not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dsterm.context.forecast import PackQuote, pack_quote
from dsterm.context.repo_pack import BuiltPack
from dsterm.core.delta_events import WorkProgress
from dsterm.core.errors import ContextOverflow, UsageError
from dsterm.core.questions import Option, QuestionAsked
from dsterm.core.repo_events import RepoAttached
from dsterm.engine.asking import ask
from dsterm.engine.live import LiveSession
from dsterm.engine.questions import DENY, ONCE
from dsterm.engine.steps.requests import context_tokens
from dsterm.render.wording import format_count, format_money, format_share, format_tokens
from dsterm.workspace.git.left_out import HOLDS_KEYS

_NAMED = 5
"""Files that a question names; the others are counted."""


async def attach(live: LiveSession, source: str) -> None:
    """Put the text of `source` into the conversation, frozen, to be sent with the next prompt.

    UsageError or GitError when it is no repository, ContextOverflow with figures when it doesn't fit.
    """
    built = await _built(live, source, takes_secrets=False)
    secret = [left.path for left in built.left_out if left.reason == HOLDS_KEYS]
    if secret and live.parts.can_ask and await _wants_secrets(live, secret):
        built = await _built(live, source, takes_secrets=True)
    pack = built.pack
    if any(pack.digest == attached.digest for attached in live.session.packs):
        raise UsageError(f"{source} is attached already, exactly as it is now.")
    quote = pack_quote(pack, live.card(live.model), context_tokens(live)[0])
    if not quote.fits:
        raise ContextOverflow(_does_not_fit(live, built))
    live.keep_pack(pack.digest, built.text)
    live.emit(RepoAttached(pack=pack))
    live.notice(_announcement(live, built, quote))


async def _built(live: LiveSession, source: str, *, takes_secrets: bool) -> BuiltPack:
    return await live.parts.pack(source, lambda text: live.emit(WorkProgress(text)), takes_secrets)


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


def _announcement(live: LiveSession, built: BuiltPack, quote: PackQuote) -> str:
    pack = built.pack
    commit = f" at {pack.commit[:10]}{' with changes' if pack.is_dirty else ''}" if pack.commit else ""
    lines = [
        f"Attached {pack.source}{commit}: {pack.files:,} files, {format_tokens(pack.tokens)} tokens, "
        f"{format_share(quote.share)} of the window. On {live.model.short_title} the first send costs "
        f"{format_money(quote.miss_dollars, is_estimate=True)}, each later one "
        f"{format_money(quote.hit_dollars, is_estimate=True)} while the provider's cache holds it."
    ]
    if built.left_out:
        reasons = Counter(left.reason for left in built.left_out)
        lines.append("Left out: " + ", ".join(f"{count} {reason}" for reason, count in reasons.most_common()) + ".")
    return " ".join(lines)


def _does_not_fit(live: LiveSession, built: BuiltPack) -> str:
    used = context_tokens(live)[0]
    window = live.card(live.model).context_window
    return (
        f"{built.pack.source} has {built.pack.tokens:,} tokens in {built.pack.files:,} files and does not fit: "
        f"{max(0, window - used):,} of {window:,} tokens are free, and the answer needs room too. "
        "Attach a part of it as a repository of its own, or /detach something."
    )
