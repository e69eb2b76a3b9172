from __future__ import annotations

import os
from pathlib import Path

from sandbox_world import World, needs_sandbox

from dsterm.workspace.confinement.sandbox import Confined
from dsterm.workspace.confinement.sandbox_check import Trial

HOLD_WITHOUT = {
    "commands run, and write in the workspace",
    "loopback is up",
}


class OpenSandbox:
    """Confines nothing, as one that is broken would."""

    name = "open"

    def wrap(self, launch, arguments, environment) -> Confined:
        return Confined(("/usr/bin/env", "-C", str(launch.folder), *arguments), environment)

    def settle(self, launch) -> tuple[str, ...]:
        return ()


@needs_sandbox
def test_every_promise_is_found_to_hold(tmp_path):
    world = World(tmp_path)
    checks = Trial(world.sandbox, world.root, world.own[1], world.home).checks(world.environment, "linux")
    assert [(check.title, check.seen) for check in checks if not check.passed] == []
    assert len(checks) == 15


def test_a_sandbox_that_confines_nothing_is_found_out_and_nothing_is_left_behind(tmp_path):
    world = World(tmp_path)
    before = {path for path in world.home.rglob("*") if not path.is_relative_to(world.root)}
    checks = Trial(OpenSandbox(), world.root, world.own[1], world.home).checks(world.environment, "linux")
    held = {check.title for check in checks if check.passed}
    if os.getuid() == 0:
        assert held - {"what is hidden can't be uncovered"} <= HOLD_WITHOUT
    assert "no network: a listener of this machine is not reached" not in held
    assert "dsterm's own folders are closed" not in held
    after = {path for path in world.home.rglob("*") if not path.is_relative_to(world.root)}
    assert after == before | {world.own[1] / "kept"}
    assert not [path for path in Path("/etc").iterdir() if path.name.startswith("dsterm-doctor")]


def test_what_a_secret_place_holds_is_never_part_of_the_report(tmp_path):
    world = World(tmp_path)
    checks = Trial(OpenSandbox(), world.root, world.own[1], world.home).checks(world.environment, "linux")
    closed = next(check for check in checks if check.title.startswith("places of keys"))
    assert not closed.passed
    assert "open" in closed.seen
    assert not [check for check in checks if "id_ed25519" in check.seen or "SECRET-" in check.seen]
