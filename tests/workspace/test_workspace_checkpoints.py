from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from dsterm.core.errors import DiskError, WorkspaceError
from dsterm.core.undo_events import SavedFile
from dsterm.workspace.saved.checkpoints import Checkpoints, project_name
from dsterm.workspace.saved.prune_checkpoints import prune_checkpoints
from dsterm.workspace.saved.saved_bytes import BytesInFolder, BytesInMemory

DAY = 86_400


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"a\r\n\0\xff")
    (folder / "a.bin").chmod(0o750)
    return folder


@pytest.fixture
def checkpoints(root: Path, tmp_path: Path) -> Checkpoints:
    return Checkpoints(root, tmp_path / "state" / "project")


def objects(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "git" / "objects").rglob("*") if path.is_file())


def test_a_saved_file_keeps_bytes_and_mode(checkpoints: Checkpoints) -> None:
    saved, absent = checkpoints.save(["a.bin", "b.bin", "a.bin"])
    assert checkpoints.content(saved) == b"a\r\n\0\xff"
    assert stat.S_IMODE(saved.mode) == 0o750
    assert absent == SavedFile(path="b.bin")


def test_restore_brings_back_all_files_or_none(checkpoints: Checkpoints, root: Path) -> None:
    before = checkpoints.save(["a.bin", "b.bin"])
    (root / "a.bin").unlink()
    (root / "b.bin").write_text("b")
    after = checkpoints.save(["a.bin", "b.bin"])
    checkpoints.restore(before, after)
    assert (root / "a.bin").read_bytes() == b"a\r\n\0\xff"
    assert stat.S_IMODE((root / "a.bin").stat().st_mode) == 0o750
    assert not (root / "b.bin").exists()
    (root / "b.bin").mkdir()
    with pytest.raises(WorkspaceError):
        checkpoints.restore(after, before)
    assert (root / "a.bin").read_bytes() == b"a\r\n\0\xff"


def test_restore_leaves_alone_what_changed_in_the_last_moment(checkpoints: Checkpoints, root: Path) -> None:
    before = checkpoints.save(["a.bin"])
    (root / "a.bin").write_text("other")
    with pytest.raises(WorkspaceError, match="changed just now"):
        checkpoints.restore([SavedFile(path="a.bin")], before)
    assert (root / "a.bin").read_text() == "other"


@pytest.mark.parametrize("path", ["../outside", "link/x", ".git/config", "/etc/passwd"])
def test_nothing_outside_the_workspace_is_saved_or_restored(checkpoints: Checkpoints, root: Path, path: str) -> None:
    (root / "link").symlink_to(root.parent)
    with pytest.raises(WorkspaceError):
        checkpoints.save([path])
    with pytest.raises(WorkspaceError):
        checkpoints.restore([SavedFile(path=path)], [SavedFile(path=path)])


