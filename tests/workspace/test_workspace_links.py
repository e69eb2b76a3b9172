from __future__ import annotations

import os
import stat
import sys
import time
from pathlib import Path

import pytest

from dsterm.core.errors import WorkspaceError
from dsterm.workspace.files import atomic_write, beside
from dsterm.workspace.files.atomic_write import Link, write_together
from dsterm.workspace.files.inside import Inside
from dsterm.workspace.files.seen_files import SeenFiles
from dsterm.workspace.git.git import Git
from dsterm.workspace.saved.checkpoints import Checkpoints


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0


@pytest.fixture
def checkpoints(repo: Path, tmp_path: Path, door: Git) -> Checkpoints:
    return Checkpoints(repo, tmp_path / "state", door=door.door)


def test_a_link_is_saved_and_restored_as_a_link(checkpoints: Checkpoints, repo: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("outside")
    (repo / "link").symlink_to(tmp_path / "secret")
    saved = checkpoints.save(["link"])
    assert stat.S_ISLNK(saved[0].mode)
    assert checkpoints.content(saved[0]) == os.fsencode(tmp_path / "secret")
    (repo / "link").unlink()
    checkpoints.restore(saved, checkpoints.save(["link"]))
    assert (repo / "link").readlink() == tmp_path / "secret"
    (repo / "link").unlink()
    (repo / "link").write_text("a file")
    checkpoints.restore(saved, checkpoints.save(["link"]))
    assert (repo / "link").readlink() == tmp_path / "secret"
    assert (tmp_path / "secret").read_text() == "outside"
    assert checkpoints.save_readable(["link"]) == saved


async def test_links_that_a_command_made_changed_and_deleted_are_taken_back(
    checkpoints: Checkpoints, repo: Path, tmp_path: Path
) -> None:
    (repo / "deleted").symlink_to("src/a.py")
    (repo / "changed").symlink_to("README.md")
    (repo / "replaced").symlink_to("/nowhere")
    (repo / "file").write_text("f\n")
    saver = checkpoints.tree_saver()
    assert saver is not None
    before = await saver.save()
    (repo / "deleted").unlink()
    (repo / "changed").unlink()
    (repo / "changed").symlink_to(tmp_path)
    (repo / "replaced").unlink()
    (repo / "replaced").write_text("now a file\n")
    (repo / "file").unlink()
    (repo / "file").symlink_to("/etc/passwd")
    (repo / "made").symlink_to("\udcff odd")
    after = await saver.save()
    changes = await saver.changes(before.saved, after.saved)
    assert [change.path for change in changes] == ["changed", "deleted", "file", "made", "replaced"]
    checkpoints.restore([each.before for each in changes], [each.after for each in changes if each.after])
    assert (await saver.save()).saved == before.saved
    assert (repo / "replaced").readlink() == Path("/nowhere")
    checkpoints.restore([each.after for each in changes if each.after], [each.before for each in changes])
    assert (await saver.save()).saved == after.saved


def test_a_batch_that_fails_puts_links_back(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / "one").symlink_to("src/a.py")
    (repo / "two").write_text("2")

    def refuse(*_names: object, **_more: object) -> None:
        raise OSError(95, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    changes = {repo / "one": Link("elsewhere"), repo / "two": None, repo / "src": b"a folder stands there"}
    with pytest.raises(WorkspaceError, match="Nothing was changed"):
        write_together(Inside(repo), changes, replaces_links=True)
    assert (repo / "one").readlink() == Path("src/a.py")
    assert (repo / "two").read_text() == "2"
    write_together(Inside(repo), {repo / "one": Link("elsewhere"), repo / "two": Link("x")}, replaces_links=True)
    assert (repo / "one").readlink() == Path("elsewhere")
    assert sorted(path.name for path in repo.iterdir()) == [".git", ".gitignore", "README.md", "one", "src", "two"]


def test_a_link_in_the_place_of_a_file_is_not_overwritten_by_a_tool(repo: Path) -> None:
    (repo / "one").symlink_to("src/a.py")
    with pytest.raises(WorkspaceError, match="become a link"):
        write_together(Inside(repo), {repo / "one": b"x"})
    assert (repo / "one").is_symlink()


def test_more_folders_than_may_be_open_are_written_together(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic_write, "_MOST_OPEN", 4)
    changes = {repo / f"d{number}" / "x": b"new" for number in range(20)}
    write_together(Inside(repo), changes)
    open_now = open_files()
    with pytest.raises(WorkspaceError, match="Nothing was changed"):
        write_together(Inside(repo), {**dict.fromkeys(changes, b"newer"), repo / "src" / "a.py" / "x": b""})
    assert all(path.read_bytes() == b"new" for path in changes)
    assert open_files() == open_now


def test_a_folder_that_another_took_the_place_of_is_not_written_to(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic_write, "_MOST_OPEN", 1)
    (repo / "other").mkdir()
    real = beside.open_beside

    def swap_after(folder, name):
        done = real(folder, name)
        if name == "b":
            (repo / "src").rename(repo / "old")
            (repo / "src").mkdir()
            (repo / "src" / "a.py").write_text("somebody else's\n")
        return done

    monkeypatch.setattr(atomic_write, "open_beside", swap_after)
    with pytest.raises(WorkspaceError, match="another folder has taken the place"):
        write_together(Inside(repo), {repo / "src" / "a.py": b"x", repo / "other" / "b": b"x"})
    assert (repo / "src" / "a.py").read_text() == "somebody else's\n"
    assert (repo / "old" / "a.py").read_text() == "a = 1\n"


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31mb", " ", "a\\b"])
async def test_what_a_command_called_oddly_can_be_taken_back(checkpoints: Checkpoints, repo: Path, name: str) -> None:
    saver = checkpoints.tree_saver()
    assert saver is not None
    before = await saver.save()
    (repo / name).write_text("odd")
    after = await saver.save()
    changes = await saver.changes(before.saved, after.saved)
    assert [change.path for change in changes] == [name]
    checkpoints.restore([each.before for each in changes], [each.after for each in changes if each.after])
    assert not (repo / name).exists()


async def test_a_name_that_is_no_text_is_left_out(checkpoints: Checkpoints, repo: Path) -> None:
    (repo / os.fsdecode(b"bad\xff")).write_text("x")
    saver = checkpoints.tree_saver()
    assert saver is not None
    assert [each.reason for each in (await saver.save()).left_out] == ["its name is not plain text"]


async def test_a_file_that_kept_its_time_and_size_is_still_seen_to_have_changed(
    checkpoints: Checkpoints, repo: Path
) -> None:
    saver = checkpoints.tree_saver()
    assert saver is not None
    os.utime(repo / "README.md", (1000, 1000))
    first = await saver.save()
    (repo / "README.md").write_text("# HELLO\n")
    os.utime(repo / "README.md", (1000, 1000))
    second = await saver.save()
    assert [change.path for change in await saver.changes(first.saved, second.saved)] == ["README.md"]


def test_what_was_just_written_is_not_taken_for_unchanged(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("x")
    facts = (tmp_path / "old").stat()
    soon, later = facts.st_ctime_ns + 10**9, facts.st_ctime_ns + 10**10
    for now, expected in ((soon, ""), (later, "name")):
        seen = SeenFiles(tmp_path / "seen", now)
        seen.note("old", facts, "name")
        seen.keep()
        assert SeenFiles(tmp_path / "seen", now).blob("old", facts) == expected
    (tmp_path / "seen").write_bytes(b"\xc1 cut off")
    assert SeenFiles(tmp_path / "seen", later).blob("old", facts) == ""


async def test_saving_again_reads_nothing_that_has_not_changed(
    checkpoints: Checkpoints, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saver = checkpoints.tree_saver()
    assert saver is not None
    saver._now = lambda: time.time_ns() + 10**10  # as if all of it were old
    first = await saver.save()

    def refuse(*_arguments: object) -> int:
        raise AssertionError

    monkeypatch.setattr("dsterm.workspace.files.open_folder.OpenFolder.open_regular", refuse)
    assert (await saver.save()).saved == first.saved


def test_there_is_no_tree_saver_without_git_a_repository_or_a_folder(repo: Path, tmp_path: Path, door: Git) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    assert Checkpoints(plain, tmp_path / "state", door=door.door).tree_saver() is None
    assert Checkpoints(repo, None, door=door.door).tree_saver() is None
    assert Checkpoints(repo, tmp_path / "state").tree_saver() is None
