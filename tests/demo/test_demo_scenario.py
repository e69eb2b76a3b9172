from __future__ import annotations

import http.client
import json
import socket
import time

import pytest

from dsterm.core.errors import UsageError
from dsterm.demo.scenario import load_scenario


def body(**fields: object) -> bytes:
    request = {
        "model": "deepseek/deepseek-v4-pro",
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": 1_000,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return json.dumps(request | fields).encode()


def contents(chunks: list[dict]) -> str:
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def test_replies_are_played_in_order_and_then_none_is_left(start):
    demo = start("[[replies]]\ntext = 'one'\n[[replies]]\ntext = 'two'")
    assert [contents(demo.stream()), contents(demo.stream())] == ["one", "two"]
    assert demo.error() == "The scenario has no reply left that fits this request."


def test_reply_is_chosen_by_the_words_of_the_user(start):
    demo = start("[[replies]]\nmatch = '^bye'\ntext = 'a'\n[[replies]]\nmatch = 'hel+o'\ntext = 'b'\ntimes = 0")
    assert [contents(demo.stream()) for _ in range(3)] == ["b", "b", "b"]


def test_guide_takes_over_when_asked_to(start):
    demo = start("otherwise = 'guide'\n[[replies]]\ntext = 'one'")
    demo.stream()
    assert "no model" in contents(demo.stream())


def test_reasoning_text_and_calls_are_sent_as_written(start):
    demo = start(
        "[[replies]]\nreasoning = 'hm '\nreasoning_repeat = 3\ntext = 'ok'\n"
        "tool_calls = [{name = 'read', arguments = {file_path = 'a'}}, {name = 'glob', arguments = '{\"pat'}]"
    )
    chunks = demo.stream()
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert "".join(delta.get("reasoning_content") or "" for delta in deltas) == "hm hm hm "
    calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
    arguments = ["".join(call["function"]["arguments"] for call in calls if call["index"] == index) for index in (0, 1)]
    assert arguments == ['{"file_path":"a"}', '{"pat']
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_finish_reason_model_and_usage_can_be_given(start):
    demo = start(
        "[[replies]]\ntext = 'x'\nfinish_reason = 'content_filter'\nmodel = 'other'\n"
        "usage = {prompt_tokens = 100, completion_tokens = 7, cached_tokens = 64, reasoning_tokens = 3}"
    )
    last = demo.stream()[-1]
    assert (last["choices"][0]["finish_reason"], last["model"]) == ("content_filter", "other")
    assert last["usage"]["prompt_tokens_details"] == {"cached_tokens": 64}
    assert demo.get("/ledger")["usage"] == {
        "prompt_tokens": 100,
        "completion_tokens": 7,
        "cached_tokens": 64,
        "reasoning_tokens": 3,
        "is_estimate": False,
        "is_cache_known": True,
    }


@pytest.mark.parametrize(
    ("place", "on_finish", "behind"), [("trailing", False, True), ("both", True, True), ("missing", False, False)]
)
def test_usage_comes_where_it_is_put(start, place, on_finish, behind):
    chunks = start(f"[[replies]]\ntext = 'x'\nusage_place = '{place}'").stream()
    finish = next(chunk for chunk in chunks if chunk["choices"] and chunk["choices"][0]["finish_reason"])
    assert (finish["usage"] is not None) is on_finish
    assert (chunks[-1]["choices"] == []) is behind


def test_ids_of_calls_can_be_left_out(start):
    chunks = start("[[replies]]\ntool_calls = [{name = 'read'}]\nomits_ids = true").stream()
    starts = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert starts[0]["function"]["name"] == "read"
    assert not any("id" in call for call in starts)


def test_refusal_is_an_http_error_with_its_headers(start):
    demo = start(
        "[[replies]]\n[replies.refusal]\nstatus = 429\nretry_after = '7'\nmessage = 'slow down'\nheaders = {x-trace = 't'}"
    )
    status, headers, data = demo.post()
    assert (status, headers["retry-after"], headers["x-trace"]) == (429, "7", "t")
    assert json.loads(data)["error"]["message"] == "slow down"


def test_body_of_a_refusal_is_sent_as_it_is(start):
    demo = start("[[replies]]\nrefusal = {status = 502, body = '<html>bad gateway</html>'}")
    assert demo.post()[::2] == (502, b"<html>bad gateway</html>")


def raw_stream(demo) -> bytes:
    status, _, data = demo.request("POST", "/v1/chat/completions", body())
    assert status == 200
    return data


def test_stream_can_end_without_done(start):
    data = raw_stream(start("[[replies]]\ntext = 'one two three'\nfaults = [{kind = 'end', after = 3}]"))
    assert data.count(b"data: ") == 3
    assert b"[DONE]" not in data
    assert b'finish_reason":"' not in data


def test_connection_can_be_dropped_in_mid_answer(start):
    demo = start("[[replies]]\ntext = 'one two three'\nfaults = [{kind = 'drop', after = 2}]")
    with pytest.raises(http.client.IncompleteRead) as caught:
        raw_stream(demo)
    assert caught.value.partial.count(b"data: ") == 2
    entry = demo.get("/ledger")["requests"][0]
    assert (entry["is_complete"], entry["finish_reason"], entry["usage"]["completion_tokens"]) == (False, "", 1)


def test_error_object_ends_the_stream(start):
    demo = start("[[replies]]\ntext = 'one two'\nfaults = [{kind = 'error', after = 1, message = 'busy', code = 503}]")
    events = raw_stream(demo).decode().strip().split("\n\n")
    assert json.loads(events[-1].removeprefix("data: "))["error"] == {
        "message": "busy",
        "type": "server_error",
        "param": None,
        "code": 503,
    }


def test_malformed_line_and_comments_stand_between_chunks(start):
    demo = start(
        "[[replies]]\ntext = 'one'\n"
        "faults = [{kind = 'comment', text = 'ping', times = 2}, {kind = 'malformed', after = 1, text = '{oops'}]"
    )
    data = raw_stream(demo)
    assert data.startswith(b": ping\n\n: ping\n\ndata: {")
    assert b"\n\ndata: {oops\n\n" in data
    assert data.endswith(b"data: [DONE]\n\n")


def test_stall_holds_the_stream_back(start):
    demo = start("[[replies]]\ntext = 'one two'\nfaults = [{kind = 'stall', after = 2, seconds = 0.4}]")
    began = time.monotonic()
    assert contents(demo.stream()) == "one two"
    assert time.monotonic() - began >= 0.4


def test_characters_are_cut_by_writes_and_come_out_whole(start):
    demo = start("[[replies]]\ntext = 'größer 日本 🙂'\nsplits_characters = true")
    with socket.create_connection(("127.0.0.1", demo.port), timeout=8) as connection:
        request = body()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(request)}\r\n\r\n"
        connection.sendall(head.encode() + request)
        parts = []
        while not parts or b"[DONE]" not in parts[-1]:
            parts.append(connection.recv(65_536))
    assert any(ends_inside_a_character(part) for part in parts)
    assert (
        contents(start("[[replies]]\ntext = 'größer 日本 🙂'\nsplits_characters = true").stream()) == "größer 日本 🙂"
    )


