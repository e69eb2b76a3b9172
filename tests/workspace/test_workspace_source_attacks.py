from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from source_surveys import named, paths, read, reasons, survey, texts

from dsterm.core.attachments import PackChoice, Survey
from dsterm.core.errors import GitError
from dsterm.workspace.sources.reasons import content_reason
from dsterm.workspace.sources.sources import Sources

CAP = 100_000
Git = Callable[..., str]


async def test_what_stays_out_is_told_with_its_reason(repo: Path, git: Git, sources: Sources):
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
        "odd\nname": "its name is not plain text",
    }
    work_tree = await survey(sources)
    assert await judged(sources, work_tree) == expected
    assert named(work_tree) == {"link": "symbolic link", "inner/": "a git repository of its own"}
    git(repo, "-c", "advice.addEmbeddedRepo=false", "add", ".")
    git(repo, "commit", "-qm", "all")
    for source in (".", ".@HEAD"):
        found = await survey(sources, source)
        assert await judged(sources, found) == expected
        assert named(found) == {"link": "symbolic link", "inner": "submodule"}


async def judged(sources: Sources, found: Survey) -> dict[str, str]:
    """The reasons by name and by content, as whoever counts the files puts them together."""
    files = (await read(sources, found)).values()
    told = {one.file.path: one.file.reason or content_reason(one.file.path, one.data or b"") for one in files}
    return {path: reason for path, reason in told.items() if reason}


async def test_a_partial_clone_fetches_nothing_by_its_own_programs(
    repo: Path, git: Git, sources: Sources, tmp_path: Path
):
    mark = tmp_path / "upload-was-run"
    script = tmp_path / "upload.sh"
    script.write_text(f"#!/bin/sh\ntouch {mark}\nexit 1\n")
    script.chmod(0o755)
    blob = git(repo, "rev-parse", "HEAD:src/a.py").strip()
    (repo / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    git(repo, "config", "core.repositoryFormatVersion", "1")
    git(repo, "config", "extensions.partialClone", "origin")
    git(repo, "config", "remote.origin.url", str(tmp_path))
    git(repo, "config", "remote.origin.promisor", "true")
    git(repo, "config", "remote.origin.uploadpack", str(script))
    found = await survey(sources, ".@HEAD")
    assert sorted(await texts(sources, found)) == [".gitignore", "README.md"]
    assert reasons(found) == {"src/a.py": "its content is not in this clone"}
    assert not mark.exists()
    # The trap is real: plain git runs it.
    with pytest.raises(subprocess.CalledProcessError):
        git(repo, "cat-file", "-p", blob)
    assert mark.exists()


async def test_what_looks_secret_is_told_and_left_to_the_user(repo: Path, git: Git, sources: Sources) -> None:
    for name in (".env", "deploy.pem", ".env.example"):
        (repo / name).write_text("KEY=x\n")
    untracked = await survey(sources)
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "oops")
    for found in (untracked, await survey(sources, ".@HEAD"), await survey(sources, f"file://{repo}")):
        assert reasons(found) == dict.fromkeys((".env", "deploy.pem"), "looks like it holds secrets")
        assert ".env.example" in paths(found)


async def test_the_folders_of_dsterm_are_not_attached(repo: Path, git: Git, sources: Sources, tmp_path: Path) -> None:
    (repo / "config").mkdir()
    (repo / "config" / "x").write_text("key\n")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "dotfiles")
    own = Sources(sources._door, repo, clones=tmp_path, closed=(repo / "config",), cap=CAP)
    for source in (".", ".@HEAD"):
        assert reasons(await survey(own, source)) == {"config/x": "belongs to dsterm itself"}
    assert (await read(own, await survey(own)))["config/x"].data is None


async def test_a_tracked_folder_that_became_a_link_is_not_followed(
    repo: Path, sources: Sources, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.py").write_text("secret")
    before = await survey(sources)
    (repo / "src" / "a.py").unlink()
    (repo / "src").rmdir()
    (repo / "src").symlink_to(outside)
    for found in (before, await survey(sources)):
        assert b"secret" not in (await texts(sources, found)).values()
    assert named(found) == {"src": "symbolic link"}


async def test_odd_names_are_only_names(repo: Path, git: Git, sources: Sources) -> None:
    for name in ("--output=x", "-z", "a\tb", "line\nbreak", "\n", "? x", ":(top)x", "*", "[a]", "é", "src/-n"):
        (repo / name).write_text(name)
    (repo / os.fsdecode(b"bytes-\xff.txt")).write_text("x")
    untracked = await survey(sources)
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "odd")
    for found in (untracked, await survey(sources), await survey(sources, ".@HEAD")):
        files = await read(sources, found)
        assert {
            path: one.data for path, one in files.items() if path in {"--output=x", "? x", ":(top)x", "*", "-z"}
        } == {name: name.encode() for name in ("--output=x", "? x", ":(top)x", "*", "-z")}
        assert set(reasons(found)) == {"a\tb", "line\nbreak", "\n"}
        assert named(found) == {"bytes-\ufffd.txt": "its name is not plain text"}
        assert paths(found) == sorted(paths(found), key=os.fsencode)
    ages = await sources.ages(await survey(sources))
    assert ages["\n"] == ages["line\nbreak"] == ages["-z"] == 0 and ages["README.md"] == 1


