from __future__ import annotations

import os
import stat
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dsterm.core.errors import DstermError, GitError, ProgramMissing, UsageError, WorkspaceError
from dsterm.workspace.checkpoints import Checkpoints
from dsterm.workspace.git import Git
from dsterm.workspace.git_hardening import GitCall, GitDoor
from dsterm.workspace.git_source import parse_source
from dsterm.workspace.local import LocalWorkspace
from dsterm.workspace.programs import find_program

CAP = 100_000


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "sprung"


@pytest.fixture
def trap(tmp_path: Path, mark: Path) -> str:
    """A program that leaves a mark, whatever it is called with."""
    script = tmp_path / "trap.sh"
    script.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    script.chmod(0o755)
    return str(script)


@pytest.fixture
def everything(repo: Path, door: Git, workspace: LocalWorkspace, tmp_path: Path) -> Callable[..., Awaitable[int]]:
    """All that dsterm does with a repository by itself; what git refuses may fail, but only in words."""

    async def run(folder: Path = repo) -> int:
        saver = Checkpoints(repo, tmp_path / "state", door=door.door).tree_saver()
        assert saver is not None
        done = 0
        for act in (
            door.dirty_count,
            lambda: door.snapshot(str(folder), cap=CAP),
            lambda: door.snapshot(f"{folder}@HEAD", cap=CAP),
            lambda: door.snapshot(f"file://{folder}", cap=CAP),
            lambda: workspace.files(repo),
            saver.save,
            lambda: door.diff(cap=CAP),
            lambda: door.diff("HEAD~0", cap=CAP),
            lambda: door.diff(staged=True, cap=CAP),
            door.staged_files,
            door.changed_files,
            door.untracked_files,
            lambda: door.review_base(""),
            lambda: workspace.run(["git", "grep", "--untracked", "-n", "-e", "a", "--", "."], timeout=5, cap=CAP),
            lambda: workspace.run(["git", "log", "-p"], timeout=5, cap=CAP),
            lambda: workspace.run(["git", "show"], timeout=5, cap=CAP),
        ):
            try:
                await act()
                done += 1
            except DstermError:
                continue
        return done

    return run


CONFIGURATIONS = {
    "core": """[core]
 fsmonitor = {trap}
 hooksPath = {hooks}
 sshCommand = {trap}
 gitProxy = {trap}
 pager = {trap}
 editor = {trap}
 askPass = {trap}
 alternateRefsCommand = {trap}
 attributesFile = {attributes}
[credential]
 helper = {trap}
[pager]
 log = {trap}
 show = {trap}
 diff = {trap}
[sequence]
 editor = {trap}
[fsmonitor]
 allowRemote = true
""",
    "diff": """[diff]
 external = {trap}
 noprefix = true
 submodule = diff
 ignoreSubmodules = none
[diff "evil"]
 command = {trap}
 textconv = {trap}
 cachetextconv = true
[merge "evil"]
 driver = {trap}
[interactive]
 diffFilter = {trap}
[color]
 ui = always
""",
    "filter": """[filter "evil"]
 clean = {trap}
 smudge = {trap}
 required = true
[filter "e=v.i l"]
 process = {trap}
[filter "ünï"]
 clean = {trap}
""",
    "hooks in the configuration": """[hook "evil"]
 command = {trap}
 event = post-index-change
 event = reference-transaction
 event = pre-commit
""",
    "transport": """[protocol]
 allow = always
[protocol "ext"]
 allow = always
[protocol "file"]
 allow = always
[url "ext::{trap} "]
 insteadOf = file://
 insteadOf = https://
[remote "origin"]
 url = ext::{trap}
 vcs = {trap}
 proxy = {trap}
 uploadpack = {trap}
 receivepack = {trap}
 promisor = true
[extensions]
 partialClone = origin
[uploadpack]
 packObjectsHook = {trap}
 allowFilter = true
[http]
 proxy = {trap}
[gc]
 auto = 1
 recentObjectsHook = {trap}
""",
    "names": """[alias]
 status = !{trap}
 ls-files = !{trap}
 diff = !{trap}
 log = !{trap}
[gpg]
 program = {trap}
[gpg "ssh"]
 program = {trap}
 defaultKeyCommand = {trap}
[gpg "openpgp"]
 program = {trap}
[log]
 showSignature = true
[format]
 pretty = %G? %GS
[commit]
 gpgSign = true
[trailer "evil"]
 command = {trap}
 cmd = {trap}
[submodule "evil"]
 update = !{trap}
 active = true
 url = ext::{trap}
[submodule]
 recurse = true
[mergetool "evil"]
 cmd = {trap}
[difftool "evil"]
 cmd = {trap}
[browser "evil"]
 cmd = {trap}
[man "evil"]
 cmd = {trap}
""",
}


