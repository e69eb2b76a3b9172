"""Many attacks in one run of the program, a tool call each: what became of every single one of them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from attack_world import Assailant, Call, Outcome, World
from e2e_program import Recorder

EVIL = '#!/bin/sh\n: > "$1"\necho "loot-$((40 + 2))-$1"\n'
"""Leaves a mark in the folder where it runs, and prints words that stand in no command line."""


@contextmanager
def lasting_world(ground: Path, assailant: Assailant) -> Iterator[World]:
    """A world for more than one test."""
    folder = Path(tempfile.mkdtemp(dir=ground))
    folder.chmod(0o755)
    recorder = Recorder(assailant.url)
    try:
        yield World(folder, assailant, recorder)
    finally:
        recorder.close()
        shutil.rmtree(folder, ignore_errors=True)


def arm(world: World, *names: str) -> None:
    """Put the program that leaves a mark into the workspace, under all these names."""
    for name in names:
        path = world.put(name, EVIL)
        path.chmod(0o755)


@dataclass(frozen=True)
class Tried:
    """One attack after the run: its mark, how its call ended, what the model was told."""

    mark: str
    ending: str
    result: str


@dataclass(frozen=True)
class Batch:
    """All attacks of one run."""

    world: World
    outcome: Outcome
    tried: Mapping[str, Tried]

    def left_mark(self, name: str) -> bool:
        """Whether the attack has run what it wanted to."""
        return any(self.world.folder.rglob(self.tried[name].mark))

    def held(self, name: str) -> None:
        """Nothing of the attack is on disk, on the screen or on the wire."""
        mark = self.tried[name].mark
        assert not self.left_mark(name), self.tried[name]
        for place in (self.outcome.out, self.outcome.err, self.outcome.wire):
            assert f"loot-42-{mark}" not in place, self.tried[name]


def try_all(world: World, attacks: Mapping[str, Call], *flags: str, mode: str = "ask", trusts: bool = True) -> Batch:
    """Let the model make every call in one message; `{m}` in a text argument becomes the attack's own mark."""
    marks = {name: f"m{number:03}x" for number, name in enumerate(attacks)}
    calls = [Call(call.name, _marked(call.arguments, marks[name])) for name, call in attacks.items()]
    outcome = world.attack([calls], *flags, mode=mode, trusts=trusts)
    outcome.stood()
    endings = _endings(outcome.events)
    assert len(endings) == len(outcome.results) == len(attacks), (len(endings), len(outcome.results))
    told = zip(marks.items(), endings, outcome.results, strict=True)
    return Batch(world, outcome, {name: Tried(mark, ending, result) for (name, mark), ending, result in told})


def _marked(arguments: dict[str, object] | str, mark: str) -> dict[str, object] | str:
    if isinstance(arguments, str):
        return arguments.replace("{m}", mark)
    return {name: value.replace("{m}", mark) if isinstance(value, str) else value for name, value in arguments.items()}


def _endings(events: Sequence[dict]) -> list[str]:
    """How the calls ended, in the order in which they were asked for."""
    ended = {event["id"]: event["result"]["outcome"] for event in events if event["type"] == "ToolEnded"}
    return [ended[event["call"]["id"]] for event in events if event["type"] == "ToolRequested"]
