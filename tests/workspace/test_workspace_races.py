from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from source_surveys import read, survey

from dsterm.core.errors import WorkspaceError
from dsterm.core.undo_events import SavedFile
from dsterm.workspace.files.inside import Inside
from dsterm.workspace.files.local import LocalWorkspace
from dsterm.workspace.git.git_hardening import GitDoor
from dsterm.workspace.programs import find_program
from dsterm.workspace.saved.checkpoints import Checkpoints
from dsterm.workspace.saved.saved_bytes import BytesInFolder
from dsterm.workspace.saved.tree_snapshot import SnapshotLimits, TreeSaver
from dsterm.workspace.sources.sources import Sources

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="links are swapped by a call that only Linux has")

SECONDS = 1.2
AT_CWD = -100
RENAME_EXCHANGE = 2
LIBRARY = ctypes.CDLL(None, use_errno=True)
SECRET = b"outside: nobody may read or change this\n"
INSIDE = b"inside\n"


@pytest.fixture
def root(repo: Path) -> Path:
    (repo / "sub").mkdir()
    (repo / "sub" / "a").write_bytes(INSIDE)
    return repo


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "a").write_bytes(SECRET)
    return folder


def exchange(one: Path, other: Path) -> None:
    """Both names stay there all the time: the system swaps them in one step."""
    if LIBRARY.renameat2(AT_CWD, os.fsencode(one), AT_CWD, os.fsencode(other), RENAME_EXCHANGE) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


def swap_folder(root: Path, outside: Path) -> None:
    if not (root / "evil").is_symlink():
        (root / "evil").symlink_to(outside)
    exchange(root / "sub", root / "evil")
    exchange(root / "sub", root / "evil")


def swap_file(root: Path, outside: Path) -> None:
    if not (root / "sub" / "evil").is_symlink():
        (root / "sub" / "evil").symlink_to(outside / "a")
    exchange(root / "sub" / "a", root / "sub" / "evil")
    exchange(root / "sub" / "a", root / "sub" / "evil")


@contextmanager
def swapping(swap: Callable[[Path, Path], None], root: Path, outside: Path) -> Iterator[list[int]]:
    """Somebody swaps as fast as they can; how often they did."""
    swaps = [0]
    is_over = threading.Event()

    def loop() -> None:
        while not is_over.is_set():
            swap(root, outside)
            swaps[0] += 1

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield swaps
    finally:
        is_over.set()
        thread.join()


def attempts(act: Callable[[], None]) -> int:
    end, tried = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        act()
        tried += 1
    return tried


def assert_untouched(outside: Path) -> None:
    assert [path.name for path in outside.iterdir()] == ["a"]
    assert (outside / "a").read_bytes() == SECRET


@pytest.mark.parametrize("swap", [swap_folder, swap_file])
def test_reading_while_links_are_swapped_in_never_reads_outside(
    workspace: LocalWorkspace, root: Path, outside: Path, swap: Callable[[Path, Path], None]
) -> None:
    read: set[bytes] = set()
    sizes: set[int] = set()

    def act() -> None:
        try:
            read.add(workspace.read(root / "sub" / "a"))
            if facts := workspace.facts(root / "sub" / "a"):
                sizes.add(facts.size)
        except WorkspaceError:
            pass

    with swapping(swap, root, outside) as swaps:
        tried = attempts(act)
    assert tried > 300
    assert swaps[0] > 50
    assert read == {INSIDE}
    # A link is seen as a link, whose size is that of its words.
    assert sizes <= {len(INSIDE), len(str(outside / "a"))}


def test_writing_while_a_folder_is_swapped_never_writes_outside(
    workspace: LocalWorkspace, root: Path, outside: Path
) -> None:
    done: list[bool] = []

    def act() -> None:
        try:
            workspace.write_all(
                {root / "sub" / "a": INSIDE, root / "sub" / "new" / "b": b"b", root / "sub" / "c": b"c"}
            )
            done.append(True)
            workspace.write_all({root / "sub" / "c": None})
        except WorkspaceError:
            done.append(False)

    with swapping(swap_folder, root, outside) as swaps:
        attempts(act)
    assert swaps[0] > 50
    assert True in done
    assert False in done
    assert_untouched(outside)
    assert not [name for place, _, names in os.walk(root) for name in names if "dsterm" in name]


def test_saving_and_restoring_while_a_folder_is_swapped_stays_inside(root: Path, outside: Path, tmp_path: Path) -> None:
    checkpoints = Checkpoints(root, None)
    before = checkpoints.keep("sub/a", INSIDE, 0o100644)
    other = checkpoints.keep("sub/a", b"other\n", 0o100644)
    saved: set[bytes] = set()

    def act() -> None:
        try:
            (now,) = checkpoints.save(["sub/a"])
            saved.add(checkpoints.content(now))
            checkpoints.restore([before if now == other else other], [now])
            checkpoints.make_folders(["sub/made"])
            checkpoints.drop_folders(["sub/made"])
        except WorkspaceError:
            pass

    with swapping(swap_folder, root, outside):
        attempts(act)
    assert saved == {INSIDE, b"other\n"}
    assert_untouched(outside)


async def test_whole_snapshots_while_a_folder_is_swapped_hold_nothing_from_outside(
    root: Path,
    outside: Path,
    sources: Sources,
    tmp_path: Path,
    environment: dict[str, str],
    programs: tuple[Path, ...],
) -> None:
    program = find_program("git", programs, outside=root)
    assert program is not None
    saved = BytesInFolder(tmp_path / "state" / "git")
    tree = TreeSaver(GitDoor(program, environment, outside=root), Inside(root), saved, SnapshotLimits())
    attached = set()
    with swapping(swap_folder, root, outside):
        end = time.monotonic() + 2
        while time.monotonic() < end:
            await tree.save()
            attached |= {one.data for one in (await read(sources, await survey(sources))).values()}
    kept = {saved.get(path.parent.name + path.name) for path in (saved.folder / "objects").glob("??/*")}
    assert SECRET not in attached
    assert not [data for data in kept if SECRET in data]


def test_a_leftover_note_leads_nowhere_outside(root: Path, outside: Path, tmp_path: Path) -> None:
    (outside / ".a.dsterm-1-0").write_bytes(b"not ours")
    (root / "link").symlink_to(outside)
    notes = tmp_path / "state" / "writing"
    notes.mkdir(parents=True)
    (notes / "x.json").write_text(
        '{"session":"s","process":1,"files":["link/a"],"folders":["link","../outside"],"made":["../outside"]}'
    )
    (found,) = Checkpoints(root, tmp_path / "state").clean_up()
    assert found.removed == 0
    assert (outside / ".a.dsterm-1-0").exists()


def test_a_restore_over_a_link_replaces_the_link(root: Path, outside: Path) -> None:
    checkpoints = Checkpoints(root, None)
    saved = checkpoints.save(["sub/a"])
    (root / "sub" / "a").unlink()
    (root / "sub" / "a").symlink_to(outside / "a")
    checkpoints.restore(saved, checkpoints.save(["sub/a"]))
    assert (root / "sub" / "a").read_bytes() == INSIDE
    assert not (root / "sub" / "a").is_symlink()
    checkpoints.restore([SavedFile(path="sub/a")], saved)
    assert_untouched(outside)
