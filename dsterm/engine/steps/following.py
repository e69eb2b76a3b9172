"""What follows a step: tools run, an answer that is none is asked for again within bounds, or the turn is over, with words.

All bounds are counted in the journal of the turn, and everything done here is an Intervened in it. Requests only grow: what the
model is told is another message at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from dsterm.core.events import (
    Envelope,
    Event,
    MessageAdded,
    Steered,
    StepEnded,
    StepStarted,
    ToolEnded,
    ToolRequested,
    TurnEnd,
    TurnEnded,
    TurnStarted,
)
from dsterm.core.messages import AssistantMessage, ToolCall
from dsterm.core.models import ThinkingMode
from dsterm.core.provider import Failure, FailureKind, StopReason
from dsterm.core.wire_events import Intervened, Intervention
from dsterm.engine.calls.tool_run import refuse_cut_calls, run_calls
from dsterm.engine.live import LiveSession
from dsterm.engine.steps import nudges
from dsterm.engine.steps.fallback import fall_back
from dsterm.engine.steps.loops import REPEATED, call_key, repeated_calls, repetition_result
from dsterm.engine.steps.structured import misfit, repair_nudge
from dsterm.engine.steps.whole_answer import whole_answer
from dsterm.render.wording import format_count

MOST_CONTINUED = 2
MOST_EMPTY = 2
MOST_ANNOUNCED = 2
MOST_REPEATED = 3
MOST_CUT = 4
"""Answers of one turn that may end at the output limit, those cut inside a tool call included."""

_CUT_OFF = frozenset({StopReason.LENGTH, StopReason.CONTENT_FILTER, StopReason.INSUFFICIENT_RESOURCE})
"""Ends that can leave a tool call half written."""

_STOPPED_BY_SERVER = {
    StopReason.CONTENT_FILTER: (
        "The provider's content filter ended the answer. Say it in other words, or switch the model."
    ),
    StopReason.INSUFFICIENT_RESOURCE: "The provider ran out of capacity in mid-answer. Send the prompt again.",
    StopReason.CUT: "The stream ended before the answer was complete. Send the prompt again.",
}


async def after_step(live: LiveSession, ended: StepEnded) -> TurnEnded | None:
    """Why the turn is over after the step that has `ended`, or None when another one is to follow."""
    if ended.failure is not None:
        if await fall_back(live, ended.failure):
            return None
        trouble = await _trouble(live, ended.failure)
        return TurnEnded(reason=TurnEnd.FAILED, text=trouble) if trouble else None
    turn = turn_events(live.journal.envelopes)
    message = _message(turn)
    lost = _tell_leaks(live, turn, ended, message)
    if message.tool_calls:
        return await _after_calls(live, turn, message.tool_calls, ended.stop)
    if ended.stop in _STOPPED_BY_SERVER:
        return TurnEnded(reason=TurnEnd.FAILED, text=_STOPPED_BY_SERVER[ended.stop])
    if ended.stop is StopReason.LOOPED:
        return _after_loop(live, turn)
    if lost is not None:
        return _after_lost_call(live, lost, message)
    if ended.stop is StopReason.LENGTH:
        return _after_limit(live, turn, message)
    if not message.content.strip():
        return _after_nothing(live, turn, message)
    if live.answer_format is not None:
        return await _after_structured(live, turn)
    return _after_words(live, turn, message)


async def _trouble(live: LiveSession, failure: Failure) -> str:
    """What to say of `failure`; nothing where the conversation was made shorter, so that it can be sent again."""
    if failure.kind is not FailureKind.CONTEXT_OVERFLOW:
        return failure.sentence
    from dsterm.engine.compacting.edge import made_fitting  # noqa: PLC0415  few sessions get there

    return await made_fitting(live, failure)


def turn_events(envelopes: Sequence[Envelope]) -> list[Event]:
    """What happened since the turn began, in order."""
    newest_first = (envelope.event for envelope in reversed(envelopes))
    return list(takewhile(lambda event: not isinstance(event, TurnStarted), newest_first))[::-1]


def count_of(events: Sequence[Event], kind: Intervention) -> int:
    """How often dsterm did `kind`."""
    return sum(isinstance(event, Intervened) and event.kind is kind for event in events)


def _message(turn: Sequence[Event]) -> AssistantMessage:
    """What the last step brought; an empty message where that is nothing."""
    step = takewhile(lambda event: not isinstance(event, StepStarted), reversed(turn))
    return next((event.message for event in step if isinstance(event, MessageAdded)), AssistantMessage())


async def _after_calls(
    live: LiveSession, turn: Sequence[Event], calls: tuple[ToolCall, ...], stop: StopReason
) -> TurnEnded | None:
    if stop in _CUT_OFF:
        refuse_cut_calls(live, calls)
        if stop in _STOPPED_BY_SERVER:
            return TurnEnded(reason=TurnEnd.FAILED, text=_STOPPED_BY_SERVER[stop])
        cuts = sum(isinstance(event, StepEnded) and event.stop is StopReason.LENGTH for event in turn)
        return None if cuts < MOST_CUT else _cut("The model's tool calls were cut at the output limit again and again.")
    repeated = repeated_calls(turn, calls)
    stopped = [call for call in calls if call.id in repeated]
    allowed = tuple(call for call in calls if call not in stopped)
    if stopped:
        live.emit(_repeated(stopped))
    for call in stopped:
        live.emit(ToolRequested(call=call))
        live.emit(ToolEnded(id=call.id, result=repetition_result()))
    if allowed:
        await run_calls(live, allowed)
    if not stopped or not _is_told_again(turn, stopped, are_all=not allowed):
        return None
    return TurnEnded(
        reason=TurnEnd.FAILED,
        text=f"The model made the same call ({stopped[0].name}) again and again although it changes nothing, so the turn was "
        f"stopped. Say how to go on, or {_other_model(live)}.",
    )


def _repeated(stopped: Sequence[ToolCall]) -> Intervened:
    names = ", ".join(dict.fromkeys(call.name for call in stopped))
    text = f"The same call was made for the third time without anything new, so it was not run: {names}."
    return Intervened(kind=Intervention.REPEATED_CALL, text=text)


def _is_told_again(turn: Sequence[Event], stopped: Sequence[ToolCall], *, are_all: bool) -> bool:
    """Whether a call that the model was told to leave is made once more, with nothing else beside it, or far too often."""
    asked = {event.call.id: call_key(event.call) for event in turn if isinstance(event, ToolRequested)}
    told = {asked.get(event.id) for event in turn if isinstance(event, ToolEnded) and event.result.summary == REPEATED}
    is_again = are_all and any(call_key(call) in told for call in stopped)
    return is_again or count_of(turn, Intervention.REPEATED_CALL) >= MOST_REPEATED


def _tell_leaks(
    live: LiveSession, turn: Sequence[Event], ended: StepEnded, message: AssistantMessage
) -> Intervened | None:
    """Say what was taken out of the answer; what was said of a call that is lost, with the nudge to make it again if any."""
    recovered = sum(leak.recovered for leak in ended.leaked)
    if recovered:
        text = "The model wrote its tool calls as text; they were complete, so they count as calls."
        live.emit(Intervened(kind=Intervention.RECOVERED_CALL, text=text))
    if recovered == len(ended.leaked):
        return None
    asks = not message.tool_calls and ended.stop not in _STOPPED_BY_SERVER
    asks = asks and not any(_is_asked_again(event) for event in turn)
    text = "The model wrote a tool call as text, and none that can be run; it was taken out of the answer."
    nudge = nudges.CALL_AGAIN if asks else ""
    lost = Intervened(
        kind=Intervention.DROPPED_MARKUP, text=f"{text} It is asked again." if asks else text, nudge=nudge
    )
    live.emit(lost)
    return lost


def _is_asked_again(event: Event) -> bool:
    return isinstance(event, Intervened) and event.kind is Intervention.DROPPED_MARKUP and bool(event.nudge)


def _after_lost_call(live: LiveSession, lost: Intervened, message: AssistantMessage) -> TurnEnded | None:
    if lost.nudge:
        return None
    if message.content.strip():
        return TurnEnded(reason=TurnEnd.ANSWERED)
    text = f"The model wrote its tool calls as text that can't be run, twice. Send the prompt again, or {_other_way(live)}."
    return TurnEnded(reason=TurnEnd.FAILED, text=text)


def _after_loop(live: LiveSession, turn: Sequence[Event]) -> TurnEnded | None:
    if count_of(turn, Intervention.LOOPING_REASONING):
        text = f"The model's reasoning went round in circles again. Say it in other words, or {_other_way(live)}."
        return TurnEnded(reason=TurnEnd.FAILED, text=text)
    text = "The reasoning went round in circles, so it was stopped; one fresh try follows."
    live.emit(Intervened(kind=Intervention.LOOPING_REASONING, text=text, nudge=nudges.THINK_ANEW))
    return None


def _after_limit(live: LiveSession, turn: Sequence[Event], message: AssistantMessage) -> TurnEnded | None:
    if not message.content.strip():
        return _cut(f"All output went into reasoning, and the limit came before an answer. To have one, {_less(live)}.")
    times = sum(isinstance(event, Intervened) and event.nudge == nudges.GO_ON for event in turn) + 1
    if times > MOST_CONTINUED:
        return _cut("The answer was cut at the output limit. Say “continue” to go on.")
    text = f"The answer reached the output limit; it goes on ({times} of {MOST_CONTINUED})."
    live.emit(Intervened(kind=Intervention.CONTINUED, text=text, nudge=nudges.GO_ON))
    return None


def _after_nothing(live: LiveSession, turn: Sequence[Event], message: AssistantMessage) -> TurnEnded | None:
    """Ask for the same once more, twice at most where there was nothing at all; then say so to the model; then give up."""
    since = list(takewhile(lambda event: not isinstance(event, ToolEnded | Steered), reversed(turn)))
    tries = count_of(since, Intervention.EMPTY_ANSWER)
    has_reasoned = bool(message.reasoning.strip())
    what = "The model reasoned but gave no answer" if has_reasoned else "The model sent an empty answer"
    if live.answer_format is not None:
        return _after_empty_json(live, what, tries)
    retries = 1 if has_reasoned else MOST_EMPTY
    if tries < retries:
        text = f"{what}; the same is asked again ({tries + 1} of {retries})."
        live.emit(Intervened(kind=Intervention.EMPTY_ANSWER, text=text))
        return None
    if not any(isinstance(event, Intervened) and event.nudge == nudges.ANSWER_NOW for event in since):
        text = f"{what} again; it is told so."
        live.emit(Intervened(kind=Intervention.EMPTY_ANSWER, text=text, nudge=nudges.ANSWER_NOW))
        return None
    times = format_count(tries + 1, "time")
    return TurnEnded(
        reason=TurnEnd.FAILED, text=f"{what}, {times} in a row. To go on, {_other_way(live)}, and ask again."
    )


def _after_empty_json(live: LiveSession, what: str, tries: int) -> TurnEnded | None:
    """JSON may land in the reasoning, or nowhere, while the model thinks: without thinking it has one place only."""
    if tries:
        return TurnEnded(reason=TurnEnd.UNFIT, text=f"{what}, twice. To go on, {_other_model(live)}.")
    live.turn_mode = ThinkingMode.NON_THINK
    text = f"{what}; it is asked once more in Non-think."
    live.emit(Intervened(kind=Intervention.EMPTY_ANSWER, text=text))
    return None


async def _after_structured(live: LiveSession, turn: Sequence[Event]) -> TurnEnded | None:
    """Whether the answer is the JSON that was asked for; once it may be repaired."""
    if live.answer_format is None:
        return TurnEnded(reason=TurnEnd.ANSWERED)
    problem = await misfit(live.answer_format, whole_answer(turn))
    if not problem:
        return TurnEnded(reason=TurnEnd.ANSWERED)
    if count_of(turn, Intervention.ANSWER_REPAIRED):
        return TurnEnded(reason=TurnEnd.UNFIT, text=f"The answer is still not what was asked for: {problem}.")
    text = f"The answer is not what was asked for: {problem}. The model is asked to repair it."
    live.emit(Intervened(kind=Intervention.ANSWER_REPAIRED, text=text, nudge=repair_nudge(problem)))
    return None


def _after_words(live: LiveSession, turn: Sequence[Event], message: AssistantMessage) -> TurnEnded | None:
    is_asked = live.parts.toolbox.specs and count_of(turn, Intervention.ANNOUNCED_ONLY) < MOST_ANNOUNCED
    if not is_asked:
        return TurnEnded(reason=TurnEnd.ANSWERED)
    from dsterm.engine.steps.announcements import announces_only  # noqa: PLC0415 (its patterns take 5 ms)

    if not announces_only(message.content):
        return TurnEnded(reason=TurnEnd.ANSWERED)
    text = "The model said what it would do and did not do it; it is asked to."
    live.emit(Intervened(kind=Intervention.ANNOUNCED_ONLY, text=text, nudge=nudges.ACT_NOW))
    return None


def _cut(text: str) -> TurnEnded:
    return TurnEnded(reason=TurnEnd.CUT, text=text)


def _other_model(live: LiveSession) -> str:
    """How to have another model, in the words of the front end."""
    other = {"pro": "flash", "flash": "pro"}.get(live.model.alias or "")
    if live.parts.can_ask:
        return f"switch the model with /{other}" if other else "switch the model with /model"
    return f"switch the model with --model {other or 'ID'}"


def _other_way(live: LiveSession) -> str:
    """How to have another model or another mode."""
    mode = ThinkingMode.THINK if live.sending_mode is ThinkingMode.NON_THINK else ThinkingMode.NON_THINK
    flag = f"/mode {mode}" if live.parts.can_ask else f"--mode {mode}"
    return f"{_other_model(live)}, or the mode with {flag}"


def _less(live: LiveSession) -> str:
    """How to have less reasoning, or more room for it."""
    flag = "/mode" if live.parts.can_ask else "--mode"
    return f"choose another mode with {flag}, or raise max_output in config.toml, and ask again"
