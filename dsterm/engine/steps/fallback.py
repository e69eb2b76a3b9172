"""Another provider goes on with a turn when the chosen one is overloaded or out of reach, if the user wants that.

Only for outages: what a server refuses for a reason (a key, a balance, a bad request) is not sent to anyone else. The session
stays with the one that went on until `/back`, or until another choice is made.
"""

from __future__ import annotations

from collections.abc import Iterable

from dsterm.core.config import FallbackConsent
from dsterm.core.errors import UsageError
from dsterm.core.events import Envelope, ModelChanged, NoticeLevel, TurnStarted
from dsterm.core.messages import AssistantMessage
from dsterm.core.models import Forecast
from dsterm.core.provider import Failure
from dsterm.core.questions import Option, QuestionAsked
from dsterm.core.wire_events import FellBack, Intervened, Intervention
from dsterm.engine.asking import ask
from dsterm.engine.live import LiveSession
from dsterm.engine.questions import DENY, ONCE, SESSION
from dsterm.engine.steps.places import Place, find_place, forecast_at, missing_key, price_words, trouble_at
from dsterm.render.wording import format_money, format_tokens

_ANSWER_ANEW = "[A fault of the server cut your answer off. Give it again, whole.]"


async def fall_back(live: LiveSession, failure: Failure) -> bool:
    """Go on elsewhere after `failure` ended a step for good: whether the turn may take its next step, which is sent there.

    False where `failure` is no outage, nothing is set or left to go on with, or the user (or the lack of one) says no.
    """
    if not failure.is_outage or live.parts.config.fallback is FallbackConsent.NEVER:
        return False
    found = await _next_place(live)
    if found is None or not await _has_consent(live, failure, *found):
        return False
    _go_on(live, failure, found[0])
    return True


def chosen_before(envelopes: Iterable[Envelope]) -> tuple[str, str] | None:
    """The provider and model that `/back` returns to; None when what answers now was chosen."""
    origin: tuple[str, str] | None = None
    here: tuple[str, str] | None = None
    for envelope in envelopes:
        match envelope.event:
            case FellBack() as fell:
                origin = origin or (fell.from_provider, fell.from_model)
                here = (fell.provider, fell.model)
            case ModelChanged() as changed if (changed.provider, changed.model) != here:
                origin = here = None
            case _:
                pass
    return origin


async def _next_place(live: LiveSession) -> tuple[Place, Forecast] | None:
    """The first entry of the list that was not tried in this turn and can be used; why others can't is told."""
    tried = _tried(live)
    for entry in _entries(live):
        try:
            place = find_place(live, entry)
        except UsageError as error:
            live.notice(f"{entry} can't go on: {error}", NoticeLevel.WARNING)
            continue
        if (place.provider.name, place.model.id) in tried:
            continue
        forecast = forecast_at(live, place)
        trouble = _why_not_from_demo(live, place)
        trouble = trouble or await missing_key(live, place.provider) or trouble_at(live, place, forecast)
        if not trouble:
            return place, forecast
        live.notice(f"{place.title} can't go on: {trouble}", NoticeLevel.WARNING)
    return None


def _why_not_from_demo(live: LiveSession, place: Place) -> str:
    """What was begun for nothing doesn't turn into something that costs."""
    leaves = live.provider.is_demo and not place.provider.is_demo
    return "what begins as a demo stays one." if leaves else ""


def _entries(live: LiveSession) -> tuple[str, ...]:
    """The list for the model that the user chose, whatever answers now."""
    origin = chosen_before(live.journal.envelopes)
    alias, model_id = live.model.alias or "", live.model.id
    if origin is not None:
        model_id = origin[1]
        alias = _alias_of(live, *origin)
    lists = live.parts.config.fallbacks
    return lists.get(alias) or lists.get(model_id) or ()


def _alias_of(live: LiveSession, provider: str, model_id: str) -> str:
    try:
        cards = live.parts.catalog.models(provider)
    except UsageError:
        # A session of another run may have begun at a provider that this run doesn't know.
        return ""
    return next((card.alias or "" for card in cards if card.id == model_id), "")


def _tried(live: LiveSession) -> set[tuple[str, str]]:
    """What this turn was sent to already, the model that has just failed included."""
    tried = {(live.provider.name, live.model.id)}
    for envelope in reversed(live.journal.envelopes):
        match envelope.event:
            case TurnStarted():
                break
            case FellBack() as fell:
                tried |= {(fell.from_provider, fell.from_model), (fell.provider, fell.model)}
            case _:
                pass
    return tried


async def _has_consent(live: LiveSession, failure: Failure, place: Place, forecast: Forecast) -> bool:
    if live.parts.config.fallback is FallbackConsent.ALWAYS or live.may_fall_back:
        return True
    if not live.parts.can_ask:
        live.notice(
            f"{place.title} could go on, but nobody can be asked: --fallback {place.provider.name}/"
            f'{place.model.alias or place.model.id} allows it for a run, fallback = "always" in config.toml for all.'
        )
        return False
    answer = await ask(live, _question(live, failure, place, forecast))
    live.may_fall_back |= answer.answer == SESSION
    return answer.answer in {ONCE, SESSION}


def _question(live: LiveSession, failure: Failure, place: Place, forecast: Forecast) -> QuestionAsked:
    dollars = format_money(forecast.dollars, is_estimate=True)
    return QuestionAsked(
        id=live.parts.new_id(),
        text=f"Go on with {place.title}?",
        reasons=(
            failure.message,
            f"{place.provider.title} gets this conversation; {place.model.id}: {price_words(live, place.model)}.",
            f"All of it is read anew there: ~{format_tokens(forecast.prompt_tokens)} tokens, {dollars}.",
        ),
        options=(
            Option(key="y", answer=ONCE, label="yes"),
            Option(key="a", answer=SESSION, label="always in this session"),
            Option(key="n", answer=DENY, label="no"),
        ),
    )


def _go_on(live: LiveSession, failure: Failure, place: Place) -> None:
    # What the user chose, even if that is not what has just failed: it is where /back goes.
    former = chosen_before(live.journal.envelopes) or (live.provider.name, live.model.id)
    live.emit(
        FellBack(
            from_provider=former[0],
            from_model=former[1],
            provider=place.provider.name,
            model=place.model.id,
            cause=failure.message,
            price=place.model.price_at(live.parts.clock.now()),
        )
    )
    live.choose_model(place.model)
    if live.session.messages and isinstance(live.session.messages[-1], AssistantMessage):
        live.emit(
            Intervened(
                kind=Intervention.CONTINUED,
                text=f"{place.provider.title} answers from the beginning.",
                nudge=_ANSWER_ANEW,
            )
        )