async def test_a_repository_inside_is_named_and_entered_when_it_is_asked_for(
    repo: Path, git: Git, sources: Sources, tmp_path: Path
) -> None:
    for name in ("inner", "-mod ule"):
        (repo / name / "deep").mkdir(parents=True)
        (repo / name / "deep" / "x.py").write_text("x = 1\n")
        git(repo / name, "init", "-q")
        git(repo / name, "add", ".")
        git(repo / name, "commit", "-qm", "x")
    git(repo, "-c", "advice.addEmbeddedRepo=false", "add", "--", "-mod ule")
    (repo / "empty").mkdir()
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},empty")
    git(repo, "commit", "-qm", "with a submodule")
    (repo / "inner" / "new").write_text("n")
    found = await survey(sources)
    assert named(found) == {
        "-mod ule": "submodule",
        "empty": "submodule",
        "inner/": "a git repository of its own",
    }
    more = await survey(sources, ".", PackChoice(enters=("inner/", "-mod ule", "empty", "../repo", "/etc")))
    assert paths(more) == ["-mod ule/deep/x.py", ".gitignore", "README.md", "inner/deep/x.py", "inner/new", "src/a.py"]
    assert named(more) == {"empty": "submodule, not fetched here"}
    assert (await texts(sources, more))["inner/deep/x.py"] == b"x = 1\n"
    (repo / "inner").rename(tmp_path / "away")
    (repo / "inner").symlink_to(tmp_path / "away")
    linked = await survey(sources, ".", PackChoice(enters=("inner",)))
    assert named(linked)["inner"] == "symbolic link" and "inner/deep/x.py" not in paths(linked)


async def test_what_the_source_says_of_its_files_is_heeded_at_revisions_too(
    repo: Path, git: Git, sources: Sources, tmp_path: Path
) -> None:
    for name in ("docs/a.md", "docs/keep.md", "gen/a.py", "x_pb2.py", "lib/a.py"):
        (repo / name).parent.mkdir(exist_ok=True)
        (repo / name).write_text("x\n")
    (repo / ".dstermignore").write_text("*.md\n")
    (repo / "docs" / ".dstermignore").write_text("!keep.md\n")
    (repo / ".ignore").symlink_to("/etc/passwd")
    (repo / ".gitattributes").write_text(
        "gen/** linguist-generated\nx_pb2.py -linguist-generated\nlib/* linguist-vendored=true\n"
    )
    untracked = await survey(sources)
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "rules")
    for found in (untracked, await survey(sources), await survey(sources, ".@HEAD")):
        assert reasons(found) == {
            "README.md": "ignored by .dstermignore",
            "docs/a.md": "ignored by .dstermignore",
            "gen/a.py": "generated",
            "lib/a.py": "vendored",
        }
    for source in ("docs", "docs@HEAD"):
        assert reasons(await survey(sources, source)) == {"a.md": "ignored by .dstermignore"}


async def test_a_shallow_clone_has_no_ages_and_files_that_go_are_told(
    repo: Path, git: Git, sources: Sources, tmp_path: Path
) -> None:
    git(repo, "commit", "-q", "--allow-empty", "-m", "second")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repo}", "shallow")
    found = await survey(sources, str(tmp_path / "shallow"))
    assert len(found.files) == 3 and await sources.ages(found) == {}
    (tmp_path / "shallow" / "README.md").unlink()
    gone = (await read(sources, found))["README.md"]
    assert gone.data is None and gone.file.reason == "gone meanwhile"


async def test_a_file_that_changed_since_it_was_listed_is_named_by_what_was_read(repo: Path, sources: Sources) -> None:
    found = await survey(sources)
    (repo / "src" / "a.py").write_text("a = 'other'\n")
    now = (await read(sources, found))["src/a.py"]
    assert now.data == b"a = 'other'\n" and now.file.blob != found.files[2].blob


async def test_what_git_refuses_is_said_in_words(repo: Path, sources: Sources) -> None:
    (repo / ".git" / "index").write_bytes(b"broken")
    with pytest.raises(GitError, match="git refused in"):
        await survey(sources)
