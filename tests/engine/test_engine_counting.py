"""Counting a real repository: exact, from what is known, and never twice."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from scripted import ENVIRONMENT

from dsterm.core.attachments import PackChoice, WorkStage
from dsterm.core.errors import DiskError
from dsterm.core.left_out_reasons import BINARY, NOT_TEXT
from dsterm.engine.attaching import counting
from dsterm.engine.attaching.counting import count_source, count_text
from dsterm.llm.tokens import V4Counter
from dsterm.render.outline import TokenOutline
from dsterm.store.token_counts import TokenCounts
from dsterm.workspace.git.git import Git
from dsterm.workspace.programs import find_program, program_folders
from dsterm.workspace.sources.sources import Sources

TEXTS = {
    "a.py": "def a():\n    return 1\n",
    "docs/中文.md": "# 标题\n\n你好，世界。<think>\n" * 50,
    "same.py": "def a():\n    return 1\n",
    "long.js": "x=1;" * 4_000,
    "long.txt": "x=1;" * 4_000,
    "uv.lock": "[[package]]\nname = 'a'\n" * 30,
    "empty.py": "",
}
BYTES = {"picture.png": b"\x89PNG\0" * 40, "odd.bin": b"a\0b", "latin.txt": b"caf\xe9\n"}


class Watched:
    """A counter, or a source reader, that remembers what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.counter = V4Counter()
        self.counted: list[str] = []
        self.opened: list[str] = []
        git = Git(find_program("git", program_folders(ENVIRONMENT)), folder, environment=ENVIRONMENT)
        self.sources = Sources(git.door, folder, clones=folder.parent / "clones", cap=1_000_000)
        self.survey = self.sources.survey
        self.ages = self.sources.ages
        self.name = self.counter.name
        self.is_exact = False
        self.stop_after = 10**9
        self.has_stopped = asyncio.Event()

    def load(self) -> None:
        self.counter.load()

    def count(self, text: str) -> int:
        return self.counter.count(text)

    def count_exactly(self, texts) -> list[int]:
        self.counted += texts
        return self.counter.count_exactly(texts)

    async def read(self, survey, files) -> AsyncIterator:
        """A few files at a time."""
        self.opened += (file.path for file in files)
        for start in range(0, len(files), 3):
            async for batch in self.sources.read(survey, files[start : start + 3]):
                yield batch
            if start >= self.stop_after:
                self.has_stopped.set()
                await asyncio.sleep(60)


@dataclass
class Parts:
    sources: Watched
    counter: Watched
    token_counts: TokenCounts
    outline: TokenOutline


@pytest.fixture
def repo(tmp_path):
    folder = tmp_path / "repo"
    folder.mkdir()
    for path, text in TEXTS.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    for path, data in BYTES.items():
        (folder / path).write_bytes(data)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one")
    return folder


def git(folder, *words):
    subprocess.run(("git", *words), cwd=folder, check=True, capture_output=True)


@pytest.fixture
def make(repo, tmp_path):
    made = []

    def one() -> Parts:
        watched = Watched(repo)
        made.append(Parts(watched, watched, TokenCounts(tmp_path / "cache" / "counts.db"), TokenOutline()))
        return made[-1]

    yield one
    for parts in made:
        parts.token_counts.close()


async def count(parts, source="."):
    told = []
    survey = await count_source(parts, source, PackChoice(), told.append)
    return {file.path: file for file in survey.files}, told


async def test_every_text_is_counted_exactly_whatever_its_name_says(make):
    parts = make()
    files, told = await count(parts)
    for path, text in TEXTS.items():
        assert files[path].tokens == parts.counter.counter.count(text), path
        assert files[path].size == len(text.encode())
    assert files["uv.lock"].reason == "lock file"
    assert {path: (files[path].tokens, files[path].reason) for path in BYTES} == {
        "picture.png": (0, BINARY),
        "odd.bin": (0, BINARY),
        "latin.txt": (0, NOT_TEXT),
    }
    assert told[-1].stage is WorkStage.COUNTING
    assert (told[-1].done, told[-1].total) == (len(files), len(files))
    assert told[-1].tokens == sum(file.tokens for file in files.values())


