"""Plays turns in one session and keeps what was said of each before Enter, at the send, and by the server."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from proof_rows import Row, hit_share, price_error, read_rows
from proof_story import Turn
from proof_world import do, play

from dsterm.core.events import Envelope, Event, StepEnded, TurnEnd, TurnEnded
from dsterm.core.models import Forecast
from dsterm.core.repo_events import RepoChanged
from dsterm.engine.engine import Engine


@dataclass(frozen=True)
class Played:
    """A turn that is over: `chip` was said of its first request before Enter, `told` are the tokens of changes it was told."""

    turn: Turn
    rows: tuple[Row, ...]
    chip: Forecast
    told: int

    @property
    def chip_error(self) -> float:
        """How far off the dollars of the first prompt were before Enter."""
        return price_error(self.chip, self.rows[0].billed)


class ProofSession:
    """One session of an engine, from its first turn here on."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.turns: list[Played] = []
        self.did: list[Event] = []
        """What the slash commands between the turns led to."""

    async def play(self, turns: Iterable[Turn]) -> None:
        """Play `turns`; each must be answered."""
        for turn in turns:
            for change in turn.before:
                change()
            for line in turn.commands:
                self.did += await do(self.engine, line)
            mentioned = sum(mention.tokens for mention in await self.engine.weigh(turn.prompt))
            chip = self.engine.forecast(turn.prompt, mentioned=mentioned).forecast
            events = await play(self.engine, turn.prompt)
            assert [event.reason for event in events if isinstance(event, TurnEnded)] == [TurnEnd.ANSWERED], events[-2:]
            self.turns.append(Played(turn, self._rows_of(events), chip, _told(events)))

    @property
    def rows(self) -> list[Row]:
        """All requests of the session."""
        return [row for played in self.turns for row in played.rows]

    def _rows_of(self, events: list[Event]) -> tuple[Row, ...]:
        ids = {event.response_id for event in events if isinstance(event, StepEnded)}
        return tuple(row for row in read_rows(self.engine.transcript()) if row.response_id in ids)


def _told(events: Iterable[Event]) -> int:
    return sum(event.tokens for event in events if isinstance(event, RepoChanged))


def table(turns: Iterable[Played]) -> list[str]:
    """A row a turn, in Markdown."""
    lines = [
        "| turn | what happens | requests | longest prompt | sent again | hit | of what was sent again | told | input forecast "
        "off, tokens and $ | before Enter, $ | answers in the band |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for number, played in enumerate(turns, 1):
        rows = played.rows
        resent, hit = sum(row.resent for row in rows), sum(row.used.cached_tokens for row in rows)
        share = f"{hit_share(rows):.2%}" if resent else "nothing was"
        lines.append(
            f"| {number} | {played.turn.label} | {len(rows)} | {max(row.used.prompt_tokens for row in rows):,} | {resent:,} "
            f"| {hit:,} | {share} | {played.told:,} | {max(row.token_error for row in rows):.2%}, "
            f"{max(row.dollar_error for row in rows):.2%} | {played.chip_error:.2%} "
            f"| {sum(row.is_inside for row in rows)} of {len(rows)} |"
        )
    return lines


def resumed_rows(envelopes: Iterable[Envelope], known: Iterable[Row]) -> list[Row]:
    """The requests in a log that came after `known`."""
    ids = {row.response_id for row in known}
    return [row for row in read_rows(envelopes) if row.response_id not in ids]
