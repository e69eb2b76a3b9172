from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.core.models import PermissionMode, Price, Usage
from dsterm.core.pricing import cost_of
from dsterm.core.tools import Effect, Plan
from dsterm.policy.budget import allowance
from dsterm.policy.permissions import Rules, Verdict, decide

WRITE = (Effect.READ, Effect.WRITE)
PRICE = Price(
    input=Decimal("1.60"), output=Decimal("3.20"), cache_read=Decimal("0.135"), since=date(2026, 6, 9), source="test"
)


def plan(*effects: Effect) -> Plan:
    return Plan(effects=effects, subject="x")


@pytest.mark.parametrize("mode", PermissionMode)
def test_reading_needs_no_question_in_any_mode(mode: PermissionMode) -> None:
    assert decide("read", plan(Effect.READ), Rules(mode=mode)).verdict is Verdict.ALLOW
    assert decide("todo_write", plan(), Rules(mode=mode)).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("mode", "verdict"),
    [
        (PermissionMode.ASK, Verdict.ASK),
        (PermissionMode.ACCEPT_EDITS, Verdict.ALLOW),
        (PermissionMode.AUTO, Verdict.ALLOW),
        (PermissionMode.PLAN, Verdict.DENY),
        (PermissionMode.YOLO, Verdict.ALLOW),
    ],
)
def test_writing_by_mode(mode: PermissionMode, verdict: Verdict) -> None:
    assert decide("edit", plan(*WRITE), Rules(mode=mode)).verdict is verdict


def test_plan_mode_holds_against_grants_and_allowed_tools() -> None:
    rules = Rules(mode=PermissionMode.PLAN, allowed_tools=("edit",), granted=frozenset({Effect.WRITE}))
    assert decide("edit", plan(*WRITE), rules).verdict is Verdict.DENY


def test_a_grant_covers_only_its_effects() -> None:
    rules = Rules(mode=PermissionMode.ASK, granted=frozenset({Effect.WRITE}))
    assert decide("edit", plan(*WRITE), rules).verdict is Verdict.ALLOW
    assert decide("bash", plan(Effect.EXECUTE), rules).verdict is Verdict.ASK


def test_a_disallowed_tool_is_denied_even_in_yolo() -> None:
    rules = Rules(mode=PermissionMode.YOLO, disallowed_tools=("edit",), allowed_tools=("edit",))
    assert decide("edit", plan(*WRITE), rules).verdict is Verdict.DENY


def test_an_allowed_tool_runs_without_a_question() -> None:
    assert (
        decide("edit", plan(*WRITE), Rules(mode=PermissionMode.ASK, allowed_tools=("edit",))).verdict is Verdict.ALLOW
    )


@given(spent=st.decimals(0, 5, places=6), budget=st.decimals("0.000001", 5, places=6), prompt=st.integers(0, 1_000_000))
def test_no_answer_can_exceed_the_budget(spent: Decimal, budget: Decimal, prompt: int) -> None:
    left = allowance(budget, spent, prompt, PRICE)
    if left.stop:
        return
    assert left.output_cap is not None
    dearest = cost_of(Usage(prompt_tokens=prompt, completion_tokens=left.output_cap), PRICE)
    assert dearest is not None
    assert spent + dearest.total <= budget


def test_without_a_budget_nothing_stops() -> None:
    assert allowance(None, None, 10**6, None).stop == ""


def test_an_unknown_price_can_hold_no_budget() -> None:
    assert "unknown" in allowance(Decimal(1), Decimal(0), 10, None).stop


def test_four_fifths_of_the_budget_warn() -> None:
    assert allowance(Decimal(1), Decimal("0.81"), 10, PRICE).warning
    assert not allowance(Decimal(1), Decimal("0.5"), 10, PRICE).warning
