from __future__ import annotations

import socket
import time

import pytest
from llm_raw_server import DONE, END, HEAD, RawServer, chunk, chunked, sse
from wire_client import KEY, chat_at, deltas_of, ended_of, failure_of, request_for

from dsterm.core.messages import UserMessage
from dsterm.core.provider import Alive, FailureKind, StopReason, TextPiece
from dsterm.llm.retry import wait_before_retry
from dsterm.llm.timeouts import Timeouts

QUICK = Timeouts(connect=2.0, headers=0.1, per_megabyte=0.5, silence=0.3, queue=0.3, total=0.6)


async def test_headers_that_do_not_come_are_a_time_out_that_says_so(server):
    server.plays(30.0, HEAD)
    quick = Timeouts(connect=0.1, headers=0.1)
    failure = await failure_of(chat_at(server.url, timeouts=quick))
    assert failure.kind is FailureKind.TIMEOUT
    assert "no answer began in time" in failure.message
    assert failure.is_retryable


async def test_a_large_body_may_wait_longer_for_its_headers(server):
    slow = Timeouts(connect=0.1, headers=0.1, per_megabyte=2.0)
    assert slow.until_headers(1_000_000) == 2.2
    server.plays(0.5, HEAD + chunked(sse(chunk("stop", content="a")) + DONE.encode()) + END)
    large = request_for(UserMessage(text="x" * 500_000))
    assert (await ended_of(chat_at(server.url, timeouts=slow), large)).stop is StopReason.STOP
    assert (await failure_of(chat_at(server.url, timeouts=slow))).kind is FailureKind.TIMEOUT


async def test_an_answer_that_falls_silent_is_a_time_out_that_says_so(server):
    server.plays(HEAD, chunked(sse(chunk(content="a"))), 30.0, END)
    quick = Timeouts(connect=0.1, headers=0.1, silence=0.2)
    failure = await failure_of(chat_at(server.url, timeouts=quick))
    assert failure.kind is FailureKind.TIMEOUT
    assert "fell silent" in failure.message


async def test_keep_alives_alone_do_not_hold_a_request_open_for_ever(server):
    server.plays(HEAD, *([chunked(b": keep-alive\n\n"), 0.05] * 40), END)
    failure = await failure_of(chat_at(server.url, timeouts=QUICK))
    assert failure.kind is FailureKind.TIMEOUT
    assert "never began to answer" in failure.message
    assert "/provider" in failure.hint
    # What waited a quarter of an hour is not waited for again.
    assert not failure.is_retryable


async def test_keep_alives_carry_an_answer_over_any_pause(server):
    pause = [chunked(b": keep-alive\n\n"), 0.05]
    server.plays(HEAD, *(pause * 4), chunked(sse(chunk("stop", content="a"))), chunked(DONE.encode()), END)
    quick = Timeouts(connect=1.0, headers=1.0, silence=0.15, queue=5.0)
    deltas = await deltas_of(chat_at(server.url, timeouts=quick))
    assert deltas.count(Alive()) >= 4
    assert deltas[-1].stop is StopReason.STOP


async def test_an_answer_without_end_ends(server):
    server.plays(HEAD, *([chunked(sse(chunk(content="a"))), 0.05] * 40), END)
    deltas = await deltas_of(chat_at(server.url, timeouts=QUICK))
    assert "took too long" in deltas[-1].failure.message
    assert any(isinstance(delta, TextPiece) for delta in deltas)


