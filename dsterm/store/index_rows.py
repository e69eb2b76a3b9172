"""The rows of the index, made of the events of sessions one by one: a request is a row once it is over."""

from __future__ import annotations

import msgspec

from dsterm.core.events import AsideEnded, Envelope, StepEnded, StepStarted, TurnStarted
from dsterm.store.ledger import StepRow


class IndexRows:
    """Keeps, for each session and lane, what the end of a request does not say: how it began, and which turn it is of."""

    def __init__(self) -> None:
        self._started: dict[tuple[str, str], StepStarted] = {}
        self._turns: dict[tuple[str, str], int] = {}

    def take(self, session: str, folder: str, envelope: Envelope) -> StepRow | None:
        """The row of a request that ended with this event; None for every other event."""
        place = session, envelope.lane
        match envelope.event:
            case TurnStarted():
                self._turns[place] = envelope.seq
            case StepStarted() as beginning:
                self._started[place] = beginning
            case StepEnded() as end:
                row = _row(session, folder, envelope, end)
                start = self._started.pop(place, None)
                if start is None:
                    return row
                return msgspec.structs.replace(
                    row,
                    provider=start.provider,
                    mode=start.mode.value,
                    turn=self._turns.get(place, 0),
                    forecast=start.forecast,
                    broke=start.broke,
                )
            case AsideEnded() as aside:
                row = _row(session, folder, envelope, aside.ended)
                return msgspec.structs.replace(
                    row, provider=aside.provider, mode=aside.mode.value, purpose=aside.purpose
                )
            case _:
                pass
        return None


def _row(session: str, folder: str, envelope: Envelope, end: StepEnded) -> StepRow:
    return StepRow(
        session=session,
        seq=envelope.seq,
        at=envelope.at,
        folder=folder,
        provider="",
        model=end.model,
        mode="",
        lane=envelope.lane,
        stop=end.stop.value,
        is_demo=end.is_demo,
        usage=end.usage,
        cost=end.cost,
        hit_saves=None if end.price is None else end.price.input - end.price.cache_read,
    )
