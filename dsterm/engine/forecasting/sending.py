"""What the next send comes to, with what it adds to the conversation; why some of it is new; whether it must ask first.

It asks when what the cache does not have makes it dearer, by more than the limit, than the same send would be from the cache:
so a switch, an attachment or a session gone cold asks once, and a long conversation that is cached never does.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec.structs import replace

from dsterm.core.forecasts import NewBecause, SendForecast
from dsterm.core.messages import Pack
from dsterm.core.models import Forecast, ModelCard, PrefixLoss, ThinkingMode
from dsterm.core.pricing import prompt_cost
from dsterm.engine.forecasting.bands import with_band
from dsterm.engine.live import LiveSession
from dsterm.engine.session import Sent
from dsterm.engine.steps.requests import card_at, expected_cache, forecast_next, prefix_loss
from dsterm.render.clean import clean_line
from dsterm.render.wording import format_tokens

MESSAGE_TOKENS = 2
"""What the template puts around a prompt of the user's."""

_LITTLE = 0.05
_MOST_OF_IT = 0.9


class Addition(msgspec.Struct, frozen=True, kw_only=True):
    """What a send adds to the conversation, in tokens: the user's own words, what they mention, and dsterm's note."""

    draft: int = 0
    mentions: int = 0
    note: int = 0
    is_estimate: bool = False
    is_pending: bool = False

    @property
    def tokens(self) -> int:
        """All of it."""
        return MESSAGE_TOKENS + self.draft + self.mentions + self.note


def forecast_send(live: LiveSession, addition: Addition) -> SendForecast:
    """The send of `addition` now. Cheap: what is in the conversation already is counted once."""
    card = live.card(live.model)
    forecast = _sent_with(live, addition, card, live.sending_mode)
    extra = _extra(forecast, card)
    because, words = _because(live, forecast)
    limit = live.parts.config.ask_above
    is_demo = live.provider.is_demo
    return SendForecast(
        forecast=forecast,
        was=_was(live, addition),
        extra=extra,
        because=because,
        words=words,
        is_above=not is_demo and limit > 0 and extra is not None and extra > limit,
        is_estimate=addition.is_estimate,
        is_pending=addition.is_pending,
        is_demo=is_demo,
    )


def _sent_with(live: LiveSession, addition: Addition, model: ModelCard, mode: ThinkingMode) -> Forecast:
    plain = forecast_next(live, model, mode)
    steered = sum(MESSAGE_TOKENS + live.parts.counter.count(text) for text in live.steering)
    tokens = plain.prompt_tokens + addition.tokens + steered
    dollars = prompt_cost(tokens, plain.cached_tokens, model.price)
    return with_band(live, replace(plain, prompt_tokens=tokens, dollars=dollars), model, mode)


def _extra(forecast: Forecast, model: ModelCard) -> Decimal | None:
    """Dollars that it costs beyond the same prompt out of the cache."""
    cached = prompt_cost(forecast.prompt_tokens, forecast.prompt_tokens, model.price)
    return None if forecast.dollars is None or cached is None else max(forecast.dollars - cached, Decimal(0))


def _was(live: LiveSession, addition: Addition) -> Forecast | None:
    """The same send as the last one went, or would have gone when the session began, where another choice was made since."""
    sent = live.session.sent
    place = live.begun_at if sent is None else sent.place
    if (place.provider, place.model, place.mode) == _chosen(live):
        return None
    former = card_at(live, place)
    return None if former is None else _sent_with(live, addition, live.card(former), place.mode)


def _chosen(live: LiveSession) -> tuple[str, str, ThinkingMode]:
    return live.model.provider, live.model.id, live.sending_mode


def _because(live: LiveSession, forecast: Forecast) -> tuple[NewBecause, str]:
    """Why what is new is new, and that in words that go on from "because"."""
    sent = live.session.sent
    attached = _unsent_packs(live)
    if sent is None:
        return NewBecause.FIRST_SEND, attached or "nothing of it was sent before"
    if _chosen(live) != (sent.provider, sent.model, sent.mode) and _is_lost(live, sent):
        return _switched(live, sent, forecast)
    if not _is_fresh(live, sent):
        return NewBecause.AGE, "it was last sent too long ago, so the cache has likely let it go"
    if attached:
        return NewBecause.ATTACHED, attached
    usage = live.session.last_usage
    if usage is not None and forecast.cached_tokens < _MOST_OF_IT * (usage.prompt_tokens - 64):
        return NewBecause.CHANGED, "what stands before it was changed, so the rest is read anew"
    return NewBecause.TEXT, "it came since the last request"


def _is_lost(live: LiveSession, sent: Sent) -> bool:
    return prefix_loss(live, sent.place, live.model, live.sending_mode) is not PrefixLoss.NOTHING


def _is_fresh(live: LiveSession, sent: Sent) -> bool:
    kept = live.session.kept.get(sent.place)
    record = expected_cache(live, live.card(live.model))
    return kept is None or kept.is_there(live.parts.clock.now(), record.holds)


def _switched(live: LiveSession, sent: Sent, forecast: Forecast) -> tuple[NewBecause, str]:
    is_little = forecast.cached_tokens < _LITTLE * forecast.prompt_tokens
    what = "everything" if is_little else f"{format_tokens(forecast.new_tokens)} tokens"
    if sent.provider != live.model.provider:
        return NewBecause.PROVIDER, f"{live.provider.title} reads {what} anew"
    if sent.model != live.model.id:
        return NewBecause.MODEL, f"{live.model.short_title} reads {what} anew"
    return NewBecause.MODE, f"{live.sending_mode.label} reads {what} anew"


def _unsent_packs(live: LiveSession) -> str:
    """What was attached since the last request, in words; empty where nothing was."""
    sent = live.session.sent
    new = live.session.messages[sent.messages :] if sent else live.session.messages
    packs = [message for message in new if isinstance(message, Pack)]
    if not packs:
        return ""
    named = ", ".join(f"{clean_line(pack.source)} ({format_tokens(pack.tokens)})" for pack in packs)
    return f"{named} {'is' if len(packs) == 1 else 'are'} sent for the first time"
