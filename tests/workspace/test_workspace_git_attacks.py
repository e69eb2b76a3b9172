from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hostile_git import CONFIGURATIONS, plant_hooks, settings, soil
from source_surveys import paths, survey

from dsterm.workspace.files.local import LocalWorkspace
from dsterm.workspace.git.git import Git
from dsterm.workspace.sources.sources import Sources

CAP = 100_000


@pytest.mark.parametrize("where", ["config", "include", "includeIf", "global", "worktree"])
@pytest.mark.parametrize("name", CONFIGURATIONS)
async def test_nothing_that_a_configuration_names_is_run(
    repo: Path, tmp_path: Path, trap: str, mark: Path, everything: Callable[..., Awaitable[int]], name: str, where: str
) -> None:
    soil(repo, '* filter=evil diff=evil merge=evil\n*.txt "filter=e=v.i l"\n')
    planted = settings(name, trap, tmp_path)
    plant_hooks(repo / ".git" / "hooks", trap)
    config = repo / ".git" / "config"
    if where == "config":
        config.write_text(config.read_text() + planted)
    elif where == "global":
        home = tmp_path / "home" / ".gitconfig"
        home.write_text(home.read_text() + planted)
    elif where == "worktree":
        config.write_text(config.read_text() + "[extensions]\n worktreeConfig = true\n")
        (repo / ".git" / "config.worktree").write_text(planted)
    else:
        (repo / "planted.inc").write_text(planted)
        condition = "include" if where == "include" else f'includeIf "gitdir:{repo}/"'
        config.write_text(f"{config.read_text()}[{condition}]\n path = ../planted.inc\n")
    assert await everything() >= 8
    assert not mark.exists()


@pytest.mark.parametrize("name", ["core", "filter", "diff"])
def test_the_traps_are_real(
    repo: Path, git: Callable[..., str], trap: str, mark: Path, tmp_path: Path, name: str
) -> None:
    soil(repo)
    with (repo / ".git" / "config").open("a") as config:
        config.write(settings(name, trap, tmp_path))
    git(repo, "diff")
    git(repo, "status")
    assert mark.exists()


@pytest.mark.parametrize("update", ["checkout", "!{trap}"])
async def test_a_submodule_runs_nothing_of_its_own_configuration(
    repo: Path,
    git: Callable[..., str],
    tmp_path: Path,
    trap: str,
    mark: Path,
    everything: Callable[..., Awaitable[int]],
    update: str,
) -> None:
    inner = repo / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "x.py").write_text("x = 1\n")
    git(inner, "add", ".")
    git(inner, "commit", "-qm", "x")
    (repo / ".gitmodules").write_text(
        f'[submodule "inner"]\n path = inner\n url = ext::{trap}\n update = {update.format(trap=trap)}\n ignore = none\n'
        f'[submodule "flag"]\n path = flag\n url = -u{trap}\n[submodule "../up"]\n path = up\n url = file://{repo}\n'
    )
    git(repo, "-c", "advice.addEmbeddedRepo=false", "add", ".")
    git(repo, "commit", "-qm", "with a submodule")
    (inner / ".gitattributes").write_text("* filter=evil diff=evil\n")
    (inner / "x.py").write_text("x = 2\n")
    plant_hooks(inner / ".git" / "hooks", trap)
    for name in ("core", "diff", "filter"):
        with (inner / ".git" / "config").open("a") as config:
            config.write(settings(name, trap, tmp_path))
    with (repo / ".git" / "config").open("a") as config:
        config.write('[diff]\n submodule = diff\n ignoreSubmodules = none\n[submodule "inner"]\n ignore = none\n')
        config.write("[status]\n submoduleSummary = true\n[submodule]\n recurse = true\n")
    assert await everything() >= 10
    assert not mark.exists()
    # The trap is real: plain git goes into the submodule.
    if update == "checkout":
        git(repo, "status")
        assert mark.exists()


async def test_a_submodule_git_folder_that_lies_elsewhere_runs_nothing(
    repo: Path,
    git: Callable[..., str],
    tmp_path: Path,
    trap: str,
    mark: Path,
    everything: Callable[..., Awaitable[int]],
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    git(elsewhere, "init", "-q")
    (elsewhere / ".git" / "config").write_text(
        (elsewhere / ".git" / "config").read_text()
        + settings("core", trap, tmp_path)
        + settings("filter", trap, tmp_path)
    )
    (repo / "mod").mkdir()
    (repo / "mod" / ".git").write_text(f"gitdir: {elsewhere}/.git\n")
    (repo / "mod" / "x").write_text("x")
    await everything()
    assert not mark.exists()


@pytest.mark.parametrize("how", ["link", "file", "relative file"])
async def test_a_git_folder_elsewhere_runs_nothing(
    repo: Path, tmp_path: Path, trap: str, mark: Path, everything: Callable[..., Awaitable[int]], how: str
) -> None:
    soil(repo)
    moved = tmp_path / "moved.git"
    (repo / ".git").rename(moved)
    for name in ("core", "diff", "filter"):
        with (moved / "config").open("a") as config:
            config.write(settings(name, trap, tmp_path))
    if how == "link":
        (repo / ".git").symlink_to(moved)
    else:
        (repo / ".git").write_text(f"gitdir: {moved if how == 'file' else '../moved.git'}\n")
    assert await everything() >= 8
    assert not mark.exists()


async def test_a_work_tree_elsewhere_is_neither_listed_nor_compared(
    repo: Path, door: Git, sources: Sources, workspace: LocalWorkspace, tmp_path: Path
) -> None:
    private = tmp_path / "private"
    private.mkdir()
    for number in range(5):
        (private / f"diary{number}").write_text("secret\n")
    with (repo / ".git" / "config").open("a") as config:
        config.write(f"[core]\n worktree = {private}\n")
    assert await door.dirty_count() == 0
    assert [workspace.display(path) for path in await workspace.files(repo)] == [".gitignore", "README.md", "src/a.py"]
    assert paths(await survey(sources)) == [".gitignore", "README.md", "src/a.py"]
    assert await door.changed_files() == ()


async def test_objects_borrowed_from_elsewhere_run_nothing(
    repo: Path,
    git: Callable[..., str],
    tmp_path: Path,
    trap: str,
    mark: Path,
    everything: Callable[..., Awaitable[int]],
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    (other / ".git" / "config").write_text((other / ".git" / "config").read_text() + settings("core", trap, tmp_path))
    info = repo / ".git" / "objects" / "info"
    info.mkdir(exist_ok=True)
    (info / "alternates").write_text(f"{other}/.git/objects\n/nowhere\n../../../../..\n")
    with (repo / ".git" / "config").open("a") as config:
        config.write(f"[core]\n alternateRefsCommand = {trap}\n")
    assert await everything() >= 8
    assert not mark.exists()
