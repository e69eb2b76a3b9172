from __future__ import annotations

import asyncio
import gzip
import json

import pytest
from llm_raw_server import DONE, END, HEAD, chunk, chunked, sse
from wire_client import KEY, chat_at, deltas_of, ended_of, failure_of, request_for

from dsterm.core.errors import ProviderError
from dsterm.core.provider import (
    Alive,
    FailureKind,
    ReasoningPiece,
    Sent,
    StopReason,
    TextPiece,
    ToolCallPiece,
    UsagePiece,
)
from dsterm.llm.timeouts import Timeouts

WHOLE = {
    "id": "x",
    "object": "chat.completion",
    "model": "deepseek/deepseek-v4-pro",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Yes.",
                "reasoning_content": "Hm.",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "read", "arguments": '{"path": "a"}'}}
                ],
            },
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3},
}


def head(content_type: str, *more: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"content-type: {content_type}", "transfer-encoding: chunked", *more, "", ""]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream", "text/plain; charset=utf-8"])
async def test_a_whole_answer_of_a_host_that_does_not_stream_is_read(server, content_type):
    body = json.dumps(WHOLE).encode()
    # DeepSeek sends blank lines while such a request waits.
    server.plays(head(content_type), chunked(b"\n\n"), 0.01, chunked(b"\n" + body, 3), END)
    deltas = await deltas_of(chat_at(server.url))
    assert deltas[:2] == [Sent(), Alive()]
    assert [d.text for d in deltas if isinstance(d, ReasoningPiece)] == ["Hm."]
    assert [d.text for d in deltas if isinstance(d, TextPiece)] == ["Yes."]
    assert [d.arguments for d in deltas if isinstance(d, ToolCallPiece)] == ['{"path": "a"}']
    assert [d.usage.prompt_tokens for d in deltas if isinstance(d, UsagePiece)] == [7]
    assert deltas[-1].stop is StopReason.TOOL_CALLS


@pytest.mark.parametrize("content_type", ["application/json", "text/html", "text/plain", "application/octet-stream"])
async def test_a_stream_under_a_wrong_name_is_read_as_a_stream(server, content_type):
    body = b": hello\n\n" + sse(chunk(content="a")) + sse(chunk("stop", content="b")) + DONE.encode()
    server.plays(head(content_type), *(chunked(body[i : i + 3]) for i in range(0, len(body), 3)), END)
    deltas = await deltas_of(chat_at(server.url))
    assert [d.text for d in deltas if isinstance(d, TextPiece)] == ["a", "b"]
    assert deltas[-1].stop is StopReason.STOP


@pytest.mark.parametrize("body", [b"", b"\n\n \n"])
async def test_nothing_at_all_is_no_answer_and_may_be_asked_again(server, body):
    server.plays(HEAD, *([chunked(body)] if body else []), END)
    failure = await failure_of(chat_at(server.url))
    assert failure.message.endswith("answered with nothing at all (200).")
    assert failure.is_retryable


@pytest.mark.parametrize(
    ("content_type", "body", "words"),
    [
        ("text/html", b"<!doctype html><html><head><title>Log in</title><script>var x=1</script>", "Log in"),
        ("text/event-stream", b"<html><script>var x = 1;</script><p>Blocked by policy</p>", "Blocked by policy"),
        ("application/json", b'{"hello":"world"}', "hello"),
        ("application/json", b"[1, 2]", "[1,2]"),
        ("text/plain", b"upstream gone", "upstream gone"),
        ("text/plain", b"dat", "dat"),
    ],
)
async def test_what_is_no_answer_is_shown_and_never_taken_for_one(server, content_type, body, words):
    server.plays(head(content_type), chunked(body), END)
    failure = await failure_of(chat_at(server.url))
    assert failure.kind is FailureKind.PROTOCOL
    assert words in failure.message
    assert "var x" not in failure.message
    assert "--base-url" in failure.hint


async def test_an_error_object_with_a_status_of_success_keeps_its_kind(server):
    server.plays(head("application/json"), chunked(b'{"error":{"message":"Provider returned error","code":429}}'), END)
    failure = await failure_of(chat_at(server.url))
    assert failure.kind is FailureKind.RATE_LIMIT


