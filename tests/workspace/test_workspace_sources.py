from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from source_surveys import named, paths, read, reasons, survey, texts

from dsterm.core.attachments import PackChoice, Preset, WorkStage, WorkState
from dsterm.core.errors import GitError, UsageError
from dsterm.workspace.sources.sources import Sources

CAP = 100_000
Git = Callable[..., str]


async def test_a_clean_work_tree_is_known_by_its_index_alone(repo: Path, git: Git, sources: Sources) -> None:
    found = await survey(sources)
    assert [(file.path, file.size) for file in found.files] == [(".gitignore", -1), ("README.md", -1), ("src/a.py", -1)]
    assert found.files[2].blob == git(repo, "rev-parse", "HEAD:src/a.py").strip()
    assert not found.is_dirty and found.commit == git(repo, "rev-parse", "HEAD").strip()
    assert found.place == "" and not found.revision and found.is_followed and found.folder == repo


async def test_a_survey_is_of_tracked_and_untracked_files_as_they_stand(repo: Path, git: Git, sources: Sources) -> None:
    (repo / "src" / "a.py").write_text("a = 2\n")
    (repo / "zz.txt").write_text("new\n")
    (repo / "x.log").write_text("ignored")
    (repo / "ünï cödé.txt").write_text("u\n")
    found = await survey(sources)
    assert paths(found) == [".gitignore", "README.md", "src/a.py", "zz.txt", "ünï cödé.txt"]
    assert [file.path for file in found.files if not file.blob] == ["src/a.py", "zz.txt", "ünï cödé.txt"]
    files = await read(sources, found)
    assert files["src/a.py"].data == b"a = 2\n" and files["src/a.py"].file.size == 6
    assert all(one.file.blob == git(repo, "hash-object", path).strip() for path, one in files.items())
    assert found.is_dirty and found.commit == git(repo, "rev-parse", "HEAD").strip()
    assert found == await survey(sources)
    assert paths(await survey(sources, ".", PackChoice(tracked_only=True))) == [".gitignore", "README.md", "src/a.py"]


async def test_what_is_staged_only_is_dirty_and_known(repo: Path, git: Git, sources: Sources) -> None:
    (repo / "src" / "a.py").write_text("a = 3\n")
    git(repo, "add", ".")
    found = await survey(sources)
    assert found.is_dirty and all(file.blob for file in found.files)


async def test_a_deleted_file_is_not_there_and_one_in_conflict_is_there_once(
    repo: Path, git: Git, sources: Sources
) -> None:
    git(repo, "checkout", "-qb", "side")
    (repo / "src" / "a.py").write_text("a = 3\n")
    git(repo, "commit", "-qam", "side")
    git(repo, "checkout", "-q", "main")
    (repo / "src" / "a.py").write_text("a = 4\n")
    git(repo, "commit", "-qam", "main")
    with pytest.raises(subprocess.CalledProcessError):
        git(repo, "merge", "side")
    (repo / "README.md").unlink()
    found = await survey(sources)
    assert paths(found) == [".gitignore", "src/a.py"] and not found.files[1].blob
    assert b"<<<<<<<" in (await texts(sources, found))["src/a.py"]


async def test_a_folder_inside_a_repository_is_listed_from_there(repo: Path, git: Git, sources: Sources) -> None:
    (repo / "src" / "b.py").write_text("b\n")
    (repo / "src" / "a.py").write_text("a = 2\n")
    (repo / ".dstermignore").write_text("b.py\n")
    found = await survey(sources, "src")
    assert paths(found) == ["a.py", "b.py"] and found.place == "src" and found.folder == repo / "src"
    assert reasons(found) == {"b.py": "ignored by .dstermignore"} and found.is_dirty
    assert await sources.ages(found) == {"a.py": 0}


async def test_files_that_git_was_told_not_to_look_at_are_looked_at(repo: Path, git: Git, sources: Sources) -> None:
    git(repo, "update-index", "--assume-unchanged", "src/a.py")
    git(repo, "update-index", "--skip-worktree", "README.md")
    (repo / "src" / "a.py").write_text("a = 'other'\n")
    (repo / "README.md").unlink()
    found = await survey(sources)
    assert paths(found) == [".gitignore", "src/a.py"] and not found.files[1].blob


