from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from changing_turns import errors, patch, texts
from command_world import CommandWorld, bash, drive, names, notices, result
from scripted import answer, calls

from dsterm.core.errors import DiskError
from dsterm.core.events import Event, NoticeLevel
from dsterm.core.models import PermissionMode
from dsterm.core.tools import Outcome
from dsterm.core.undo_events import CheckpointSaved
from dsterm.workspace.saved.tree_snapshot import TreeSaver

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


def saved(events: list[Event]) -> list[str]:
    """What concerns a call, with what was saved for it."""
    return [name for name in names(events) if name.startswith(("ToolReq", "ToolEnd", "Question", "Changes", "Checkp"))]


CHANGES = [
    "printf 'x\\n' > src/a.txt",
    "mkdir -p made/deep && echo new > made/deep/n.txt",
    "rm src/b.txt",
    "rm src/*.txt",
    "mv src/a.txt src/c.txt",
    "mkdir moved && mv src/* moved",
    "chmod 644 run.sh && chmod 600 src/a.txt",
    "ln -sf src/b.txt link",
    "rm link && echo file > link",
    "rm src/a.txt && ln -s ../run.sh src/a.txt",
    "rm -r src && echo file > src",
    "rm run.sh && mkdir run.sh && echo x > run.sh/inner",
    "printf 'bin\\0ary' > src/a.txt; touch 'odd name' 'täst' ./-dash",
    "touch empty; : > src/a.txt",
]


@pytest.mark.parametrize("command", CHANGES)
async def test_undo_and_redo_of_what_a_command_changed(repo: CommandWorld, command: str) -> None:
    before, status = files(repo), repo.run_git("status", "--porcelain")
    engine = repo.start(calls(bash(command)), answer("done"), mode=AUTO)
    events = await drive(engine, "go")
    assert result(events).outcome is Outcome.DONE
    after = files(repo)
    assert after != before
    assert not errors(await drive(engine, "/undo"))
    assert files(repo) == before
    assert repo.run_git("status", "--porcelain") == status
    assert not errors(await drive(engine, "/redo"))
    assert files(repo) == after


async def test_exact_events_of_a_saved_command(repo: CommandWorld) -> None:
    engine = repo.start(calls(bash("touch made")), answer("done"), mode=AUTO)
    events = await drive(engine, "go")
    assert names(events)[5:9] == ["ToolRequested", "CheckpointSaved", "ChangesSaved", "ToolEnded"]
    checkpoint = next(event for event in events if isinstance(event, CheckpointSaved))
    assert checkpoint.tree is not None
    assert (checkpoint.files, checkpoint.call_id) == ((), "call_a")


async def test_what_only_reads_is_not_saved_and_what_changed_nothing_is_no_step_back(repo: CommandWorld) -> None:
    engine = repo.start(
        calls(bash("touch made")), answer("ok"), calls(bash("cat src/a.txt")), answer("ok"),
        calls(bash("make --version || true")), answer("ok"), mode=AUTO,
    )  # fmt: skip
    await drive(engine, "one")
    assert "CheckpointSaved" not in names(await drive(engine, "two"))
    assert "CheckpointSaved" in names(await drive(engine, "three"))
    assert "“one”" in texts(await drive(engine, "/undo"))
    assert not (repo.folder / "made").exists()


async def test_edits_by_hand_in_other_places_are_kept_and_in_the_same_are_asked_about(repo: CommandWorld) -> None:
    lines = [f"line {number}\n" for number in range(20)]
    (repo.folder / "src/a.txt").write_text("".join(lines))
    engine = repo.start(calls(bash("sed -i 's/line 3$/LINE 3/' src/a.txt; echo n > new")), answer("ok"), mode=AUTO)
    await drive(engine, "go")
    place = repo.folder / "src/a.txt"
    place.write_text(place.read_text().replace("line 15\n", "by hand\n"))
    (repo.folder / "new").write_text("by hand\n")
    events = await drive(engine, "/undo", "deny")
    assert "new was edited since, and would be deleted" in repr(events)
    assert (repo.folder / "new").exists()
    await drive(engine, "/undo", "overwrite")
    assert place.read_text() == "".join(lines).replace("line 15\n", "by hand\n")
    assert not (repo.folder / "new").exists()


async def test_outside_git_a_command_can_not_be_taken_back_and_edits_still_can(commands: CommandWorld) -> None:
    script = calls(bash("touch made"), patch("*** Add File: new", "+x", call_id="b", index=1))
    engine = commands.start(script, answer("ok"), mode=AUTO)
    events = await drive(engine, "go")
    assert names(events).count("CheckpointSaved") == 1
    await drive(engine, "/undo")
    assert [path.name for path in commands.folder.iterdir()] == ["made"]


