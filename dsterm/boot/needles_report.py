"""What a long-context check found out: as lines, as a table by size and depth, as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from dsterm.context.haystack import Needle
from dsterm.context.needle_question import Verdict
from dsterm.render.wording import format_money, format_tokens

_MARKS = {Verdict.FOUND: "found", Verdict.MISSED: "missed", Verdict.WRONG: "WRONG"}
_COLUMNS = 10


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One size: `wanted` tokens of text, the tokens `sent` in all requests, `cached` ones of them, and those `answered`.

    `verdicts` go with `needles`, from the beginning of the text to its end. `problem` says why there is no answer.
    """

    wanted: int
    needles: tuple[Needle, ...]
    verdicts: tuple[Verdict, ...]
    sent: int
    cached: int
    answered: int
    seconds: float
    dollars: Decimal
    problem: str = ""

    @property
    def missing(self) -> int:
        """Needles that were not found."""
        return sum(verdict is not Verdict.FOUND for verdict in self.verdicts)


class _Report(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    mode: str
    seed: int
    outcomes: tuple[Outcome, ...]


def outcome_lines(outcome: Outcome) -> Iterator[str]:
    """What became of one size."""
    if outcome.problem:
        yield f"  no answer: {outcome.problem}"
    total = len(outcome.needles)
    yield (
        f"  {total - outcome.missing} of {total} found; {outcome.sent:,} tokens sent, {outcome.cached:,} of them cached,"
        f" {outcome.answered:,} answered, {outcome.seconds:.1f} s, {format_money(outcome.dollars)}"
    )


def table_lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """A row for each depth, a column for each size."""
    answered = [outcome for outcome in outcomes if not outcome.problem]
    if not answered:
        return
    yield ""
    yield "depth".rjust(_COLUMNS) + "".join(format_tokens(outcome.wanted).rjust(_COLUMNS) for outcome in answered)
    for place, needle in enumerate(answered[0].needles):
        marks = "".join(_MARKS[outcome.verdicts[place]].rjust(_COLUMNS) for outcome in answered)
        yield f"{needle.depth * 100:.0f} %".rjust(_COLUMNS) + marks
    found = "".join(
        f"{len(outcome.needles) - outcome.missing}/{len(outcome.needles)}".rjust(_COLUMNS) for outcome in answered
    )
    yield "found".rjust(_COLUMNS) + found


def written_report(outcomes: Sequence[Outcome], model: str, mode: str, seed: int) -> bytes:
    """Everything as one JSON object."""
    report = _Report(model=model, mode=mode, seed=seed, outcomes=tuple(outcomes))
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"
