"""The next request: what it carries, what it will likely cost, whether the budget allows it, and what a switch changes."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from dsterm.context.cache_record import LEAST_SAMPLES, CacheRecord
from dsterm.context.forecast import CacheHabit, Kept, forecast_request
from dsterm.context.prefix import has_head, head_marks
from dsterm.context.window import WindowParts, build_request
from dsterm.core.errors import UsageError
from dsterm.core.events import TurnEnd, TurnEnded
from dsterm.core.models import Forecast, ModelCard, PrefixLoss, ThinkingMode
from dsterm.core.provider import Request
from dsterm.engine.forecasting.bands import with_band
from dsterm.engine.kept_elsewhere import shared_with
from dsterm.engine.live import LiveSession
from dsterm.engine.session import Place
from dsterm.policy.budget import allowance
from dsterm.render.wording import format_money, format_tokens


class PlannedRequest(msgspec.Struct, frozen=True):
    """A request that may be sent, with its forecast and, near the budget's end, a warning."""

    request: Request
    forecast: Forecast
    warning: str


def next_request(live: LiveSession) -> PlannedRequest | TurnEnded:
    """Build the next request, its output capped by what the budget leaves; TurnEnded when the budget doesn't cover it.

    ContextOverflow when it doesn't fit the window, DiskError when an attached pack is gone.
    """
    forecast = forecast_next(live)
    parts = window_parts(live, live.card(live.model), live.sending_mode)
    budget = None if live.provider.is_demo else live.parts.config.budget
    allowed = allowance(budget, live.totals.dollars, forecast.prompt_tokens, parts.model.price)
    if allowed.stop:
        return TurnEnded(reason=TurnEnd.BUDGET, text=allowed.stop)
    request = build_request(parts, forecast.prompt_tokens, live.load_pack)
    cap = request.max_tokens if allowed.output_cap is None else min(request.max_tokens, allowed.output_cap)
    request = replace(request, max_tokens=cap, placeholder=live.learned.placeholder(request.model.provider))
    return PlannedRequest(request, with_band(live, forecast, request.model, request.mode), allowed.warning)


def forecast_next(live: LiveSession, model: ModelCard | None = None, mode: ThinkingMode | None = None) -> Forecast:
    """The prompt of the next request to `model` in `mode`, by default the chosen ones."""
    model, mode = live.card(model or live.model), mode or live.sending_mode
    session = live.session
    asked = (model.provider, model.id, model.price, model.context_window, mode)
    record = expected_cache(live, model)
    kept, placeholder = _kept(live, model, record), live.learned.placeholder(model.provider)
    shape = (kept, placeholder, live.answer_format is None)
    key = (
        *asked,
        *shape,
        record.unit,
        record.rate,
        len(session.messages),
        session.last_request,
        live.parts.counter.is_exact,
    )
    forecast = live.forecasts.get(key)
    if forecast is None:
        if len(live.forecasts) > 8:
            live.forecasts.clear()
        parts = window_parts(live, model, mode)
        head = head_marks(parts.system, parts.tools, live.answer_format, placeholder)
        losses = [(one, prefix_loss(live, place, model, mode)) for place, one in kept if has_head(one.digest, head)]
        habit = CacheHabit(unit=record.unit, rate=record.rate)
        forecast = forecast_request(parts, live.parts.counter, session.last_request, losses, habit)
        live.forecasts[key] = forecast
    return forecast


def context_tokens(live: LiveSession) -> tuple[int, bool]:
    """Tokens of the window that are filled now, and whether that is an estimate."""
    if live.streaming is not None:
        return live.streaming.prompt_tokens + live.streaming.output_tokens, True
    last = live.session.last_request
    if last is not None and len(live.session.messages) == live.session.messages_at_last_step:
        return last.usage.total_tokens, False
    if not live.session.messages and not live.parts.toolbox.is_open:
        # The first frame need not wait for the tools: the first forecast, right after it, opens them.
        return 0, True
    return forecast_next(live).prompt_tokens, True


def switch_note(live: LiveSession) -> str:
    """What the unsent choice of another model or mode costs, empty when nothing is lost."""
    sent = live.session.sent
    former = None if sent is None else card_at(live, sent.place)
    if sent is None or former is None or prefix_loss(live, sent.place, live.model, live.mode) is PrefixLoss.NOTHING:
        return ""
    after = forecast_next(live)
    before = forecast_next(live, former, sent.mode)
    missed = after.prompt_tokens - after.cached_tokens
    if missed <= before.prompt_tokens - before.cached_tokens:
        return ""
    return (
        f"next prompt {format_money(after.dollars, is_estimate=True)} ({format_tokens(missed)} read anew), "
        f"was {format_money(before.dollars, is_estimate=True)}"
    )


def expected_cache(live: LiveSession, model: ModelCard) -> CacheRecord:
    """What the cache of `model` keeps, as past requests showed it, or a probe where there were not enough of them."""
    is_demo = live.parts.catalog.provider(model.provider).is_demo
    record = live.parts.past.cache(model.provider, model.id, is_demo=is_demo)
    if model.probed is None:
        return record
    unit = max(record.unit, model.probed.cache_unit or 0)
    is_without = model.probed.has_cache is False and record.samples < LEAST_SAMPLES
    return replace(record, unit=unit, rate=0.0 if is_without else record.rate)


def _kept(live: LiveSession, model: ModelCard, record: CacheRecord) -> tuple[tuple[Place, Kept], ...]:
    """What the caches of the provider of `model` likely have of this conversation, and of others before it in this run."""
    kept = [*shared_with(live.kept_elsewhere, live.session.messages), *live.session.kept.items()]
    if not kept:
        return ()
    now = live.parts.clock.now()
    return tuple((at, one) for at, one in kept if at.provider == model.provider and one.is_there(now, record.holds))


def prefix_loss(live: LiveSession, former: Place, model: ModelCard, mode: ThinkingMode) -> PrefixLoss:
    """What of the cache of `former` is lost to a request to `model` in `mode`."""
    card = card_at(live, former)
    if card is None:
        return PrefixLoss.EVERYTHING
    return live.parts.catalog.prefix_loss((card, former.mode), (model, mode))


def card_at(live: LiveSession, place: Place) -> ModelCard | None:
    """The model at `place`; None where the catalog of today has neither that provider nor that model any more."""
    try:
        return live.parts.catalog.model(place.provider, place.model)
    except UsageError:
        return None


def window_parts(live: LiveSession, model: ModelCard, mode: ThinkingMode) -> WindowParts:
    """What a request to `model` in `mode` is made of now."""
    return WindowParts(
        system=live.system,
        tools=live.parts.toolbox.specs,
        messages=tuple(live.session.messages),
        model=model,
        mode=mode,
        max_output=live.parts.config.max_output,
    )
