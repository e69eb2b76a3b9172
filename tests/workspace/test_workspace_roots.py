from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from dsterm.core.errors import ProgramMissing, WorkspaceError
from dsterm.workspace.files.inside import Inside
from dsterm.workspace.files.local import LocalWorkspace
from dsterm.workspace.files.open_folder import OpenFolder
from dsterm.workspace.saved.checkpoints import Checkpoints

Make = Callable[..., LocalWorkspace]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "lib.py").write_text("lib\n")
    return folder


@pytest.fixture
def make(repo: Path, environment: dict[str, str], programs: tuple[Path, ...]) -> Make:
    def build(root: Path = repo, **more: object) -> LocalWorkspace:
        return LocalWorkspace(root, program_folders=programs, environment=environment, **more)

    return build


async def test_an_added_root_is_read_written_and_listed_by_absolute_paths(
    make: Make, repo: Path, library: Path
) -> None:
    workspace = make(extra_roots=(library,))
    path = workspace.resolve(f"{library}/src/lib.py")
    assert workspace.display(path) == str(library / "src" / "lib.py")
    assert workspace.display(workspace.resolve("src/a.py")) == "src/a.py"
    assert workspace.read(path) == b"lib\n"
    workspace.write_all({path: b"new\n", workspace.resolve("src/a.py"): b"both\n", library / "deep" / "x": b"x"})
    assert (library / "src" / "lib.py").read_bytes() == b"new\n"
    assert (repo / "src" / "a.py").read_bytes() == b"both\n"
    assert await workspace.files(workspace.resolve(str(library))) == [
        library / "deep" / "x",
        library / "src" / "lib.py",
    ]
    assert [workspace.display(each) for each in await workspace.files(repo)] == [".gitignore", "README.md", "src/a.py"]


async def test_an_added_root_that_is_a_repository_is_listed_by_git(
    make: Make, library: Path, git: Callable[..., str]
) -> None:
    git(library, "init", "-q")
    (library / ".gitignore").write_text("out/\n")
    (library / "out").mkdir()
    (library / "out" / "x").write_text("x")
    workspace = make(extra_roots=(library,))
    assert [path.name for path in await workspace.files(library)] == [".gitignore", "lib.py"]


@pytest.mark.parametrize(
    "path",
    ["{library}/../secret", "{library}-other/x", "{library}/.git/config", "{library}/link/x", "~/x", "{tmp}/secret"],
)
def test_beside_the_roots_everything_is_closed(make: Make, library: Path, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret").write_text("x")
    (library / "link").symlink_to(tmp_path)
    workspace = make(extra_roots=(library,))
    with pytest.raises(WorkspaceError):
        workspace.resolve(path.format(library=library, tmp=tmp_path))


def test_a_link_from_one_root_into_another_is_followed(make: Make, repo: Path, library: Path) -> None:
    (repo / "lib").symlink_to(library)
    workspace = make(extra_roots=(library,))
    assert workspace.read(workspace.resolve("lib/src/lib.py")) == b"lib\n"
    assert workspace.resolve("../library/src/lib.py") == library / "src" / "lib.py"


def test_roots_may_lie_in_each_other(make: Make, repo: Path, tmp_path: Path) -> None:
    inner = make(extra_roots=(repo / "src",))
    assert inner.read(inner.resolve("src/a.py")) == b"a = 1\n"
    assert inner.facts(repo / "src") is not None
    outer = make(extra_roots=(tmp_path,))
    assert outer.read(outer.resolve(f"{repo}/src/a.py")) == b"a = 1\n"
    assert outer.facts(tmp_path) is not None
    with pytest.raises(WorkspaceError, match="belongs to git"):
        outer.resolve(f"{repo}/.git/config")


async def test_programs_in_an_added_root_are_never_run(
    repo: Path, library: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (library / "rg").write_text("#!/bin/sh\necho pwned\n")
    (library / "rg").chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "rg").symlink_to(library / "rg")
    path = {"PATH": f"{library}{os.pathsep}{environment['PATH']}"}
    folders = (library, tmp_path / "bin")
    workspace = LocalWorkspace(repo, program_folders=folders, environment=path, extra_roots=(library,))
    with pytest.raises(ProgramMissing):
        await workspace.run(["rg"], timeout=5, cap=100)
    plain = LocalWorkspace(repo, program_folders=(Path("/usr/bin"),), environment=path, extra_roots=(library,))
    assert str(library).encode() not in (await plain.run(["env"], timeout=5, cap=10_000)).stdout


def test_a_root_that_is_no_folder_is_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="is not a folder"):
        make(extra_roots=(tmp_path / "nope",))


