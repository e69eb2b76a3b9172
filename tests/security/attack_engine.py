"""The whole program without a screen, driven by typed lines, questions answered as told: what only a screen would reach."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from attack_world import Outcome, World
from e2e_program import Done

_DRIVER = """
import asyncio, json, os, sys
from contextlib import AsyncExitStack

import msgspec

from dsterm.boot.known_keys import KnownKeys
from dsterm.boot.plan import plan_launch
from dsterm.boot.start import open_engine
from dsterm.core.events import ToolCallDelta
from dsterm.core.questions import Answer, QuestionAsked
from dsterm.flags import build_parser

async def main(words, lines, answer, during):
    keys = KnownKeys()
    plan = plan_launch(build_parser().parse_args(words), dict(os.environ))
    keys.learn(plan.environment, plan.paths)
    async with AsyncExitStack() as stack:
        engine = await open_engine(plan, keys, stack)
        for line in lines:
            asked = False
            async for envelope in engine.command(line) if line.startswith(("/", "!")) else engine.run(line):
                print(msgspec.json.encode(envelope.event).decode(), flush=True)
                match envelope.event:
                    case QuestionAsked(id=question):
                        engine.answer(question, Answer(answer=answer))
                    case ToolCallDelta() if during and not asked:
                        asked = True
                        async for other in engine.command(during):
                            print(msgspec.json.encode(other.event).decode(), flush=True)

asyncio.run(main(*json.loads(sys.argv[1])))
"""


@dataclass(frozen=True)
class Driven:
    """What came of it: every event, and the usual look at all that was left behind."""

    outcome: Outcome
    events: tuple[dict, ...]

    def of_kind(self, kind: str) -> tuple[dict, ...]:
        return tuple(event for event in self.events if event["type"] == kind)


def drive(
    world: World, lines: Sequence[str], *flags: str, answer: str = "deny", during: str = "", **environment: str
) -> Driven:
    """Type `lines` one after the other; `during` is typed while the model still writes its first tool call."""
    words = ["--base-url", world.recorder.url, *flags]
    done = subprocess.run(
        [sys.executable, "-P", "-c", _DRIVER, json.dumps([words, list(lines), answer, during])],
        cwd=world.repo,
        env=world.environment | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    finished = Done(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert finished.code == 0, finished
    events = tuple(json.loads(line) for line in finished.out.splitlines())
    return Driven(world.outcome(finished), events)
