from __future__ import annotations

import errno
import os
import resource
import stat
import sys
from pathlib import Path

import pytest

from dsterm.core.errors import WorkspaceError
from dsterm.workspace.files.atomic_write import write_together
from dsterm.workspace.files.inside import Inside


def standing(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    (folder / "sub").mkdir(parents=True)
    for name, mode in (("one", 0o644), ("two", 0o755), ("sub/three", 0o600)):
        (folder / name).write_text(f"old {name}\n")
        (folder / name).chmod(mode)
    return folder


def changes(place: Path) -> dict[Path, bytes | None]:
    return {
        place / "one": b"new one\n",
        place / "two": None,
        place / "sub" / "three": b"new three\n",
        place / "deep" / "er" / "four": b"new four\n",
    }


STEPS = {
    "open": (os, "open"),
    "fsync": (os, "fsync"),
    "fchmod": (os, "fchmod"),
    "link": (os, "link"),
    "rename": (os, "replace"),
    "delete": (os, "unlink"),
    "mkdir": (os, "mkdir"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("nth", range(4))
def test_a_failure_at_any_step_leaves_every_file_whole_and_nothing_beside_it(place, monkeypatch, step, nth):
    before = standing(place)
    owner, name = STEPS[step]
    real = getattr(owner, name)
    calls = 0

    def failing(*arguments, **more):
        nonlocal calls
        calls += 1
        if calls == nth + 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments, **more)

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, failing)
        try:
            write_together(Inside(place), changes(place))
        except WorkspaceError as error:
            problem = str(error)
        else:
            problem = ""
    if not problem:
        # A second name that could not be made is a copy, and tidying up after the last file can't undo it.
        assert calls <= nth or step in {"link", "delete", "fsync", "open"}
        assert {name: data for name, (data, _) in standing(place).items() if ".dsterm-" not in name} == {
            "one": b"new one\n",
            "sub/three": b"new three\n",
            "deep/er/four": b"new four\n",
        }
        return
    assert "No space left on device" in problem and problem.endswith("Nothing was changed.")
    assert standing(place) == before
    assert not (place / "deep").exists()


def test_a_file_system_without_hard_links_gets_copies(place, monkeypatch):
    def refuse(*_names, **_more):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    write_together(Inside(place), changes(place))
    assert {name: data for name, (data, _) in standing(place).items()} == {
        "one": b"new one\n",
        "sub/three": b"new three\n",
        "deep/er/four": b"new four\n",
    }
    before = standing(place)
    with pytest.raises(WorkspaceError, match="Nothing was changed"):
        write_together(Inside(place), {place / "one": b"x", place / "sub" / "three" / "below": b"x"})
    assert standing(place) == before


def test_modes_are_kept_or_given(place):
    write_together(
        Inside(place),
        changes(place) | {place / "two": b"x"},
        {place / "one": 0o750, place / "deep" / "er" / "four": 0o700},
    )
    modes = {name: mode for name, (_, mode) in standing(place).items()}
    assert modes == {"one": 0o750, "two": 0o755, "sub/three": 0o600, "deep/er/four": 0o700}


@pytest.mark.skipif(sys.platform != "linux", reason="extended attributes are tried on Linux only")
def test_extended_attributes_are_kept(place):
    try:
        os.setxattr(place / "one", "user.note", b"mine")
    except OSError:
        pytest.skip("the file system has none")
    write_together(Inside(place), {place / "one": b"new"})
    assert os.getxattr(place / "one", "user.note") == b"mine"


def test_a_disk_that_is_full_in_the_middle_of_a_file_leaves_all_as_it_was(place):
    before = standing(place)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(WorkspaceError, match=r"two could not be written: .*Nothing was changed"):
            write_together(Inside(place), {place / "one": b"new", place / "two": b"x" * 200_000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert standing(place) == before


def test_a_read_only_folder_and_file_are_said(place):
    (place / "sub").chmod(0o555)
    if os.access(place / "sub", os.W_OK):
        pytest.skip("nothing is read-only for root")
    with pytest.raises(WorkspaceError, match="three could not be written: Permission denied"):
        write_together(Inside(place), changes(place))
    (place / "sub").chmod(0o755)
    (place / "one").chmod(0o444)
    with pytest.raises(WorkspaceError, match="it is read-only"):
        write_together(Inside(place), changes(place))
    (place / "one").chmod(0o644)
    assert (place / "one").read_text() == "old one\n" and (place / "two").exists()