def ends_inside_a_character(part: bytes) -> bool:
    # Each write is one HTTP chunk: its bytes, then CR LF.
    return any(line and line[-1] >= 0xC0 for line in part.split(b"\r\n"))


def test_flood_at_full_speed_is_cheap(start):
    demo = start("[[replies]]\ntext = 'lorem '\nrepeat = 100000")
    began = time.monotonic()
    status, _, data = demo.request("POST", "/v1/chat/completions", body())
    assert (status, data.count(b"\n\n")) == (200, 100_000 + 3)
    assert time.monotonic() - began < 5


def test_client_that_leaves_ends_the_answer_and_is_booked(start):
    demo = start("[[replies]]\ntext = 'lorem '\nrepeat = 1000\ntokens_per_second = 100")
    connection = http.client.HTTPConnection("127.0.0.1", demo.port, timeout=8)
    connection.request("POST", "/v1/chat/completions", body())
    response = connection.getresponse()
    response.read(2_000)
    response.close()
    connection.close()
    deadline = time.monotonic() + 5
    while not demo.get("/ledger")["requests"] and time.monotonic() < deadline:
        time.sleep(0.05)
    entry = demo.get("/ledger")["requests"][0]
    assert not entry["is_complete"]
    assert 0 < entry["usage"]["completion_tokens"] < 900


BAD = {
    "not toml": "replies = [",
    "unknown field": "[[replies]]\ntxt = 'a'",
    "unknown fault": "[[replies]]\nfaults = [{kind = 'boom'}]",
    "wrong type": "[[replies]]\ntext = 3",
    "no replies": "tokens_per_second = 3",
    "bad pattern": "[[replies]]\nmatch = '('",
    "negative": "[[replies]]\nrepeat = -1",
    "no error status": "[[replies]]\nrefusal = {status = 200}",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_scenario_is_one_sentence(tmp_path, name):
    file = tmp_path / "bad.toml"
    file.write_text(BAD[name])
    with pytest.raises(UsageError) as caught:
        load_scenario(file)
    assert str(caught.value).startswith(f"The scenario {file} can't be used: ")
    assert "\n" not in str(caught.value)


def test_missing_scenario_is_one_sentence(tmp_path):
    with pytest.raises(UsageError, match="can't be read"):
        load_scenario(tmp_path / "none.toml")


def test_scenario_can_be_json(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{"replies": [{"text": "a", "faults": [{"kind": "stall", "seconds": 1}]}]}')
    assert load_scenario(file).replies[0].text == "a"
