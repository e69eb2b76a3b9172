from __future__ import annotations

import json
from pathlib import Path

import pytest
from llm_raw_server import DONE, RawServer, chunk
from wire_engine import raw_turn, turn_of

from dsterm.core.config import Config
from dsterm.core.events import TurnEnd
from dsterm.core.messages import AssistantMessage, ToolMessage
from dsterm.core.models import PermissionMode
from dsterm.core.tools import Outcome

OK = {"text": "Done."}
YOLO = Config(permission_mode=PermissionMode.YOLO)
PATH = {"file_path": "a.txt"}


def asks(arguments: str, name: str = "read") -> dict:
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


@pytest.mark.parametrize(
    "raw",
    [
        '{"arguments": {"file_path": "a.txt"}}',
        '{"arguments": "{\\"file_path\\": \\"a.txt\\"}"}',
        json.dumps(json.dumps(PATH)),
        '{"file_path": "a.txt", "offset": "1", "limit": "3"}',
        '{"file_path": "a.txt",}',
        '{"file_path": "a.txt"',
    ],
    ids=["wrapped", "wrapped as text", "JSON as text", "numbers as text", "a comma", "a bracket"],
)
async def test_what_was_meant_runs_and_is_replayed_as_it_was_written(tmp_path: Path, raw: str) -> None:
    turn = await turn_of(tmp_path, asks(raw), OK)
    (result,) = turn.results
    assert result.outcome is Outcome.DONE, result.content
    assert "alpha" in result.content
    *_, said, answered = turn.requests[1].messages
    assert isinstance(said, AssistantMessage)
    assert isinstance(answered, ToolMessage)
    assert said.tool_calls[0].arguments == raw


async def test_true_as_text_is_true(tmp_path: Path) -> None:
    edit = '{"file_path": "a.txt", "old_string": "a", "new_string": "o", "replace_all": "true"}'
    turn = await turn_of(tmp_path, asks(json.dumps(PATH)), asks(edit, "edit"), OK, config=YOLO)
    assert turn.results[1].outcome is Outcome.DONE, turn.results[1].content
    assert (tmp_path / "work" / "a.txt").read_text() == "olpho\n"


async def test_no_arguments_at_all_are_an_empty_object(tmp_path: Path) -> None:
    turn = await turn_of(tmp_path, asks("", "glob"), asks("{}", "glob"), OK)
    first, second = turn.results
    assert first == second
    assert "pattern" in first.content


async def test_raw_line_ends_and_tabs_inside_a_string_are_taken(tmp_path: Path) -> None:
    turn = await turn_of(tmp_path, asks('{"file_path": "b.txt", "content": "one\n\ttwo\n"}', "write"), OK, config=YOLO)
    assert turn.results[0].outcome is Outcome.DONE
    assert (tmp_path / "work" / "b.txt").read_text() == "one\n\ttwo\n"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ('{"file_path": "b.txt", "content": "x",}', "not valid JSON"),
        ('{"file_path": "b.txt", "content": "x"', "not valid JSON"),
        ('{"file_path">b.txt</parameter>', "not valid JSON"),
        ('{"file_path": "C:\\Users\\b.txt", "content": "x"}', "write a backslash inside a string as two"),
        ('[{"file_path": "b.txt"}]', "must be a JSON object"),
        ('{"content": "x"}', "file_path"),
        ('{"file_path": "b.txt", "content": {"a": 1}}', "content"),
    ],
    ids=["comma", "bracket", "garbage", "Windows path", "array", "missing", "wrong type"],
)
async def test_what_is_not_sure_never_changes_a_file_and_the_model_is_told(
    tmp_path: Path, raw: str, words: str
) -> None:
    turn = await turn_of(tmp_path, asks(raw, "write"), OK, config=YOLO)
    (result,) = turn.results
    assert result.outcome is Outcome.FAILED
    assert words in result.content
    if "JSON" in words or "backslash" in words:
        assert '"required"' in result.content
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["a.txt"]
    assert turn.requests[1].messages[-2].tool_calls[0].arguments == raw
    assert turn.end.reason is TurnEnd.ANSWERED


@pytest.mark.parametrize("name", ["launch", "", " "])
async def test_a_name_that_is_no_tool_is_answered_with_the_list_of_tools(
    tmp_path: Path, server: RawServer, name: str
) -> None:
    function = {"name": name, "arguments": "{}"}
    call = {"index": 0, "id": "c1", "type": "function", "function": function}
    server.streams(chunk("tool_calls", tool_calls=[call]), DONE)
    server.streams(chunk("stop", content="Done."), DONE)
    turn = await raw_turn(tmp_path, server)
    (result,) = turn.results
    assert result.outcome is Outcome.FAILED
    assert "The tools are: read," in result.content
    assert [message["role"] for message in server.received[1].json["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
    ]


# How hosts name the calls of one message, and under which ids their answers go back.
CALLS = {
    "ids": ([(0, "c1"), (1, "c2")], ["c1", "c2"]),
    "no ids": ([(0, None), (1, None)], ["call_1", "call_2"]),
    "empty ids": ([(0, ""), (1, "")], ["call_1", "call_2"]),
    "one id for both": ([(0, "c1"), (1, "c1")], ["c1", "call_1"]),
    "one index for both": ([(0, "c1"), (0, "c2")], ["c1", "c2"]),
    "no index": ([(None, "c1"), (None, "c2")], ["c1", "c2"]),
}


@pytest.mark.parametrize("case", CALLS)
async def test_calls_side_by_side_run_in_order_and_each_is_answered_once(
    tmp_path: Path, server: RawServer, case: str
) -> None:
    named, expected = CALLS[case]
    pieces = []
    for path, (index, call_id) in zip(("a.txt", "gone.txt"), named, strict=True):
        call = {"id": call_id, "function": {"name": "read", "arguments": json.dumps({"file_path": path})}}
        pieces.append(chunk(tool_calls=[call if index is None else {"index": index, **call}]))
    server.streams(*pieces, chunk("tool_calls"), DONE)
    server.streams(chunk("stop", content="Done."), DONE)
    turn = await raw_turn(tmp_path, server)
    asked, *answers = server.received[1].json["messages"][2:]
    assert [call["id"] for call in asked["tool_calls"]] == expected
    assert [answer["tool_call_id"] for answer in answers] == expected
    assert "alpha" in answers[0]["content"]
    assert "gone.txt" in answers[1]["content"]
    assert len(turn.messages) == 2


async def test_calls_without_ids_in_two_messages_share_none(tmp_path: Path, server: RawServer) -> None:
    for number in range(2):
        function = {"name": "glob", "arguments": json.dumps({"pattern": f"*{number}"})}
        server.streams(chunk("tool_calls", tool_calls=[{"index": 0, "function": function}]), DONE)
    server.streams(chunk("stop", content="Done."), DONE)
    await raw_turn(tmp_path, server)
    ids = [message["tool_call_id"] for message in server.received[2].json["messages"] if message["role"] == "tool"]
    assert len(set(ids)) == 2
