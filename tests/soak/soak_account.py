"""The client's books against the server's own, response by response, to the last digit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import median

from dsterm.core.events import AsideEnded, Envelope, StepEnded

_UNIT = Decimal(10_000) * 1_000_000
"""Listed prices are integers in 1/10,000 US dollars per 1,000,000 tokens."""


@dataclass
class Account:
    """What the comparison found. Estimates are (ours, the server's) in US dollars."""

    exact: int = 0
    exact_ours: Decimal = Decimal(0)
    exact_server: Decimal = Decimal(0)
    estimates: list[tuple[Decimal, Decimal, str]] = field(default_factory=list)
    notes: list[tuple[Decimal, str]] = field(default_factory=list)
    unseen: list[Decimal] = field(default_factory=list)
    unanswered: list[Decimal] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The figures, for people."""
        ours, server = (sum((pair[side] for pair in self.estimates), Decimal(0)) for side in (0, 1))
        off = sorted(abs(mine - theirs) / theirs for mine, theirs, _ in self.estimates if theirs)
        kinds = Counter(kind for _, _, kind in self.estimates)
        lines = [
            f"{self.exact} answers with the server's count: {self.exact_ours} dollars here, {self.exact_server} there",
            f"{len(self.estimates)} estimated ({', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}): "
            f"{ours} dollars here, {server} there",
        ]
        if off:
            lines.append(
                f"  an estimate is off by {median(off):.2%} in the middle, {off[len(off) * 9 // 10]:.2%} in nine of ten, "
                f"{off[-1]:.2%} at most"
            )
        lines += [f"    {note}" for _, note in sorted(self.notes, reverse=True)[:5]]
        unseen, unanswered = sum(self.unseen, Decimal(0)), sum(self.unanswered, Decimal(0))
        lines.append(
            f"{len(self.unseen)} requests that the server billed and nothing arrived of: {unseen} dollars there"
        )
        lines.append(
            f"{len(self.unanswered)} steps booked here before their answer had a name: {unanswered} dollars here"
        )
        lines.append(f"all without a count: {ours + unanswered} dollars here, {server + unseen} there")
        return lines


def compare(envelopes: Iterable[Envelope], ledger: Sequence[dict], models: Sequence[dict]) -> Account:
    """Hold every StepEnded against the server's ledger, which is priced from the server's own list."""
    account = Account()
    prices = {model["id"]: model for model in models}
    entries = {entry["id"]: entry for entry in ledger}
    if len(entries) != len(ledger):
        account.problems.append("the server used an id twice")
    seen: set[str] = set()
    for ended in _all_ended(envelopes):
        if ended.usage is None:
            if ended.response_id in entries and entries[ended.response_id]["is_complete"]:
                account.problems.append(f"{ended.response_id} was complete and is not booked: {ended.stop}")
            continue
        if ended.cost is None:
            account.problems.append(f"{ended.response_id} has no price")
            continue
        entry = entries.get(ended.response_id)
        if entry is None:
            _take_unanswered(account, ended)
            continue
        if ended.response_id in seen:
            account.problems.append(f"{ended.response_id} is booked twice")
        seen.add(ended.response_id)
        _take(account, ended, entry, _cost(entry, prices))
    account.unseen = [_cost(entry, prices) for name, entry in entries.items() if name not in seen]
    return account


def _all_ended(envelopes: Iterable[Envelope]) -> Iterable[StepEnded]:
    for envelope in envelopes:
        match envelope.event:
            case StepEnded():
                yield envelope.event
            case AsideEnded():
                yield envelope.event.ended
            case _:
                pass


def _take_unanswered(account: Account, ended: StepEnded) -> None:
    if not ended.usage.is_estimate:
        name = ended.response_id or "an answer without a name"
        account.problems.append(f"{name} is no estimate and not the server's")
    account.unanswered.append(ended.cost.total)


def _take(account: Account, ended: StepEnded, entry: dict, server: Decimal) -> None:
    if ended.usage.is_estimate:
        kind = f"{ended.stop}, {'whole' if entry['is_complete'] else 'cut'} there"
        account.estimates.append((ended.cost.total, server, kind))
        account.notes.append((abs(ended.cost.total - server), f"{kind}: {ended.usage} here, {entry['usage']} there"))
        return
    if not entry["is_complete"]:
        account.problems.append(f"{ended.response_id} was cut there and is no estimate here")
    if ended.cost.total != server:
        account.problems.append(f"{ended.response_id} cost {ended.cost.total} here and {server} there: {entry}")
    account.exact += 1
    account.exact_ours += ended.cost.total
    account.exact_server += server


def _cost(entry: dict, prices: dict[str, dict]) -> Decimal:
    price, usage = prices[entry["served"] or entry["model"]], entry["usage"]
    hit = usage["cached_tokens"]
    return (
        hit * Decimal(price["cache_read_input_token_price_per_m"])
        + (usage["prompt_tokens"] - hit) * Decimal(price["input_token_price_per_m"])
        + usage["completion_tokens"] * Decimal(price["output_token_price_per_m"])
    ) / _UNIT
