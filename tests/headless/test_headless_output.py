from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsterm.core.command_events import JobChanged, UserCommandEnded
from dsterm.core.command_plan import Confinement
from dsterm.core.commands import Job, JobState
from dsterm.core.events import Envelope
from dsterm.headless.run import StreamLine
from dsterm.headless.standard_output import print_answer, print_json, tell

HOSTILE = "a\x1b]52;c;UFdO\x07\x9b31m\u202eb\x00\x7f\u200b\ud800\n\tc"
AT = datetime(2026, 11, 22, tzinfo=UTC)
JOB = Job(id="3", command=HOSTILE, state=JobState.ENDED, started=AT, confinement=Confinement.OPEN, log=HOSTILE)


class Words(msgspec.Struct):
    text: str


def is_safe(printed: str) -> bool:
    return not any(unicodedata.category(each) in {"Cc", "Cs"} and each not in "\n\t" for each in printed)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_an_answer_is_clean_in_a_terminal_and_in_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    print_answer(HOSTILE + "\n\n")
    printed = capsys.readouterr().out
    assert printed == "a␛]52;c;UFdO␇\ufffd31m⟨U+202E⟩b␀␡⟨U+200B⟩\ufffd\n\tc\n"


def test_diagnostics_are_one_clean_line(capsys: pytest.CaptureFixture[str]) -> None:
    tell(HOSTILE)
    printed = capsys.readouterr().err
    assert is_safe(printed)
    assert printed.count("\n") == 1


@given(st.text(st.characters(codec=None, exclude_categories=())))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_json_says_everything_and_obeys_nothing(capsys: pytest.CaptureFixture[str], text: str) -> None:
    print_json(Words(text))
    printed = capsys.readouterr().out
    assert is_safe(printed)
    assert printed.count("\n") == 1
    assert json.loads(printed)["text"] == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@pytest.mark.parametrize(
    "event", [JobChanged(job=JOB), UserCommandEnded(id="u", command=HOSTILE, output=HOSTILE, exit_code=1, tokens=3)]
)
def test_events_of_commands_are_lines_of_the_stream(
    capsys: pytest.CaptureFixture[str], event: JobChanged | UserCommandEnded
) -> None:
    kind = type(event).__name__
    print_json(StreamLine(type=kind, envelope=Envelope(id="e", parent="", seq=1, at=AT, event=event)))
    printed = capsys.readouterr().out
    assert is_safe(printed)
    line = json.loads(printed)
    assert (line["type"], line["envelope"]["event"]["type"]) == (kind, kind)
