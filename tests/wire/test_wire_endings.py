from __future__ import annotations

from pathlib import Path

import pytest
from llm_raw_server import DONE, END, HEAD, RawServer, chunk, chunked, sse
from wire_engine import raw_turn

from dsterm.core.config import Config
from dsterm.core.events import StepRetried, TurnEnd
from dsterm.core.models import PermissionMode
from dsterm.core.wire_events import Intervention

USAGE = {"prompt_tokens": 100, "completion_tokens": 5}
WRITE = {"name": "write", "arguments": '{"file_path": "b.txt", "content": "whole"}'}
CALL = {"index": 0, "id": "c1", "type": "function", "function": WRITE}
YOLO = Config(permission_mode=PermissionMode.YOLO)


@pytest.fixture(autouse=True)
def _retries_come_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dsterm.llm.retry._LONGEST_WAIT", 0.001)


# How a stream ends, how often it is asked for, how the turn ends and in which words.
ENDINGS = {
    "stop": (1, TurnEnd.ANSWERED, ""),
    "tool_calls": (1, TurnEnd.ANSWERED, ""),
    "length": (3, TurnEnd.CUT, "output limit"),
    "content_filter": (1, TurnEnd.FAILED, "content filter"),
    "insufficient_system_resource": (2, TurnEnd.FAILED, "ran out of capacity"),
    "error": (2, TurnEnd.FAILED, "error"),
    "a_new_one": (1, TurnEnd.FAILED, "a_new_one"),
    "": (2, TurnEnd.FAILED, "ended the stream before the answer was complete"),
}


@pytest.mark.parametrize("reason", ENDINGS)
async def test_every_end_has_words_of_its_own_and_none_but_the_first_two_is_success(
    tmp_path: Path, server: RawServer, reason: str
) -> None:
    requests, end, words = ENDINGS[reason]
    server.streams(chunk(reasoning_content="Hm."), chunk(content="Half of it."), chunk(reason or None, USAGE), DONE)
    turn = await raw_turn(tmp_path, server)
    assert len(server.received) == requests
    assert turn.end.reason is end
    assert words in turn.end.text
    assert bool(turn.end.text) is (end is not TurnEnd.ANSWERED)
    again = [event for event in turn.events if isinstance(event, StepRetried)]
    assert len(again) + turn.did.count(Intervention.CONTINUED) == requests - 1
    # What came is kept, once.
    assert {message.content for message in turn.messages} == {"Half of it."}
    assert len(turn.messages) == (3 if reason == "length" else 1)


@pytest.mark.parametrize("reason", ENDINGS)
async def test_a_whole_call_runs_only_behind_a_clean_end(tmp_path: Path, server: RawServer, reason: str) -> None:
    server.streams(chunk(tool_calls=[CALL]), chunk(reason or None, USAGE), DONE)
    server.streams(chunk(tool_calls=[CALL]), chunk(reason or None, USAGE), DONE)
    server.streams(chunk("stop", content="Done."), DONE)
    turn = await raw_turn(tmp_path, server, YOLO)
    file = tmp_path / "work" / "b.txt"
    assert file.exists() is (reason in {"stop", "tool_calls"})
    assert (turn.end.reason is TurnEnd.ANSWERED) is (reason in {"stop", "tool_calls", "length"})


@pytest.mark.parametrize("code", ["server_error", 503, "rate_limit_exceeded", "timeout_error", "invalid_request_error"])
async def test_an_error_behind_text_is_tried_once_more_if_it_may_pass_and_never_an_answer(
    tmp_path: Path, server: RawServer, code: str | int
) -> None:
    server.streams(chunk(content="Half"), {"error": {"message": "it broke", "code": code}}, DONE)
    turn = await raw_turn(tmp_path, server)
    assert len(server.received) == (1 if code == "invalid_request_error" else 2)
    assert len({received.body for received in server.received}) == 1
    assert turn.end.reason is TurnEnd.FAILED
    assert "it broke" in turn.end.text
    assert [(message.content, message.is_cut) for message in turn.messages] == [("Half", True)]


# What the servers of section 5.2 answer, and how many requests a prompt then comes to.
SENT_AGAIN = {
    400: 1,
    401: 1,
    402: 1,
    403: 1,
    404: 1,
    408: 3,
    409: 5,
    413: 1,
    422: 1,
    429: 5,
    500: 5,
    502: 5,
    503: 5,
    504: 3,
}


@pytest.mark.parametrize("status", SENT_AGAIN)
async def test_a_status_is_sent_again_with_the_same_bytes_where_it_may_pass_and_else_never(
    tmp_path: Path, server: RawServer, status: int
) -> None:
    server.answers(f"{status} X", b'{"error": {"message": "said the server"}}')
    turn = await raw_turn(tmp_path, server)
    assert len(server.received) == SENT_AGAIN[status]
    assert len({received.body for received in server.received}) == 1
    assert turn.end.reason is TurnEnd.FAILED
    assert "said the server" in turn.end.text
    assert ("It was tried" in turn.end.text) is (SENT_AGAIN[status] > 1)


async def test_no_more_is_waited_than_the_server_asks_within_a_minute(tmp_path: Path, server: RawServer) -> None:
    server.answers("429 X", b"", "retry-after: 0.2")
    server.answers("429 X", b"", "retry-after: 61")
    turn = await raw_turn(tmp_path, server)
    (retried,) = [event for event in turn.events if isinstance(event, StepRetried)]
    assert retried.wait == 0.2
    assert len(server.received) == 2
    assert "asks to wait" in turn.end.text


async def test_an_end_in_the_middle_of_a_line_is_tried_once_more(tmp_path: Path, server: RawServer) -> None:
    server.plays(HEAD, chunked(sse(chunk(content="Half"))), chunked(b'data: {"choices":[{"del'), END)
    server.streams(chunk("stop", USAGE, content="Whole."), DONE)
    turn = await raw_turn(tmp_path, server)
    assert [message.content for message in turn.messages] == ["Whole."]
    assert turn.end.reason is TurnEnd.ANSWERED
