"""Where a conversation can go on: the same model at another provider, what it costs there, and what stands in the way."""

from __future__ import annotations

import asyncio

import msgspec

from dsterm.context.window import LEAST_OUTPUT, output_room
from dsterm.core.errors import UsageError
from dsterm.core.models import Forecast, ModelCard, ProviderCard
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.requests import forecast_next
from dsterm.policy.budget import allowance
from dsterm.render.wording import format_tokens


class Place(msgspec.Struct, frozen=True):
    """A model at its provider."""

    provider: ProviderCard
    model: ModelCard

    @property
    def title(self) -> str:
        """Both in words for the user."""
        return f"{self.model.short_title} at {self.provider.title}"


def find_place(live: LiveSession, words: str) -> Place:
    """What `NAME` or `NAME/MODEL` means; `NAME` alone is that provider with the model that is chosen now.

    UsageError when there is no such provider or model, or the provider can't be reached from this run.
    """
    name, _, model = words.strip().partition("/")
    names = {card.name.casefold(): card.name for card in live.parts.catalog.providers}
    provider = live.parts.catalog.provider(names.get(name.casefold(), name))
    if not provider.base_url:
        raise UsageError(f"{provider.title} can only be chosen at the start: dsterm --provider {provider.name}.")
    card = live.parts.catalog.model(provider.name, model) if model else same_model(live, provider)
    if card is None:
        cards = live.parts.catalog.models(provider.name)
        choices = ", ".join(f"/provider {provider.name}/{other.alias or other.id}" for other in cards)
        raise UsageError(
            f"{provider.title} has no {live.model.short_title}. Choose one of {choices or f'/provider {provider.name}/ID'}."
        )
    return Place(provider, card)


def same_model(live: LiveSession, provider: ProviderCard) -> ModelCard | None:
    """What `provider` calls the chosen model, by alias, else by id; None where it has none such."""
    cards = live.parts.catalog.models(provider.name)
    alias = live.model.alias
    return next((card for card in cards if card.alias and card.alias == alias), None) or next(
        (card for card in cards if card.id == live.model.id), None
    )


async def missing_key(live: LiveSession, provider: ProviderCard) -> str:
    """Why `provider` can't be asked for want of a usable key, empty when it can; a keyring may take its time."""
    return await asyncio.to_thread(live.parts.missing_key, provider)


def trouble_at(live: LiveSession, place: Place, forecast: Forecast) -> str:
    """Why the next request, as `forecast` there, can't be sent to `place`; empty when it can."""
    if output_room(place.model, forecast.prompt_tokens) < LEAST_OUTPUT:
        window = format_tokens(place.model.context_window)
        return f"{format_tokens(forecast.prompt_tokens)} tokens don't fit its window of {window}."
    budget = None if place.provider.is_demo else live.parts.config.budget
    price = place.model.price_at(live.parts.clock.now())
    return allowance(budget, live.totals.dollars, forecast.prompt_tokens, price).stop


def forecast_at(live: LiveSession, place: Place) -> Forecast:
    """The next request, sent to `place`."""
    return forecast_next(live, place.model)


def price_words(live: LiveSession, card: ModelCard) -> str:
    """What `card` costs at this hour."""
    price = card.price_at(live.parts.clock.now())
    if price is None:
        return "its price is unknown"
    return f"${price.input:f} in, ${price.output:f} out, ${price.cache_read:f} cached per 1M tokens"
