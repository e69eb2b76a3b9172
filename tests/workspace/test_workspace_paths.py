from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from dsterm.core.errors import WorkspaceError
from dsterm.workspace.files.paths import display_path, resolve_inside


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = (tmp_path / "work").resolve()
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "a.py").write_text("a\n")
    (folder / ".git" / "hooks").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("path", ["src/a.py", "./src/a.py", "src/../src/a.py", "src//a.py"])
def test_a_path_inside_is_found(root, path):
    assert resolve_inside(path, root) == root / "src" / "a.py"


def test_an_absolute_path_inside_and_a_new_one_are_found(root):
    assert resolve_inside(str(root / "src"), root) == root / "src"
    assert resolve_inside("new/deep/file", root) == root / "new" / "deep" / "file"
    assert resolve_inside(".", root) == root


@pytest.mark.parametrize("path", ["../x", "src/../../x", "/etc/passwd", "/", "..", "src/../../work2/a"])
def test_a_path_outside_is_refused(root, path):
    with pytest.raises(WorkspaceError, match="outside the workspace"):
        resolve_inside(path, root)


@pytest.mark.parametrize("path", ["", "  ", "a\0b", "a\nb", "a\x1bb", "\ud800"])
def test_an_empty_path_and_control_characters_are_refused(root, path):
    with pytest.raises(WorkspaceError):
        resolve_inside(path, root)


def test_a_home_folder_is_refused(root):
    with pytest.raises(WorkspaceError, match="home folder"):
        resolve_inside("~/.ssh/id_rsa", root)


@pytest.mark.parametrize(
    "path",
    [".git/config", ".git", ".GIT/config", "src/../.git/hooks/x", "sub/.git/config", ".git./config", ".g\u200cit/x"],
)
def test_the_folder_of_git_is_closed(root, path):
    with pytest.raises(WorkspaceError, match="belongs to git"):
        resolve_inside(path, root)


def test_names_that_only_begin_like_git_are_open(root):
    assert resolve_inside(".gitignore", root) == root / ".gitignore"
    assert resolve_inside(".github/x.yml", root) == root / ".github" / "x.yml"


def test_a_link_that_leads_outside_is_refused(root, tmp_path):
    (tmp_path / "secret").write_text("x")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    for path in ("link", "folder/secret", "folder/new"):
        with pytest.raises(WorkspaceError, match="leads outside"):
            resolve_inside(path, root)


def test_a_link_into_the_folder_of_git_is_refused(root):
    (root / "door").symlink_to(".git")
    with pytest.raises(WorkspaceError, match="belongs to git"):
        resolve_inside("door/config", root)


def test_a_link_inside_is_followed_and_a_circle_refused(root):
    (root / "good").symlink_to("src/a.py")
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    assert resolve_inside("good", root) == root / "src" / "a.py"
    with pytest.raises(WorkspaceError):
        resolve_inside("one", root)


def test_pipes_and_sockets_are_refused(root, monkeypatch):
    os.mkfifo(root / "pipe")
    monkeypatch.chdir(root)
    server = socket.socket(socket.AF_UNIX)
    server.bind("sock")
    server.close()
    for path in ("pipe", "sock"):
        with pytest.raises(WorkspaceError, match="no regular file"):
            resolve_inside(path, root)


def test_what_is_displayed_can_always_be_encoded(root):
    assert display_path(root / "src" / "a.py", root) == "src/a.py"
    assert display_path(root, root) == "."
    display_path(root / os.fsdecode(b"bad\xff"), root).encode()
