from __future__ import annotations

import msgspec
import pytest
from scripted import ScriptedProvider, World, answer, call, calls, play

from dsterm.core.config import Config
from dsterm.core.events import ToolEnded
from dsterm.core.models import PermissionMode
from dsterm.core.tools import Outcome

ACCEPT = Config(permission_mode=PermissionMode.ACCEPT_EDITS)


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


async def result_of(world: World, name: str, arguments: str):
    script = calls(msgspec.structs.replace(call(name, {}), arguments=arguments))
    engine = world.engine(ScriptedProvider([script, answer("Done.")]), ACCEPT)
    (ended,) = [event for event in await play(engine, "go") if isinstance(event, ToolEnded)]
    return ended.result


async def test_a_reading_call_with_a_bracket_missing_runs(world: World) -> None:
    (world.folder / "a.txt").write_text("hello\n", encoding="utf-8")
    result = await result_of(world, "read", '{"file_path": "a.txt",')
    assert result.outcome is Outcome.DONE
    assert "hello" in result.content


async def test_a_writing_call_with_a_bracket_missing_does_not_run_and_is_told_its_schema(world: World) -> None:
    result = await result_of(world, "write", '{"file_path": "a.txt", "content": "hello"')
    assert result.outcome is Outcome.FAILED
    assert not (world.folder / "a.txt").exists()
    assert '"required"' in result.content