@pytest.fixture
def own(tmp_path: Path) -> tuple[Path, ...]:
    folders = (tmp_path / "home" / "config", tmp_path / "home" / "state", tmp_path / "home" / "cache")
    for folder in folders[:2]:
        folder.mkdir(parents=True)
        (folder / "key").write_text("secret")
    return folders


@pytest.mark.parametrize(
    "path", ["config/key", "config", "state/new/file", "cache/clones", "src/../config/key", "link/key"]
)
async def test_the_folders_of_dsterm_are_closed_in_a_workspace_that_holds_them(
    make: Make, tmp_path: Path, own: tuple[Path, ...], path: str
) -> None:
    home = tmp_path / "home"
    (home / "link").symlink_to(home / "config")
    workspace = make(home, closed=own)
    for spelling in (path, f"{home}/{path}"):
        with pytest.raises(WorkspaceError, match="belongs to dsterm"):
            workspace.resolve(spelling)
    with pytest.raises(WorkspaceError):
        workspace.read(home / path)
    with pytest.raises(WorkspaceError):
        workspace.write_all({home / path: b"x"})
    assert await workspace.files(home) == []
    checkpoints = Checkpoints(home, None, closed=own)
    with pytest.raises(WorkspaceError):
        checkpoints.save([path])
    assert (own[0] / "key").read_text() == "secret"


def test_the_folders_of_dsterm_are_no_workspace(make: Make, own: tuple[Path, ...], tmp_path: Path) -> None:
    (own[0] / "sub").mkdir()
    (tmp_path / "alias").symlink_to(own[0])
    for root in (own[0], own[0] / "sub", tmp_path / "alias"):
        with pytest.raises(WorkspaceError, match="belongs to dsterm"):
            make(root, closed=own)
        with pytest.raises(WorkspaceError, match="belongs to dsterm"):
            make(extra_roots=(root,), closed=own)


def test_a_closed_folder_is_told_by_what_it_is_and_not_by_its_name(tmp_path: Path) -> None:
    home = tmp_path / "real-home"
    (home / "own").mkdir(parents=True)
    (home / "own" / "key").write_text("secret")
    inside = Inside(home, closed=(home / "OWN",))
    # As where `own` and `OWN` are one folder: the name is another, and the system says that it is the same.
    (home / "OWN").symlink_to("own")
    with pytest.raises(OSError, match="closed to tools"):
        inside.open_regular(home / "own" / "key")


def test_a_git_folder_by_any_other_name_is_closed(make: Make, repo: Path, git: Callable[..., str]) -> None:
    (repo / ".git").rename(repo / "elsewhere")
    (repo / ".git").write_text("gitdir: elsewhere\n")
    workspace = make()
    for path in ("elsewhere/config", "elsewhere/hooks/pre-commit", "elsewhere"):
        with pytest.raises(WorkspaceError, match="belongs to git"):
            workspace.resolve(path)
    (repo / ".git").unlink()
    (repo / ".git").symlink_to("elsewhere")
    with pytest.raises(WorkspaceError, match="belongs to git"):
        make().resolve("elsewhere/config")


@pytest.mark.parametrize("named", [".", "..", "src", "/", "nowhere"])
def test_a_git_file_that_lies_closes_nothing(make: Make, repo: Path, named: str) -> None:
    (repo / ".git").rename(repo.parent / "moved")
    (repo / ".git").write_text(f"gitdir: {named}\n")
    assert make().read(repo / "src" / "a.py") == b"a = 1\n"


