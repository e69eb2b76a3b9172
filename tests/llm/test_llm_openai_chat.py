from __future__ import annotations

import asyncio
import contextlib
import time

import msgspec
import pytest
from llm_raw_server import DONE, END, HEAD, chunk, chunked, sse

from dsterm.core.messages import AssistantMessage, ToolCall, ToolMessage, UserMessage
from dsterm.core.models import ThinkingMode
from dsterm.core.provider import (
    Alive,
    Ended,
    FailureKind,
    ReasoningPiece,
    Request,
    Sent,
    ServedBy,
    StopReason,
    TextPiece,
    UsagePiece,
)
from dsterm.llm.assemble import Assembler
from dsterm.llm.catalog import load_catalog
from dsterm.llm.openai_chat import OpenAIChat
from dsterm.llm.wire import request_body

KEY = "sk_secret-0123456789"


def request_for(text: str = "hi") -> Request:
    model = load_catalog().model("novita", "pro")
    return Request(
        model=model, mode=ThinkingMode.THINK, system="S", tools=(), messages=(UserMessage(text=text),), max_tokens=1000
    )


def chat_at(url: str, **options) -> OpenAIChat:
    return OpenAIChat(load_catalog(base_url=url).provider("novita"), KEY, **options)


async def deltas_of(chat: OpenAIChat, request: Request | None = None):
    try:
        return [delta async for delta in chat.stream(request or request_for())]
    finally:
        await chat.close()


async def failure_of(chat: OpenAIChat):
    last = (await deltas_of(chat))[-1]
    assert isinstance(last, Ended)
    assert last.stop is StopReason.FAILED
    assert KEY not in last.failure.sentence
    return last.failure


USAGE = {"prompt_tokens": 100, "completion_tokens": 48, "prompt_tokens_details": {"cached_tokens": 64}}


async def test_a_whole_answer_comes_through_in_order(server):
    server.streams(
        chunk(role="assistant", content=None, reasoning_content=""),
        chunk(content=None, reasoning_content="Let me "),
        chunk(content="Yes", reasoning_content=None),
        chunk("stop", USAGE, content=""),
        DONE,
    )
    deltas = await deltas_of(chat_at(server.url))
    assert deltas[:3] == [Sent(), Alive(), ServedBy("deepseek/deepseek-v4-pro", "x")]
    assert [d for d in deltas if isinstance(d, ReasoningPiece | TextPiece)] == [
        ReasoningPiece("Let me "),
        TextPiece("Yes"),
    ]
    assert deltas[-2].usage.cached_tokens == 64
    assert deltas[-1] == Ended(stop=StopReason.STOP)


async def test_the_body_on_the_socket_is_ours_to_the_byte(server):
    server.streams(chunk("stop", content="x"), DONE)
    chat = chat_at(server.url)
    request = request_for("grüß\u2028dich 🙂")
    await deltas_of(chat, request)
    got = server.received[0]
    assert got.body == request_body(request, load_catalog().provider("novita"))
    assert got.line == "POST /v1/chat/completions HTTP/1.1"
    assert got.json == {
        "model": "deepseek/deepseek-v4-pro",
        "max_tokens": 1000,
        "stream": True,
        "stream_options": {"include_usage": True},
        "enable_thinking": True,
        "reasoning": {"effort": "low"},
        "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "grüß\u2028dich 🙂"}],
    }


async def test_only_plain_headers_go_out_whatever_the_environment_says(server, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-private")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Private: yes\nAuthorization: Bearer other")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1/")
    server.streams(chunk("stop", content="x"), DONE)
    await deltas_of(chat_at(server.url))
    headers = server.received[0].headers
    assert headers.keys() <= {
        "host",
        "authorization",
        "accept",
        "connection",
        "content-type",
        "content-length",
        "user-agent",
    }
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == "application/json"


