from __future__ import annotations

import hashlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from proof_story import Writer
from proof_world import ProofWorld

from dsterm.core.events import Envelope, TurnStarted
from dsterm.core.repo_events import RepoAttached
from dsterm.store.packs import PackFolder

KILLS = int(os.environ.get("DSTERM_PACK_KILLS", "1"))
SEED = int(os.environ.get("DSTERM_SEED", "20261123"))

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.timeout(60 + 10 * KILLS),
    pytest.mark.skipif(sys.platform == "win32", reason="a kill is another thing there"),
]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ProofWorld]:
    made = ProofWorld(tmp_path, 60)
    made.serve([{**Writer(SEED).say(), "times": 0}])
    yield made
    made.close()


def test_a_run_that_is_killed_while_it_attaches_leaves_a_whole_pack_or_none_and_the_next_one_works(world):
    program, random = world.program(), Random(SEED)
    words = ("Look at all of it.", "--attach", ".", "--output-format", "stream-json")
    whole = program.ask(*words, "--no-save")
    assert whole.code == 0, whole
    kinds = [line["envelope"]["event"]["type"] for line in whole.lines[:-1]]
    last = kinds.index("StepStarted") + 1
    reached: Counter[str] = Counter()
    for _ in range(KILLS):
        for kept in (*program.logs, *packs_of(world).glob("*")):
            kept.unlink()
        process = program.start("-p", *words)
        assert process.stdout is not None
        for _ in range(random.randint(0, last)):
            process.stdout.readline()
        time.sleep(random.choice((0.0, 0.05, 0.2)) * random.random())
        process.kill()
        process.communicate()
        before = {path.stem: world.log(path.stem) for path in program.logs}
        reached[last_of(before)] += 1
        assert_packs_are_whole(world, before)
        again = ("--continue",) if has_prompt(before) else ("--attach", ".")
        assert program.answer("And again?", *again)["stop_reason"] == "answered"
        assert len(list(packs_of(world).glob("*.txt"))) == 1, "the same bytes each time"
        reached["of these, half a file beside the pack"] += any(packs_of(world).glob("*.tmp"))
    sys.stdout.write(f"killed {KILLS} times, when the log had come to: {dict(reached)}\n")


def packs_of(world: ProofWorld) -> Path:
    return world.home / "state" / "packs"


def assert_packs_are_whole(world: ProofWorld, logs: dict[str, list[Envelope]]) -> None:
    """Every text is what its name says, and all that a log names is there."""
    for path in packs_of(world).glob("*.txt"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem
    packs = PackFolder(packs_of(world))
    for envelope in (envelope for envelopes in logs.values() for envelope in envelopes):
        if isinstance(envelope.event, RepoAttached):
            digest = envelope.event.pack.digest
            assert packs.load(digest)
            assert packs.load_manifest(digest).files


def last_of(logs: dict[str, list[Envelope]]) -> str:
    """How far the run came that was killed."""
    for envelopes in logs.values():
        return type(envelopes[-1].event).__name__ if envelopes else "its first line"
    return "no log"


def has_prompt(logs: dict[str, list[Envelope]]) -> bool:
    return any(isinstance(one.event, TurnStarted) for envelopes in logs.values() for one in envelopes)
