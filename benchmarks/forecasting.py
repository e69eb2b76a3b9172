"""What a key costs the forecast under the composer in a long conversation over a large pack, in CPU seconds.

A program of its own: `python -m benchmarks.forecasting FOLDER MESSAGES` prints what a forecast and a status took.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.bench import Bench
from benchmarks.figures import Row, Sheet, bar
from benchmarks.measure import run_child

if TYPE_CHECKING:
    from dsterm.core.events import Event

_FEW, _MANY = 10, 1_000
_PACK_TOKENS = 700_000
_DRAFT = "Why does the parser take twice as long for files that end without a line break? Look at where it reads them."
_ROUNDS = 20


class Keyed(msgspec.Struct, frozen=True, kw_only=True):
    """CPU seconds of one forecast of a draft that grew by a letter, and of one status as the foot shows it."""

    forecast: float
    status: float


def measure_forecasting(bench: Bench) -> list[Row]:
    """Rows of forecasts in a short and in a long conversation."""
    sheet = Sheet("forecast")
    bench.tell(f"typing after {_FEW} and after {_MANY:,} messages, {_PACK_TOKENS:,} tokens attached")
    rounds = [(_keyed(bench, _FEW), _keyed(bench, _MANY)) for _ in range(bench.runs)]
    sheet.add(f"a key after {_MANY:,} messages", "CPU ms", [1000 * many.forecast for _, many in rounds], bar(2.0))
    growth = [many.forecast / few.forecast for few, many in rounds]
    sheet.add(f"a key after {_MANY:,} messages, ratio to after {_FEW}", "x", growth, bar(1.5))
    sheet.add(f"the status after {_MANY:,} messages", "CPU ms", [1000 * many.status for _, many in rounds])
    return sheet.rows


def _keyed(bench: Bench, messages: int) -> Keyed:
    top = str(Path(__file__).parent.parent)
    command = (sys.executable, "-m", "benchmarks.forecasting", str(bench.workspace), str(messages))
    done = run_child(command, environment={**bench.environment(), "PYTHONPATH": top}, folder=bench.folder)
    return msgspec.json.decode(done.output, type=Keyed)


def press_keys(folder: Path, messages: int) -> Keyed:
    """Type a draft after so many messages."""
    # Here, because the table of all groups loads this module and must not load the program that it measures.
    from dsterm.boot.assembly import build_engine  # noqa: PLC0415
    from dsterm.boot.known_keys import KnownKeys  # noqa: PLC0415
    from dsterm.boot.plan import plan_launch  # noqa: PLC0415
    from dsterm.core.events import Envelope  # noqa: PLC0415
    from dsterm.flags import build_parser  # noqa: PLC0415
    from dsterm.store.sessions import SessionStore  # noqa: PLC0415

    words = ["-p", "--cwd", str(folder), "--base-url", "http://127.0.0.1:9/v1", "--continue"]
    plan = plan_launch(build_parser().parse_args(words), dict(os.environ))
    at = datetime.now(UTC)
    plan.paths.sessions.mkdir(parents=True, exist_ok=True)
    log = SessionStore(plan.paths.sessions).create(plan.folder, f"{at:%Y%m%d-%H%M%S-%f}-keys", at)
    for number, event in enumerate(conversation(messages), start=1):
        parent = f"e{number - 1}" if number > 1 else ""
        log.append(Envelope(id=f"e{number}", parent=parent, seq=number, at=at, event=event), durable=False)
    log.close()
    engine = build_engine(plan, KnownKeys(), "")
    engine.forecast(_DRAFT)
    engine.status()
    forecast = _fastest(lambda: [engine.forecast(_DRAFT[:end]) for end in range(len(_DRAFT))]) / len(_DRAFT)
    return Keyed(forecast=forecast, status=_fastest(lambda: [engine.status() for _ in range(100)]) / 100)


def _fastest(work: Callable[[], object]) -> float:
    """CPU seconds of the quickest round: what else the machine does only ever makes it slower."""
    taken = []
    for _ in range(_ROUNDS):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return min(taken)


def conversation(messages: int) -> list[Event]:
    """A large pack, then prompts with their answers, `messages` of both, all of it in the provider's cache."""
    from dsterm.core.events import MessageAdded, StepEnded, StepStarted, TurnEnd, TurnEnded, TurnStarted  # noqa: PLC0415
    from dsterm.core.messages import AssistantMessage, Pack  # noqa: PLC0415
    from dsterm.core.models import ThinkingMode, Usage  # noqa: PLC0415
    from dsterm.core.provider import StopReason  # noqa: PLC0415
    from dsterm.core.repo_events import RepoAttached  # noqa: PLC0415

    model = "deepseek/deepseek-v4-pro"
    pack = Pack(digest="0" * 64, source="/somewhere", files=5_000, tokens=_PACK_TOKENS, size=2_500_000)
    events: list[Event] = [RepoAttached(pack=pack)]
    prompt = _PACK_TOKENS
    for number in range(messages // 2):
        usage = Usage(prompt_tokens=prompt + 3_000, completion_tokens=200, cached_tokens=prompt)
        prompt = usage.prompt_tokens - 2_900
        events += [
            TurnStarted(prompt=f"What does part {number} of it do?"),
            StepStarted(provider="novita", model=model, mode=ThinkingMode.THINK, digest=f"{number:064d}"),
            MessageAdded(message=AssistantMessage(content="It reads, parses and writes. " * 20, model=model)),
            StepEnded(stop=StopReason.STOP, model=model, usage=usage),
            TurnEnded(reason=TurnEnd.ANSWERED),
        ]
    return events


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(press_keys(Path(sys.argv[1]), int(sys.argv[2]))))
