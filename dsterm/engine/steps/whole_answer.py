"""The answer of a turn as one text, also where it reached the output limit and was continued in another message."""

from __future__ import annotations

from collections.abc import Iterable

from dsterm.core.events import Event, MessageAdded
from dsterm.core.wire_events import Intervened, Intervention
from dsterm.engine.steps.nudges import GO_ON


class WholeAnswer:
    """Hears the events of a turn; `text` is the answer so far."""

    def __init__(self) -> None:
        self.text = ""
        self._goes_on = False

    def take(self, event: Event) -> None:
        """Take one event in."""
        match event:
            case MessageAdded(message=message):
                self.text = self.text + message.content if self._goes_on else message.content
                self._goes_on = self._goes_on and not message.content
            case Intervened(kind=Intervention.CONTINUED, nudge=nudge):
                self._goes_on = nudge == GO_ON
            case _:
                pass


def whole_answer(events: Iterable[Event]) -> str:
    """The answer that `events` come to."""
    answer = WholeAnswer()
    for event in events:
        answer.take(event)
    return answer.text
