"""Whatever happens to the files, a reader who applies what was told to what was attached has what is on disk."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import pytest
from changing_turns import replaced
from drift_world import DriftWorld, attach, check_prefix, known, on_disk, source
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scripted import answer, calls, do, play

from dsterm.engine.engine import Engine

sys.path.append(str(Path(__file__).parents[1] / "context"))
from told_reader import apply_told

PATHS = ["a.py", "lib/b.py", "new file.txt", "lib/deep/c.md"]
TEXTS = [
    "",
    "one\n",
    "no newline",
    source("x = 1"),
    source("x = 2", "end\n"),
    "a\r\nb\r\n" * 8,
    "```\n@@ -1 +1 @@\n-a\n",
]
paths = st.sampled_from(PATHS)
actions = st.one_of(
    st.tuples(st.just("write"), paths, st.sampled_from(TEXTS)),
    st.tuples(st.just("append"), paths),
    st.tuples(st.just("delete"), paths),
    st.tuples(st.just("rename"), paths, paths),
    st.tuples(st.just("binary"), paths),
    st.tuples(st.just("edit"), paths),
    st.tuples(st.just("prompt")),
    st.tuples(st.just("commit")),
    st.tuples(st.just("switch")),
    st.tuples(st.just("undo")),
    st.tuples(st.just("rewind")),
    st.tuples(st.just("resume")),
    st.tuples(st.just("snapshot")),
)


class Story:
    """One session over files that change."""

    def __init__(self, folder: Path) -> None:
        self.world = DriftWorld(folder)
        self.world.git_run("branch", "other")
        self.sent: list = []
        self.open()

    def open(self) -> None:
        self.engine: Engine = self.world.open()

    async def write(self, path: str, text: str) -> None:
        self.world.write(path, text)

    async def append(self, path: str) -> None:
        place = self.world.folder / path
        if place.exists():
            place.write_bytes(place.read_bytes() + b"appended\n")

    async def delete(self, path: str) -> None:
        (self.world.folder / path).unlink(missing_ok=True)

    async def rename(self, path: str, other: str) -> None:
        place, target = self.world.folder / path, self.world.folder / other
        if place.exists() and path != other:
            target.parent.mkdir(parents=True, exist_ok=True)
            place.replace(target)

    async def binary(self, path: str) -> None:
        self.world.write(path, b"\0\1\2")

    async def commit(self) -> None:
        self.world.commit()

    async def switch(self) -> None:
        now = self.world.git_run("branch", "--show-current").strip()
        self.world.commit()
        self.world.git_run("checkout", "-q", "other" if now == "main" else "main")

    async def prompt(self) -> None:
        await self._play(answer("yes"))

    async def edit(self, path: str) -> None:
        """The model edits what it knows of the file."""
        text = known(self.engine, apply_told).get(path, "")
        first = text.split("\n")[0]
        if first.strip() and "\r" not in first and text.count(first) == 1:
            await self._play(calls(replaced(path, first, f"{first} edited", f"call_{len(self.sent)}")), answer("done"))

    async def undo(self) -> None:
        await do(self.engine, "/undo")

    async def rewind(self) -> None:
        await do(self.engine, "/rewind 1 conversation")
        self.sent.clear()

    async def resume(self) -> None:
        session_id = self.engine.status().session_id
        await self.engine.close()
        self.open()
        self.engine.resume(session_id)

    async def snapshot(self) -> None:
        await do(self.engine, "/snapshot")
        self.sent.clear()

    async def _play(self, *scripts: list) -> None:
        self.world.provider._scripts += scripts
        await play(self.engine, "go on")
        self.sent += self.world.provider.requests
        self.world.provider.requests.clear()


async def tell(folder: Path, story: list[tuple]) -> None:
    told = Story(folder)
    await attach(told.engine)
    for what, *details in [*story, ("prompt",)]:
        await getattr(told, what)(*details)
        if what in {"prompt", "edit"} and told.sent:
            assert known(told.engine, apply_told) == on_disk(told.world.folder)
    check_prefix(told.engine, told.sent)
    await told.engine.close()


@pytest.mark.timeout(60)
@example(story=[("edit", "a.py"), ("append", "a.py"), ("prompt",), ("undo",), ("resume",)])
@example(story=[("rename", "a.py", "new file.txt"), ("prompt",), ("rename", "new file.txt", "a.py")])
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(story=st.lists(actions, min_size=1, max_size=8))
def test_what_was_told_is_what_is_on_disk(story: list[tuple]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(tell(Path(folder), story))
