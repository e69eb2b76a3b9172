from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from dsterm.core.models import ModelCard, PermissionMode, ThinkingMode
from dsterm.core.status import Spend, Status
from dsterm.render.status import status_line, switch_note
from dsterm.render.style import Style

CARD = ModelCard(
    id="deepseek/deepseek-v4-pro", provider="novita", title="DeepSeek V4 Pro", alias="pro", context_window=1_048_576,
    max_output=65_536,
)  # fmt: skip
STATUS = Status(
    session_id="s",
    model=CARD,
    provider_title="Novita AI",
    mode=ThinkingMode.THINK,
    permission_mode=PermissionMode.ASK,
    branch="main",
    dirty_files=2,
    sandbox="bubblewrap",
    context_tokens=61_400,
    hit_share=0.99,
    turn=Spend(dollars=Decimal("0.0142"), is_estimate=True),
    session=Spend(dollars=Decimal("0.0312")),
)


def test_a_wide_screen_shows_everything() -> None:
    line = status_line(STATUS, 100)
    assert line.text == (
        " Pro  Think  ask  sandbox   main±2   61k/1.05M 6%   hit 99%            turn ~$0.0142  total $0.0312"
    )


@pytest.mark.parametrize(
    ("width", "missing"),
    [
        (140, []),
        (108, ["hit"]),
        (98, ["hit", "main"]),
        (80, ["hit", "main", "turn"]),
        (70, ["hit", "main", "turn", "untrusted"]),
        (62, ["hit", "main", "turn", "untrusted", "2 jobs"]),
        (46, ["hit", "main", "turn", "untrusted", "2 jobs", "sandbox"]),
    ],
)
def test_a_narrow_one_drops_one_part_after_the_other_and_keeps_permission_and_total(
    width: int, missing: list[str]
) -> None:
    status = msgspec.structs.replace(STATUS, sandbox="", is_trusted=False, running_jobs=2)
    text = status_line(status, width).text
    assert [word for word in ("hit", "main", "turn", "untrusted", "2 jobs", "sandbox") if word not in text] == missing
    assert "total $0.0312" in text
    assert "  ask" in text


def test_nothing_is_said_of_a_sandbox_before_it_is_known() -> None:
    assert "sandbox" not in status_line(msgspec.structs.replace(STATUS, sandbox=None), 120).text


@pytest.mark.parametrize(
    ("sandbox", "words", "style"), [("seatbelt", "sandbox", Style.DIM), ("", "no sandbox", Style.WARNING)]
)
def test_whether_commands_are_confined_stands_behind_the_permission_mode(
    sandbox: str, words: str, style: Style
) -> None:
    line = status_line(msgspec.structs.replace(STATUS, sandbox=sandbox), 120)
    spans = [span for span in line.spans if span.text.strip()]
    place = next(at for at, span in enumerate(spans) if span.text == "ask")
    assert (spans[place + 1].text, spans[place + 1].style) == (words, style)


@pytest.mark.parametrize("width", range(1, 100))
def test_it_is_never_too_wide(width: int) -> None:
    assert status_line(STATUS, width).width <= width


def test_what_is_not_known_is_called_unknown() -> None:
    assert "total unknown" in status_line(msgspec.structs.replace(STATUS, session=Spend(dollars=None)), 90).text


def test_demo_money_is_marked() -> None:
    assert (
        "demo total $0.0100"
        in status_line(msgspec.structs.replace(STATUS, session=Spend(dollars=Decimal("0.01"), is_demo=True)), 100).text
    )


def test_a_session_that_can_not_be_saved_says_so() -> None:
    assert "not saved" in status_line(msgspec.structs.replace(STATUS, is_saved=False), 120).text


def test_a_full_window_and_a_loose_permission_mode_warn() -> None:
    status = msgspec.structs.replace(STATUS, context_tokens=900_000, permission_mode=PermissionMode.YOLO)
    warned = [span.text for span in status_line(status, 120).spans if span.style is Style.WARNING]
    assert warned == ["yolo", "900k/1.05M 86%"]


def test_a_branch_can_not_break_the_line() -> None:
    text = status_line(msgspec.structs.replace(STATUS, branch="a\x1b[31m\n" + "b" * 90), 120).text
    assert text.isprintable()


def test_an_unsent_switch_shows_its_note() -> None:
    assert switch_note(STATUS, 80) is None
    line = switch_note(msgspec.structs.replace(STATUS, switch_note="Flash: was ~$0.0023"), 80)
    assert line is not None
    assert line.text == " Flash: was ~$0.0023"


def test_a_window_that_is_hardly_used_is_not_called_one_percent() -> None:
    assert "1.4k/1.05M <1%" in status_line(msgspec.structs.replace(STATUS, context_tokens=1400), 90).text