async def test_a_revision_is_as_committed(repo: Path, git: Git, sources: Sources) -> None:
    (repo / "src" / "a.py").write_text("a = 2\n")
    git(repo, "commit", "-qam", "second")
    (repo / "src" / "a.py").write_text("a = 3\n")
    (repo / "untracked").write_text("x")
    first = await survey(sources, ".@HEAD~1")
    assert paths(first) == [".gitignore", "README.md", "src/a.py"] and first.files[2].size == 6
    assert (await texts(sources, first))["src/a.py"] == b"a = 1\n" and not first.is_dirty
    assert first.place is None and first.revision == first.commit == git(repo, "rev-parse", "HEAD~1").strip()
    second = await survey(sources, f"{repo}@main")
    assert (await texts(sources, second))["src/a.py"] == b"a = 2\n"
    assert await sources.ages(second) == {"src/a.py": 0, ".gitignore": 1, "README.md": 1}
    one = await survey(sources, "src/a.py@HEAD~1")
    assert paths(one) == ["a.py"] and await texts(sources, one) == {"a.py": b"a = 1\n"}
    with pytest.raises(UsageError, match="untracked is not among the files of that commit"):
        await survey(sources, "untracked@HEAD")


async def test_a_bare_repository_is_its_head_or_a_revision(
    repo: Path, git: Git, sources: Sources, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(repo), "bare.git")
    (repo / "src" / "a.py").write_text("a = 2\n")
    git(repo, "commit", "-qam", "second")
    found = await survey(sources, str(tmp_path / "bare.git"))
    assert paths(found) == [".gitignore", "README.md", "src/a.py"]
    assert (await texts(sources, found))["src/a.py"] == b"a = 1\n" and found.place is None
    assert await sources.ages(found) == {".gitignore": 0, "README.md": 0, "src/a.py": 0}
    assert (await survey(sources, f"{tmp_path}/bare.git@main")).files == found.files


async def test_a_file_by_itself_is_a_source(repo: Path, sources: Sources, tmp_path: Path) -> None:
    found = await survey(sources, "src/a.py")
    assert paths(found) == ["a.py"] and found.folder == repo / "src" and found.place == "src" and found.is_followed
    assert await texts(sources, found) == {"a.py": b"a = 1\n"}
    (tmp_path / "secrets.json").write_text("{}")
    outside = await survey(sources, str(tmp_path / "secrets.json"))
    assert reasons(outside) == {"secrets.json": "looks like it holds secrets"} and outside.place is None
    assert not reasons(await survey(sources, str(tmp_path / "secrets.json"), PackChoice(takes_secrets=True)))


async def test_a_plain_folder_is_walked_by_its_own_rules(
    repo: Path, git: Git, sources: Sources, tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    for path in ("a.txt", "b/c.txt", "b/c.log", "b/keep.log", "out/x", ".hidden/y", "node_modules/z/i.js", "inner/f"):
        (plain / path).parent.mkdir(parents=True, exist_ok=True)
        (plain / path).write_text(path)
    (plain / ".gitignore").write_text("*.log\nout/\n")
    (plain / "b" / ".gitignore").write_text("!keep.log\n")
    (plain / ".ignore").write_text("b/c.txt\n")
    (plain / "link").symlink_to("/etc")
    os.mkfifo(plain / "pipe")
    git(plain / "inner", "init", "-q")
    found = await survey(sources, str(plain))
    assert paths(found) == [".gitignore", ".hidden/y", ".ignore", "a.txt", "b/.gitignore", "b/c.txt", "b/keep.log"]
    assert reasons(found) == {"b/c.txt": "ignored by .ignore"}
    assert named(found) == {
        "inner/": "a git repository of its own",
        "link": "symbolic link",
        "node_modules/": "installed by a program",
        "pipe": "no regular file",
    }
    assert found.commit == "" and await sources.ages(found) == {} and (await texts(sources, found))["a.txt"] == b"a.txt"
    more = await survey(sources, str(plain), PackChoice(enters=("inner", "node_modules/")))
    assert {"inner/f", "node_modules/z/i.js"} <= set(paths(more))
    with pytest.raises(UsageError, match="no commits to compare with"):
        await survey(sources, str(plain), PackChoice(since="HEAD"))
    git(repo, "init", "-q", str(plain / "inner"))


async def test_a_folder_that_git_ignores_is_walked_since_it_was_named(repo: Path, sources: Sources) -> None:
    (repo / "ignored").mkdir()
    (repo / "ignored" / "data.txt").write_text("d")
    assert paths(await survey(sources, "ignored")) == ["data.txt"]
    assert "ignored/data.txt" not in paths(await survey(sources))


async def test_without_git_plain_folders_can_be_attached_still(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "a").write_text("a")
    alone = Sources(None, repo, clones=tmp_path / "clones", cap=CAP)
    found = await survey(alone, str(tmp_path / "plain"))
    assert paths(found) == ["a"] and await sources_ages(alone, found) == {}
    for source in (".", ".@HEAD", "https://example.org/a/b"):
        with pytest.raises(GitError, match="not installed"):
            await survey(alone, source)


async def sources_ages(sources: Sources, found) -> dict[str, int]:
    return dict(await sources.ages(found))


async def test_changed_files_are_committed_dirty_and_new_ones(repo: Path, git: Git, sources: Sources) -> None:
    (repo / "src" / "b.py").write_text("b\n")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "second")
    (repo / "README.md").write_text("# hi\n")
    (repo / "new").write_text("n")
    since = await survey(sources, ".", PackChoice(since="HEAD~1"))
    assert since.changed == {"src/b.py", "README.md", "new"}
    head = await survey(sources, ".", PackChoice(preset=Preset.CHANGED))
    assert head.changed == {"README.md", "new"}
    assert (await survey(sources, "src", PackChoice(since="HEAD~1"))).changed == {"b.py"}
    assert (await survey(sources, ".@HEAD", PackChoice(since="HEAD~1"))).changed == {"src/b.py"}
    assert (await survey(sources)).changed == frozenset()
    with pytest.raises(UsageError, match="nope names no commit"):
        await survey(sources, ".", PackChoice(since="nope"))


