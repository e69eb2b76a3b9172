from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dsterm.core.errors import DiskError, UsageError
from dsterm.workspace.files.inside import Inside
from dsterm.workspace.git.git_hardening import GitDoor
from dsterm.workspace.programs import find_program
from dsterm.workspace.saved.checkpoints import Checkpoints
from dsterm.workspace.saved.prune_checkpoints import prune_checkpoints
from dsterm.workspace.saved.saved_bytes import BytesInFolder
from dsterm.workspace.saved.tree_snapshot import SnapshotLimits, TreeSaver

Saver = Callable[..., TreeSaver]


@pytest.fixture
def saver(repo: Path, tmp_path: Path, environment: dict[str, str], programs: tuple[Path, ...]) -> Saver:
    def make(limits: SnapshotLimits | None = None, root: Path = repo) -> TreeSaver:
        program = find_program("git", programs, outside=root)
        assert program is not None
        saved = BytesInFolder(tmp_path / "state" / "project" / "git")
        return TreeSaver(GitDoor(program, environment, outside=root), Inside(root), saved, limits or SnapshotLimits())

    return make


@pytest.fixture
def checkpoints(repo: Path, tmp_path: Path) -> Checkpoints:
    return Checkpoints(repo, tmp_path / "state" / "project")


def everything_of_git(repo: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted((repo / ".git").rglob("*")) if path.is_file()}


async def test_what_a_command_did_can_be_taken_back_exactly(repo: Path, saver: Saver, checkpoints: Checkpoints) -> None:
    (repo / "crlf.txt").write_bytes(b"a\r\nb\r\n")
    (repo / ".gitattributes").write_text("* text=auto eol=lf ident\n")
    (repo / "src" / "run.sh").write_text("#!/bin/sh\n")
    (repo / "src" / "run.sh").chmod(0o770)
    (repo / "naïve name").write_text("x $Id$\n")
    tree = saver()
    before = await tree.save()
    (repo / "crlf.txt").write_bytes(b"changed\r\n")
    (repo / "src" / "run.sh").unlink()
    (repo / "naïve name").rename(repo / "other name")
    (repo / "new").mkdir()
    (repo / "new" / "file").write_text("n\n")
    after = await tree.save()
    changes = await tree.changes(before.saved, after.saved)
    assert [change.path for change in changes] == ["crlf.txt", "naïve name", "new/file", "other name", "src/run.sh"]
    checkpoints.restore([change.before for change in changes], [change.after for change in changes if change.after])
    assert (repo / "crlf.txt").read_bytes() == b"a\r\nb\r\n"
    assert (repo / "naïve name").read_text() == "x $Id$\n"
    assert (repo / "src" / "run.sh").stat().st_mode & 0o777 == 0o770
    assert not (repo / "new" / "file").exists()
    assert (await tree.save()).saved == before.saved


async def test_the_repository_of_the_user_is_not_touched(repo: Path, saver: Saver) -> None:
    (repo / "README.md").write_text("changed\n")
    (repo / "untracked").write_text("u\n")
    before = everything_of_git(repo)
    await saver().save()
    assert everything_of_git(repo) == before


async def test_nothing_that_the_repository_or_the_user_configures_is_run(
    repo: Path, tmp_path: Path, saver: Saver, git: Callable[..., str]
) -> None:
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n")
    trap.chmod(0o755)
    for name in ("core.fsmonitor", "filter.x.clean", "filter.x.smudge", "filter.x.process", "diff.x.textconv"):
        git(repo, "config", name, str(trap))
    home = tmp_path / "home" / ".gitconfig"
    home.write_text(home.read_text() + f'[filter "x"]\n clean = {trap}\n[core]\n fsmonitor = {trap}\n')
    (repo / ".gitattributes").write_text("* filter=x diff=x\n")
    for hook in ("post-index-change", "pre-commit", "reference-transaction"):
        path = repo / ".git" / "hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text(trap.read_text())
        path.chmod(0o755)
    tree = saver()
    before = await tree.save()
    (repo / "README.md").write_text("changed\n")
    after = await tree.save()
    assert len(await tree.changes(before.saved, after.saved)) == 1
    assert not (tmp_path / "sprung").exists()


async def test_ignored_files_and_nested_repositories_are_left_out_and_links_are_kept_as_links(
    repo: Path, saver: Saver, git: Callable[..., str]
) -> None:
    (repo / "debug.log").write_text("ignored\n")
    (repo / "nested").mkdir()
    git(repo / "nested", "init", "-q")
    (repo / "nested" / "x").write_text("x")
    (repo / "link").symlink_to("/etc/passwd")
    (repo / "plain").write_text("x")
    snapshot = await saver().save()
    assert snapshot.files == 5
    assert snapshot.left_out == ()


async def test_large_files_and_too_many_are_left_out_with_a_reason(repo: Path, saver: Saver) -> None:
    (repo / "big.bin").write_bytes(b"x" * 5000)
    by_size = await saver(SnapshotLimits(file_size=1000)).save()
    assert [(each.path, each.reason) for each in by_size.left_out] == [
        ("big.bin", "5,000 bytes, over the limit of 1,000")
    ]
    by_total = await saver(SnapshotLimits(total_size=4000)).save()
    assert [each.path for each in by_total.left_out] == ["big.bin"]
    by_count = await saver(SnapshotLimits(files=2)).save()
    assert by_count.files == 2
    assert len(by_count.left_out) == 2


async def test_a_file_that_grew_over_the_limit_counts_as_gone_so_that_undo_asks(repo: Path, saver: Saver) -> None:
    tree = saver(SnapshotLimits(file_size=1000))
    before = await tree.save()
    (repo / "README.md").write_bytes(b"x" * 5000)
    after = await tree.save()
    assert [each.path for each in after.left_out] == ["README.md"]
    (change,) = await tree.changes(before.saved, after.saved)
    assert not (change.after and change.after.is_there)


async def test_it_goes_on_after_a_kill_and_after_pruning(repo: Path, saver: Saver, tmp_path: Path) -> None:
    tree = saver()
    first = await tree.save()
    folder = tmp_path / "state" / "project" / "git"
    (folder / "index.lock").write_text("left by a killed git")
    assert (await tree.save()).saved == first.saved
    for path in (folder / "objects").rglob("*"):
        if path.is_file():
            os.utime(path, (1, 1))
    assert prune_checkpoints(tmp_path / "state", 2_000_000_000.0) > 0
    assert (await tree.save()).saved == first.saved
    checked = subprocess.run(
        ["git", "--git-dir", folder, "fsck", "--full"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


async def test_a_snapshot_makes_all_it_holds_young(repo: Path, saver: Saver, tmp_path: Path) -> None:
    tree = saver()
    await tree.save()
    for path in (tmp_path / "state" / "project" / "git" / "objects").rglob("*"):
        if path.is_file():
            os.utime(path, (1, 1))
    await tree.save()
    assert prune_checkpoints(tmp_path / "state", 3_000_000.0) == 0


async def test_a_subfolder_of_a_repository_is_saved_alone(repo: Path, saver: Saver) -> None:
    assert (await saver(root=repo / "src").save()).files == 1


async def test_outside_a_repository_it_says_so(tmp_path: Path, saver: Saver) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    with pytest.raises(UsageError, match="not a git repository"):
        await saver(root=plain).save()


async def test_a_folder_that_cannot_be_written_is_one_clear_error(repo: Path, saver: Saver, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(DiskError, match="Can't save"):
        await saver().save()
