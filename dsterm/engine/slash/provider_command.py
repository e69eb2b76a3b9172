"""/provider and /back: go on with the same conversation somewhere else, and return."""

from __future__ import annotations

import asyncio

from dsterm.core.errors import UsageError
from dsterm.core.events import NoticeLevel
from dsterm.core.models import ModelCard, ProviderCard
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.fallback import chosen_before
from dsterm.engine.steps.places import (
    Place,
    find_place,
    forecast_at,
    missing_key,
    price_words,
    same_model,
    trouble_at,
)


async def provider_command(live: LiveSession, words: list[str]) -> None:
    """/provider: list the providers; /provider NAME or NAME/MODEL: go on there, from the next step."""
    match words:
        case []:
            live.notice(await _provider_list(live))
        case [name]:
            await _go_to(live, find_place(live, name))
        case _:
            raise UsageError("/provider takes one NAME, or NAME/MODEL.")


async def back(live: LiveSession) -> None:
    """/back: return to what was chosen before another provider went on."""
    origin = chosen_before(live.journal.envelopes)
    if origin is None:
        raise UsageError(
            f"Nothing to go back from: {live.model.short_title} at {live.provider.title} is what you chose. "
            "/provider and /model choose another."
        )
    await _go_to(live, find_place(live, "/".join(origin)))


async def _go_to(live: LiveSession, place: Place) -> None:
    """Choose `place`; UsageError, with nothing changed, when there is no key for it."""
    if (place.provider.name, place.model.id) == (live.provider.name, live.model.id):
        live.notice(f"{place.title} is what answers already.")
        return
    missing = await missing_key(live, place.provider)
    if missing:
        raise UsageError(missing)
    live.choose_model(place.model)
    live.notice(f"Going on with {place.title}: {price_words(live, place.model)}.")
    trouble = trouble_at(live, place, forecast_at(live, place))
    if trouble:
        live.notice(trouble, NoticeLevel.WARNING)


async def _provider_list(live: LiveSession) -> str:
    """Every provider, the chosen one marked: whether there is a key, and what the chosen model costs there at this hour."""
    rows = await asyncio.gather(*(_row(live, card) for card in live.parts.catalog.providers))
    widths = [max(len(row[column]) for row in rows if row[3] or column < 2) for column in range(4)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    head = (
        f"Providers with {live.model.short_title} there, $ per 1M tokens in / out / cache read; /provider NAME goes on with one, "
        "the conversation is kept:"
    )
    return "\n".join([head, *lines])


async def _row(live: LiveSession, card: ProviderCard) -> tuple[str, str, str, str]:
    mark = "●" if card.name == live.provider.name else " "
    name = f"{mark} {card.name}"
    if not card.base_url:
        return name, "at start", "--demo" if card.is_demo else f"--provider {card.name} --base-url URL", ""
    if card.name == live.provider.name:
        return name, "chosen", live.model.id, _price(live, live.model)
    key = "keyless" if not card.needs_key else "no key" if await missing_key(live, card) else "key"
    model = same_model(live, card)
    if model is None:
        return name, key, f"no {live.model.short_title}", ""
    return name, key, model.id, _price(live, model)


def _price(live: LiveSession, card: ModelCard) -> str:
    price = card.price_at(live.parts.clock.now())
    return f"{price.input:f} / {price.output:f} / {price.cache_read:f}" if price else "unknown"
