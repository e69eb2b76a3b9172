from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from dsterm.core.errors import ToolError
from dsterm.core.tools import Effect
from dsterm.tools.toolbox import Toolbox, build_toolbox
from dsterm.workspace.files.local import LocalWorkspace
from dsterm.workspace.programs import program_folders

SECRET = "API_KEY=hush-hush\n"


@pytest.fixture
def secrets(root: Path) -> Path:
    (root / ".env").write_text(SECRET)
    (root / "keys").mkdir()
    (root / "keys" / "server.pem").write_text(SECRET)
    (root / ".ssh").mkdir()
    (root / ".ssh" / "config").write_text(SECRET)
    (root / ".env.example").write_text("API_KEY=\n")
    (root / "notes.txt").symlink_to(".env")
    (root / "settings").write_text("plain\n")
    (root / "credentials.json").symlink_to("settings")
    return root


@pytest.mark.parametrize(
    ("path", "concern"),
    [
        (".env", ".env looks like it holds secrets"),
        ("./src/../.env", ".env looks like it holds secrets"),
        ("keys/server.pem", "keys/server.pem looks like it holds secrets"),
        (".ssh/config", ".ssh/config looks like it holds secrets"),
        ("notes.txt", "notes.txt leads to .env, which looks like it holds secrets"),
        ("credentials.json", "credentials.json looks like it holds secrets"),
    ],
)
async def test_reading_what_looks_secret_says_so(toolbox: Toolbox, secrets: Path, path: str, concern: str) -> None:
    plan = (await toolbox.prepare("read", {"file_path": path})).plan
    assert plan.effects == (Effect.READ, Effect.SECRETS)
    assert plan.concerns == (concern,)
    absolute = (await toolbox.prepare("read", {"file_path": f"{secrets}/{path}"})).plan
    assert Effect.SECRETS in absolute.effects


@pytest.mark.parametrize("path", [".env.example", "settings", "src/a.py", ".", ".ssh", "new.txt"])
async def test_reading_anything_else_does_not(toolbox: Toolbox, secrets: Path, path: str) -> None:
    assert (await toolbox.prepare("read", {"file_path": path})).plan.effects == (Effect.READ,)


async def test_a_folder_of_keys_that_became_a_file_is_not_read(toolbox: Toolbox, secrets: Path) -> None:
    (secrets / "id_rsa").mkdir()
    prepared = await toolbox.prepare("read", {"file_path": "id_rsa"})
    assert prepared.plan.concerns == ()
    (secrets / "id_rsa").rmdir()
    (secrets / "id_rsa").write_text(SECRET)
    with pytest.raises(ToolError, match="folder just now"):
        await prepared.run(lambda _text: None)


async def read_all(toolbox: Toolbox, folder: Path) -> None:
    for path in (".env", "keys/server.pem"):
        prepared = await toolbox.prepare("read", {"file_path": f"{folder}/{path}"})
        await prepared.run(lambda _text: None)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("write", {"file_path": ".env", "content": "x\n", "overwrite": True}),
        ("write", {"file_path": "notes.txt", "content": SECRET, "overwrite": True}),
        ("apply_patch", {"patch": "*** Begin Patch\n*** Delete File: keys/server.pem\n*** End Patch\n"}),
        ("apply_patch", {"patch": "diff --git a/.env b/plain.txt\ncopy from .env\ncopy to plain.txt\n"}),
        ("apply_patch", {"patch": "*** Begin Patch\n*** Update File: .env\n*** Move to: a.txt\n*** End Patch\n"}),
    ],
)
async def test_a_change_whose_diff_would_show_what_looks_secret_needs_it_read_first(
    toolbox: Toolbox, secrets: Path, tool: str, arguments: dict[str, object]
) -> None:
    with pytest.raises(ToolError, match="Read it first") as caught:
        await toolbox.prepare(tool, arguments)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("path", [".env", "notes.txt", "sub/new.pem"])
async def test_writing_what_looks_secret_says_so(toolbox: Toolbox, secrets: Path, path: str) -> None:
    await read_all(toolbox, secrets)
    plan = (await toolbox.prepare("write", {"file_path": path, "content": "x\n", "overwrite": True})).plan
    assert plan.effects == (Effect.WRITE, Effect.SECRETS)
    assert plan.concerns
    edit = {"file_path": "notes.txt", "old_string": "hush-hush", "new_string": "new"}
    assert Effect.SECRETS in (await toolbox.prepare("edit", edit)).plan.effects


