from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from dsterm.workspace.process import Launch, run_program

TRIES = 100


def launch(folder: Path) -> Launch:
    true = next(place for place in map(Path, ("/bin/true", "/usr/bin/true")) if place.exists())
    return Launch(program=true, arguments=(), folder=folder, environment={}, timeout=5, cap=100)


async def test_a_program_that_is_stopped_while_it_starts_is_waited_for_by_one_alone(tmp_path, caplog):
    caplog.set_level(logging.WARNING, logger="asyncio")
    for number in range(TRIES):
        running = asyncio.create_task(run_program(launch(tmp_path)))
        # The start takes several turns of the loop, and the program may end in any of them.
        await asyncio.sleep(0)
        until = time.perf_counter() + 0.002 * number / TRIES
        while time.perf_counter() < until:
            pass
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()
    assert [record.getMessage() for record in caplog.records] == []