async def test_without_a_key_a_custom_server_gets_no_authorization(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-service")
    server.streams(chunk("stop", content="x"), DONE)
    chat = OpenAIChat(load_catalog(base_url=server.url).provider("custom"), "")
    assert (await deltas_of(chat))[-1] == Ended(stop=StopReason.STOP)
    assert "authorization" not in server.received[0].headers


@pytest.mark.parametrize("pieces", [1, 3, 1000])
async def test_reads_cut_anywhere_give_the_same_answer(server, pieces):
    server.streams(
        chunk(content="Grüße, 世界 🙂\u2028\x85"), chunk(content="!\n"), chunk("stop", content=""), DONE, pieces=pieces
    )
    deltas = await deltas_of(chat_at(server.url))
    assert "".join(d.text for d in deltas if isinstance(d, TextPiece)) == "Grüße, 世界 🙂\u2028\x85!\n"


async def test_comments_and_carriage_returns_are_understood(server):
    body = b": keep-alive\r\n\r\n" + sse(chunk(content="a")).replace(b"\n", b"\r\n")
    body += b"event: x\rid: 3\r" + sse(chunk("stop", content="b")).replace(b"\n", b"\r") + b"data:[DONE]\r\n\r\n"
    server.plays(HEAD, chunked(b"\xef\xbb\xbf" + body, 7), END)
    deltas = await deltas_of(chat_at(server.url))
    assert deltas[:2] == [Sent(), Alive()]
    assert [d.text for d in deltas if isinstance(d, TextPiece)] == ["a", "b"]
    assert deltas[-1] == Ended(stop=StopReason.STOP)


async def test_usage_may_come_in_a_chunk_without_choices(server):
    server.streams(chunk("stop", content="a"), {"choices": [], "usage": USAGE}, DONE)
    deltas = await deltas_of(chat_at(server.url))
    assert [d.usage.prompt_tokens for d in deltas if isinstance(d, UsagePiece)] == [100]


async def test_an_error_in_the_middle_of_a_stream_ends_it(server):
    server.streams(chunk(content="a"), {"error": {"message": "too busy", "code": 503}}, chunk(content="never"), DONE)
    deltas = await deltas_of(chat_at(server.url))
    assert [d.text for d in deltas if isinstance(d, TextPiece)] == ["a"]
    assert deltas[-1].failure.kind is FailureKind.SERVER
    assert "too busy" in deltas[-1].failure.message
    assert deltas[-1].failure.is_retryable


async def test_a_line_that_is_no_json_is_a_failure_and_no_crash(server):
    server.streams(chunk(content="a"), "data: {broken\n\n", DONE)
    assert (await failure_of(chat_at(server.url))).kind is FailureKind.PROTOCOL


async def test_the_end_without_a_finish_reason_is_a_cut(server):
    server.streams(chunk(content="a"))
    assert (await deltas_of(chat_at(server.url)))[-1].stop is StopReason.CUT


async def test_the_end_in_the_middle_of_an_event_is_a_cut(server):
    server.plays(HEAD, chunked(sse(chunk(content="a")) + sse(chunk(content="bcd"))[:40]), END)
    deltas = await deltas_of(chat_at(server.url))
    assert [d.text for d in deltas if isinstance(d, TextPiece)] == ["a"]
    assert deltas[-1].stop is StopReason.CUT


async def test_a_finish_reason_makes_done_superfluous(server):
    server.plays(HEAD, chunked(sse(chunk("stop", content="a")).rstrip()), END)
    assert (await deltas_of(chat_at(server.url)))[-1] == Ended(stop=StopReason.STOP)


async def test_a_connection_that_breaks_off_is_a_failure_that_may_be_retried(server):
    server.plays(HEAD, chunked(sse(chunk(content="a"))))
    failure = await failure_of(chat_at(server.url))
    assert failure.kind is FailureKind.CONNECTION
    assert failure.is_retryable


async def test_a_connection_that_breaks_off_after_the_finish_reason_harms_nothing(server):
    server.plays(HEAD, chunked(sse(chunk("stop", content="a"))))
    assert (await deltas_of(chat_at(server.url)))[-1] == Ended(stop=StopReason.STOP)


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (
            "401 Unauthorized",
            b'{"error":{"message":"bad key sk_secret-0123456789"}}',
            FailureKind.AUTHENTICATION,
            "NOVITA_API_KEY",
        ),
        ("402 Payment Required", b'{"error":{"message":"Insufficient Balance"}}', FailureKind.BALANCE, "Top up"),
        ("403 Forbidden", b'{"message":"model_access_denied"}', FailureKind.ACCESS, "model_access_denied"),
        ("404 Not Found", b'{"reason":"MODEL_NOT_FOUND"}', FailureKind.NOT_FOUND, "/model"),
        ("429 Too Many", b'{"detail":"TPM limit"}', FailureKind.RATE_LIMIT, "TPM limit"),
        ("503 Busy", b"<html><title>Bad day</title><p>x", FailureKind.SERVER, "Bad day"),
        ("500 Oops", b"", FailureKind.SERVER, "500"),
        ("302 Found", b"", FailureKind.PROTOCOL, "redirects"),
    ],
)
async def test_each_status_has_its_own_words(server, status, body, kind, words):
    server.answers(status, body, "retry-after: 7", "location: http://elsewhere.example/x")
    failure = await failure_of(chat_at(server.url))
    assert failure.kind is kind
    assert words in failure.sentence
    assert len(server.received) == 1


