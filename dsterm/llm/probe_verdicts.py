"""What the replies of a probe say, and no more than that: pure, from values to words and verdicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from dsterm.core.account import ListedModel
from dsterm.core.models import ModelCard, ProviderCard, ThinkingMode
from dsterm.core.provider import Failure, StopReason
from dsterm.llm.probe_questions import Body
from dsterm.llm.probe_replies import Reply, StreamFacts

_MOST_WORDS = 300


class Finding(msgspec.Struct, frozen=True):
    """One line of the report: good, bad, or (None) neither."""

    is_good: bool | None
    text: str


class Outcome(StrEnum):
    """What a way to ask for a mode did."""

    WORKS = "works"
    IGNORED = "ignored"
    REFUSED = "refused"
    UNCLEAR = "unclear"


def judge_switch(reply: Reply, mode: ThinkingMode) -> Outcome:
    """Whether `reply` has reasoned as `mode` says."""
    wants_reasoning = mode is not ThinkingMode.NON_THINK
    if reply.is_refused:
        return Outcome.REFUSED
    if not reply.has_arrived:
        return Outcome.UNCLEAR
    return Outcome.WORKS if reply.has_reasoned is wants_reasoning else Outcome.IGNORED


def switch_words(reply: Reply, outcome: Outcome) -> str:
    """What happened, for the reader."""
    match outcome:
        case Outcome.REFUSED if reply.failure:
            return f"refused: {words_of(reply.failure)}"
        case Outcome.UNCLEAR if reply.failure:
            return f"nothing is known: {words_of(reply.failure)}"
        case Outcome.UNCLEAR:
            return "nothing is known: the answer was empty"
        case _ if reply.reasoning:
            return "reasoning arrived"
        case _ if reply.usage and reply.usage.reasoning_tokens:
            return f"no reasoning arrived, but {reply.usage.reasoning_tokens:,} tokens of it are counted"
        case _:
            return "no reasoning arrived"


def sent(body: Body) -> str:
    """What a mode adds to a request."""
    fields = ", ".join(f"{name}: {bytes(value).decode()}" for name, value in body.items())
    return fields or "nothing of its own"


def words_of(failure: Failure) -> str:
    """The failure, not too long for a report."""
    text = failure.message
    return text if len(text) <= _MOST_WORDS else f"{text[:_MOST_WORDS]}…"


def compare_efforts(think: Reply, most: Reply) -> tuple[Finding, ...]:
    """Think Max beside Think, one answer each: never more than a hint, except for what the server adds to the prompt."""
    if not think.has_arrived or not most.has_arrived:
        failure = think.failure or most.failure
        return (Finding(None, f"Think Max and Think: not compared: {words_of(failure) if failure else 'no answer'}"),)
    first, second, unit = _reasoned(think, most)
    counts = f"{second:,} and {first:,} {unit} of reasoning for the same question, once each"
    if think.stop is most.stop is StopReason.LENGTH:
        hint = "both were stopped there, so no difference can be seen"
    elif first == second:
        hint = "no difference seen in n=1"
    else:
        hint = "n=1, so this may be chance"
    return Finding(None, f"Think Max and Think: {counts}; {hint}"), *_told_apart(think, most)


def _reasoned(think: Reply, most: Reply) -> tuple[int, int, str]:
    if think.usage and most.usage and (think.usage.reasoning_tokens or most.usage.reasoning_tokens):
        return think.usage.reasoning_tokens, most.usage.reasoning_tokens, "tokens"
    return think.reasoning, most.reasoning, "characters"


def _told_apart(think: Reply, most: Reply) -> tuple[Finding, ...]:
    """Models are told their effort in the prompt, and a prompt is counted exactly."""
    if not think.usage or not most.usage:
        return ()
    first, second = think.usage.prompt_tokens, most.usage.prompt_tokens
    if first == second:
        text = f"the same prompt counts {first:,} tokens in both, so nothing shows that the effort reaches the model"
        return (Finding(None, f"Think Max and Think: {text}"),)
    text = f"the same prompt counts {second:,} and {first:,} tokens: the server tells the model something else in each"
    return (Finding(True, f"Think Max and Think: {text}"),)


def cache_unit(counts: Sequence[int]) -> int | None:
    """The largest unit that all `counts` of cached tokens can be made of; None where they show none."""
    different = {count for count in counts if count > 0}
    return math.gcd(*different) if len(different) > 1 else None


def stream_findings(facts: Sequence[StreamFacts], card: ProviderCard) -> tuple[Finding, ...]:
    """How usage and the end of a stream look there, over all answers."""
    if not facts:
        return ()
    fields = sorted({field for fact in facts for field in fact.fields})
    places = sorted({place for fact in facts for place in fact.places})
    if not any(fact.is_stream for fact in facts):
        return (Finding(None, "stream: the answers came in one piece each"),)
    usage = f"on {' and on '.join(places)}" if places else "none came, so every count is an estimate"
    named = f"; of what counts it has {', '.join(fields)}" if fields else ""
    done = sum(fact.has_done for fact in facts)
    if card.ends_with_done and done < len(facts):
        end = Finding(
            False, f"stream: {len(facts) - done} of {len(facts)} answers had no [DONE], which the catalog says ends all"
        )
    else:
        end = Finding(None, f"stream: {done} of {len(facts)} answers ended with [DONE]")
    return Finding(True if places else None, f"usage: {usage}{named}"), end


def served_findings(names: Sequence[str], model: ModelCard, is_same: Callable[[str], bool]) -> tuple[Finding, ...]:
    """Which model the answers name."""
    different = tuple(dict.fromkeys(names))
    if not different:
        return (Finding(None, "model: the answers name none"),)
    if all(map(is_same, different)):
        return (Finding(True, f"model: the answers are from {', '.join(different)}"),)
    return (Finding(False, f"model: asked for {model.id}, answered by {', '.join(different[:5])}"),)


def listed_price(model: ModelCard, listed: Sequence[ListedModel], is_same: Callable[[str], bool]) -> Finding:
    """What the provider's own list says beside the row of the catalog."""
    exact = [entry for entry in listed if entry.id.casefold() == model.id.casefold()]
    found = next(iter(exact or [entry for entry in listed if is_same(entry.id)]), None)
    if found is None:
        return Finding(False, f"price: {model.id} is not on the provider's own list")
    told = (found.input, found.output, found.cache_read)
    if found.input is None or found.output is None:
        return Finding(None, "price: the provider's own list has none")
    rows = [(row.input, row.output, row.cache_read) for row in (model.price, model.off_peak) if row]
    if any(all(one is None or one == other for one, other in zip(told, row, strict=True)) for row in rows):
        return Finding(True, f"price: {_amounts(told)} in the provider's own list, as in the catalog")
    ours = " or ".join(map(_amounts, rows)) or "none"
    advice = "dsterm models --refresh takes the list over"
    return Finding(
        False if rows else None, f"price: {_amounts(told)} in the provider's own list, {ours} in the catalog; {advice}"
    )


def _amounts(row: Sequence[Decimal | None]) -> str:
    return "$" + " / ".join("?" if amount is None else f"{amount:f}" for amount in row)
