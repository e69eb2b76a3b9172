"""The demo server in this process: it serves until its standard input closes or a signal comes."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec

from dsterm.core.errors import UsageError
from dsterm.demo.cache import CacheRule
from dsterm.demo.models import MODEL_IDS
from dsterm.demo.process import Ready
from dsterm.demo.random_faults import RandomFaults
from dsterm.demo.recording import Recording
from dsterm.demo.scenario import Script, load_scenario
from dsterm.demo.tokens import Count, Tokens

_HOST = "127.0.0.1"


class ServerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to serve: `port` 0 is any free one; `tokens_per_second` is the pace of the guide, 0 is full speed.

    `faults` is the share of requests that go wrong by chance, 0 to 1, as `seed` will have it; `record` is a file that every
    request is written down in. `cache_rule` is what requests can hit.
    """

    port: int = 0
    scenario: Path | None = None
    tokens_per_second: float = 100.0
    faults: float = 0.0
    seed: int = 0
    record: Path | None = None
    cache_rule: CacheRule = CacheRule.PREFIX


def serve(options: ServerOptions, load_counter: Callable[[], Count]) -> None:
    """Serve until the standard input, where it is a pipe, closes, or a signal comes.

    `load_counter` runs in a thread at the start. Raises UsageError for a bad scenario and for a port that can't be had.
    """
    script = Script(load_scenario(options.scenario)) if options.scenario else None
    if options.tokens_per_second < 0:
        raise UsageError("Tokens per second can't be below 0; 0 is full speed.")
    if not 0 <= options.faults <= 1:
        raise UsageError("The share of faults must be between 0 and 1.")
    Recording(options.record).check()
    listener = _listen(options.port)
    # The line comes before the HTTP library is loaded: whoever connects meanwhile waits in the socket's queue.
    ready = Ready(url=f"http://{_HOST}:{listener.getsockname()[1]}/v1", pid=os.getpid())
    sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
    sys.stdout.flush()
    asyncio.run(_run(listener, options, script, load_counter))


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise UsageError(f"The demo server can't listen on port {port}; choose another one, or 0 for any.") from error
    return listener


async def _run(
    listener: socket.socket, options: ServerOptions, script: Script | None, load_counter: Callable[[], Count]
) -> None:
    tokens = Tokens(load_counter)
    from dsterm.demo.server import Circumstances, DemoServer, http_server  # noqa: PLC0415 - loads the HTTP library

    circumstances = Circumstances(
        tokens_per_second=options.tokens_per_second,
        script=script,
        now=time.time,
        new_id=lambda: uuid.uuid4().hex[:16],
        faults=RandomFaults(options.faults, options.seed, MODEL_IDS) if options.faults else None,
        recording=Recording(options.record),
        cache_rule=options.cache_rule,
    )
    server = http_server(DemoServer(circumstances, tokens).app())

    def leave() -> None:
        server.should_exit = server.force_exit = True

    _when_input_closes(leave, asyncio.get_running_loop())
    await server.serve(sockets=[listener])


def _when_input_closes(leave: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
    """Call `leave` when the other end of standard input is gone; a terminal, a file or no input at all is not watched."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return

    def watch() -> None:
        # os.read and not sys.stdin: a thread waiting in a buffered read would hold up the end of the interpreter.
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(leave)

    threading.Thread(target=watch, name="demo-parent-watch", daemon=True).start()
