from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request

import pytest

from dsterm.core.errors import ProviderError, UsageError
from dsterm.demo.process import start_demo

PROGRAM = """
import sys
from pathlib import Path
from dsterm.core.errors import DstermError
from dsterm.demo.serving import ServerOptions, serve
scenario = Path(sys.argv[1]) if len(sys.argv) > 1 else None
try:
    serve(ServerOptions(scenario=scenario, tokens_per_second=0), lambda: len)
except DstermError as error:
    sys.stderr.write(f"{error}\\n")
    sys.exit(error.exit_code)
"""
COMMAND = (sys.executable, "-c", PROGRAM)


def models_at(url: str) -> list:
    with urllib.request.urlopen(f"{url}/models", timeout=8) as response:
        return json.load(response)["data"]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_server_runs_in_a_process_of_its_own_until_it_is_closed():
    demo = await start_demo(COMMAND)
    assert demo.pid != os.getpid()
    assert len(await asyncio.to_thread(models_at, demo.url)) == 2
    await demo.close()
    assert not is_alive(demo.pid)


async def test_closing_twice_is_fine():
    demo = await start_demo(COMMAND)
    await demo.close()
    await demo.close()


def test_server_ends_when_its_parent_is_killed():
    parent = (
        "import asyncio, sys, time\nfrom dsterm.demo.process import start_demo\n"
        f"async def main():\n    demo = await start_demo({COMMAND!r})\n"
        "    print(demo.pid, flush=True)\n    await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        assert is_alive(pid)
        process.kill()
    deadline = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(pid)


async def test_bad_scenario_is_said_in_the_servers_own_words(tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text("replies = 3")
    with pytest.raises(UsageError, match=r"bad\.toml can't be used"):
        await start_demo((*COMMAND, str(file)))


async def test_program_that_is_no_server_is_an_error():
    with pytest.raises(ProviderError, match="did not start"):
        await start_demo((sys.executable, "-c", "print('hello')"))
    with pytest.raises(ProviderError, match="can't be started"):
        await start_demo(("/no/such/program",))


async def test_silent_program_is_given_up_on():
    with pytest.raises(ProviderError, match="did not come up"):
        await start_demo((sys.executable, "-c", "import time; time.sleep(60)"), timeout=0.3)


def test_parent_loads_no_http_library():
    code = "import sys, dsterm.demo.serving; print({'starlette', 'uvicorn'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
