from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from job_world import World, none_left, nothing, processes_with
from sandbox_world import SYSTEM_FOLDERS, needs_sandbox

from dsterm.core.command_plan import Confinement
from dsterm.core.commands import JobState
from dsterm.core.tools import Lack
from dsterm.workspace.confinement.sandbox import FoundSandbox, SandboxPlaces, find_sandbox

pytestmark = needs_sandbox


def sandboxed(folder: Path) -> World:
    home = folder / "home"
    (home / "work").mkdir(parents=True, exist_ok=True)
    own = folder / "own"
    own.mkdir(exist_ok=True)

    def find() -> FoundSandbox:
        places = SandboxPlaces(((home / "work").resolve(),), (own,), own / "cache" / "project", home)
        return find_sandbox(places, SYSTEM_FOLDERS, sys.platform)

    return World(home, {"NOVITA_API_KEY": "sk-secret-secret-secret"}, find_sandbox=find)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = sandboxed(tmp_path)
    yield made
    await made.jobs.close()


async def test_a_command_runs_confined_and_its_end_is_told(world):
    assert world.jobs.sandbox.name == "bubblewrap"
    done = await world.run("echo x > made; cat made; exit 5", confinement=Confinement.SANDBOX)
    assert (done.text, done.job.exit_code) == ("x", 5)
    assert (world.root / "made").read_text() == "x\n"


async def test_no_key_is_anywhere_in_the_sandbox(world):
    text = await world.text("cat /proc/*/environ /proc/*/cmdline; env", confinement=Confinement.SANDBOX)
    assert "sk-secret" not in text and "PATH=" in text


async def test_grandchildren_that_hid_from_the_group_end_with_it(world):
    hidden = "setsid env -i setsid sleep 4141"
    started = time.monotonic()
    done = await world.run(f"{hidden} & {hidden} & sleep 4141", confinement=Confinement.SANDBOX, seconds=0.5)
    assert done.job.state is JobState.TIMED_OUT and time.monotonic() - started < 3
    assert await none_left("4141", 1)


async def test_a_daemon_ends_with_its_command(world):
    done = await world.run("setsid env -i setsid sleep 4142 & echo ok", confinement=Confinement.SANDBOX)
    assert done.text == "ok"
    assert await none_left("4142", 1)


async def test_a_cancelled_wait_ends_it_at_once(world):
    waiting = asyncio.create_task(
        world.run("trap '' TERM INT; sleep 4143 & sleep 4143", confinement=Confinement.SANDBOX, seconds=None)
    )
    while len(processes_with("4143")) < 2:
        await asyncio.sleep(0.02)
    started = time.monotonic()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert time.monotonic() - started < 1.5 and await none_left("4143", 0.5)


async def test_a_killed_dsterm_takes_the_sandbox_along(tmp_path):
    driver = textwrap.dedent(
        f"""
        import asyncio, sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_workspace_jobs_sandbox import Confinement, nothing, sandboxed
        async def main():
            world = sandboxed(Path({str(tmp_path)!r}))
            launch = dict(confinement=Confinement.SANDBOX, seconds=None)
            await world.jobs.start(world.launch("setsid env -i setsid sleep 4144 & sleep 4144", **launch))
            await world.run("sleep 4144", nothing, **launch)
        asyncio.run(main())
        """
    )
    with subprocess.Popen([sys.executable, "-c", driver]) as process:
        while len(processes_with("4144")) < 3:
            await asyncio.sleep(0.05)
        process.kill()
    assert await none_left("4144")


async def test_what_a_command_lacked_is_told(world):
    assert (await world.run("touch /usr/x", confinement=Confinement.SANDBOX)).lack is Lack.RIGHTS
    assert (await world.run("touch /usr/x || true", confinement=Confinement.SANDBOX)).lack is None
    fetch = "import urllib.request; urllib.request.urlopen('http://example.invalid')"
    done = await world.run(f'/usr/bin/python3 -c "{fetch}"', confinement=Confinement.SANDBOX)
    assert done.lack is Lack.NETWORK, done.text


async def test_one_that_cannot_start_leaves_the_sandbox_as_it_was(world):
    with pytest.raises(Exception, match="could not be started"):
        await world.run("x" * 200_000, nothing, confinement=Confinement.SANDBOX)
    assert (await world.run("true", confinement=Confinement.SANDBOX)).job.exit_code == 0
