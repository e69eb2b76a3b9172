"""The texts of /model, /status and /resume: what there is to choose, where things stand, what can be gone on with."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import datetime

from dsterm.core.models import ModelCard, Price
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.requests import context_tokens
from dsterm.render.probe_words import probe_words
from dsterm.render.wording import format_count, format_share, format_tokens
from dsterm.store.sessions import SessionSummary

_WIDTH = 75


def model_list(live: LiveSession) -> str:
    """The models of the provider with what they cost now and where that is from, the chosen one marked."""
    lines = [f"Models of {live.provider.title}, $ per 1M tokens in / out / cache read, window:"]
    cards = live.parts.catalog.models(live.provider.name)
    if live.model not in cards:
        cards = (*cards, live.model)
    width = max(len(card.id) for card in cards)
    now = live.parts.clock.now()
    for card in cards:
        mark = "●" if card.id == live.model.id else " "
        price, window = _price(card.price_at(now)), format_tokens(card.context_window)
        lines.append(f"{mark} {card.alias or '':<5} {card.id:<{width}}  {price:<20}  {window}")
    for sentence in _origins(cards, now):
        lines += textwrap.wrap(sentence, _WIDTH, subsequent_indent="  ")
    return "\n".join(lines)


def _price(price: Price | None) -> str:
    return f"{price.input:f} / {price.output:f} / {price.cache_read:f}" if price else "unknown"


def _origins(cards: Sequence[ModelCard], now: datetime) -> list[str]:
    """Where the figures are from, and of which day; what a price depends on."""
    prices = [price for card in cards if (price := card.price_at(now)) is not None]
    origins = sorted({f"{price.source}, {price.since}" for price in prices})
    lines = [f"Prices: {'; '.join(origins)}." if origins else "Prices are unknown."]
    outputs = {card.max_output for card in cards}
    if len(outputs) == 1:
        lines.append(f"Answers: at most {format_tokens(outputs.pop())} tokens.")
    else:
        each = (f"{card.alias or card.id} {format_tokens(card.max_output)}" for card in cards)
        lines.append(f"Answers: at most {', '.join(each)} tokens.")
    limits = sorted({f"{card.source}, {card.since}" if card.since else card.source for card in cards if card.source})
    if limits and limits != origins:
        lines.append(f"Limits: {'; '.join(limits)}.")
    lines += [
        f"{card.alias or card.id}: probed {card.probed.on}: {probe_words(card.probed)}."
        for card in cards
        if card.probed
    ]
    if any(card.off_peak for card in cards):
        lines.append("Prices are lower outside of peak hours: dsterm models says when those are.")
    return lines


def status_report(live: LiveSession) -> str:
    """Session, model, window, folder and what is attached."""
    used, is_estimate = context_tokens(live)
    window = live.model.context_window
    saved = "" if live.journal.is_saved else " (not saved)"
    branch = (
        f", branch {live.repo.branch}, {format_count(live.repo.dirty_files, 'changed file')}"
        if live.repo.branch
        else ""
    )
    lines = [
        f"session      {live.journal.session_id}{saved}",
        f"provider     {live.provider.title} at {live.provider.base_url}",
        f"model        {live.model.id}, {live.mode.label}",
        f"permissions  {live.permission_mode}",
        f"folder       {live.parts.folder}{branch}",
        f"window       {'~' if is_estimate else ''}{format_tokens(used)} of {format_tokens(window)} "
        f"tokens, {format_share(used / window)}; /context says of what",
    ]
    lines += [
        f"instructions {source.place}: {format_tokens(source.tokens)} tokens{', cut' if source.is_cut else ''}"
        for source in live.instructions.sources
    ]
    lines += [
        f"attached     {pack.source}: {pack.files:,} files, {format_tokens(pack.tokens)} tokens"
        for pack in live.session.packs
    ]
    return "\n".join(lines)


def session_list(sessions: Sequence[SessionSummary]) -> str:
    """Earlier sessions of the folder, the last used first."""
    if not sessions:
        return "There is no earlier session in this folder."
    lines = ["Sessions of this folder; /resume ID goes on with one:"]
    lines += [
        f"{item.id}  {item.at.astimezone():%Y-%m-%d %H:%M}  {item.turns:>3} turns  {item.title}"
        for item in sessions[:20]
    ]
    return "\n".join(lines)
