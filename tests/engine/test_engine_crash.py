from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from changing_turns import ACCEPT, state
from crash_world import NEW, OLD, prepare
from scripted import ScriptedProvider, World, do, kinds

from dsterm.core.events import Notice, ToolEnded
from dsterm.core.tools import Outcome

KILLS = int(os.environ.get("DSTERM_KILLS", "60"))
SEED = int(os.environ.get("DSTERM_SEED", "20261122"))
HERE = Path(__file__).parent


class Program:
    """The program of crash_world, waiting for its next run."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "crash_world.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])])},
        )

    def run(self, folder: Path, count: int) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{folder} {count}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self) -> None:
        self.process.communicate(timeout=5)


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    started = Program()
    yield started
    started.close()


def assert_whole(folder: Path) -> set[str]:
    """Every file is old or new, byte for byte, and nothing else lies about; the paths that are new."""
    changed = set()
    for path, old in OLD.items():
        place = folder / path
        data = place.read_bytes() if place.exists() else None
        assert data in (old, NEW[path]), path
        if data == NEW[path]:
            changed.add(path)
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found <= set(OLD)
    return changed


def told(world_events: list[object], fate: str) -> set[str]:
    """The files of which the last notice says `fate`."""
    words = next(event.text for event in reversed(world_events) if isinstance(event, Notice))
    part = words.partition(f"{fate}: ")[2].partition(";")[0].partition(". ")[0].removesuffix(".")
    return {path for path in part.split(", ") if path}


async def check_after_the_kill(folder: Path) -> set[str]:
    world = World(folder, first_id=10_000)
    interrupted = world.checkpoints.clean_up()
    changed = assert_whole(world.folder)
    engine = world.engine(ScriptedProvider([]), ACCEPT)
    engine.resume_latest()
    events = [envelope.event for envelope in engine.transcript()]
    names = kinds(events)
    assert names.count("ToolRequested") == names.count("ToolEnded") == 1
    assert names[-1] == "TurnEnded" or names[-2:] == ["Notice", "TurnEnded"]
    ended = next(event for event in events if isinstance(event, ToolEnded))
    if "CheckpointSaved" not in names:
        assert not changed
        assert not interrupted
        await engine.close()
        return changed
    if ended.result.outcome is Outcome.UNKNOWN:
        assert told(events, "changed as asked") == changed
        assert told(events, "as before") == set(OLD) - changed
    else:
        assert changed == set(OLD)
    if changed:
        await do(engine, "/undo")
        assert assert_whole(world.folder) == set()
        assert {name for name, kept in state(world.folder).items() if kept is None} == {
            "src", "src/part0", "src/part1", "src/part2", "old",
        }  # fmt: skip
        assert (world.folder / "old/gone0.sh").stat().st_mode & 0o777 == 0o755
        await do(engine, "/redo")
        assert assert_whole(world.folder) == changed
    await engine.close()
    return changed


async def test_a_patch_that_is_left_alone_changes_every_file(program: Program, tmp_path: Path) -> None:
    prepare(tmp_path)
    assert int(program.run(tmp_path, 0)) > 300
    assert await check_after_the_kill(tmp_path) == set(OLD)


@pytest.mark.timeout(20 + KILLS)
async def test_after_a_kill_at_any_moment_every_file_is_whole_and_the_session_says_which(
    program: Program, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    prepare(whole)
    moments = int(program.run(whole, 0))
    chance = random.Random(SEED)
    half_done = 0
    # From every stretch of the work one moment, so that the short stretch where files change is hit as surely as the rest.
    for number in range(KILLS):
        folder = tmp_path / str(number)
        prepare(folder)
        count = chance.randint(number * moments // KILLS + 1, max(1, (number + 1) * moments // KILLS))
        assert program.run(folder, count) == "killed", count
        changed = await check_after_the_kill(folder)
        half_done += 0 < len(changed) < len(OLD)
    assert half_done > KILLS // 20