async def test_a_packed_stream_is_unpacked(server):
    packed = gzip.compress(sse(chunk(content="a")) + sse(chunk("stop", content="b")) + DONE.encode())
    server.plays(head("text/event-stream", "content-encoding: gzip"), chunked(packed, 5), END)
    deltas = await deltas_of(chat_at(server.url))
    assert "".join(d.text for d in deltas if isinstance(d, TextPiece)) == "ab"
    assert deltas[-1].stop is StopReason.STOP
    assert "accept-encoding" not in server.received[0].headers


async def test_what_can_not_be_unpacked_is_a_failure_and_no_crash(server):
    server.plays(head("text/event-stream", "content-encoding: gzip"), chunked(b"no gzip at all"), END)
    failure = await failure_of(chat_at(server.url))
    assert "can't be unpacked" in failure.message


async def test_a_whole_answer_that_is_endless_is_given_up(server, monkeypatch):
    monkeypatch.setattr("dsterm.llm.exchange.MAX_EVENT_BYTES", 10_000)
    server.plays(head("application/json"), chunked(b'{"a":"' + b"x" * 20_000), 5.0)
    failure = await failure_of(chat_at(server.url))
    assert "10,000 bytes" in failure.message


async def test_a_debug_log_that_can_not_be_written_is_a_failure_and_no_crash(server):
    from dsterm.core.errors import DiskError

    def full(_what, _data):
        raise DiskError("The disk is full.")

    server.streams(chunk("stop", content="x"), DONE)
    assert (await failure_of(chat_at(server.url, debug=full))).message == "The disk is full."


async def fetched(chat, url):
    try:
        return await chat.fetch(url)
    finally:
        await chat.close()


async def test_a_page_of_the_provider_comes_whole_and_with_the_key(server):
    page = b'{"data":[' + b"1," * 50_000 + b"1]}"
    server.answers("200 OK", page, "content-type: application/json")
    assert await fetched(chat_at(server.url), server.url + "/models") == page
    assert server.received[0].line == "GET /v1/models HTTP/1.1"
    assert server.received[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("url", ["https://evil.example/v1/models", "http://127.0.0.1:1/v1/models", "", "http://[::1"])
async def test_no_page_elsewhere_is_asked_for_with_the_key(server, url):
    server.answers("200 OK", b"{}")
    with pytest.raises(ProviderError, match="is not on the host"):
        await fetched(chat_at(server.url), url)
    assert not server.received


async def test_the_key_does_not_go_to_the_same_host_without_tls(server):
    with pytest.raises(ProviderError, match="is not on the host"):
        await fetched(chat_at(server.url.replace("http:", "https:")), server.url + "/models")


async def test_half_a_page_is_an_error(server):
    server.plays(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", chunked(b'{"data":['))
    with pytest.raises(ProviderError, match="broke off"):
        await fetched(chat_at(server.url), server.url + "/models")


async def test_a_page_that_is_too_large_is_an_error(server):
    server.plays(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", *([chunked(b"x" * 500_000)] * 10), 5.0)
    with pytest.raises(ProviderError, match="is larger than"):
        await fetched(chat_at(server.url), server.url + "/models")


async def test_a_page_that_does_not_come_is_an_error(server):
    server.plays(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n" + b'{"data":[', 5.0)
    with pytest.raises(ProviderError, match="can't be heard any more"):
        await fetched(chat_at(server.url, timeouts=Timeouts(page=0.2)), server.url + "/models")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("401 Unauthorized", "NOVITA_API_KEY"),
        ("404 Not Found", "has no page"),
        ("302 Found", "redirects"),
        ("503 Busy", "overloaded"),
    ],
)
async def test_a_refused_page_says_why(server, status, words):
    server.answers(status, b"", "location: https://evil.example/")
    with pytest.raises(ProviderError, match=words):
        await fetched(chat_at(server.url), server.url + "/models")
    assert len(server.received) == 1


async def test_requests_side_by_side_do_not_wait_for_each_other(server):
    server.streams(chunk("stop", content="x"), DONE)
    chat = chat_at(server.url)

    async def one():
        return [delta async for delta in chat.stream(request_for())][-1]

    ends = await asyncio.gather(*(one() for _ in range(5)))
    await chat.close()
    assert all(end.stop is StopReason.STOP for end in ends)


async def test_a_finish_reason_that_is_missing_in_a_whole_answer_is_a_cut(server):
    answer = {"choices": [{"message": {"role": "assistant", "content": "half"}}]}
    server.plays(head("application/json"), chunked(json.dumps(answer).encode()), END)
    assert (await ended_of(chat_at(server.url))).stop is StopReason.CUT