async def test_the_same_bytes_are_counted_once_and_judged_by_their_name(make):
    parts = make()
    files, _ = await count(parts)
    assert parts.counter.counted.count(TEXTS["a.py"]) == 1
    assert (files["long.js"].reason, files["long.txt"].reason) == ("minified", "")
    again, _ = await count(make())
    assert again == files


async def test_where_nothing_changed_no_file_is_opened_and_no_vocabulary_loaded(make):
    first, _ = await count(make())
    warm = make()
    files, told = await count(warm)
    assert files == first
    assert (warm.sources.opened, warm.counter.counted, warm.counter.counter.is_exact) == ([], [], False)
    assert told[-1].done == told[-1].total == len(files)


async def test_of_an_edited_file_and_a_new_one_only_these_are_read(make, repo):
    await count(make())
    (repo / "a.py").write_text("def a():\n    return 2\n")
    (repo / "new.py").write_text("new = True\n")
    parts = make()
    files, _ = await count(parts)
    assert sorted(parts.sources.opened) == ["a.py", "new.py"]
    assert sorted(parts.counter.counted) == ["def a():\n    return 2\n", "new = True\n"]
    assert files["new.py"].tokens == parts.counter.count("new = True\n")
    third = make()
    assert (await count(third))[0] == files
    assert (sorted(third.sources.opened), third.counter.counted) == (["a.py", "new.py"], [])


async def test_a_revision_is_known_from_the_work_tree(make):
    files, _ = await count(make())
    parts = make()
    committed, _ = await count(parts, source=".@HEAD")
    assert {path: file.tokens for path, file in committed.items()} == {
        path: file.tokens for path, file in files.items()
    }
    assert parts.counter.counted == []


async def test_what_is_known_so_far_is_handed_on_at_once_and_now_and_again(make, repo, monkeypatch):
    await count(make())
    (repo / "a.py").write_text("def a():\n    return 2\n")
    (repo / "new.py").write_text("new = True\n")
    monkeypatch.setattr(counting, "_SECONDS_BETWEEN_FILLS", 0.0)
    parts, filled = make(), []

    async def fill(survey) -> None:
        filled.append({file.path: file.tokens for file in survey.files})

    survey = await count_source(parts, ".", PackChoice(), lambda _: None, fill)
    assert filled[0]["same.py"] > 0
    assert (filled[0]["a.py"], filled[0]["new.py"]) == (-1, -1)
    assert filled[-1] == {file.path: file.tokens for file in survey.files}


async def test_what_was_counted_before_esc_is_known_the_next_time(make):
    parts = make()
    parts.sources.stop_after = 3
    working = asyncio.ensure_future(count(parts))
    await parts.sources.has_stopped.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    counted = len(parts.counter.counted)
    rest = make()
    files, _ = await count(rest)
    assert 0 < len(rest.sources.opened) < len(files) - 3
    assert counted + len(rest.counter.counted) <= len(TEXTS) + 1


async def test_without_a_vocabulary_counting_says_what_to_do(make, repo):
    parts = make()
    parts.counter = V4Counter("no_such_package")
    with pytest.raises(DiskError, match="Install dsterm again"):
        await count(parts)


async def test_a_file_that_vanishes_meanwhile_has_no_tokens_and_a_reason(make, repo):
    parts = make()
    survey = parts.sources.survey

    async def survey_and_delete(*words):
        found = await survey(*words)
        (repo / "a.py").unlink()
        return found

    parts.sources.survey = survey_and_delete
    files, _ = await count(parts)
    assert (files["a.py"].tokens, files["a.py"].reason) == (0, "gone meanwhile")


async def test_the_tokens_of_a_pack_are_remembered_by_its_text(make):
    text = "".join(TEXTS.values())
    parts = make()
    tokens = count_text(parts, text)
    again = make()
    assert count_text(again, text) == tokens == parts.counter.count(text)
    assert again.counter.counted == []


async def test_the_event_loop_goes_on_while_it_is_counted(make, repo):
    for number in range(40):
        (repo / f"big{number}.py").write_text(f"value_{number} = 'some text'\n" * 5_000)
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticking = asyncio.ensure_future(tick())
    await count(make())
    ticking.cancel()
    assert ticks > 20
