"""What would make the window shorter or cheaper, at most three sentences with figures, the largest gain first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from dsterm.context.window_share import WindowShare
from dsterm.core.attachments import PackedFile
from dsterm.core.errors import DiskError
from dsterm.core.messages import Pack
from dsterm.core.report_events import Role
from dsterm.engine.compacting.compact import results_to_prune
from dsterm.engine.compacting.offer import offer_words
from dsterm.engine.compacting.plan import tokens_when_pruned
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.requests import forecast_next, switch_note
from dsterm.render.wording import format_money, format_share, format_tokens
from dsterm.workspace.sources.reasons import LOCK_FILE, name_reasons

_MOST = 3
_FULL = 0.8
_LARGE = 2_000
_PART = 0.25
_MILLION = Decimal(1_000_000)


def context_advice(live: LiveSession, shares: Sequence[WindowShare]) -> tuple[str, ...]:
    """The sentences; none where nothing is worth a change."""
    found = sorted(_found(live, shares), key=lambda advice: -advice[0])
    return tuple(words for _, words in found[:_MOST])


def _found(live: LiveSession, shares: Sequence[WindowShare]) -> Iterable[tuple[int, str]]:
    """Each with the tokens that it is about."""
    used = max(sum(share.tokens for share in shares), 1)
    note = switch_note(live)
    if note:
        yield used, f"What you chose since the last request reads the window anew: {note}."
    words = offer_words(live, is_full=used > _FULL * live.card(live.model).context_window)
    if words:
        yield sum(share.tokens for share in shares if share.role not in {Role.PACK, Role.SYSTEM, Role.TOOLS}), words
    yield from _prune(live)
    packs = {share.name: share.tokens for share in shares if share.role is Role.PACK}
    changes = sum(share.tokens for share in shares if share.role is Role.CHANGES)
    if changes > _PART * sum(packs.values()) and changes > _LARGE:
        worth = _worth(live, changes)
        yield changes, f"Changes of attached files come to {worth}: /snapshot attaches the files as they are now."
    for pack in live.session.packs:
        yield from _pack(live, pack, used)


def _prune(live: LiveSession) -> Iterable[tuple[int, str]]:
    call_ids = results_to_prune(live)
    if not call_ids:
        return
    gain = forecast_next(live).prompt_tokens - tokens_when_pruned(live, call_ids)[0]
    if gain > _LARGE:
        yield gain, f"/compact prune takes out old results of tools: {_worth(live, gain)} less."


def _pack(live: LiveSession, pack: Pack, used: int) -> Iterable[tuple[int, str]]:
    try:
        files = live.load_manifest(pack.digest).files
    except DiskError:
        return
    reasons = name_reasons([file.path for file in files])
    locks = [file for file, reason in zip(files, reasons, strict=True) if reason == LOCK_FILE]
    tokens = sum(file.tokens for file in locks)
    if tokens > _LARGE:
        largest = max(locks, key=lambda file: file.tokens)
        yield tokens, f"Lock files such as {largest.path} are {_worth(live, tokens)}: {_leave_out(pack, largest.path)}."
    folder, tokens = _largest_folder(files)
    if tokens > _PART * used and tokens > 10 * _LARGE and tokens < pack.tokens * (1 - _PART):
        share = format_share(tokens / used)
        yield tokens, f"{folder} is {_worth(live, tokens)}, {share} of the window's text: {_leave_out(pack, folder)}."


def _largest_folder(files: Iterable[PackedFile]) -> tuple[str, int]:
    sums: dict[str, int] = {}
    for file in files:
        top, slash, _ = file.path.partition("/")
        if slash:
            sums[f"{top}/"] = sums.get(f"{top}/", 0) + file.tokens
    return max(sums.items(), key=lambda item: item[1], default=("", 0))


def _leave_out(pack: Pack, path: str) -> str:
    return f"if it is not needed, /detach {pack.source}, then /attach {pack.source} --exclude {path}"


def _worth(live: LiveSession, tokens: int) -> str:
    price = live.card(live.model).price
    money = (
        "" if price is None else f", {format_money(price.cache_read * tokens / _MILLION)} each time it is sent again"
    )
    return f"{format_tokens(tokens)} tokens{money}"