async def test_an_empty_repository_has_an_empty_survey(tmp_path: Path, git: Git, sources: Sources) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    found = await survey(sources, str(empty), PackChoice(preset=Preset.CHANGED))
    assert found.files == () and found.commit == "" and not found.is_dirty and await sources.ages(found) == {}
    assert await read(sources, found) == {}


async def test_what_is_no_source_or_revision_is_said_in_words(sources: Sources) -> None:
    with pytest.raises(UsageError, match="nope names no commit"):
        await survey(sources, ".@nope")
    with pytest.raises(UsageError, match="is neither a file nor a folder here"):
        await survey(sources, "no/such/folder")


async def test_what_is_fetched_into_a_folder_of_our_own_is_not_our_own(
    repo: Path, sources: Sources, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    own = Sources(sources._door, repo, clones=cache / "clones", closed=(cache,), cap=CAP)
    found = await survey(own, f"file://{repo}")
    assert found.files and not any(file.reason for file in found.files)


async def test_a_url_is_fetched_into_the_cache_with_progress(
    repo: Path, git: Git, sources: Sources, tmp_path: Path
) -> None:
    for number in range(30):
        (repo / f"{number}.txt").write_text(str(number) * 1000)
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "second")
    git(repo, "tag", "v1")
    told: list[WorkState] = []
    found = await sources.survey(f"file://{repo}", PackChoice(), told.append)
    assert len(found.files) == 33 and found.source == f"file://{repo}" and found.place is None
    assert found.commit == found.revision == git(repo, "rev-parse", "HEAD").strip()
    assert any(one.stage is WorkStage.FETCHING and one.detail.startswith("receiving ") for one in told)
    assert told[-1].stage is WorkStage.LISTING
    assert len(await texts(sources, found)) == 33 and await sources.ages(found) == {}
    (repo / "31.txt").write_text("x")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "third")
    assert len((await survey(sources, f"file://{repo}")).files) == 34
    assert len((await survey(sources, f"file://{repo}@v1")).files) == 33
    assert len(list((tmp_path / "clones").iterdir())) == 1
    with pytest.raises(UsageError, match="has no branch, tag or commit nope"):
        await survey(sources, f"file://{repo}@nope")
    with pytest.raises(GitError):
        await survey(sources, f"file://{tmp_path}/nothing")


async def test_a_fetch_can_be_cancelled_and_taken_up_again(repo: Path, sources: Sources) -> None:
    def stop(state: WorkState) -> None:
        if state.detail:
            task.cancel()

    task = asyncio.create_task(sources.survey(f"file://{repo}", PackChoice(), stop))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len((await survey(sources, f"file://{repo}")).files) == 3
