"""Attaches a folder through a whole engine, as the screen does, and says how long the event loop stood still meanwhile.

`python -m benchmarks.attach_child FOLDER` prints as JSON what it took; the start is not counted.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import msgspec

from benchmarks.attach import Attached
from benchmarks.count_child import watched_pauses
from dsterm.boot.assembly import build_engine
from dsterm.boot.collector import collect_garbage_from_here, leave_garbage
from dsterm.boot.known_keys import KnownKeys
from dsterm.boot.plan import plan_launch
from dsterm.core.repo_events import RepoAttached
from dsterm.flags import build_parser


async def attach(folder: Path) -> Attached:
    """Attach it, once."""
    leave_garbage()
    words = ["-p", "--base-url", "http://127.0.0.1:9/v1"]
    engine = build_engine(plan_launch(build_parser().parse_args(words), dict(os.environ)), KnownKeys(), "")
    await asyncio.to_thread(engine.warm)
    collect_garbage_from_here()
    files = tokens = 0
    with watched_pauses() as pauses:
        begin = time.perf_counter()
        async for envelope in engine.attach(str(folder)):
            if isinstance(envelope.event, RepoAttached):
                files, tokens = envelope.event.pack.files, envelope.event.pack.tokens
        wall = time.perf_counter() - begin
    await engine.close()
    return Attached(wall=wall, pause=max(pauses, default=0.0), files=files, tokens=tokens)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(attach(Path(sys.argv[1])))))
