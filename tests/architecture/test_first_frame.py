from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import os, sys
from dsterm.boot.start import start
from dsterm.boot import screen
from dsterm.boot.assembly import build_engine
from dsterm.boot.known_keys import KnownKeys
from dsterm.boot.plan import plan_launch
from dsterm.flags import build_parser
from dsterm.tui.show import show_app

plan = plan_launch(build_parser().parse_args(["--base-url", "http://127.0.0.1:9/v1"]), dict(os.environ))
engine = build_engine(plan, KnownKeys(), "")
engine.status(), engine.branch()
print(*(name for name in sys.modules if name.startswith("dsterm.")))
"""
MOST = 285
"""Modules; each takes a quarter of a millisecond of every start, so what can wait is imported where it is first used."""
LATER = (
    "dsterm.engine.work",
    "dsterm.engine.turn",
    "dsterm.engine.calls.tool_run",
    "dsterm.engine.slash.builtin_commands",
    "dsterm.engine.forecasting.drafts",
    "dsterm.engine.attaching.attach",
    "dsterm.engine.compacting.compact",
    "dsterm.tools.all_tools",
    "dsterm.policy.shell",
    "dsterm.llm.openai_chat",
    "dsterm.llm.encoders",
    "dsterm.render.outline_languages",
    "dsterm.workspace.commands.job_starter",
    "dsterm.workspace.confinement.sandbox",
    "dsterm.tui.attach.screen",
)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The modules that stand between a start and the first frame."""
    home = tmp_path_factory.mktemp("first-frame")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "DSTERM_HOME": str(home)}
    environment["DSTERM_API_KEY"] = "a-key-for-tests-only"
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=home, env={**environment, "PYTHONPATH": str(root)}
    )
    return done.stdout.split()


def test_the_first_frame_waits_for_few_modules(loaded: list[str]) -> None:
    assert 200 < len(loaded) <= MOST


@pytest.mark.parametrize("module", LATER)
def test_the_first_frame_does_not_wait_for(module: str, loaded: list[str]) -> None:
    assert module not in loaded