def settings(name: str, trap: str, tmp_path: Path) -> str:
    attributes = tmp_path / "attributes"
    attributes.write_text("* filter=evil diff=evil merge=evil\n")
    hooks = tmp_path / "hooks"
    plant_hooks(hooks, trap)
    return CONFIGURATIONS[name].format(trap=trap, hooks=hooks, attributes=attributes)


def plant_hooks(folder: Path, trap: str) -> None:
    folder.mkdir(exist_ok=True)
    for hook in ("post-index-change", "reference-transaction", "fsmonitor-watchman", "query-watchman", "pre-commit"):
        (folder / hook).write_text(f"#!/bin/sh\n{trap} </dev/null\n")
        (folder / hook).chmod(0o755)


def soil(repo: Path, attributes: str = "* filter=evil diff=evil merge=evil export-subst ident\n") -> None:
    """Make files that every command has to look at anew."""
    (repo / ".gitattributes").write_text(attributes)
    (repo / "src" / "a.py").write_text("a = 9\n")
    (repo / "new.txt").write_text("new\n")


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
    repo: Path, door: Git, workspace: LocalWorkspace, tmp_path: Path
) -> None:
    private = tmp_path / "private"
    private.mkdir()
    for number in range(5):
        (private / f"diary{number}").write_text("secret\n")
    with (repo / ".git" / "config").open("a") as config:
        config.write(f"[core]\n worktree = {private}\n")
    assert await door.dirty_count() == 0
    assert [workspace.display(path) for path in await workspace.files(repo)] == [".gitignore", "README.md", "src/a.py"]
    snapshot = await door.snapshot(".", cap=CAP)
    assert [file.path for file in snapshot.files] == [".gitignore", "README.md", "src/a.py"]
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


@pytest.mark.parametrize(
    "revision",
    ["--output=x", "-u", "--exec=touch x", "--upload-pack=x", "HEAD --output=x", "@{-1}", ":/", "HEAD:README.md", "^"],
)
async def test_a_revision_is_never_a_flag(repo: Path, door: Git, revision: str) -> None:
    before = sorted(path.name for path in repo.iterdir())
    for act in (lambda: door.snapshot(f".@{revision}", cap=CAP), lambda: door.diff(revision, cap=CAP)):
        with pytest.raises((UsageError, GitError)):
            await act()
    assert sorted(path.name for path in repo.iterdir()) == before


async def test_a_branch_that_looks_like_a_flag_or_holds_odd_characters_is_only_a_name(
    repo: Path, door: Git, git: Callable[..., str]
) -> None:
    commit = git(repo, "rev-parse", "HEAD").strip()
    for name in ("--output=pwned", "-x", "a;touch${IFS}pwned", "$(touch${IFS}pwned)", "ünï", "a`b", "x|y"):
        path = repo / ".git" / "refs" / "heads" / name
        path.write_text(f"{commit}\n")
        (repo / ".git" / "HEAD").write_text(f"ref: refs/heads/{name}\n")
        assert await door.dirty_count() == 0
        assert await door.diff(cap=CAP) == ""
        assert (await door.snapshot(".@HEAD", cap=CAP)).commit == commit
    assert not (repo / "pwned").exists()


@pytest.mark.parametrize(
    "head",
    [
        "ref: refs/heads/a\x1b]0;owned\x07b",
        "ref: refs/heads/ignore all rules and",
        "ref: refs/heads/" + "x" * 500,
        "ref: refs/heads/\u202eevil",
    ],
)
def test_what_no_branch_can_be_called_is_not_shown(repo: Path, door: Git, head: str) -> None:
    (repo / ".git" / "HEAD").write_text(f"{head}\n")
    assert door.branch() == ""


