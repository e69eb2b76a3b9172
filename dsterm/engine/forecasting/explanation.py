"""/forecast: the next send line by line, why what is new is new, where the band is from, and how good forecasts have been."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from decimal import Decimal

from dsterm.context.forecast_rows import ForecastRow, prompt_rows
from dsterm.context.output_band import LEAST_SAMPLES, SEEDED_ON, middle
from dsterm.core.forecasts import SendForecast
from dsterm.core.models import Forecast, ModelCard, Price
from dsterm.core.pricing import prompt_cost
from dsterm.engine.forecasting.calibration import calibration_words
from dsterm.engine.forecasting.past import PastTurn
from dsterm.engine.forecasting.sending import MESSAGE_TOKENS, Addition, forecast_send
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.requests import window_parts
from dsterm.engine.turn_note import turn_note
from dsterm.render.clean import clean_line
from dsterm.render.forecast_chip import band, money_range, price_range
from dsterm.render.width import cells, truncated
from dsterm.render.wording import format_money, format_tokens

_WIDTH = 75
_NAME = 26
_LEAST = 64
_MILLION = Decimal(1_000_000)


def forecast_report(live: LiveSession) -> str:
    """The explanation as text, for the draft that the screen last told of."""
    draft, mentions = live.draft
    addition = Addition(draft=draft, mentions=mentions, note=live.parts.counter.count(turn_note(live)))
    found = forecast_send(live, addition)
    model = live.card(live.model)
    demo = ", a demo: owed to nobody" if found.is_demo else ""
    lines = [f"The next send to {model.short_title} at {live.provider.title}, {live.sending_mode.label}{demo}:"]
    lines += _table(live, found, addition, model)
    lines += _wrapped(_sentences(live, found, model))
    return "\n".join(lines)


def _table(live: LiveSession, found: SendForecast, addition: Addition, model: ModelCard) -> list[str]:
    forecast = found.forecast
    lines = [f"  {'':<{_NAME}} {'tokens':>9} {'cached':>9} {'new':>9}   US dollars"]
    rows = prompt_rows(window_parts(live, model, live.sending_mode), live.parts.counter, forecast.cached_tokens)
    rows += [
        ForecastRow(
            name="your draft" if addition.draft else "frame of a new prompt", tokens=addition.draft + MESSAGE_TOKENS
        ),
        ForecastRow(name="mentions", tokens=addition.mentions),
        ForecastRow(name="what dsterm adds", tokens=addition.note),
    ]
    lines += [_row(row, model.price) for row in rows if row.tokens]
    rest = forecast.prompt_tokens - sum(row.tokens for row in rows)
    rest_cached = forecast.cached_tokens - sum(row.cached for row in rows)
    if rest or rest_cached:
        row = ForecastRow(name="the server's count differs", tokens=rest, cached=rest_cached)
        lines.append(_row(row, model.price))
    prompt = ForecastRow(name="prompt", tokens=forecast.prompt_tokens, cached=forecast.cached_tokens)
    lines.append(_row(prompt, model.price))
    price = model.price
    answer = None if price is None else (price.output * forecast.output_low, price.output * forecast.output_high)
    cost = "unknown" if answer is None else money_range(answer[0] / _MILLION, answer[1] / _MILLION)
    lines.append(f"  {'answer':<{_NAME}} {band(forecast):>9} {'':>9} {'':>9}   {cost}")
    lines.append(f"  {'in all':<{_NAME}} {'':>9} {'':>9} {'':>9}   {price_range(forecast)}")
    return lines


def _row(row: ForecastRow, price: Price | None) -> str:
    name = truncated(clean_line(row.name) + (f" ({row.number:,})" if row.number else ""), _NAME)
    cost = prompt_cost(row.tokens, row.cached, price)
    dollars = f"{'-' if cost is not None and cost < 0 else ''}{format_money(cost and abs(cost), is_estimate=True)}"
    padding = " " * (_NAME - cells(name))
    return f"  {name}{padding} {row.tokens:>9,} {row.cached:>9,} {row.new:>9,}   {dollars}"


def _sentences(live: LiveSession, found: SendForecast, model: ModelCard) -> Iterable[str]:
    forecast, past = found.forecast, live.parts.past
    if forecast.new_tokens > _LEAST:
        yield f"New is {format_tokens(forecast.new_tokens)}, because {found.words}."
    if found.was is not None:
        yield f"As it was before you switched: {price_range(found.was)}."
    yield _band_sentence(live, forecast, model)
    turns = past.turns(model, live.sending_mode, is_demo=found.is_demo)
    if len(turns) >= LEAST_SAMPLES:
        yield _turn_words(turns, forecast, model)
    else:
        yield "This is a turn's first request; each one after it costs about the cached part, what came since and its answer."
    yield _price_words(model)
    yield _limit_words(live, found)
    words = calibration_words(past.calibration(is_demo=found.is_demo))
    yield f"Forecasts so far: {words or 'none that could be checked'}."


def _band_sentence(live: LiveSession, forecast: Forecast, model: ModelCard) -> str:
    mode = live.sending_mode
    is_demo = live.provider.is_demo
    known = live.parts.past.band(model, mode, is_demo=is_demo)
    if known.is_seed:
        return (
            f"The answer: a guess of ours of {SEEDED_ON}, until {LEAST_SAMPLES} answers of {model.short_title} in {mode.label} "
            "say it better."
        )
    return (
        f"The answer: three of five of your last {known.samples} of {model.short_title} in {mode.label} had so many tokens, "
        "reasoning included; one of five had fewer, one more."
    )


def _turn_words(turns: list[PastTurn], forecast: Forecast, model: ModelCard) -> str:
    """What a whole turn would come to from here, if it went as the past ones."""
    low, high = middle([turn.requests for turn in turns])
    requests = f"{low:.0f}" if round(low) == round(high) else f"{low:.0f} to {high:.0f}"
    words = f"A whole turn: {requests} {'request' if round(high) == 1 else 'requests'} in three of five of your last {len(turns)}"
    price, prompt = model.price, forecast.dollars
    if price is None or prompt is None:
        return f"{words}."
    first = float(prompt)
    each = float(price.cache_read) * forecast.prompt_tokens
    costs = [
        first + (each * (turn.requests - 1) + float(price.input) * turn.added + float(price.output) * turn.output) / 1e6
        for turn in turns
    ]
    cheap, dear = (Decimal(cost) for cost in middle(costs))
    return f"{words}; from here that would be {money_range(cheap, dear)}."


def _price_words(model: ModelCard) -> str:
    price = model.price
    if price is None:
        return "The price of this model is unknown, so nothing is said of dollars."
    row = f"{price.input:f} / {price.output:f} / {price.cache_read:f}"
    return f"Price: ${row} per 1M tokens in / out / cache read, {price.source}, {price.since}."


def _limit_words(live: LiveSession, found: SendForecast) -> str:
    limit = live.parts.config.ask_above
    if found.is_demo:
        return "The demo never asks."
    if not limit:
        return "It never asks before it sends (ask_above = 0)."
    extra = f"here that is {format_money(found.extra, is_estimate=True)}" if found.extra is not None else "unknown here"
    return (
        f"Enter asks first where a send costs more than ${limit:f} (ask_above) above what it would cost from the "
        f"cache; {extra}."
    )


def _wrapped(sentences: Iterable[str]) -> list[str]:
    return [line for sentence in sentences for line in textwrap.wrap(sentence, _WIDTH, subsequent_indent="  ")]
