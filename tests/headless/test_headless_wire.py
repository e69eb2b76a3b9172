from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from dsterm.core import wire_events
from dsterm.core.events import Envelope, Event, StepRetried
from dsterm.core.models import Price
from dsterm.headless.run import OutputFormat, _show
from dsterm.headless.wire_words import wire_line

AT = datetime(2026, 11, 22, tzinfo=UTC)
PRICE = Price(input=Decimal("0.14"), output=Decimal("0.28"), cache_read=Decimal("0.028"), since=date.min, source="list")
FELL = wire_events.FellBack(
    from_provider="novita", from_model="m", provider="deepseek", model="n", cause="Novita AI is down.", price=PRICE
)
OWN = wire_events.Intervened(
    kind=wire_events.Intervention.EMPTY_ANSWER,
    text="The answer was\x1b[2J empty; it was asked for again.",
    nudge="Go on.",
)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (StepRetried(attempt=1, wait=2.04, cause="Busy.", limit=4), "retry 1 of 4 in 2.0 s: Busy."),
        (StepRetried(attempt=1, wait=2.04, cause="Busy."), "retry 1 in 2.0 s: Busy."),
        (wire_events.StepStalled(seconds=40.2), "nothing from the server for 40 s"),
        (wire_events.StepStalled(seconds=0), ""),
        (
            FELL,
            "Novita AI is down. From here on n at deepseek answers ($0.14 in, $0.28 out, $0.028 cached per 1M tokens).",
        ),
    ],
)
def test_what_happens_on_the_wire_is_said(event: Event, words: str) -> None:
    assert wire_line(event) == words


def test_what_dsterm_does_of_its_own_is_one_clean_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    _show(Envelope(id="e", parent="", seq=1, at=AT, event=OWN), OutputFormat.TEXT, {})
    printed = capsys.readouterr()
    assert printed.err == "dsterm: The answer was␛[2J empty; it was asked for again.\n"
    assert printed.out == ""
