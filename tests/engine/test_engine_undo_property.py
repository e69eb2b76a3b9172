from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest
from changing_turns import ACCEPT, ask, state
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted import ScriptedProvider, World, answer, call, calls, do, play

from dsterm.core.provider import Delta

NAMES = ("a.txt", "b.sh", "sub/c.txt", "sub/deep/d.py", "new/e.md")
CONTENTS = st.sampled_from(["", "x\n", "x", "one\r\ntwo\r\n", "ä\n\n—", "1\n2\n3\n4\n5\n", "\ufefft\n", "#!/bin/sh\n"])
MODES = st.sampled_from([0o644, 0o600, 0o755, 0o640, 0o777])

STARTS = st.dictionaries(st.sampled_from(NAMES), st.tuples(CONTENTS, MODES), max_size=4)
WRITES = st.tuples(st.just("write"), st.sampled_from(NAMES), CONTENTS)
DELETES = st.tuples(st.just("delete"), st.sampled_from(NAMES), st.just(""))
MOVES = st.tuples(st.just("move"), st.sampled_from(NAMES), st.sampled_from(NAMES))
READS = st.tuples(st.just("read"), st.sampled_from(NAMES), st.just(""))
TURNS = st.lists(st.lists(st.one_of(WRITES, READS, DELETES, MOVES), min_size=1, max_size=4), min_size=1, max_size=4)


def as_call(step: tuple[str, str, str], number: int) -> Delta:
    kind, name, rest = step
    identity = f"call_{number}"
    match kind:
        case "write":
            return call("write", {"file_path": name, "content": rest}, identity)
        case "read":
            return call("read", {"file_path": name}, identity)
        case "delete":
            lines = f"*** Begin Patch\n*** Delete File: {name}\n*** End Patch"
        case _:
            lines = f"*** Begin Patch\n*** Update File: {name}\n*** Move to: {rest}\n*** End Patch"
    return call("apply_patch", {"patch": lines}, identity)


async def go_back_and_forth(
    folder: Path, start: dict[str, tuple[str, int]], turns: list[list[tuple[str, str, str]]]
) -> None:
    world = World(folder)
    for name, (content, mode) in start.items():
        path = world.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode())
        path.chmod(mode)
    scripts: list[list[Delta]] = []
    for number, turn in enumerate(turns):
        for place, step in enumerate(turn):
            scripts.append(calls(as_call(step, number * 10 + place)))
        scripts.append(answer("done"))
    engine = world.engine(ScriptedProvider(scripts), ACCEPT)
    states = [state(world.folder)]
    for _ in turns:
        await play(engine, "go")
        if state(world.folder) != states[-1]:
            states.append(state(world.folder))
    changed = len(states) - 1
    for number in range(changed, 0, -1):
        await ask(engine, "/undo")
        assert state(world.folder) == states[number - 1]
    for number in range(1, changed + 1):
        await ask(engine, "/redo")
        assert state(world.folder) == states[number]
    if changed:
        await do(engine, "/rewind 1 files")
    assert state(world.folder) == states[0]
    await engine.close()


@pytest.mark.timeout(30)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STARTS, TURNS)
def test_undo_after_any_sequence_of_writes_restores_bytes_and_modes(
    start: dict[str, tuple[str, int]], turns: list[list[tuple[str, str, str]]]
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        asyncio.run(go_back_and_forth(folder, start, turns))
    finally:
        shutil.rmtree(folder)
