"""The texts of /model, /status and /resume: what there is to choose, where things stand, what can be gone on with."""

from __future__ import annotations

from collections.abc import Sequence

from dsterm.core.models import ModelCard
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.requests import context_tokens
from dsterm.render.wording import format_share, format_tokens
from dsterm.store.sessions import SessionSummary


def model_list(live: LiveSession) -> str:
    """The models of the provider with their prices, the chosen one marked."""
    lines = [f"Models of {live.provider.title}, $ per 1M tokens in / out / cache read, window:"]
    cards = live.parts.catalog.models(live.provider.name)
    width = max((len(card.id) for card in cards), default=0)
    for card in cards:
        mark = "●" if card.id == live.model.id else " "
        window = format_tokens(card.context_window)
        lines.append(f"{mark} {card.alias or '':<5} {card.id:<{width}}  {_price(card):<20}  {window}")
    dates = sorted({str(card.price.since) for card in cards if card.price})
    return "\n".join([*lines, f"Prices since {', '.join(dates)}." if dates else "Prices are unknown."])


def _price(card: ModelCard) -> str:
    price = card.price
    return f"{price.input:f} / {price.output:f} / {price.cache_read:f}" if price else "unknown"


def status_report(live: LiveSession) -> str:
    """Session, model, window, folder and what is attached."""
    used, is_estimate = context_tokens(live)
    window = live.model.context_window
    saved = "" if live.journal.is_saved else " (not saved)"
    branch = f", branch {live.repo.branch}, {live.repo.dirty_files} changed files" if live.repo.branch else ""
    lines = [
        f"session      {live.journal.session_id}{saved}",
        f"provider     {live.provider.title} at {live.provider.base_url}",
        f"model        {live.model.id}, {live.mode.label}",
        f"permissions  {live.permission_mode}",
        f"folder       {live.parts.folder}{branch}",
        f"window       {'~' if is_estimate else ''}{format_tokens(used)} of {format_tokens(window)} "
        f"tokens, {format_share(used / window)}",
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