def test_a_folder_that_became_a_link_is_not_followed(checkpoints: Checkpoints, root: Path, tmp_path: Path) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "a").write_text("one")
    before = checkpoints.save(["sub/a"])
    (root / "sub").rename(tmp_path / "elsewhere")
    (root / "sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WorkspaceError):
        checkpoints.restore([SavedFile(path="sub/a")], before)
    assert (tmp_path / "elsewhere" / "a").read_text() == "one"


def test_pipes_and_folders_are_no_files_to_save(checkpoints: Checkpoints, root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "folder").mkdir()
    for path in ("pipe", "folder"):
        with pytest.raises(WorkspaceError):
            checkpoints.save([path])
    assert checkpoints.save_readable(["pipe", "a.bin"]) == checkpoints.save(["a.bin"])


def test_missing_folders_come_outer_ones_first(checkpoints: Checkpoints, root: Path) -> None:
    (root / "there").mkdir()
    assert checkpoints.missing_folders(["there/x/y/a", "there/x/b", "c"]) == ("there/x", "there/x/y")


def test_damaged_and_missing_bytes_are_one_clear_error(checkpoints: Checkpoints, tmp_path: Path) -> None:
    saved = checkpoints.save(["a.bin"])[0]
    kept = objects(tmp_path / "state" / "project")[0]
    kept.chmod(0o600)
    kept.write_bytes(zlib.compress(b"blob 1\0x"))
    with pytest.raises(DiskError, match="damaged"):
        checkpoints.content(saved)
    kept.write_bytes(b"no zlib")
    with pytest.raises(DiskError, match="can't be read"):
        checkpoints.content(saved)
    kept.unlink()
    with pytest.raises(DiskError, match="not kept any more"):
        checkpoints.content(saved)


@pytest.mark.parametrize("name", ["", "../../x", "0" * 63, "0" * 64])
def test_a_name_that_is_none_finds_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(DiskError):
        BytesInFolder(tmp_path).get(name)
    with pytest.raises(DiskError):
        BytesInMemory().get(name)


def test_the_same_bytes_are_kept_once_and_named_alike_in_memory_and_on_disk(tmp_path: Path) -> None:
    on_disk, in_memory = BytesInFolder(tmp_path / "git"), BytesInMemory()
    assert {on_disk.put(b"x"), on_disk.put(b"x"), in_memory.put(b"x")} == {on_disk.put(b"x")}
    assert len(objects(tmp_path)) == 1
    assert on_disk.get(on_disk.put(b"")) == in_memory.get(in_memory.put(b"")) == b""


def test_projects_have_different_readable_names() -> None:
    assert project_name(Path("/home/me/my project")).startswith("my-project-")
    assert project_name(Path("/a/x")) != project_name(Path("/b/x"))
    assert project_name(Path("/")).startswith("root-")


def test_old_files_are_pruned_and_young_ones_stay(checkpoints: Checkpoints, root: Path, tmp_path: Path) -> None:
    old = checkpoints.save(["a.bin"])[0]
    for path in objects(tmp_path / "state" / "project"):
        os.utime(path, (time.time() - 40 * DAY,) * 2)
    (root / "b").write_text("young")
    young = checkpoints.save(["b"])[0]
    (tmp_path / "state" / "project" / "git" / "index").write_text("stale")
    assert prune_checkpoints(tmp_path / "state", time.time()) == 1
    assert checkpoints.content(young) == b"young"
    with pytest.raises(DiskError):
        checkpoints.content(old)
    assert not (tmp_path / "state" / "project" / "git" / "index").exists()


def test_what_is_saved_again_counts_as_young(checkpoints: Checkpoints, tmp_path: Path) -> None:
    saved = checkpoints.save(["a.bin"])[0]
    for path in objects(tmp_path / "state" / "project"):
        os.utime(path, (1, 1))
    checkpoints.save(["a.bin"])
    assert prune_checkpoints(tmp_path / "state", time.time()) == 0
    assert checkpoints.content(saved)


def test_above_the_cap_the_oldest_go_first_and_once_a_day(checkpoints: Checkpoints, root: Path, tmp_path: Path) -> None:
    saved = []
    for number in range(5):
        (root / "big").write_bytes(os.urandom(1000))
        saved.append(checkpoints.save(["big"])[0])
        kept = tmp_path / "state" / "project" / "git" / "objects" / saved[-1].blob[:2] / saved[-1].blob[2:]
        os.utime(kept, (time.time() - 1000 + number,) * 2)
    assert prune_checkpoints(tmp_path / "state", time.time(), cap=2100) == 3
    assert len(checkpoints.content(saved[3])) == len(checkpoints.content(saved[4])) == 1000
    assert prune_checkpoints(tmp_path / "state", time.time() + 1, cap=0) == 0
    assert prune_checkpoints(tmp_path / "state", time.time() + 2 * DAY, cap=0) == 2


def test_pruning_where_nothing_was_ever_saved_does_nothing(tmp_path: Path) -> None:
    assert prune_checkpoints(tmp_path / "none", time.time()) == 0


KILLED = """
import os, sys
from pathlib import Path
from dsterm.workspace.saved.checkpoints import Checkpoints
root, state = Path(sys.argv[1]), Path(sys.argv[2])
with Checkpoints(root, state).writing("s1", ["sub/a", "new/b"], ["new"]):
    (root / "new").mkdir()
    (root / "sub" / f".a.dsterm-{os.getpid()}-0").write_text("staged")
    (root / "new" / f".b.dsterm-{os.getpid()}-1").write_text("staged")
    (root / "sub" / ".a.dsterm-1-0").write_text("of another process")
    print("ready", flush=True)
    if sys.argv[3] == "wait":
        sys.stdin.read()
    os.kill(os.getpid(), 9)
"""


def start(root: Path, state: Path, how: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", KILLED, str(root), str(state), how]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    program = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    return program


def test_what_a_killed_write_left_is_removed_at_the_next_start(root: Path, tmp_path: Path) -> None:
    (root / "sub").mkdir()
    start(root, tmp_path / "state", "now").communicate()
    found = Checkpoints(root, tmp_path / "state").clean_up()
    assert [(each.session, each.files, each.removed) for each in found] == [("s1", ("sub/a", "new/b"), 2)]
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*")) == ["a.bin", "sub", "sub/.a.dsterm-1-0"]
    assert Checkpoints(root, tmp_path / "state").clean_up() == ()


def test_a_write_that_is_still_going_on_elsewhere_is_left_alone(root: Path, tmp_path: Path) -> None:
    (root / "sub").mkdir()
    program = start(root, tmp_path / "state", "wait")
    assert Checkpoints(root, tmp_path / "state").clean_up() == ()
    assert len(list((root / "sub").iterdir())) == 2
    program.communicate()
    assert len(Checkpoints(root, tmp_path / "state").clean_up()) == 1


def test_a_note_that_is_no_note_is_thrown_away(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "writing"
    folder.mkdir(parents=True)
    (folder / "x.json").write_text("{")
    assert Checkpoints(root, tmp_path / "state").clean_up() == ()
    assert list(folder.iterdir()) == []


def test_a_write_that_ends_leaves_no_note(checkpoints: Checkpoints, tmp_path: Path) -> None:
    with checkpoints.writing("s1", ["a"], []):
        assert len(list((tmp_path / "state" / "project" / "writing").iterdir())) == 1
    assert list((tmp_path / "state" / "project" / "writing").iterdir()) == []


def test_a_folder_gives_way_to_a_file_and_comes_back_whole(checkpoints: Checkpoints, root: Path) -> None:
    (root / "place").write_text("file\n")
    as_file = (checkpoints.now("place"), checkpoints.now("place/inner"))
    (root / "place").unlink()
    (root / "place").mkdir()
    (root / "place/inner").write_text("inner\n")
    as_folder = (checkpoints.now("place"), checkpoints.now("place/inner"))
    checkpoints.restore(as_file, as_folder)
    assert (root / "place").read_text() == "file\n"
    checkpoints.restore(as_folder, as_file)
    assert (root / "place/inner").read_text() == "inner\n"


def test_a_folder_that_holds_more_does_not_give_way_and_nothing_is_lost(checkpoints: Checkpoints, root: Path) -> None:
    (root / "place").write_text("file\n")
    as_file = (checkpoints.now("place"), checkpoints.now("place/inner"))
    (root / "place").unlink()
    (root / "place").mkdir()
    (root / "place/inner").write_text("inner\n")
    as_folder = (checkpoints.now("place"), checkpoints.now("place/inner"))
    (root / "place/other").write_text("other\n")
    with pytest.raises(WorkspaceError):
        checkpoints.restore(as_file, as_folder)
    assert [(path.name, path.read_text()) for path in sorted((root / "place").iterdir())] == [
        ("inner", "inner\n"), ("other", "other\n"),
    ]  # fmt: skip