@pytest.mark.parametrize(
    "path", ["/proc/self/environ", "/proc/self/root/etc/passwd", "/sys/kernel/notes", "/dev/null", "/dev/fd/0"]
)
def test_what_the_system_shows_of_itself_is_closed_even_where_everything_is_a_root(make: Make, path: str) -> None:
    workspace = make(extra_roots=(Path("/"),))
    with pytest.raises(WorkspaceError):
        workspace.resolve(path)
    with pytest.raises(WorkspaceError):
        workspace.read(Path(path))
    with pytest.raises(WorkspaceError, match="system"):
        make(Path("/proc"))


def test_pipes_sockets_and_devices_are_never_opened(make: Make, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make()
    os.mkfifo(repo / "pipe")
    monkeypatch.chdir(repo)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("sock")
    opened: list[str] = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *rest, **more: opened.append(str(path)) or real(path, *rest, **more))
    for name in ("pipe", "sock"):
        with pytest.raises(WorkspaceError):
            workspace.read(repo / name)
        with OpenFolder.at(repo) as folder, pytest.raises(OSError, match="no regular file"):
            folder.open_regular(name)
        with pytest.raises(WorkspaceError):
            workspace.write_all({repo / name: b"x"})
    assert not {"pipe", "sock"} & set(opened)


async def test_a_listing_walks_into_no_link_and_no_closed_folder(tmp_path: Path, make: Make) -> None:
    plain = tmp_path / "plain"
    (plain / "sub").mkdir(parents=True)
    (plain / "sub" / "a").write_text("a")
    (plain / "own").mkdir()
    (plain / "own" / "key").write_text("k")
    (plain / "loop").symlink_to(plain)
    (plain / "out").symlink_to(tmp_path / "home")
    workspace = make(plain, closed=(plain / "own",))
    assert [workspace.display(path) for path in await workspace.files(plain)] == ["sub/a"]


def test_checkpoints_save_and_restore_added_roots(repo: Path, library: Path, tmp_path: Path) -> None:
    checkpoints = Checkpoints(repo, tmp_path / "state", extra_roots=(library,))
    paths = [str(library / "src" / "lib.py"), "src/a.py", str(library / "new" / "x")]
    before = checkpoints.save(paths)
    assert [saved.path for saved in before] == paths
    assert checkpoints.missing_folders(paths) == (str(library / "new"),)
    with checkpoints.writing("s", paths, checkpoints.missing_folders(paths)):
        (library / "src" / "lib.py").write_text("changed")
        (repo / "src" / "a.py").write_text("changed")
        (library / "new").mkdir()
        (library / "new" / "x").write_text("x")
    checkpoints.restore(before, checkpoints.save(paths))
    checkpoints.drop_folders([str(library / "new")])
    assert (library / "src" / "lib.py").read_text() == "lib\n"
    assert (repo / "src" / "a.py").read_text() == "a = 1\n"
    assert not (library / "new").exists()
    checkpoints.make_folders([str(library / "new")])
    assert (library / "new").is_dir()
    with pytest.raises(WorkspaceError):
        Checkpoints(repo, None).save(paths)


async def test_without_descriptors_paths_do_the_same_but_for_the_race(
    make: Make, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dsterm.workspace.files.open_folder.HAS_DESCRIPTORS", False)
    workspace = make()
    workspace.write_all(
        {repo / "src" / "a.py": b"a = 2\n", repo / "new" / "deep" / "x": b"x", repo / "README.md": None}
    )
    assert workspace.read(repo / "src" / "a.py") == b"a = 2\n"
    assert [workspace.display(path) for path in await workspace.files(repo)] == [".gitignore", "new/deep/x", "src/a.py"]
    (repo / "new" / "deep").rename(tmp_path / "moved")
    (repo / "new" / "deep").symlink_to(tmp_path / "moved")
    inside = Inside(repo)
    for use in (inside.stat, inside.open_regular):
        with pytest.raises(OSError, match="has become a link"):
            use(repo / "new" / "deep" / "x")
    checkpoints = Checkpoints(repo, None)
    saved = checkpoints.save(["new/deep"])
    (repo / "new" / "deep").unlink()
    checkpoints.restore(saved, checkpoints.save(["new/deep"]))
    assert (repo / "new" / "deep").readlink() == tmp_path / "moved"