async def test_a_host_that_does_not_take_the_connection_is_a_time_out():
    # A backlog that is full: the kernel drops what else comes.
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    filling = []
    for _ in range(4):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        filling.append(client)
    quick = Timeouts(connect=0.2, headers=5.0)
    try:
        failure = await failure_of(chat_at(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", timeouts=quick))
    finally:
        for client in (*filling, listener):
            client.close()
    assert failure.kind is FailureKind.TIMEOUT
    assert "no connection in time" in failure.message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["host", "port", "plain", "same"])
async def test_no_redirect_carries_the_key_anywhere(server, status, target):
    other = RawServer()
    await other.start()
    other.streams(chunk("stop", content="stolen"), DONE)
    port = other.url.split(":")[2]
    location = {
        "host": f"https://localhost:{port}",
        "port": other.url,
        "plain": f"//127.0.0.1:{port}",
        "same": "/v1/other",
    }[target]
    server.answers(f"{status} X", b"", f"location: {location}")
    failure = await failure_of(chat_at(server.url))
    await other.stop()
    assert "redirects to" in failure.message
    assert not failure.is_retryable
    assert (len(server.received), other.received) == (1, [])


async def test_a_refused_connection_to_elsewhere_may_be_tried_again_and_here_not(server):
    await server.stop()
    local = await failure_of(chat_at(server.url))
    assert not local.is_retryable
    assert local.hint == "Start the server, or check --base-url."


@pytest.fixture
async def proxy(monkeypatch):
    raw = RawServer()
    await raw.start()
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, raw.url.removesuffix("/v1"))
    yield raw
    await raw.stop()


async def test_a_proxy_of_the_environment_is_used(proxy):
    proxy.streams(chunk("stop", content="x"), DONE)
    assert (await ended_of(chat_at("http://api.example.test/v1"))).stop is StopReason.STOP
    assert proxy.received[0].line == "POST http://api.example.test/v1/chat/completions HTTP/1.1"


async def test_a_server_on_this_machine_is_never_asked_for_through_a_proxy(proxy, server):
    server.streams(chunk("stop", content="x"), DONE)
    for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
        assert (await ended_of(chat_at(url))).stop is StopReason.STOP
    assert not proxy.received


async def test_no_proxy_goes_past_the_proxy(proxy, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "example.invalid")
    failure = await failure_of(chat_at("http://api.example.invalid/v1"))
    assert "the host name is not known" in failure.message
    assert "HTTPS_PROXY" not in failure.hint
    assert not proxy.received


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_a_password_says_how_to_give_it(proxy, scheme):
    proxy.answers("407 Proxy Authentication Required", b"<html><title>Who are you?</title>")
    failure = await failure_of(chat_at(f"{scheme}://api.example.test/v1"))
    assert failure.kind is FailureKind.CONNECTION
    assert "407" in failure.message
    assert "user:password@" in failure.hint
    assert not failure.is_retryable
    if scheme == "https":
        assert proxy.received[0].line == "CONNECT api.example.test:443 HTTP/1.1"
        assert KEY not in str(proxy.received[0])


async def test_a_proxy_that_refuses_the_host_is_named(proxy):
    proxy.answers("403 Forbidden", b"<html>no</html>")
    failure = await failure_of(chat_at("https://api.example.test/v1"))
    assert "the proxy refused: 403 Forbidden" in failure.message
    assert "NO_PROXY" in failure.hint


async def test_a_page_of_the_proxy_is_shown_in_plain_words(proxy):
    proxy.answers("502 Bad Gateway", b"<html><head><title>Proxy: no such host</title></head>")
    failure = await failure_of(chat_at("http://api.example.test/v1"))
    assert "Proxy: no such host" in failure.message


async def test_a_proxy_that_is_not_there_is_thought_of(proxy):
    await proxy.stop()
    failure = await failure_of(chat_at("https://api.example.test/v1"))
    assert "connection refused" in failure.message
    assert "HTTPS_PROXY" in failure.hint
    assert failure.is_retryable
    assert wait_before_retry(failure, 1, lambda: 0.5) == 0.5


async def test_a_proxy_of_an_unknown_kind_is_one_clear_sentence(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://user:secret@127.0.0.1:1")
    failure = await failure_of(chat_at("https://api.example.test/v1"))
    assert "can't be set up" in failure.message
    assert "HTTPS_PROXY" in failure.sentence
    assert "user:secret" not in failure.sentence


async def test_bytes_that_cost_time_are_not_waited_for_twice_as_long_as_said(server):
    server.plays(30.0, HEAD)
    begin = time.monotonic()
    await failure_of(chat_at(server.url, timeouts=Timeouts(connect=0.1, headers=0.1)))
    assert time.monotonic() - begin < 3
