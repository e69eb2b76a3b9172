from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from dsterm.core.errors import GitError, UsageError
from dsterm.workspace.git.git import Git
from dsterm.workspace.git.git_hardening import explain
from dsterm.workspace.git.git_source import LocalSource, RemoteSource, parse_source

CAP = 100_000


def paths(snapshot) -> list[str]:
    return [file.path for file in snapshot.files]


def reasons(snapshot) -> dict[str, str]:
    return {left.path: left.reason for left in snapshot.left_out}


def trap(folder: Path, name: str, then: str = "cat") -> tuple[Path, Path]:
    mark = folder / f"{name}-was-run"
    script = folder / f"{name}.sh"
    script.write_text(f"#!/bin/sh\ntouch {mark}\n{then}\n")
    script.chmod(0o755)
    return script, mark


def test_the_branch_is_read_without_git(repo, git, door, tmp_path):
    assert door.branch() == "main"
    git(repo, "checkout", "-qb", "feature/x")
    assert door.branch() == "feature/x"
    commit = git(repo, "rev-parse", "HEAD").strip()
    git(repo, "checkout", "-q", "--detach")
    assert door.branch() == commit[:7]
    git(repo, "worktree", "add", "-q", "-b", "side", str(tmp_path / "tree"))
    assert Git(None, tmp_path / "tree", clones=tmp_path, environment={}).branch() == "side"
    assert Git(None, tmp_path / "home", clones=tmp_path, environment={}).branch() == ""


async def test_the_dirty_count_is_of_changed_and_untracked_files(repo, git, door, tmp_path, environment):
    assert await door.dirty_count() == 0
    (repo / "src" / "a.py").write_text("a = 2\n")
    (repo / "new.txt").write_text("x")
    (repo / "x.log").write_text("ignored")
    git(repo, "mv", "README.md", "READ.md")
    assert await door.dirty_count() == 4
    assert await Git(None, repo, clones=tmp_path, environment=environment).dirty_count() == 0


async def test_a_snapshot_is_of_tracked_and_untracked_files_as_they_stand(repo, git, door):
    (repo / "src" / "a.py").write_text("a = 2\n")
    (repo / "zz.txt").write_text("new\n")
    (repo / "x.log").write_text("ignored")
    (repo / "ünï cödé.txt").write_text("u\n")
    snapshot = await door.snapshot(".", cap=CAP)
    assert paths(snapshot) == [".gitignore", "README.md", "src/a.py", "zz.txt", "ünï cödé.txt"]
    assert next(file.data for file in snapshot.files if file.path == "src/a.py") == b"a = 2\n"
    assert snapshot.is_dirty and snapshot.commit == git(repo, "rev-parse", "HEAD").strip()
    assert snapshot == await door.snapshot(".", cap=CAP)


async def test_a_snapshot_of_a_revision_is_as_committed(repo, git, door):
    (repo / "src" / "a.py").write_text("a = 2\n")
    git(repo, "commit", "-qam", "second")
    (repo / "src" / "a.py").write_text("a = 3\n")
    (repo / "untracked").write_text("x")
    first = await door.snapshot(".@HEAD~1", cap=CAP)
    assert paths(first) == [".gitignore", "README.md", "src/a.py"]
    assert first.files[2].data == b"a = 1\n" and not first.is_dirty
    second = await door.snapshot(f"{repo}@main", cap=CAP)
    assert second.files[2].data == b"a = 2\n"
    assert second.commit == git(repo, "rev-parse", "HEAD").strip() != first.commit


async def test_what_is_left_out_is_named_with_its_reason(repo, git, door, tmp_path):
    (repo / "logo.png").write_bytes(b"\x89PNG\0\0")
    (repo / "latin.txt").write_bytes(b"caf\xe9\n")
    (repo / "big.txt").write_bytes(b"x" * (CAP + 1))
    (repo / "uv.lock").write_text("lock")
    (repo / "app.min.js").write_text("x")
    (repo / "bundle.js").write_text("var a=1;" * 1000)
    (repo / "link").symlink_to("README.md")
    (repo / "odd\nname").write_text("x")
    inner = repo / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    git(inner, "commit", "-q", "--allow-empty", "-m", "x")
    expected = {
        "logo.png": "binary",
        "latin.txt": "not UTF-8 text",
        "big.txt": "100,001 bytes, over the limit of 100,000",
        "uv.lock": "lock file",
        "app.min.js": "minified",
        "bundle.js": "minified",
        "link": "symbolic link",
        "odd\nname": "its name is not plain text",
    }
    work_tree = await door.snapshot(".", cap=CAP)
    assert reasons(work_tree) == expected | {"inner/": "a git repository of its own"}
    git(repo, "-c", "advice.addEmbeddedRepo=false", "add", ".")
    git(repo, "commit", "-qm", "all")
    assert reasons(await door.snapshot(".", cap=CAP)) == expected | {"inner": "submodule"}
    committed = await door.snapshot(".@HEAD", cap=CAP)
    assert reasons(committed) == expected | {"inner": "submodule"}
    assert paths(committed) == [".gitignore", "README.md", "src/a.py"]


