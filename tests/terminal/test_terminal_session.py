from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from terminal import Terminal, needs_tmux

from dsterm.core.events import Envelope, MessageAdded, StepEnded
from dsterm.core.messages import AssistantMessage
from dsterm.store.sessions import SessionStore

pytestmark = [needs_tmux, pytest.mark.end_to_end, pytest.mark.timeout(60), pytest.mark.xdist_group("terminal")]

PRO = {"cached": Decimal("0.135"), "missed": Decimal("1.60"), "output": Decimal("3.20")}
Start = Callable[..., Terminal]


def envelopes(home: Path) -> list[Envelope]:
    store = SessionStore(home / "state" / "sessions")
    return store.read(store.ids()[-1])[1]


@pytest.mark.parametrize("size", [(80, 24), (140, 45)], ids=["80x24", "140x45"])
def test_a_rename_is_asked_approved_written_and_paid_to_the_last_digit(
    start: Start, repo: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    terminal = start("--demo", size=size)
    terminal.wait_for("ask anything")
    terminal.type("rename add_numbers to sum_numbers")
    terminal.press("Enter")
    terminal.wait_for("thought for")
    shown = terminal.wait_for("y yes", "a all edits", "n no")
    assert "def sum_numbers" in shown
    assert "add_numbers" in (repo / "calc.py").read_text()
    time.sleep(0.4)
    terminal.press("y")
    terminal.wait_for("is now sum_numbers")
    assert (repo / "calc.py").read_text() == "def sum_numbers(a, b):\n    return a + b\n"
    assert (repo / "main.py").read_text() == "from calc import sum_numbers\n\nprint(sum_numbers(1, 2))\n"

    terminal.type("/cost")
    terminal.press("Enter")
    shown = terminal.wait_for("owed to nobody")
    printed = re.search(r"demo \$([0-9.]+), owed", shown)
    usages = [e.event.usage for e in envelopes(tmp_path / "home") if isinstance(e.event, StepEnded) and e.event.usage]
    exact = sum(
        (
            u.cached_tokens * PRO["cached"] + u.missed_tokens * PRO["missed"] + u.completion_tokens * PRO["output"]
            for u in usages
        ),
        Decimal(0),
    )
    assert printed is not None
    assert Decimal(printed[1]) == exact / 1_000_000
    assert any(e.event.message.reasoning for e in envelopes(tmp_path / "home") if isinstance(e.event, MessageAdded))

    terminal.press("C-d", "C-d")
    terminal.wait_for("EXIT-CODE 0")


def test_a_refusal_with_a_reason_leaves_the_file_alone(start: Start, repo: Path) -> None:
    before = (repo / "calc.py").read_bytes()
    terminal = start("--demo", "rename add_numbers to sum_numbers")
    terminal.wait_for("y yes")
    time.sleep(0.4)
    terminal.press("n")
    time.sleep(0.3)
    terminal.type("keep the name")
    terminal.press("Enter")
    terminal.wait_for("keep the name")
    terminal.wait_for("ask anything")
    assert (repo / "calc.py").read_bytes() == before


def test_model_and_mode_switch_by_key_in_mid_conversation(start: Start, tmp_path: Path) -> None:
    terminal = start("--demo")
    terminal.wait_for("Pro  Think")
    terminal.type("what can you do?")
    terminal.press("Enter")
    terminal.wait_for("driven by rules")
    terminal.wait_for("ask anything")
    terminal.press("F2")
    terminal.wait_for("Flash  Think", "was ~$")
    terminal.press("C-t")
    terminal.wait_for("Flash  Think Max")
    terminal.type("what can you do?")
    terminal.press("Enter")
    deadline = time.monotonic() + 30
    answers: list[AssistantMessage] = []
    while len(answers) < 2 and time.monotonic() < deadline:
        answers = [e.event.message for e in envelopes(tmp_path / "home") if isinstance(e.event, MessageAdded)]
        time.sleep(0.1)
    sent = [(message.model.rpartition("-")[2], str(message.mode)) for message in answers]
    assert sent == [("pro", "think"), ("flash", "think-max")]


def test_after_kill_dash_9_the_session_goes_on_with_all_that_was_shown(start: Start, tmp_path: Path) -> None:
    terminal = start("--demo")
    terminal.wait_for("ask anything")
    terminal.type("rename add_numbers to sum_numbers")
    terminal.press("Enter")
    terminal.wait_for("y yes")
    os.kill(terminal.child_pid(), signal.SIGKILL)
    terminal.wait_for("EXIT-CODE 137")
    again = start("--demo", "--continue")
    again.wait_for("ask anything")
    again.type("what can you do?")
    again.press("Enter")
    again.wait_for("these I do for real")
    deadline = time.monotonic() + 20
    names: list[str] = []
    while names.count("TurnEnded") < 2 and time.monotonic() < deadline:
        names = [type(e.event).__name__ for e in envelopes(tmp_path / "home")]
        time.sleep(0.1)
    assert names.count("TurnStarted") == names.count("TurnEnded") == 2
    assert names.count("ToolRequested") == names.count("ToolEnded")
    assert msgspec.json.encode(envelopes(tmp_path / "home"))


@pytest.mark.parametrize(
    "keys", [("C-j",), ("M-Enter",), ("\\", "Enter")], ids=["ctrl+j", "alt+enter", "backslash+enter"]
)
def test_a_new_line_key_does_not_send(start: Start, keys: tuple[str, ...], tmp_path: Path) -> None:
    terminal = start("--demo")
    terminal.wait_for("ask anything")
    terminal.type("first")
    for key in keys:
        terminal.press(key)
    time.sleep(0.3)
    terminal.type("second")
    terminal.wait_for("first", "second")
    assert not list((tmp_path / "home").rglob("*.jsonl"))
    terminal.press("Enter")
    terminal.wait_for("driven by rules")
    prompts = [e.event.prompt for e in envelopes(tmp_path / "home") if type(e.event).__name__ == "TurnStarted"]
    assert prompts == ["first\nsecond"]


def test_without_a_key_the_first_page_offers_three_ways(start: Start, repo: Path) -> None:
    terminal = start()
    shown = terminal.wait_for("1", "2", "3", "key", "demo")
    assert "Novita" in shown
    terminal.press("3")
    terminal.wait_for("ask anything")
    terminal.wait_for("demo total")


def test_outside_a_repository_the_demo_offers_a_sample_and_repairs_it(start: Start, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    terminal = start("--demo", folder=empty)
    terminal.wait_for("sample repo")
    terminal.press("Enter")
    terminal.wait_for("ask anything")
    terminal.type("fix the failing test")
    terminal.press("Enter")
    terminal.wait_for("y yes", seconds=40)
    time.sleep(0.4)
    terminal.press("y")
    terminal.wait_for("Run this command?", "python3 -m unittest", seconds=40)
    time.sleep(0.4)
    terminal.press("y")
    terminal.wait_for("Repaired", seconds=40)
