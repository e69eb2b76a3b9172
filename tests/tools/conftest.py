from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from dsterm.core.tools import ToolResult
from dsterm.tools.toolbox import Toolbox, build_toolbox
from dsterm.workspace.files.local import LocalWorkspace
from dsterm.workspace.programs import program_folders

Call = Callable[..., Awaitable[ToolResult]]


def ignore(_text: str) -> None:
    pass


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = (tmp_path / "work").resolve()
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "a.py").write_bytes(b"one\ntwo\nthree\n")
    return folder


@pytest.fixture
def workspace(root: Path) -> LocalWorkspace:
    environment = {"PATH": os.environ["PATH"], "HOME": str(root.parent)}
    return LocalWorkspace(root, program_folders=program_folders(environment), environment=environment)


@pytest.fixture
def toolbox(workspace: LocalWorkspace) -> Toolbox:
    return build_toolbox(workspace)


@pytest.fixture
def call(toolbox: Toolbox) -> Call:
    async def run(name: str, arguments: Mapping[str, object] | None = None, **more: object) -> ToolResult:
        prepared = await toolbox.prepare(name, {**(arguments or {}), **more})
        return await prepared.run(ignore)

    return run
