"""`dsterm demo-server`: the demo provider in this process, counting with the real tokenizer; and how to start it as a child."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from dsterm.core.errors import DstermError
from dsterm.demo.process import DemoProcess, start_demo


def serve_demo(words: list[str]) -> int:
    """Run the demo server with the flags in `words` until its standard input closes or a signal comes."""
    parser = argparse.ArgumentParser(
        prog="dsterm demo-server",
        description="Serve the demo provider on this machine: it speaks the chat-completions wire and is no model.",
        allow_abbrev=False,
    )
    parser.add_argument("--port", type=int, default=0, help="0 (default) is any free one")
    parser.add_argument("--scenario", type=Path, metavar="FILE", help="play this TOML or JSON scenario")
    parser.add_argument(
        "--tokens-per-second",
        type=float,
        default=100.0,
        metavar="N",
        help="pace of the answers (default 100; 0: full speed)",
    )
    parser.add_argument(
        "--faults", type=float, default=0.0, metavar="SHARE", help="let this share of the requests fail, 0 to 1"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="chance that is the same each time (default 0)"
    )
    parser.add_argument("--record", type=Path, metavar="FILE", help="write down every request, a JSON object a line")
    parser.add_argument(
        "--cache-rule",
        choices=("prefix", "units"),
        default="prefix",
        help="what a prompt hits: all that it begins with (default), or whole units of it as DeepSeek describes them",
    )
    flags = parser.parse_args(words)
    from dsterm.demo.cache import CacheRule
    from dsterm.demo.serving import ServerOptions, serve

    options = ServerOptions(
        port=flags.port,
        scenario=flags.scenario,
        tokens_per_second=flags.tokens_per_second,
        faults=flags.faults,
        seed=flags.seed,
        record=flags.record,
        cache_rule=CacheRule(flags.cache_rule),
    )
    try:
        serve(options, _load_counter)
    except DstermError as error:
        sys.stderr.write(f"dsterm: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def _load_counter() -> Callable[[str], int]:
    from dsterm.llm.tokens import V4Counter

    counter = V4Counter()
    counter.load()
    return counter.count_rendered


async def start_demo_child() -> DemoProcess:
    """The demo server as a child process that ends with this one."""
    # -P keeps the current folder, which may be anyone's repository, from supplying modules.
    return await start_demo((sys.executable, "-P", "-m", "dsterm", "demo-server"))
