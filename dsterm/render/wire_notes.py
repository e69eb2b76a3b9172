"""The words about the way to the model: what was tried again, what dsterm did of its own, who answered instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from dsterm.core import events, wire_events
from dsterm.core.models import Price, ThinkingMode
from dsterm.core.provider import StopReason
from dsterm.render.blocks import Note
from dsterm.render.clean import clean_line
from dsterm.render.style import Style
from dsterm.render.wording import format_money

RETRY_MARK = "↻"
OWN_MARK = "◇"
FALLBACK_MARK = "⇄"
_BREAKS = {
    "unknown": "something changed that should not have, a fault of dsterm's",
    "tools": "the tools changed",
    "system": "the system text changed",
    "format": "the form of the answer changed",
    "rewound": "the conversation went back",
    "detached": "a repository was detached",
    "compacted": "the conversation was compacted",
    "pruned": "old results of tools were taken out",
    "restored": "what was compacted is back",
    "repair": "missing reasoning was filled in",
}
_SAID_ELSEWHERE = frozenset({"", "mode", "model", "provider", "unknown"})
"""What the user chose, knowing its price, or what a sentence of its own tells."""


def retry_note(causes: Sequence[str]) -> Note:
    """Requests of one step that were sent again, and why, each cause once."""
    words = "; ".join(dict.fromkeys(clean_line(cause).strip().rstrip(".") for cause in causes))
    return Note(f"{'retry' if len(causes) == 1 else f'{len(causes)} retries'}: {words}", RETRY_MARK)


def fell_back_words(event: wire_events.FellBack, title: Callable[[str], str] = str) -> str:
    """Why another one goes on, who that is and for how much."""
    cause = event.cause.strip()
    return clean_line(
        f"{cause}{'' if cause.endswith(('.', '!', '?')) else '.'} From here on {title(event.model)} at {event.provider} "
        f"answers ({price_words(event.price)})."
    )


def fell_back_note(event: wire_events.FellBack, title: Callable[[str], str]) -> Note:
    """Another provider or model goes on, and there is a way back."""
    way_back = f"/back returns to {clean_line(title(event.from_model))} at {clean_line(event.from_provider)}."
    return Note(f"{fell_back_words(event, title)[:-1]}; {way_back}", FALLBACK_MARK, Style.WARNING)


def price_words(price: Price | None) -> str:
    """The figures of a price; `price unknown` where there is none."""
    if price is None:
        return "price unknown"
    parts = ((price.input, "in"), (price.output, "out"), (price.cache_read, "cached"))
    return ", ".join(f"${_figure(dollars)} {name}" for dollars, name in parts) + " per 1M tokens"


def _figure(dollars: Decimal) -> str:
    """At least two decimals, and as many more as the price has."""
    return f"{max(dollars.normalize(), dollars.quantize(Decimal('0.01')), key=lambda each: -_exponent(each)):f}"


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def prefix_words(step: events.StepStarted) -> str:
    """Why the request is not the one before with more behind it; empty where it is, or where that is known already."""
    if step.broke in _SAID_ELSEWHERE:
        return ""
    return f"the prompt may be read anew: {break_words(step.broke)}"


def break_words(broke: str) -> str:
    """What made a request no continuation of the one before it."""
    return _BREAKS.get(broke) or f"the {clean_line(broke)} changed"


def observed_mode(step: events.StepStarted, ended: events.StepEnded, *, has_thought: bool) -> str:
    """The mode that was asked for beside what came, where that differs; `has_thought`: the turn has brought reasoning before.

    A call that follows from the result before it needs no thought, so only a turn without any did not reason.
    """
    if step.mode is ThinkingMode.NON_THINK:
        return f"{step.mode.label} · reasoned anyway" if ended.has_reasoned else ""
    is_over = ended.has_reasoned is False and ended.stop is not StopReason.TOOL_CALLS
    return f"{step.mode.label} · did not reason" if is_over and not has_thought else ""


def served_words(step: events.StepStarted, ended: events.StepEnded, title: Callable[[str], str]) -> str:
    """The model that answered, where it is not the one asked for."""
    if ended.model and _bare(ended.model) != _bare(step.model):
        return f"{clean_line(title(step.model))} → served by {clean_line(ended.model)}"
    return ""


def _bare(model: str) -> str:
    """The id without the vendor before it, which not every server repeats."""
    return model.rsplit("/", 1)[-1].casefold()


class TurnToll:
    """What the requests of a turn came to."""

    def __init__(self) -> None:
        self._dollars: Decimal | None = Decimal(0)
        self._is_estimate = False
        self._is_demo = False

    def take(self, ended: events.StepEnded) -> None:
        """One more request."""
        if ended.usage is None:
            return
        total = ended.cost.total if ended.cost else None
        self._dollars = None if total is None or self._dollars is None else self._dollars + total
        self._is_estimate = self._is_estimate or ended.usage.is_estimate
        self._is_demo = self._is_demo or ended.is_demo

    @property
    def words(self) -> str:
        """`~$0.0012, estimate`; empty where nothing was paid."""
        if self._dollars == 0:
            return ""
        if self._dollars is None:
            return "cost unknown"
        money = format_money(self._dollars, is_estimate=self._is_estimate, is_fine=True)
        return f"{money}{', estimate' if self._is_estimate else ''}{', owed to nobody' if self._is_demo else ''}"