async def test_a_patch_that_copies_or_moves_what_looks_secret_says_so(toolbox: Toolbox, secrets: Path) -> None:
    await read_all(toolbox, secrets)
    head = "diff --git a/.env b/plain.txt\nsimilarity index 100%\n"
    for verb in ("copy", "rename"):
        patch = f"{head}{verb} from .env\n{verb} to plain.txt\n"
        plan = (await toolbox.prepare("apply_patch", {"patch": patch})).plan
        assert plan.effects == (Effect.WRITE, Effect.SECRETS), verb
        assert ".env looks like it holds secrets" in plan.concerns


@pytest.mark.parametrize("path", [".env", "notes.txt"])
async def test_a_patch_that_does_not_fit_tells_nothing_of_what_looks_secret(
    toolbox: Toolbox, secrets: Path, path: str
) -> None:
    patch = f"*** Begin Patch\n*** Update File: {path}\n@@\n-API_KEY=wrong\n+x\n*** End Patch\n"
    with pytest.raises(ToolError) as caught:
        await toolbox.prepare("apply_patch", {"patch": patch})
    assert "hush" not in str(caught.value)
    assert "Read it first" in str(caught.value)
    with pytest.raises(ToolError) as caught:
        await toolbox.prepare("edit", {"file_path": path, "old_string": "API_KEY=wrong", "new_string": "x"})
    assert "hush" not in str(caught.value)


@pytest.fixture
def environment(root: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(root.parent)}


class WithoutRipgrep(LocalWorkspace):
    async def run(self, arguments, *, timeout, cap):
        name = "no-such-program" if arguments[0] == "rg" else arguments[0]
        return await super().run([name, *arguments[1:]], timeout=timeout, cap=cap)


@pytest.fixture(params=["ripgrep", "git"])
def search(request: pytest.FixtureRequest, root: Path, environment: dict[str, str]):
    kind = LocalWorkspace if request.param == "ripgrep" else WithoutRipgrep
    folders = program_folders(environment)
    toolbox = build_toolbox(kind(root, program_folders=folders, environment=environment))

    async def run(**arguments: str):
        prepared = await toolbox.prepare("grep", arguments)
        return prepared.plan, await prepared.run(lambda _text: None)

    return run


async def test_grep_leaves_out_what_looks_secret_and_says_how_many(search, secrets: Path) -> None:
    (secrets / "open.txt").write_text("API_KEY is read from .env\n")
    await asyncio.to_thread(_make_repository, secrets)
    plan, result = await search(pattern="API_KEY")
    assert plan.effects == (Effect.READ,)
    assert "hush" not in result.content
    assert "open.txt" in result.content
    assert result.summary == "2 hits"
    assert "(Left out: 3 files that look like holding secrets." in result.content


async def test_the_number_left_out_tells_nothing_of_what_is_in_them(search, secrets: Path) -> None:
    await asyncio.to_thread(_make_repository, secrets)
    _, hit = await search(pattern="hush-hush")
    _, miss = await search(pattern="no-such-thing")
    assert hit == miss


async def test_grep_in_a_file_that_is_named_searches_it_once_that_is_allowed(search, secrets: Path) -> None:
    for path in (".env", "notes.txt", ".ssh"):
        plan, result = await search(pattern="API_KEY", path=path)
        assert plan.effects == (Effect.READ, Effect.SECRETS), path
        assert plan.concerns
        assert "hush-hush" in result.content, path
    _, folder = await search(pattern="API_KEY", path="keys")
    assert folder.content.startswith("(No match.)")
    _, included = await search(pattern="API_KEY", include="*.pem")
    assert included.content.startswith("(No match.)")


async def test_grep_shows_nothing_of_the_folders_of_dsterm_itself(root: Path, environment: dict[str, str]) -> None:
    (root / "config" / "keys").mkdir(parents=True)
    (root / "config" / "keys" / "demo").write_text("API_KEY hush\n")
    toolbox = build_toolbox(
        LocalWorkspace(
            root,
            program_folders=program_folders(environment),
            environment=environment,
            closed=(root / "config",),
        )
    )
    prepared = await toolbox.prepare("grep", {"pattern": "API_KEY"})
    assert (await prepared.run(lambda _text: None)).content == "(No match.)"
    prepared = await toolbox.prepare("glob", {"pattern": "**"})
    assert "keys" not in (await prepared.run(lambda _text: None)).content
    for path in ("config/keys/demo", "config", "src/../config/keys/demo"):
        with pytest.raises(ToolError, match="belongs to dsterm"):
            await toolbox.prepare("read", {"file_path": path})


def _make_repository(folder: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
