"""The price of the next send in one line, as much of it as there is room for."""

from __future__ import annotations

from decimal import Decimal

from dsterm.core.forecasts import SendForecast
from dsterm.core.models import Forecast
from dsterm.render.style import Span, Style
from dsterm.render.width import cells
from dsterm.render.wording import format_money, format_tokens


def forecast_chip(found: SendForecast, room: int) -> tuple[Span, ...]:
    """` next ~$0.0105–0.0150 · 61.4k in (60.8k cached, 0.6k new) · out 0.4–1.8k`, in at most `room` cells if it can be.

    The price goes last; before it, in this order: the word on what is cached, the answer, what was before a switch, the prompt.
    """
    forecast, mark = found.forecast, "~" if found.is_estimate else ""
    money = f"{'demo next' if found.is_demo else 'next'} {price_range(forecast)}"
    was = f", was {price_range(found.was)}" if found.was is not None else ""
    prompt = f" · {mark}{_fine(forecast.prompt_tokens)} in"
    new = f", {_fine(forecast.new_tokens)} new"
    cached = f" ({_fine(forecast.cached_tokens)} cached{new})"
    out = f" · out {band(forecast)}" if forecast.has_band else ""
    look = Style.WARNING if found.is_above else Style.DIM
    forms = (
        (was, prompt, cached, out),
        (was, prompt, new, out),
        (was, prompt, new),
        (was, prompt),
        (was,),
        (),
    )
    for rest in forms:
        if cells(money) + sum(map(cells, rest)) <= room:
            break
    words = "".join(part for part in rest if part is not was)
    spans = (Span(money, look), Span(was if rest else "", Style.ACCENT), Span(words, look))
    return tuple(span for span in spans if span.text)


def price_range(forecast: Forecast) -> str:
    """`~$0.0105–0.0150`; one figure where both ends read the same, `unknown` where the price is."""
    return money_range(forecast.low, forecast.high)


def money_range(low: Decimal | None, high: Decimal | None) -> str:
    """An estimate between two ends, in US dollars."""
    first, last = format_money(low, is_estimate=True), format_money(high, is_estimate=True)
    if first == last or low is None or high is None:
        return first
    return f"{first}–{last.lstrip('~').removeprefix('$')}"


def band(forecast: Forecast) -> str:
    """`0.4–1.8k`: the unit once where it is the same; one figure where both ends read the same."""
    low, high = format_tokens(forecast.output_low), format_tokens(forecast.output_high)
    if low == high:
        return low
    if forecast.output_high >= 1_000 > forecast.output_low >= 100:
        low = f"{forecast.output_low / 1000:.1f}k"
    return f"{low[:-1] if low[-1] == high[-1] == 'k' else low}–{high}"


def _fine(tokens: int) -> str:
    """So fine that a switch or a paste shows, and so coarse that the line is not painted anew with every letter."""
    if tokens < 100:
        return str(-(-tokens // 10) * 10)
    return f"{tokens / 1000:.1f}".removesuffix(".0") + "k" if tokens < 1_000 else format_tokens(tokens, is_fine=True)
