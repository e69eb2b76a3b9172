from __future__ import annotations

from pathlib import Path

import pytest

from dsterm.core.command_plan import CommandRule, Confinement, PlannedCommand, ProgramCall
from dsterm.core.models import PermissionMode
from dsterm.core.tools import Effect, Plan
from dsterm.policy.permission_table import permission_table
from dsterm.policy.permissions import Rules, Verdict, decide, exact_call

PYTEST = ProgramCall(words=("pytest", "-q"), can_be_ruled=True, rule=("pytest",))
CURL = ProgramCall(words=("curl", "https://example.org"), can_be_ruled=True, rule=("curl",))
READ_EXECUTE = (Effect.READ, Effect.EXECUTE)
WITH_NETWORK = (*READ_EXECUTE, Effect.NETWORK)
OUTSIDE = (*READ_EXECUTE, Effect.OUTSIDE)
ALWAYS_PYTEST = CommandRule(words=("pytest",))
ALWAYS_CURL = CommandRule(words=("curl",), confinement=Confinement.NETWORK)


def command(
    *calls: ProgramCall, effects: tuple[Effect, ...] = READ_EXECUTE, folder: str = ".", is_understood: bool = True
) -> Plan:
    confinement = Confinement.NETWORK if Effect.NETWORK in effects else Confinement.SANDBOX
    planned = PlannedCommand(
        command=" && ".join(" ".join(call.words) for call in calls),
        folder=folder,
        confinement=Confinement.OPEN if Effect.OUTSIDE in effects else confinement,
        calls=calls,
        is_understood=is_understood,
    )
    return Plan(effects=effects, subject=planned.command, command=planned)


def verdict(plan: Plan, rules: Rules, tool: str = "bash") -> Verdict:
    return decide(tool, plan, rules).verdict


@pytest.mark.parametrize(
    "effects", [READ_EXECUTE, WITH_NETWORK, OUTSIDE, (Effect.READ, Effect.INSPECT), (Effect.WRITE,)]
)
def test_in_plan_mode_nothing_that_runs_or_writes_is_allowed_whatever_was_granted(effects: tuple[Effect, ...]) -> None:
    plan = command(PYTEST, effects=effects)
    rules = Rules(
        mode=PermissionMode.PLAN,
        allowed_tools=("bash",),
        granted=frozenset(Effect),
        granted_calls=frozenset({exact_call("bash", plan)}),
        kept=(ALWAYS_PYTEST,),
        has_network=True,
    )
    assert verdict(plan, rules) is Verdict.DENY


@pytest.mark.parametrize("mode", [mode for mode in PermissionMode if mode is not PermissionMode.YOLO])
def test_secrets_ask_in_every_mode_but_yolo(mode: PermissionMode) -> None:
    plan = Plan(effects=(Effect.READ, Effect.SECRETS), subject=".env")
    assert verdict(plan, Rules(mode=mode, granted=frozenset({Effect.WRITE})), "read") is Verdict.ASK


def test_auto_runs_sandboxed_commands_and_asks_about_everything_that_leaves_the_sandbox() -> None:
    rules = Rules(mode=PermissionMode.AUTO)
    assert verdict(command(PYTEST), rules) is Verdict.ALLOW
    assert verdict(command(CURL, effects=WITH_NETWORK), rules) is Verdict.ASK
    assert verdict(command(PYTEST, effects=OUTSIDE), rules) is Verdict.ASK


def test_the_network_given_by_the_user_holds_until_something_was_read() -> None:
    plan = command(CURL, effects=WITH_NETWORK)
    given = Rules(mode=PermissionMode.AUTO, has_network=True)
    assert verdict(plan, given) is Verdict.ALLOW
    after_reading = decide("bash", plan, Rules(mode=PermissionMode.AUTO, has_network=True, has_read=True))
    assert after_reading.verdict is Verdict.ASK
    assert "read" in after_reading.reason


def test_a_kept_rule_covers_its_prefix_in_the_sandbox_and_nothing_else() -> None:
    rules = Rules(mode=PermissionMode.ASK, kept=(ALWAYS_PYTEST,))
    assert verdict(command(PYTEST), rules) is Verdict.ALLOW
    assert verdict(command(PYTEST, effects=WITH_NETWORK), rules) is Verdict.ASK
    assert verdict(command(PYTEST, effects=OUTSIDE), rules) is Verdict.ASK
    assert verdict(command(PYTEST, effects=(*READ_EXECUTE, Effect.SECRETS)), rules) is Verdict.ASK
    assert verdict(command(PYTEST, CURL), rules) is Verdict.ASK
    assert verdict(command(PYTEST, is_understood=False), rules) is Verdict.ASK


def test_a_rule_with_the_network_asks_again_once_something_was_read() -> None:
    plan = command(CURL, effects=WITH_NETWORK)
    assert verdict(plan, Rules(mode=PermissionMode.ASK, kept=(ALWAYS_CURL,))) is Verdict.ALLOW
    assert verdict(plan, Rules(mode=PermissionMode.ASK, kept=(ALWAYS_CURL,), has_read=True)) is Verdict.ASK


def test_an_exact_grant_covers_the_same_command_in_the_same_place_and_no_other() -> None:
    plan = command(CURL, effects=WITH_NETWORK)
    rules = Rules(mode=PermissionMode.ASK, granted_calls=frozenset({exact_call("bash", plan)}), has_read=True)
    assert verdict(plan, rules) is Verdict.ALLOW
    assert verdict(command(CURL, effects=WITH_NETWORK, folder="sub"), rules) is Verdict.ASK
    assert verdict(command(CURL, effects=OUTSIDE), rules) is Verdict.ASK
    assert verdict(command(CURL, PYTEST, effects=WITH_NETWORK), rules) is Verdict.ASK


def test_allowed_tools_never_leave_the_sandbox() -> None:
    rules = Rules(mode=PermissionMode.ASK, allowed_tools=("bash", "read"))
    assert verdict(command(PYTEST), rules) is Verdict.ALLOW
    assert verdict(command(CURL, effects=WITH_NETWORK), rules) is Verdict.ASK
    assert verdict(command(PYTEST, effects=OUTSIDE), rules) is Verdict.ASK
    assert verdict(Plan(effects=(Effect.READ, Effect.SECRETS), subject=".env"), rules, "read") is Verdict.ASK


def test_all_edits_granted_does_not_run_commands() -> None:
    rules = Rules(mode=PermissionMode.ASK, granted=frozenset({Effect.READ, Effect.WRITE}))
    assert verdict(command(PYTEST), rules) is Verdict.ASK


def test_the_table_in_the_docs_is_what_the_code_decides() -> None:
    page = Path(__file__).parents[2] / "docs" / "permissions.md"
    assert permission_table() in page.read_text("utf-8"), "run: make permissions"
