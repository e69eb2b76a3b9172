"""Makes the pictures in the README from the running program: the real engine and demo server, the real screen.

Usage: python docs/screenshot.py [FOLDER], which writes approval.svg, command.svg, answer.svg and attach.svg (docs/ by default)
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from dsterm.boot.assembly import demo_repository
from dsterm.boot.circumstances import SystemClock
from dsterm.boot.crash import describe_crash, write_crash_log
from dsterm.boot.known_keys import KnownKeys
from dsterm.boot.plan import LaunchPlan, plan_launch
from dsterm.boot.start import open_engine
from dsterm.engine.engine import Engine
from dsterm.flags import build_parser
from dsterm.render.themes import builtin_theme_folder
from dsterm.store.history import PromptHistory
from dsterm.tui.app import DstermApp
from dsterm.tui.conversation import ScreenOptions

SIZE = (100, 34)
PATIENCE = 60.0


async def main(target: Path) -> None:
    """Ask the demo for a repair, with a picture at each question and one at the end; then choose from this repository."""
    with tempfile.TemporaryDirectory(prefix="dsterm-picture-") as name:
        top = Path(name).resolve()
        folder = top / "invoice"
        folder.mkdir()
        plan = demo_plan(folder, top / "home")
        await demo_repository(plan, folder)
        async with AsyncExitStack() as stack:
            await picture_repair(*await open_screen(plan, stack), target)
        async with AsyncExitStack() as stack:
            _, app = await open_screen(demo_plan(Path(__file__).resolve().parent.parent, top / "home"), stack)
            await picture_attach(app, target)


def demo_plan(folder: Path, home: Path) -> LaunchPlan:
    """The demo in `folder`, with a home of its own."""
    flags = build_parser().parse_args(["--demo", "--trust", "--cwd", str(folder)])
    return plan_launch(flags, {**os.environ, "DSTERM_HOME": str(home)})


async def open_screen(plan: LaunchPlan, stack: AsyncExitStack) -> tuple[Engine, DstermApp]:
    """The engine of `plan` and the screen over it."""
    keys = KnownKeys()
    engine = await open_engine(plan, keys, stack)
    await engine.refresh()
    options = ScreenOptions(
        clock=SystemClock(),
        history=PromptHistory(plan.paths.history),
        log_crash=lambda error: write_crash_log(plan.paths.logs, describe_crash(error, keys)),
        theme_folders=(builtin_theme_folder(),),
    )
    return engine, DstermApp(engine, options)


async def picture_attach(app: DstermApp, target: Path) -> None:
    """Open the tree of this repository, with the source files ticked and one folder open."""
    async with app.run_test(size=(132, 30)) as pilot:
        await pilot.press("f5")
        async with asyncio.timeout(PATIENCE):
            while "1 %" not in app.export_screenshot().replace("&#160;", " "):
                await pilot.pause(0.2)
        await pilot.press("2", "down", "down", "down", "down", "right")
        await pilot.pause(1.0)
        (target / "attach.svg").write_text(app.export_screenshot(title="dsterm"), encoding="utf-8")


async def picture_repair(engine: Engine, app: DstermApp, target: Path) -> None:
    """Drive the screen and write the pictures."""
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press(*"fix the failing test", "enter")
        for picture in ("approval.svg", "command.svg"):
            async with asyncio.timeout(PATIENCE):
                while not app.dock.display:
                    await pilot.pause(0.1)
            await pilot.pause(0.5)
            (target / picture).write_text(app.export_screenshot(title="dsterm"), encoding="utf-8")
            app.dock.focus()
            await pilot.pause(0.5)
            await pilot.press("y")
            await pilot.pause(0.5)
        async with asyncio.timeout(PATIENCE):
            while engine.status().is_running:
                await pilot.pause(0.1)
        await pilot.pause(0.5)
        (target / "answer.svg").write_text(app.export_screenshot(title="dsterm"), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent))