async def test_a_tracked_folder_that_became_a_link_is_not_followed(repo, door, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.py").write_text("secret")
    (repo / "src" / "a.py").unlink()
    (repo / "src").rmdir()
    (repo / "src").symlink_to(outside)
    snapshot = await door.snapshot(".", cap=CAP)
    assert all(b"secret" not in file.data for file in snapshot.files)
    assert reasons(snapshot)["src/a.py"] == "symbolic link"


async def test_an_empty_repository_has_an_empty_snapshot(tmp_path, git, environment, door):
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    snapshot = await door.snapshot(str(empty), cap=CAP)
    assert snapshot.files == () and snapshot.commit == "" and not snapshot.is_dirty


async def test_what_is_no_repository_or_revision_is_said_in_words(repo, door, tmp_path, environment):
    with pytest.raises(
        UsageError, match=r"is not a git repository\. Attach a folder that git knows, or run git init there"
    ):
        await door.snapshot(str(tmp_path / "home"), cap=CAP)
    with pytest.raises(UsageError, match="nope names no commit"):
        await door.snapshot(".@nope", cap=CAP)
    with pytest.raises(UsageError, match="is neither a file nor a folder here"):
        await door.snapshot("no/such/folder", cap=CAP)
    with pytest.raises(GitError, match="not installed"):
        await Git(None, repo, clones=tmp_path, environment=environment).snapshot(".", cap=CAP)


def test_dubious_ownership_names_the_setting():
    error = explain(b"fatal: detected dubious ownership in repository at '/x'\n", Path("/x"))
    assert isinstance(error, GitError)
    assert "safe.directory /x" in str(error)


def test_words_of_git_lose_their_escapes():
    assert "\x1b" not in str(explain(b"fatal: \x1b[31mred\x1b[0m\n", Path("/x")))


async def test_programs_that_a_repository_configures_are_not_run(repo, git, door, workspace, tmp_path):
    traps = {name: trap(tmp_path, name) for name in ("fsmonitor", "hook", "filter", "diff", "textconv", "pager")}
    hooks = repo / ".git" / "hooks"
    for hook in ("post-index-change", "pre-commit", "post-checkout", "reference-transaction"):
        (hooks / hook).write_text(f"#!/bin/sh\n{traps['hook'][0]}\n")
        (hooks / hook).chmod(0o755)
    with (repo / ".git" / "config").open("a") as config:
        config.write(
            f"[core]\n fsmonitor = {traps['fsmonitor'][0]}\n pager = {traps['pager'][0]}\n"
            f'[filter "e=vil.x"]\n clean = {traps["filter"][0]}\n smudge = {traps["filter"][0]}\n required = true\n'
            f"[diff]\n external = {traps['diff'][0]}\n"
            f'[diff "evil"]\n textconv = {traps["textconv"][0]}\n command = {traps["diff"][0]}\n'
        )
    (repo / ".gitattributes").write_text("*.py filter=e=vil.x diff=evil\n")
    (repo / "src" / "a.py").write_text("a = 7\n")
    assert await door.dirty_count() == 2
    await door.snapshot(".", cap=CAP)
    await door.snapshot(".@HEAD", cap=CAP)
    await workspace.files(repo)
    for command in (["status"], ["diff"], ["log", "-p"], ["grep", "--untracked", "a"], ["show"]):
        assert (await workspace.run(["git", *command], timeout=5, cap=CAP)).exit_code == 0
    assert [name for name, (_, mark) in traps.items() if mark.exists()] == []
    # The traps are real: plain git runs them.
    git(repo, "status")
    assert traps["fsmonitor"][1].exists() and traps["filter"][1].exists()


async def test_a_partial_clone_fetches_nothing_by_its_own_programs(repo, git, door, tmp_path):
    script, mark = trap(tmp_path, "upload", then="exit 1")
    blob = git(repo, "rev-parse", "HEAD:src/a.py").strip()
    (repo / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    git(repo, "config", "core.repositoryFormatVersion", "1")
    git(repo, "config", "extensions.partialClone", "origin")
    git(repo, "config", "remote.origin.url", str(tmp_path))
    git(repo, "config", "remote.origin.promisor", "true")
    git(repo, "config", "remote.origin.uploadpack", str(script))
    snapshot = await door.snapshot(".@HEAD", cap=CAP)
    assert reasons(snapshot) == {"src/a.py": "its content is not in this clone"}
    assert not mark.exists()
    # The trap is real: plain git runs it.
    with pytest.raises(subprocess.CalledProcessError):
        git(repo, "cat-file", "-p", blob)
    assert mark.exists()


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% x",
        "ext::sh",
        "fd::17",
        "git://example.org/x",
        "http://example.org/x",
        "ftp://example.org/x",
        "https://user:pw@example.org/x",
        "ssh://-oProxyCommand=x/y",
        "https://example.org/x@--upload-pack=x",
        "https://example.org/x@a:b",
        "git@host:x@-b",
        "-u",
        "--upload-pack=x",
        "a\x1bb",
        "",
    ],
)
def test_odd_urls_are_refused(url, tmp_path):
    with pytest.raises(UsageError):
        parse_source(url, tmp_path)


