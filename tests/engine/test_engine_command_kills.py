from __future__ import annotations

from pathlib import Path

import pytest
from changing_turns import errors, patch
from command_world import CommandWorld, assert_growing, bash, drive, names, notices
from scripted import answer, calls

from dsterm.core.config import Config
from dsterm.core.events import ToolEnded, ToolRequested, TurnEnded
from dsterm.core.models import PermissionMode
from dsterm.core.tools import Outcome
from dsterm.core.undo_events import ChangesSaved
from dsterm.engine.engine import Engine

AUTO = PermissionMode.AUTO


@pytest.fixture
def repo(commands: CommandWorld) -> CommandWorld:
    """A repository with files, an executable, a link, and something ignored."""
    folder = commands.folder
    (folder / "src").mkdir()
    (folder / "src/a.txt").write_text("a\n")
    (folder / "src/b.txt").write_text("b\n")
    (folder / "run.sh").write_text("echo run\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("src/a.txt")
    (folder / ".gitignore").write_text("ignored\n")
    (folder / "ignored").write_text("i\n")
    commands.init_git()
    return commands


def files(world: CommandWorld) -> dict[str, object]:
    return {
        str(path.relative_to(world.folder)): shape(path)
        for path in sorted(world.folder.rglob("*"))
        if ".git" not in path.parts
    }


def shape(path: Path) -> object:
    """What stands there, links not followed."""
    if path.is_symlink():
        return path.readlink()
    return None if path.is_dir() else (path.read_bytes(), path.stat().st_mode)


async def log_cut_after(repo: CommandWorld, engine: Engine, line: str, kind: str) -> str:
    """Run `line`, then leave the log as if dsterm had been killed right after the first event of `kind`."""
    kept: list[bytes] = []
    stream = engine.command(line) if line.startswith("/") else engine.run(line)
    async for envelope in stream:
        if type(envelope.event).__name__ == kind and not kept:
            (log,) = (repo.home / "sessions").rglob("*.jsonl")
            lines = log.read_bytes().splitlines(keepends=True)
            place = next(number for number, each in enumerate(lines) if f'"{kind}"'.encode() in each)
            kept.append(b"".join(lines[: place + 1]))
    session = engine.status().session_id
    await repo.close_engines()
    log.write_bytes(kept[0])
    return session


async def test_after_a_kill_in_a_command_resuming_says_what_changed_and_undo_takes_it_back(repo: CommandWorld) -> None:
    before = files(repo)
    engine = repo.start(calls(bash("echo x > src/a.txt; rm src/b.txt; touch made")), answer("ok"), mode=AUTO)
    session = await log_cut_after(repo, engine, "go", "CheckpointSaved")
    engine = repo.start(answer("ok"), mode=AUTO)
    engine.resume(session)
    events = [envelope.event for envelope in engine.transcript()]
    ended = next(event for event in events if isinstance(event, ToolEnded))
    assert ended.result.outcome is Outcome.UNKNOWN
    assert ended.result.content == (
        "dsterm was stopped while this command ran. Changed since it began: made, src/a.txt, src/b.txt. "
        "Read what you go on with."
    )
    assert names(events)[-4:] == ["ChangesSaved", "ToolEnded", "Notice", "TurnEnded"]
    assert not errors(await drive(engine, "/undo"))
    assert files(repo) == before
    await drive(engine, "go on")
    assert_growing(repo.provider)


async def test_after_a_kill_in_a_command_that_changed_nothing_that_is_said(repo: CommandWorld) -> None:
    engine = repo.start(calls(bash("echo x > ignored")), answer("ok"), mode=AUTO)
    session = await log_cut_after(repo, engine, "go", "CheckpointSaved")
    engine = repo.start(answer("ok"), mode=AUTO)
    engine.resume(session)
    ended = next(e.event for e in engine.transcript() if isinstance(e.event, ToolEnded))
    assert "No file that git lists has changed since." in ended.result.content


async def test_after_a_kill_in_a_check_it_is_closed_and_what_it_changed_can_be_undone(repo: CommandWorld) -> None:
    config = Config(permission_mode=AUTO, checks=("echo formatted > src/b.txt",))
    engine = repo.start(calls(patch("*** Add File: new", "+x")), answer("ok"), config=config)
    before = files(repo)
    session = await log_cut_after(repo, engine, "go", "CheckStarted")
    engine = repo.start(answer("ok"), mode=AUTO)
    engine.resume(session)
    events = [envelope.event for envelope in engine.transcript()]
    assert names(events)[-4:] == ["CheckEnded", "ChangesSaved", "Notice", "TurnEnded"]
    assert "Changed since it began: src/b.txt." in notices(events)[-1]
    assert isinstance(events[-1], TurnEnded)
    await drive(engine, "/undo")
    assert files(repo) == before
    assert len([event for event in events if isinstance(event, ToolRequested)]) == 1
    assert len([event for event in events if isinstance(event, ChangesSaved)]) == 2
