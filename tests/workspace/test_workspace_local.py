from __future__ import annotations

import asyncio
import os
import stat
import time
from pathlib import Path

import pytest

from dsterm.core.errors import ProgramMissing, WorkspaceError
from dsterm.workspace.files.atomic_write import write_together
from dsterm.workspace.files.inside import Inside
from dsterm.workspace.files.local import LocalWorkspace
from dsterm.workspace.process import Launch, run_program
from dsterm.workspace.programs import find_program


def all_bytes(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_writing_keeps_the_mode_and_makes_parents(workspace, repo):
    script = workspace.resolve("run.sh")
    script.write_bytes(b"old")
    script.chmod(0o751)
    new = workspace.resolve("deep/er/new.txt")
    workspace.write_all({script: b"new", new: b"x"})
    assert script.read_bytes() == b"new"
    assert stat.S_IMODE(script.stat().st_mode) == 0o751
    assert new.read_bytes() == b"x"
    assert stat.S_IMODE(new.stat().st_mode) == 0o666 & ~current_umask()
    assert not list(repo.rglob("*.dsterm-*")) and not list(repo.rglob(".*.dsterm-*"))


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_writing_through_a_link_changes_its_target_and_keeps_the_link(workspace, repo):
    (repo / "link").symlink_to("src/a.py")
    workspace.write_all({workspace.resolve("link"): b"b = 2\n"})
    assert (repo / "link").is_symlink()
    assert (repo / "src" / "a.py").read_bytes() == b"b = 2\n"


def test_a_write_whose_second_file_fails_changes_nothing(workspace, repo):
    before = all_bytes(repo)
    with pytest.raises(WorkspaceError, match="Nothing was changed"):
        workspace.write_all(
            {
                workspace.resolve("src/a.py"): b"changed",
                workspace.resolve("fresh/one.txt"): b"new",
                workspace.resolve("README.md/impossible"): b"x",
            }
        )
    assert all_bytes(repo) == before
    assert not (repo / "fresh").exists()


def test_a_failure_while_putting_files_in_place_puts_all_back(tmp_path):
    first, gone, blocked = tmp_path / "first", tmp_path / "gone", tmp_path / "blocked"
    first.write_bytes(b"1")
    gone.write_bytes(b"2")

    class Trap(dict[Path, bytes | None]):
        rounds = 0

        def items(self):
            # Between the two rounds, staging and placing, someone makes a folder where a file should go.
            self.rounds += 1
            if self.rounds == 2:
                blocked.mkdir()
            return super().items()

    changes = Trap({first: b"changed", gone: None, blocked: b"x"})
    with pytest.raises(WorkspaceError, match="Nothing was changed"):
        write_together(Inside(tmp_path), changes)
    assert first.read_bytes() == b"1" and gone.read_bytes() == b"2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blocked", "first", "gone"]


def test_deleting_and_writing_land_together(workspace, repo):
    workspace.write_all({workspace.resolve("README.md"): None, workspace.resolve("NEWS.md"): b"n"})
    assert not (repo / "README.md").exists()
    assert (repo / "NEWS.md").read_bytes() == b"n"


def test_a_folder_that_became_a_link_after_resolving_is_refused(workspace, repo, tmp_path):
    path = workspace.resolve("src/a.py")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.py").write_text("secret")
    (repo / "src").rename(repo / "old")
    (repo / "src").symlink_to(outside)
    with pytest.raises(WorkspaceError):
        workspace.read(path)
    with pytest.raises(WorkspaceError):
        workspace.write_all({path: b"x"})
    assert (outside / "a.py").read_text() == "secret"


def test_reading_says_what_is_wrong(workspace, repo):
    with pytest.raises(WorkspaceError, match=r"no file nope\.py"):
        workspace.read(workspace.resolve("nope.py"))
    with pytest.raises(WorkspaceError, match="is a folder"):
        workspace.read(workspace.resolve("src"))
    with (repo / "big").open("wb") as stream:
        stream.truncate(20_000_001)
    with pytest.raises(WorkspaceError, match="grep"):
        workspace.read(workspace.resolve("big"))