@pytest.mark.parametrize(
    ("source", "url", "revision"),
    [
        ("https://example.org/a/b.git", "https://example.org/a/b.git", ""),
        ("https://example.org/a/b@v1.2", "https://example.org/a/b", "v1.2"),
        ("https://example.org/a/b@feature/x", "https://example.org/a/b", "feature/x"),
        ("https://example.org/@scope/b", "https://example.org/@scope/b", ""),
        ("ssh://git@example.org/a/b", "ssh://git@example.org/a/b", ""),
        ("git@example.org:a/b.git@main", "git@example.org:a/b.git", "main"),
        ("git@example.org:a/b.git", "git@example.org:a/b.git", ""),
        ("file:///srv/a", "file:///srv/a", ""),
    ],
)
def test_urls_and_revisions_are_told_apart(source, url, revision, tmp_path):
    assert parse_source(source, tmp_path) == RemoteSource(url=url, revision=revision)


def test_a_folder_may_have_an_at_sign_in_its_name(tmp_path):
    root = tmp_path.resolve()
    (root / "a@b").mkdir()
    assert parse_source("a@b", root) == LocalSource(folder=root / "a@b")
    assert parse_source("a@b@HEAD@{1}", root) == LocalSource(folder=root / "a@b", revision="HEAD@{1}")
    with pytest.raises(UsageError, match="names no revision"):
        parse_source("a@b@--flag", root)


async def test_a_url_is_fetched_into_the_cache_with_progress(repo, git, door, tmp_path):
    for number in range(30):
        (repo / f"{number}.txt").write_text(str(number) * 1000)
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "second")
    git(repo, "tag", "v1")
    lines: list[str] = []
    snapshot = await door.snapshot(f"file://{repo}", cap=CAP, progress=lines.append)
    assert len(snapshot.files) == 33 and snapshot.source == f"file://{repo}"
    assert snapshot.commit == git(repo, "rev-parse", "HEAD").strip()
    assert any(line.startswith("receiving ") for line in lines)
    (repo / "31.txt").write_text("x")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "third")
    assert len((await door.snapshot(f"file://{repo}", cap=CAP)).files) == 34
    assert len((await door.snapshot(f"file://{repo}@v1", cap=CAP)).files) == 33
    assert len(list((tmp_path / "clones").iterdir())) == 1
    with pytest.raises(UsageError, match="has no branch, tag or commit nope"):
        await door.snapshot(f"file://{repo}@nope", cap=CAP)
    with pytest.raises(GitError):
        await door.snapshot(f"file://{tmp_path}/nothing", cap=CAP)


async def test_a_fetch_can_be_cancelled_and_taken_up_again(repo, door):
    def stop(_line: str) -> None:
        task.cancel()

    task = asyncio.create_task(door.snapshot(f"file://{repo}", cap=CAP, progress=stop))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len((await door.snapshot(f"file://{repo}", cap=CAP)).files) == 3


def test_importing_the_room_does_not_import_gitpython():
    code = "import sys, dsterm.workspace.git.git, dsterm.workspace.files.local; print('git' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "False"
