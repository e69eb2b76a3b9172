from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.core.errors import DiskError
from dsterm.store.history import PromptHistory
from dsterm.store.packs import PackFolder


def test_a_pack_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    folder = PackFolder(tmp_path / "packs")
    digest = folder.save("naïve\r\ntext\n")
    assert digest == hashlib.sha256("naïve\r\ntext\n".encode()).hexdigest()
    assert folder.load(digest) == "naïve\r\ntext\n"
    assert folder.save("naïve\r\ntext\n") == digest


def test_a_missing_a_damaged_and_a_forged_pack_are_one_sentence_each(tmp_path: Path) -> None:
    folder = PackFolder(tmp_path)
    digest = folder.save("text")
    (tmp_path / f"{digest}.txt").write_text("other")
    with pytest.raises(DiskError, match="damaged"):
        folder.load(digest)
    (tmp_path / f"{digest}.txt").unlink()
    with pytest.raises(DiskError, match="gone"):
        folder.load(digest)
    with pytest.raises(DiskError, match="can't be read"):
        folder.load("../../etc/passwd")


def test_saving_mends_a_damaged_pack(tmp_path: Path) -> None:
    folder = PackFolder(tmp_path)
    digest = folder.save("text")
    (tmp_path / f"{digest}.txt").write_text("te")
    folder.save("text")
    assert folder.load(digest) == "text"


def test_a_file_where_the_folder_should_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "packs").write_text("")
    with pytest.raises(DiskError, match="Can't create the folder"):
        PackFolder(tmp_path / "packs").save("text")


def test_two_sessions_share_the_history(tmp_path: Path) -> None:
    path = tmp_path / "state" / "history.jsonl"
    one, two = PromptHistory(path), PromptHistory(path)
    one.add("first\nwith two lines")
    two.add("second")
    one.add("third")
    assert PromptHistory(path).entries() == ["first\nwith two lines", "second", "third"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_blank_prompts_and_repetitions_in_a_row_are_not_kept(tmp_path: Path) -> None:
    history = PromptHistory(tmp_path / "h")
    for prompt in ["a", "a", "  \n", "b", "a"]:
        history.add(prompt)
    assert history.entries() == PromptHistory(tmp_path / "h").entries() == ["a", "b", "a"]


def test_only_the_newest_prompts_are_offered(tmp_path: Path) -> None:
    history = PromptHistory(tmp_path / "h", cap=3)
    for number in range(6):
        history.add(str(number))
    assert history.entries() == PromptHistory(tmp_path / "h", cap=3).entries() == ["3", "4", "5"]


def test_secrets_never_reach_the_file(tmp_path: Path) -> None:
    history = PromptHistory(tmp_path / "h", secrets={"hunter22"})
    history.add("use hunter22 and sk-0123456789abcdef")
    assert "hunter22" not in (tmp_path / "h").read_text()
    assert "0123456789" not in (tmp_path / "h").read_text()


@given(cut=st.integers(0, 45))
def test_a_torn_history_loses_at_most_its_last_line(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("h") / "h"
    history = PromptHistory(path)
    history.add("one")
    history.add("two")
    os.truncate(path, min(cut, path.stat().st_size))
    PromptHistory(path).add("three")
    entries = PromptHistory(path).entries()
    assert entries[-1] == "three"
    assert entries in (["three"], ["one", "three"], ["one", "two", "three"])


def test_a_history_that_can_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "h").mkdir()
    with pytest.raises(DiskError, match="prompt history"):
        PromptHistory(tmp_path / "h").add("x")