async def test_commands_and_edits_of_one_turn_go_back_together(repo: CommandWorld) -> None:
    before = files(repo)
    script = calls(
        patch("*** Add File: new", "+x", call_id="c1"),
        bash("echo more >> new; rm src/b.txt", "c2", 1),
        patch("*** Update File: new", "@@", "-x", "+y", call_id="c3", index=2),
        bash("mkdir d; mv new d/new", "c4", 3),
    )
    engine = repo.start(script, answer("ok"), mode=AUTO)
    await drive(engine, "go")
    assert (repo.folder / "d/new").read_text() == "y\nmore\n"
    after = files(repo)
    await drive(engine, "/undo")
    assert files(repo) == before
    await drive(engine, "/redo")
    assert files(repo) == after


async def test_rewind_takes_files_and_conversation_back_over_commands(repo: CommandWorld) -> None:
    before = files(repo)
    engine = repo.start(
        calls(bash("echo 1 > one")), answer("ok"), calls(bash("rm one; echo 2 > two", "b")), answer("ok"),
        answer("again"), mode=AUTO,
    )  # fmt: skip
    await drive(engine, "first")
    await drive(engine, "second")
    assert not errors(await drive(engine, "/rewind 1 both"))
    assert files(repo) == before
    await drive(engine, "third")
    assert len(repo.provider.requests[-1].messages) == 1


async def test_a_stopped_command_is_undone_as_far_as_it_got(repo: CommandWorld) -> None:
    before = files(repo)
    engine = repo.start(calls(bash("echo x > src/a.txt; touch begun; sleep 60")), answer("ok"), mode=AUTO)
    turn = asyncio.create_task(drive(engine, "go"))
    while not (repo.folder / "begun").exists():
        await asyncio.sleep(0.01)
    engine.interrupt()
    events = await turn
    assert saved(events) == ["ToolRequested", "CheckpointSaved", "ChangesSaved", "ToolEnded"]
    await drive(engine, "/undo")
    assert files(repo) == before


async def test_esc_while_the_changes_are_being_saved_does_not_lose_them(
    repo: CommandWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(repo)
    engine = repo.start(calls(bash("echo x > src/a.txt")), answer("ok"), mode=AUTO)
    whole = TreeSaver.save
    seen: list[int] = []

    async def slow(saver: TreeSaver) -> object:
        seen.append(1)
        if len(seen) == 2:
            engine.interrupt()
            await asyncio.sleep(0.02)
        return await whole(saver)

    monkeypatch.setattr(TreeSaver, "save", slow)
    events = await drive(engine, "go")
    assert saved(events) == ["ToolRequested", "CheckpointSaved", "ChangesSaved", "ToolEnded"]
    await drive(engine, "/undo")
    assert files(repo) == before


async def test_a_wider_second_run_is_undone_with_the_first(repo: CommandWorld) -> None:
    before = files(repo)
    (repo.home / "cache").mkdir(parents=True)
    (repo.home / "mark").write_text("m\n")
    command = f'echo first >> log; cat {repo.home}/mark > copy || {{ echo "Permission denied"; exit 1; }}'
    engine = repo.start(calls(bash(command)), answer("ok"), mode=AUTO)
    events = await drive(engine, "go", "once")
    assert saved(events) == [
        "ToolRequested", "CheckpointSaved", "ChangesSaved", "QuestionAsked", "QuestionAnswered",
        "CheckpointSaved", "ChangesSaved", "ToolEnded",
    ]  # fmt: skip
    assert (repo.folder / "log").read_text() == "first\nfirst\n"
    after = files(repo)
    await drive(engine, "/undo")
    assert files(repo) == before
    await drive(engine, "/redo")
    assert files(repo) == after


async def test_a_command_that_fails_to_start_leaves_nothing_to_undo(repo: CommandWorld) -> None:
    engine = repo.start(calls(bash("touch made")), answer("ok"), mode=AUTO)
    await engine.refresh()
    await engine._parts.commands.close()
    events = await drive(engine, "go")
    assert result(events).outcome is Outcome.FAILED
    assert "was not started" in result(events).content
    assert errors(await drive(engine, "/undo")) == ["No turn of this session changed a file."]


async def test_what_a_job_changes_while_a_command_runs_beside_it_goes_back_with_that(repo: CommandWorld) -> None:
    before = files(repo)
    job = bash("until [ -e go ]; do sleep 0.02; done; touch late", run_in_background=True)
    script = calls(job, bash("touch go; until [ -e late ]; do sleep 0.02; done; rm src/b.txt", "b", 1))
    engine = repo.start(script, answer("ok"), mode=AUTO)
    await drive(engine, "go")
    assert not errors(await drive(engine, "/undo"))
    assert files(repo) == before


async def test_where_the_workspace_can_not_be_saved_the_user_is_told_once_and_the_command_runs(
    repo: CommandWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_saver: TreeSaver) -> object:
        raise DiskError("The disk is full.")

    monkeypatch.setattr(TreeSaver, "save", fail)
    engine = repo.start(calls(bash("touch a"), bash("touch b", "b", 1)), answer("ok"), mode=AUTO)
    events = await drive(engine, "go")
    assert notices(events, NoticeLevel.WARNING) == ["What commands change can't be undone here: The disk is full."]
    assert (repo.folder / "b").exists()