async def test_a_login_page_instead_of_a_stream_is_named(server):
    page = b"<html><head><title>Hotel WiFi</title></head>" + b"x" * 100_000
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: %d\r\n\r\n"
    server.plays(head % len(page) + page)
    failure = await failure_of(chat_at(server.url))
    assert "Hotel WiFi" in failure.message
    assert "--base-url" in failure.hint


async def test_an_endless_error_page_is_not_read_to_the_end(server):
    server.plays(b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n", *([chunked(b"x" * 60_000)] * 50), 60.0)
    begin = time.monotonic()
    failure = await failure_of(chat_at(server.url))
    assert time.monotonic() - begin < 5
    assert len(failure.message) < 2300


async def test_a_refused_connection_says_where_and_what_to_do(server):
    await server.stop()
    failure = await failure_of(chat_at(server.url))
    host = server.url.removeprefix("http://").removesuffix("/v1")
    assert (
        failure.sentence
        == f"Novita AI can't be reached at {host}: connection refused. Start the server, or check --base-url."
    )


async def test_a_host_that_does_not_exist_is_named():
    failure = await failure_of(chat_at("http://nowhere.invalid/v1"))
    assert "nowhere.invalid" in failure.message
    assert failure.kind is FailureKind.CONNECTION


async def test_a_server_without_tls_is_named(server):
    server.greeting = b"220 mail.example ESMTP\r\n"
    failure = await failure_of(chat_at(server.url.replace("http://", "https://")))
    assert "no safe connection" in failure.message


async def test_no_http_at_all_is_a_failure(server):
    server.plays(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    assert (await failure_of(chat_at(server.url))).kind is FailureKind.CONNECTION


async def test_cancelling_the_reader_closes_the_connection_at_once(server):
    server.plays(HEAD, chunked(sse(chunk(content="a"))), 30.0, END)
    chat = chat_at(server.url)
    started = asyncio.Event()

    async def read():
        async for delta in chat.stream(request_for()):
            if isinstance(delta, TextPiece):
                started.set()

    task = asyncio.create_task(read())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.lost.wait(), 2)
    await chat.close()


async def test_closing_the_generator_closes_the_connection(server):
    server.plays(HEAD, chunked(sse(chunk(content="a"))), 30.0, END)
    chat = chat_at(server.url)
    async with contextlib.aclosing(chat.stream(request_for())) as stream:
        await anext(stream)
    await asyncio.wait_for(server.lost.wait(), 2)
    await chat.close()


async def test_cancelling_before_the_headers_closes_the_connection(server):
    server.plays(30.0, HEAD)
    chat = chat_at(server.url)
    task = asyncio.create_task(deltas_of(chat))
    while not server.received:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.lost.wait(), 2)


async def test_the_connection_serves_the_next_request_too(server):
    server.streams(chunk("stop", content="a"), DONE)
    chat = chat_at(server.url)
    for _ in range(3):
        assert [d async for d in chat.stream(request_for())][-1] == Ended(stop=StopReason.STOP)
    await chat.close()
    assert server.connections == 1


async def test_a_closed_provider_opens_again_for_the_next_request(server):
    server.streams(chunk("stop", content="a"), DONE)
    chat = chat_at(server.url)
    for _ in range(2):
        assert (await deltas_of(chat))[-1] == Ended(stop=StopReason.STOP)