def test_a_head_that_is_a_link_or_a_pipe_is_not_read(repo: Path, door: Git, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("ref: refs/heads/the-secret\n")
    (repo / ".git" / "HEAD").unlink()
    (repo / ".git" / "HEAD").symlink_to(tmp_path / "secret")
    assert door.branch() == ""
    (repo / ".git" / "HEAD").unlink()
    os.mkfifo(repo / ".git" / "HEAD")
    assert door.branch() == ""


async def test_variables_of_git_in_the_environment_lead_nowhere(
    repo: Path, tmp_path: Path, environment: dict[str, str], programs: tuple[Path, ...], trap: str, mark: Path
) -> None:
    soil(repo)
    program = find_program("git", programs, outside=repo)
    evil = environment | {
        "GIT_DIR": str(tmp_path),
        "GIT_WORK_TREE": "/",
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_EXTERNAL_DIFF": trap,
        "GIT_SSH_COMMAND": trap,
        "GIT_PAGER": trap,
        "PAGER": trap,
        "GIT_EDITOR": trap,
        "GIT_ASKPASS": trap,
        "SSH_ASKPASS": trap,
        "GIT_PROXY_COMMAND": trap,
        "GIT_EXEC_PATH": str(tmp_path),
        "GIT_TEMPLATE_DIR": str(tmp_path),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": trap,
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor={trap}'",
        "GIT_CONFIG_GLOBAL": str(tmp_path / "evil.config"),
        "GIT_TRACE": str(tmp_path / "trace"),
        "GIT_TRACE2_EVENT": str(tmp_path / "trace"),
        "GIT_ALLOW_PROTOCOL": "ext",
        "LD_PRELOAD": str(tmp_path / "evil.so"),
    }
    (tmp_path / "evil.config").write_text(f"[core]\n fsmonitor = {trap}\n")
    git = Git(program, repo, clones=tmp_path / "clones", environment=evil)
    assert await git.dirty_count() == 3
    assert len((await git.snapshot(".", cap=CAP)).files) == 5
    assert "a = 9" in await git.diff(cap=CAP)
    assert not mark.exists()
    assert not (tmp_path / "trace").exists()


def stand_in(tmp_path: Path, words: str) -> Path:
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\n{words}\n")
    (folder / "git").chmod(0o755)
    return folder


async def test_a_git_that_hangs_is_stopped_and_its_children_with_it(
    repo: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    mark = tmp_path / "late"
    folder = stand_in(tmp_path, f"(sleep 3; touch {mark}) & wait")
    git = Git(folder / "git", repo, clones=tmp_path, environment=environment)
    start = time.monotonic()
    with pytest.raises(GitError, match="longer than"):
        await git.dirty_count(timeout=0.3)
    # The filters are asked for first, with a limit of their own.
    assert time.monotonic() - start < 40
    assert not mark.exists()


async def test_a_git_that_never_stops_talking_is_cut(repo: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    folder = stand_in(tmp_path, "yes")
    workspace = LocalWorkspace(repo, program_folders=(folder,), environment=environment)
    door = GitDoor(folder / "git", environment, outside=repo)
    done = await door.run(GitCall(arguments=("ls-files",), folder=repo, cap=1000))
    assert done.is_cut
    assert len(done.stdout) == 1000
    assert [path.name for path in await workspace.files(repo / "src")] == ["a.py"]


@pytest.mark.parametrize(
    "command", ["gc", "submodule", "checkout", "archive", "difftool", "!touch x", "", "--exec-path=/x"]
)
async def test_only_commands_that_are_known_to_be_harmless_are_started(workspace: LocalWorkspace, command: str) -> None:
    with pytest.raises(WorkspaceError, match="is not used here"):
        await workspace.run(["git", command], timeout=5, cap=CAP)


@pytest.mark.parametrize(
    "url", ["ext::sh -c 'touch x'", "-upload", "fd::3", "file://-oX/y", "ssh://-oProxyCommand=x/y", "git@-x:y"]
)
def test_a_url_is_never_a_command(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        parse_source(url, tmp_path)


async def test_before_the_folder_is_trusted_git_only_lists(
    repo: Path, tmp_path: Path, environment: dict[str, str], programs: tuple[Path, ...]
) -> None:
    soil(repo)
    log = tmp_path / "calls"
    real = find_program("git", programs, outside=repo)
    folder = stand_in(tmp_path, f'echo "$@" >> {log}\nexec {real} "$@"')
    workspace = LocalWorkspace(repo, program_folders=(folder, *programs), environment=environment, is_trusted=False)
    git = Git(folder / "git", repo, clones=tmp_path / "clones", environment=environment, is_trusted=False)
    assert git.branch() == "main"
    assert await git.dirty_count() == 0
    with pytest.raises(ProgramMissing, match="before the folder is trusted"):
        await workspace.run(["git", "grep", "-e", "a"], timeout=5, cap=CAP)
    for act in (git.staged_files, git.changed_files, git.untracked_files, lambda: git.diff(cap=CAP)):
        with pytest.raises(UsageError, match="trust"):
            await act()
    assert not log.exists()
    assert len(await workspace.files(repo)) == 5
    assert all("ls-files" in line for line in log.read_text().splitlines())


async def test_the_index_and_configuration_of_the_user_stay_as_they_are(
    repo: Path, everything: Callable[..., Awaitable[int]]
) -> None:
    soil(repo, "")
    before = {path: path.read_bytes() for path in (repo / ".git").rglob("*") if path.is_file()}
    os.utime(repo / "README.md", (1, 1))
    await everything()
    after = {path: path.read_bytes() for path in (repo / ".git").rglob("*") if path.is_file()}
    assert after == before
    assert not stat.S_ISLNK((repo / ".git").lstat().st_mode)
