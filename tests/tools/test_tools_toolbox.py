from __future__ import annotations

import msgspec
import pytest

from dsterm.core.errors import ToolError
from dsterm.core.tools import Effect, Outcome, TaskState
from dsterm.tools.toolbox import build_toolbox

NAMES = ["read", "glob", "grep", "edit", "apply_patch", "write", "todo_write"]


def as_sent(toolbox) -> bytes:
    functions = [
        {"name": spec.name, "description": spec.description, "parameters": spec.parameters} for spec in toolbox.specs
    ]
    return msgspec.json.encode([{"type": "function", "function": function} for function in functions])


def test_the_list_is_short_and_always_the_same_bytes(toolbox, workspace):
    assert [spec.name for spec in toolbox.specs] == NAMES
    assert as_sent(toolbox) == as_sent(build_toolbox(workspace))
    assert len(as_sent(toolbox)) < 4_000


def test_schemas_are_plain_json_schemas(toolbox):
    for spec in toolbox.specs:
        schema = msgspec.json.decode(spec.parameters)
        assert schema["type"] == "object" and schema["properties"] and schema["required"]
        assert b"$ref" not in bytes(spec.parameters) and b"anyOf" not in bytes(spec.parameters)
        assert b'"title"' not in bytes(spec.parameters)
    read = msgspec.json.decode(toolbox.specs[0].parameters)
    assert list(read["properties"]) == ["file_path", "offset", "limit"] and read["required"] == ["file_path"]


@pytest.mark.parametrize("name", ["bash", "", "  ", "x\x1b[31m"])
async def test_an_unknown_tool_is_answered_with_the_names(toolbox, name):
    with pytest.raises(ToolError, match="The tools are: read, glob, grep, edit, apply_patch, write, todo_write"):
        await toolbox.prepare(name, {})


async def test_a_tool_in_other_letters_is_found(call):
    assert (await call("Read", file_path="src/a.py")).outcome is Outcome.DONE


@pytest.mark.parametrize("alias", ["path", "filePath", "file", "FilePath", "filename"])
async def test_other_names_of_an_argument_are_understood_and_set_right(call, alias):
    result = await call("read", {alias: "src/a.py"})
    assert result.content.startswith("1\tone\n")
    assert result.content.endswith(f"(Note: the argument is called file_path, not {alias}.)")


async def test_other_names_of_edit_are_understood(call, root):
    await call("read", file_path="src/a.py")
    await call("edit", path="src/a.py", old_str="two", newString="2", replaceAll="false")
    assert (root / "src" / "a.py").read_text() == "one\n2\nthree\n"


async def test_the_proper_name_wins_and_unknown_arguments_are_said(call):
    result = await call("read", file_path="src/a.py", path="other", reason="x")
    assert "two" in result.content
    assert result.content.endswith("(Note: read has no path, reason: ignored.)")


@pytest.mark.parametrize(
    "arguments",
    [
        {"arguments": {"file_path": "src/a.py", "limit": 1}},
        {"arguments": '{"file_path": "src/a.py", "limit": 1}'},
        {"parameters": {"file_path": "src/a.py", "limit": "1"}},
    ],
)
async def test_a_wrapper_too_many_is_taken_off(call, arguments):
    assert (await call("read", arguments)).content == "1\tone\n(Lines 1-1 of 3. Go on with offset 2.)"


async def test_numbers_and_truths_as_text_are_coerced(call, root):
    assert (await call("read", file_path="src/a.py", offset="2", limit="1")).content.startswith("2\ttwo\n")
    (root / "b").write_text("x x")
    await call("read", file_path="b")
    await call("edit", file_path="b", old_string="x", new_string="y", replace_all="true")
    assert (root / "b").read_text() == "y y"


async def test_missing_and_wrong_arguments_are_named_with_the_usage(toolbox):
    with pytest.raises(
        ToolError, match=r"^read: file_path is missing\. Its arguments are: file_path, offset\?, limit\?\.$"
    ):
        await toolbox.prepare("read", {})
    with pytest.raises(ToolError, match=r"^edit: old_string and new_string are missing\."):
        await toolbox.prepare("edit", {"file_path": "x"})
    with pytest.raises(ToolError, match="offset: expected int"):
        await toolbox.prepare("read", {"file_path": "x", "offset": "soon"})
    with pytest.raises(ToolError, match="content: expected str"):
        await toolbox.prepare("write", {"file_path": "x", "content": {"a": 1}})


async def test_tasks_reach_the_user(call, toolbox):
    todos = [{"content": "find it", "status": "completed"}, {"content": "fix it", "status": "in_progress"}]
    prepared = await toolbox.prepare("todo_write", {"todos": todos})
    assert prepared.plan.effects == ()
    result = await call("todo_write", todos=todos)
    assert [(task.content, task.state) for task in result.tasks] == [
        ("find it", TaskState.COMPLETED),
        ("fix it", TaskState.IN_PROGRESS),
    ]
    assert result.summary == "1 / 2"
    assert (await call("todo_write", todos=msgspec.json.encode(todos).decode())).tasks == result.tasks
    with pytest.raises(ToolError, match="status"):
        await toolbox.prepare("todo_write", {"todos": [{"content": "x", "status": "soon"}]})


async def test_effects_are_declared(toolbox):
    reads = [("read", {"file_path": "x"}), ("glob", {"pattern": "*"}), ("grep", {"pattern": "x"})]
    for name, arguments in reads:
        assert (await toolbox.prepare(name, arguments)).plan.effects == (Effect.READ,)
    assert (await toolbox.prepare("write", {"file_path": "x", "content": ""})).plan.effects == (Effect.WRITE,)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "~/x", ".git/config", "a\0b"])
@pytest.mark.parametrize("name", ["read", "write", "edit", "grep", "glob"])
async def test_no_tool_leaves_the_workspace(toolbox, name, path):
    arguments = {"content": "x", "old_string": "a", "new_string": "b", "pattern": "x"}
    key = "path" if name in {"grep", "glob"} else "file_path"
    with pytest.raises(ToolError):
        await toolbox.prepare(name, {**arguments, key: path})
