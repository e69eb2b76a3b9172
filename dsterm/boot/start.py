"""From flags to a front end and its exit code; every failure one sentence, every child ended."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import threading
import time
from contextlib import AsyncExitStack

from dsterm.boot.assembly import build_engine
from dsterm.boot.collector import collect_garbage_from_here, leave_garbage
from dsterm.boot.crash import report_crashes
from dsterm.boot.demo_server import start_demo_child
from dsterm.boot.known_keys import KnownKeys
from dsterm.boot.plan import LaunchPlan, plan_launch
from dsterm.core.errors import DstermError, UsageError
from dsterm.engine.engine import Engine
from dsterm.store.disk import remove_half_written
from dsterm.store.paths import Paths
from dsterm.store.prune_logs import prune_logs
from dsterm.workspace.environment import environment_outside
from dsterm.workspace.saved.prune_checkpoints import prune_checkpoints


def start(flags: argparse.Namespace) -> int:
    """Run what `flags` ask for and return the exit code."""
    leave_garbage()
    keys = KnownKeys()
    try:
        plan = plan_launch(flags, dict(os.environ))
        _leave_out_workspace_programs(plan)
        keys.learn(plan.environment, plan.paths)
        report_crashes(plan.paths.logs, keys)
        for notice in plan.notices:
            sys.stderr.write(f"dsterm: {_printable(keys.redact(notice))}\n")
        return _answer_once(plan, keys) if plan.is_headless else _start_screen(plan, keys)
    except DstermError as error:
        sys.stderr.write(f"dsterm: {_printable(keys.redact(str(error)))}\n")
        return error.exit_code
    except BrokenPipeError:
        # Whoever read the output has left; there is nobody to tell.
        return 1
    except KeyboardInterrupt:
        return 130


def _leave_out_workspace_programs(plan: LaunchPlan) -> None:
    """Take what lies in the workspace from this program's own PATH: libraries ask it too, as for `uname` and `lsb_release`."""
    roots = (plan.folder, *plan.extra_roots)
    os.environ["PATH"] = environment_outside(plan.environment, roots)["PATH"] or os.defpath


def _start_screen(plan: LaunchPlan, keys: KnownKeys) -> int:
    _require_terminal()
    from dsterm.boot.screen import ask_trust, offer_sample, settle_first_start, show_screen

    settled = settle_first_start(plan)
    if settled is None:
        return 0
    trusted = ask_trust(offer_sample(settled))
    if trusted is None:
        return 0
    return asyncio.run(show_screen(trusted, keys, open_engine))


def _answer_once(plan: LaunchPlan, keys: KnownKeys) -> int:
    from dsterm.headless.standard_input import read_prompt

    # Before the event loop runs, which would swallow a Ctrl+C while this waits for a pipe.
    return asyncio.run(_run_headless(plan, keys, *read_prompt(plan.prompt)))


async def _run_headless(plan: LaunchPlan, keys: KnownKeys, prompt: str, data: str) -> int:
    from dsterm.headless.answer_format import read_format
    from dsterm.headless.run import HeadlessJob, OutputFormat, run_headless

    wanted = await read_format(plan.json_schema, is_object=plan.wants_json_object)
    async with AsyncExitStack() as stack:
        engine = await open_engine(plan, keys, stack)
        output = OutputFormat(plan.output_format or OutputFormat.TEXT)
        await asyncio.to_thread(engine.warm)
        collect_garbage_from_here()
        job = HeadlessJob(
            prompt=prompt, data=data, attachments=plan.attachments, choice=plan.attach_choice, answer_format=wanted
        )
        return await run_headless(engine, job, output)


async def open_engine(plan: LaunchPlan, keys: KnownKeys, stack: AsyncExitStack) -> Engine:
    """The engine of this run, with the demo server beside it when that is the provider; `stack` closes both."""
    demo_url = ""
    if plan.is_demo and not plan.config.base_url:
        demo = await start_demo_child()
        stack.push_async_callback(demo.close)
        demo_url = demo.url
    engine = build_engine(plan, keys, demo_url)
    if plan.is_saved:
        threading.Thread(target=_prune, args=(plan.paths, time.time()), daemon=True).start()
    stack.push_async_callback(engine.close)
    return engine


def _prune(paths: Paths, now: float) -> None:
    prune_checkpoints(paths.checkpoints, now)
    prune_logs(paths.command_logs, now)
    remove_half_written(paths.packs, now)


def _require_terminal() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError('The screen needs a terminal. For one answer without it use dsterm -p "…".')
    if os.environ.get("TERM", "") == "dumb":
        raise UsageError(
            'This terminal (TERM=dumb) can\'t show the screen. For one answer without it use dsterm -p "…".'
        )


def _printable(text: str) -> str:
    """The sentence on one line, without anything that a terminal obeys; paths and flags in it may hold anything."""
    return "".join(character if character.isprintable() else "�" for character in text)
