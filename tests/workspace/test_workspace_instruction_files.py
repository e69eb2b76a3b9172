from __future__ import annotations

import os
from pathlib import Path

import pytest

from dsterm.workspace.files.instruction_files import MOST_BYTES, read_instruction_files


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    for folder in ("objects", "refs"):
        (root / ".git" / folder).mkdir(parents=True)
    (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (root / "sub" / "deep").mkdir(parents=True)
    return root


def read(folder: Path, user: Path | None = None, *, is_trusted: bool = True) -> list[tuple[str, str]]:
    return [(found.place, found.text) for found in read_instruction_files(folder, user, is_trusted=is_trusted)]


def test_the_nearest_file_wins(repo: Path) -> None:
    (repo / "AGENTS.md").write_text("top")
    assert read(repo / "sub" / "deep") == [("../../AGENTS.md", "top")]
    (repo / "sub" / "AGENTS.md").write_text("nearer")
    assert read(repo / "sub" / "deep") == [("../AGENTS.md", "nearer")]
    assert read(repo) == [("AGENTS.md", "top")]


def test_claude_md_counts_only_without_agents_md(repo: Path) -> None:
    (repo / "sub" / "CLAUDE.md").write_text("other")
    assert read(repo / "sub") == [("CLAUDE.md", "other")]
    (repo / "AGENTS.md").write_text("top")
    assert read(repo / "sub") == [("../AGENTS.md", "top")]


def test_nothing_above_the_repository_is_read(repo: Path) -> None:
    (repo.parent / "AGENTS.md").write_text("of somebody else")
    assert read(repo / "sub") == []


def test_without_git_only_the_folder_itself_counts(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text("above")
    (tmp_path / "plain").mkdir()
    assert read(tmp_path / "plain") == []


def test_the_users_own_comes_first_and_needs_no_trust(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "AGENTS.md").write_text("mine")
    (repo / "AGENTS.md").write_text("theirs")
    assert read(repo, tmp_path / "config") == [("your own AGENTS.md", "mine"), ("AGENTS.md", "theirs")]
    assert read(repo, tmp_path / "config", is_trusted=False) == [("your own AGENTS.md", "mine")]


def test_a_link_out_of_the_repository_is_not_followed(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (repo / "AGENTS.md").symlink_to(tmp_path / "secret.txt")
    assert read(repo) == []


def test_a_link_inside_the_repository_is_followed(repo: Path) -> None:
    (repo / "docs.md").write_text("inside")
    (repo / "AGENTS.md").symlink_to("docs.md")
    assert read(repo) == [("AGENTS.md", "inside")]


def test_a_long_file_is_cut_and_said_to_be(repo: Path) -> None:
    (repo / "AGENTS.md").write_text("ä" * MOST_BYTES)
    (found,) = read_instruction_files(repo, None, is_trusted=True)
    assert found.is_cut
    assert found.size == 2 * MOST_BYTES
    assert found.text == "ä" * (MOST_BYTES // 2)


@pytest.mark.parametrize("data", [b"", b"  \n", b"a\0b"])
def test_what_is_no_text_is_no_instruction(repo: Path, data: bytes) -> None:
    (repo / "AGENTS.md").write_bytes(data)
    assert read(repo) == []


def test_a_folder_or_a_pipe_of_that_name_is_none(repo: Path) -> None:
    (repo / "AGENTS.md").mkdir()
    os.mkfifo(repo / "CLAUDE.md")
    assert read(repo) == []
