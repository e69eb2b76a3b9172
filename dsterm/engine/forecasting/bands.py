"""The band of the answer beside the forecast of the prompt, and what both come to."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from dsterm.core.models import Forecast, ModelCard, Price, ThinkingMode
from dsterm.engine.live import LiveSession

_MILLION = Decimal(1_000_000)


def with_band(live: LiveSession, forecast: Forecast, model: ModelCard, mode: ThinkingMode) -> Forecast:
    """`forecast`, of a prompt for `model` in `mode`, with the tokens of the answer and the dollars of all of it."""
    is_demo = live.parts.catalog.provider(model.provider).is_demo
    band = live.parts.past.band(model, mode, is_demo=is_demo)
    most = min(live.parts.config.max_output, model.max_output)
    low, high = min(band.low, most), min(band.high, most)
    price = live.card(model).price
    return replace(
        forecast,
        output_low=low,
        output_high=high,
        low=_dollars(forecast.dollars, low, price),
        high=_dollars(forecast.dollars, high, price),
    )


def _dollars(prompt: Decimal | None, output: int, price: Price | None) -> Decimal | None:
    return None if prompt is None or price is None else prompt + output * price.output / _MILLION