def test_a_root_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(WorkspaceError, match="--cwd"):
        LocalWorkspace(tmp_path / "nope", program_folders=())


async def test_files_are_those_that_git_does_not_ignore(workspace, repo, tmp_path):
    (repo / "ignored").mkdir()
    (repo / "ignored" / "x.py").write_text("x")
    (repo / "new file.txt").write_text("x")
    (repo / "debug.log").write_text("x")
    (repo / "README.md").unlink()
    (repo / "link").symlink_to(tmp_path / "home")
    names = [workspace.display(path) for path in await workspace.files(repo)]
    assert names == [".gitignore", "new file.txt", "src/a.py"]
    assert [workspace.display(path) for path in await workspace.files(repo / "ignored")] == ["ignored/x.py"]


async def test_files_without_git_are_walked_without_hidden_and_installed_ones(tmp_path, programs, environment):
    folder = tmp_path / "plain"
    for name in ("a.txt", ".hidden", "node_modules/x.js", ".venv/y.py", "sub/b.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    plain = LocalWorkspace(folder, program_folders=programs, environment=environment)
    assert [plain.display(path) for path in await plain.files(plain.root)] == ["a.txt", "sub/b.txt"]


async def test_programs_run_without_keys_terminal_or_input(workspace):
    done = await workspace.run(["env"], timeout=5, cap=10_000)
    assert b"secret" not in done.stdout and b"PATH=" in done.stdout
    done = await workspace.run(["cat"], timeout=5, cap=10)
    assert done.stdout == b""


async def test_programs_inside_the_workspace_are_never_run(tmp_path, repo, environment):
    fake = repo / "bin" / "rg"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho pwned\n")
    fake.chmod(0o755)
    (tmp_path / "outside-link").symlink_to(fake.parent)
    own = LocalWorkspace(repo, program_folders=(fake.parent, tmp_path / "outside-link"), environment=environment)
    with pytest.raises(ProgramMissing):
        await own.run(["rg"], timeout=5, cap=100)
    with pytest.raises(ProgramMissing):
        await own.run([str(fake)], timeout=5, cap=100)


def test_a_program_is_not_found_in_a_workspace_that_is_named_by_a_link(tmp_path, repo):
    (repo / "rg").write_text("#!/bin/sh\n")
    (repo / "rg").chmod(0o755)
    (tmp_path / "alias").symlink_to(repo)
    for folder in (repo, tmp_path / "alias"):
        assert find_program("rg", [folder]) == folder / "rg"
        assert find_program("rg", [folder], outside=tmp_path / "alias") is None
        assert find_program("rg", [folder], outside=repo) is None


async def test_a_program_that_takes_too_long_is_ended_with_its_children(workspace, tmp_path):
    mark = tmp_path / "mark"
    start = time.monotonic()
    with pytest.raises(WorkspaceError, match=r"longer than 0\.3 seconds"):
        await workspace.run(["sh", "-c", f"(sleep 2; touch {mark}) & wait"], timeout=0.3, cap=100)
    assert time.monotonic() - start < 2
    await asyncio.sleep(2.2)
    assert not mark.exists()


async def test_output_beyond_the_cap_ends_the_program(workspace):
    done = await workspace.run(["yes"], timeout=5, cap=1000)
    assert done.is_cut and len(done.stdout) == 1000


async def test_cancelling_ends_the_program(tmp_path):
    mark = tmp_path / "mark"
    launch = Launch(
        program=Path("/bin/sh"),
        arguments=("-c", f"sleep 1; touch {mark}"),
        folder=tmp_path,
        environment={"PATH": "/usr/bin:/bin"},
        timeout=5,
        cap=100,
    )
    task = asyncio.create_task(run_program(launch))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(1.2)
    assert not mark.exists()