@pytest.mark.parametrize("url", ["", "nonsense", "http://[::1", "ftp://host/v1", "http://127.0.0.1:1:2/"])
async def test_an_address_that_is_none_is_a_failure_and_no_crash(url):
    card = msgspec.structs.replace(load_catalog().provider("novita"), base_url=url)
    assert (await failure_of(OpenAIChat(card, KEY))).kind is FailureKind.CONNECTION


async def test_a_server_that_lingers_after_done_does_not_hold_up_the_answer(server):
    server.plays(HEAD, chunked(sse(chunk("stop", content="a")) + DONE.encode()), 30.0, END)
    begin = time.monotonic()
    assert (await deltas_of(chat_at(server.url)))[-1] == Ended(stop=StopReason.STOP)
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("key", ["", "sk one", "sk\n", "sk-ü", "sk\x00"])
async def test_a_key_that_can_not_be_one_is_never_sent(server, key):
    chat = OpenAIChat(load_catalog(base_url=server.url).provider("novita"), key)
    last = (await deltas_of(chat))[-1]
    assert last.failure.kind is FailureKind.AUTHENTICATION
    assert "NOVITA_API_KEY or DSTERM_API_KEY" in last.failure.hint
    assert not server.received


async def test_debug_sees_what_passes_and_never_the_key(server):
    seen: list[tuple[str, bytes]] = []
    server.streams(chunk(content=f"your key is {KEY}"), chunk("stop", content=""), DONE)
    await deltas_of(
        chat_at(server.url, debug=lambda what, data: seen.append((what, data))), request_for(f"my key: {KEY}")
    )
    assert seen[0][0] == "request"
    assert b"HTTP 200" in seen[1][1]
    assert b"[DONE]" in b"".join(data for what, data in seen if what == "response")
    assert not any(KEY.encode() in data for _, data in seen)


async def test_warming_up_twice_in_threads_is_harmless(server):
    server.streams(chunk("stop", content="a"), DONE)
    chat = chat_at(server.url)
    await asyncio.gather(*(asyncio.to_thread(chat.warm) for _ in range(3)))
    assert (await deltas_of(chat))[-1] == Ended(stop=StopReason.STOP)


async def test_tool_calls_in_fragments_become_one_message(server):
    def call(index, **fields):
        return chunk(tool_calls=[{"index": index, **fields}])

    server.streams(
        call(0, id="call_00_a", type="function", function={"name": "read", "arguments": ""}),
        call(0, function={"arguments": '{"path":'}),
        call(0, function={"arguments": ' "a.py"}'}),
        call(1, id="call_01_b", type="function", function={"name": "glob", "arguments": "{}"}),
        chunk("tool_calls", content=""),
        DONE,
    )
    assembler = Assembler()
    for delta in await deltas_of(chat_at(server.url)):
        assembler.feed(delta)
    assert assembler.stop is StopReason.TOOL_CALLS
    assert assembler.message("m", ThinkingMode.THINK) == AssistantMessage(
        tool_calls=(
            ToolCall(id="call_00_a", name="read", arguments='{"path": "a.py"}'),
            ToolCall(id="call_01_b", name="glob", arguments="{}"),
        ),
        model="m",
    )


async def test_a_tool_loop_is_replayed_with_its_reasoning(server):
    server.streams(chunk("stop", content="x"), DONE)
    call = ToolCall(id="c1", name="read", arguments='{ "path":"a" }')
    messages = (
        UserMessage(text="u"),
        AssistantMessage(reasoning="because", tool_calls=(call,)),
        ToolMessage(call_id="c1", content="text"),
        AssistantMessage(content="done"),
    )
    request = request_for()
    request = Request(
        model=request.model, mode=ThinkingMode.NON_THINK, system="", tools=(), messages=messages, max_tokens=10**9
    )
    await deltas_of(chat_at(server.url), request)
    body = server.received[0].json
    assert body["max_tokens"] == 393_216
    assert body["messages"][1] == {
        "role": "assistant",
        "content": "",
        "reasoning_content": "because",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "read", "arguments": '{ "path":"a" }'}}],
    }
    assert body["messages"][3]["reasoning_content"] == " "
