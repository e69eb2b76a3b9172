"""A session in a real git repository whose files are attached, and a reader who knows only what the model was told."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from scripted import ENVIRONMENT, ScriptedProvider, World

from dsterm.context.repo_pack import build_pack
from dsterm.core.attachments import PackChoice
from dsterm.core.config import Config
from dsterm.core.diff import FileDiff
from dsterm.core.events import Intervened, ToolEnded
from dsterm.core.messages import Pack
from dsterm.core.models import PermissionMode
from dsterm.core.provider import Delta, Request
from dsterm.core.repo_events import RepoAttached, RepoChanged
from dsterm.core.tools import Outcome
from dsterm.core.wire_events import Intervention
from dsterm.engine.attaching.packing import gather
from dsterm.engine.engine import Engine
from dsterm.workspace.sources.sources import Sources

ACCEPT = Config(permission_mode=PermissionMode.ACCEPT_EDITS)
YOLO = Config(permission_mode=PermissionMode.YOLO)


def source(first: str, last: str = "") -> str:
    """A file with this line in front, long enough for a diff to be shorter."""
    return f"{first}\n" + "".join(f"# Line {number} says something.\n" for number in range(9)) + last


class FirstWords:
    """The outline of a file: the lines that begin with `def`."""

    def outline(self, _path: str, text: str) -> str:
        return "".join(f"{line}\n" for line in text.split("\n") if line.startswith("def "))


class DriftWorld(World):
    """The folder is a repository with two files."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.home.mkdir(exist_ok=True)
        self.git_run("init", "-q", "-b", "main")
        self.write("a.py", source("a = 1"))
        self.write("lib/b.py", "".join(f"line {number}\n" for number in range(40)))
        self.commit()

    def write(self, path: str, text: str | bytes) -> None:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode() if isinstance(text, str) else text)

    def git_run(self, *arguments: str) -> str:
        known = {
            **ENVIRONMENT,
            "HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{who}_{what}": "ada@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }
        done = subprocess.run(
            ("git", *arguments), cwd=self.folder, capture_output=True, text=True, check=True, env=known
        )
        return done.stdout

    def commit(self) -> None:
        self.git_run("add", "-A")
        self.git_run("commit", "-q", "-m", "work", "--allow-empty")

    def open(self, *scripts: Sequence[Delta | float], config: Config = ACCEPT, **parts: Any) -> Engine:
        self.provider = ScriptedProvider(scripts)
        engine = self.engine(self.provider, config, **parts)
        door = self.git.door
        sources = Sources(door, self.folder, clones=self.home / "clones", closed=(self.home,), cap=1_000_000)
        object.__setattr__(engine._parts, "sources", sources)
        object.__setattr__(engine._parts, "outline", FirstWords())
        return engine


async def attach(engine: Engine, source: str = ".", **choice: Any) -> Pack:
    """Attach it without questions."""
    parts, live, chosen = engine._parts, engine._live, PackChoice(**choice)
    survey = await parts.sources.survey(source, chosen, lambda _state: None)
    built = build_pack(await gather(parts, survey, chosen, lambda _state: None), parts.counter.count)
    live.keep_pack(built.pack.digest, built.text, built.manifest)
    live.emit(RepoAttached(pack=built.pack))
    return built.pack


def told(engine: Engine) -> list[RepoChanged]:
    """What was told of changes, all of it."""
    return [each.event for each in engine.transcript() if isinstance(each.event, RepoChanged)]


def known(engine: Engine, apply: Callable[[dict[str, str], str], None]) -> dict[str, str]:
    """The files as somebody knows them who reads the packs, then applies every diff and every edit of the model's own."""
    live = engine._live
    files: dict[str, str] = {}
    attached = {pack.digest for pack in live.session.packs}
    for envelope in engine.branch():
        match envelope.event:
            case RepoAttached(pack=pack) if pack.digest in attached:
                text, manifest = live.load_pack(pack.digest), live.load_manifest(pack.digest)
                prefix = f"{pack.place}/" if pack.place else ""
                files |= {f"{prefix}{one.path}": text[one.start : one.start + one.length] for one in manifest.files}
            case RepoChanged(text=text, digest=digest) if digest in attached:
                apply(files, diffs_in(text))
            case ToolEnded(result=result) if result.outcome is Outcome.DONE:
                for diff in result.diffs:
                    if diff.path in files:
                        files[diff.path] = edited(files[diff.path], diff)
            case _:
                pass
    return files


def edited(text: str, diff: FileDiff) -> str:
    """`text` after an edit that replaces one line by another."""
    for hunk in diff.hunks:
        old, new = ("".join(f"{line.text}\n" for line in hunk.lines if line.kind in kinds) for kinds in (" -", " +"))
        text = text.replace(old, new, 1) if old in text else text.replace(old[:-1], new[:-1], 1)
    return text


def diffs_in(text: str) -> str:
    """What is marked as the changes."""
    found = re.search(r'<(data-\w+) kind="changes of attached files">\n(.*)\n</\1>', text, re.DOTALL)
    return f"{found[2]}\n" if found else ""


def on_disk(folder: Path) -> dict[str, str]:
    """The text files of the folder."""
    paths = (
        path for path in sorted(folder.rglob("*")) if path.is_file() and ".git" not in path.relative_to(folder).parts
    )
    texts = {}
    for path in paths:
        data = path.read_bytes()
        if b"\0" not in data:
            texts[path.relative_to(folder).as_posix()] = data.decode()
    return texts


def check_prefix(engine: Engine, requests: Sequence[Request]) -> None:
    """Each request is the one before and something more."""
    for before, after in pairwise(requests):
        assert after.messages[: len(before.messages)] == before.messages
    events = [envelope.event for envelope in engine.transcript()]
    assert not any(isinstance(one, Intervened) and one.kind is Intervention.PREFIX_LOST for one in events)
