from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
import trustme
from llm_raw_server import DONE, END, HEAD, RawServer, chunk, chunked, sse
from test_wire_tls import TlsServer
from wire_client import chat_at, deltas_of, request_for

from dsterm.core.messages import UserMessage
from dsterm.core.provider import WAS_SENT, Alive, Ended, FailureKind, Sent
from dsterm.llm.certificates import Certificates
from dsterm.llm.timeouts import Timeouts

WHOLE = [HEAD, chunked(sse(chunk("stop", content="a"))), chunked(DONE.encode()), END]
LARGE = request_for(UserMessage(text="x" * 20_000_000))


async def first_of(chat, request=None):
    """What came until the stream was left behind the first delta."""
    async with contextlib.aclosing(chat.stream(request or request_for())) as deltas:
        return await anext(deltas)


async def test_that_a_request_is_out_is_said_while_the_server_is_still_silent(server):
    server.plays(30.0)
    chat = chat_at(server.url)
    async with asyncio.timeout(5):
        assert await first_of(chat) == Sent()
    await asyncio.wait_for(server.lost.wait(), 2)
    assert len(server.received[0].body) == int(server.received[0].headers["content-length"])
    assert "transfer-encoding" not in server.received[0].headers
    await chat.close()


async def test_it_is_said_once_and_first(server):
    server.plays(*WHOLE)
    deltas = await deltas_of(chat_at(server.url))
    assert deltas[:2] == [Sent(), Alive()]
    assert deltas.count(Sent()) == 1


async def test_each_of_several_requests_at_once_is_told_of_its_own(server):
    server.plays(30.0)
    server.plays(*WHOLE)
    chat = chat_at(server.url)
    async with contextlib.aclosing(chat.stream(request_for())) as first:
        assert await anext(first) == Sent()
        second = [delta async for delta in chat.stream(request_for())]
        assert second.count(Sent()) == 1
        waiting = asyncio.ensure_future(anext(first))
        assert not (await asyncio.wait([waiting], timeout=0.05))[0]
        waiting.cancel()
        await asyncio.wait([waiting])
    await chat.close()


async def test_in_whatever_moment_it_is_stopped_it_is_told_whether_the_request_was_out(server):
    told, came = [], []
    for turns in range(25):
        server.scripts[:] = [WHOLE] * (len(server.received) + 1) + [[30.0]]
        chat = chat_at(server.url)
        assert Sent() in [delta async for delta in chat.stream(request_for())]
        before = len(server.received)
        async with contextlib.aclosing(chat.stream(request_for())) as deltas:
            waiting = asyncio.ensure_future(anext(deltas))
            for _ in range(turns):
                await asyncio.sleep(0)
            waiting.cancel()
            try:
                told.append(await waiting == Sent())
            except asyncio.CancelledError as stopped:
                told.append(stopped.args == (WAS_SENT,))
        await chat.close()
        await asyncio.sleep(0.02)
        came.append(len(server.received) > before)
    assert told == came
    assert len(set(told)) == 2


async def test_a_body_that_nobody_reads_is_not_out():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        quick = Timeouts(connect=0.2, headers=0.2, per_megabyte=0.0)
        deltas = await deltas_of(chat_at(url, timeouts=quick), LARGE)
    assert [type(delta) for delta in deltas] == [Ended]
    assert deltas[0].failure.kind is FailureKind.TIMEOUT


async def test_a_host_that_does_not_take_the_connection_got_nothing():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        deltas = await deltas_of(chat_at(f"http://127.0.0.1:{nobody.getsockname()[1]}/v1"))
    assert [type(delta) for delta in deltas] == [Ended]


async def test_it_is_told_on_a_connection_that_served_before_too(server):
    server.plays(*WHOLE)
    server.plays(*WHOLE)
    server.plays(30.0)
    chat = chat_at(server.url)
    for _ in range(2):
        assert [delta async for delta in chat.stream(request_for())].count(Sent()) == 1
    assert await first_of(chat) == Sent()
    assert server.connections == 1
    await chat.close()


async def test_a_refusal_comes_behind_it(server):
    server.answers("503 Busy", b"{}")
    deltas = await deltas_of(chat_at(server.url))
    assert [type(delta) for delta in deltas] == [Sent, Ended]
    assert deltas[-1].failure.status == 503


@pytest.mark.parametrize("is_tunnel", [False, True])
async def test_behind_a_proxy_it_is_the_request_that_counts_and_not_the_tunnel(monkeypatch, is_tunnel):
    authority = trustme.CA()
    behind = TlsServer(authority, "provider.example") if is_tunnel else RawServer()
    await behind.start()
    behind.plays(30.0)
    opened = asyncio.Event()
    port = int(behind.url.rpartition(":")[2].removesuffix("/v1"))
    proxy = await asyncio.start_server(tunnel_to(port, opened, is_tunnel=is_tunnel), "127.0.0.1", 0)
    address = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    monkeypatch.setenv("HTTPS_PROXY" if is_tunnel else "HTTP_PROXY", address)
    certificates = Certificates()
    with authority.cert_pem.tempfile() as file:
        if is_tunnel:
            certificates = Certificates(extra=file)
        scheme = "https" if is_tunnel else "http"
        chat = chat_at(f"{scheme}://provider.example/v1", certificates=certificates)
        async with contextlib.aclosing(chat.stream(request_for())) as deltas:
            waiting = asyncio.ensure_future(anext(deltas))
            if is_tunnel:
                assert not (await asyncio.wait([waiting], timeout=0.2))[0]
                opened.set()
            assert await asyncio.wait_for(waiting, 5) == Sent()
        await chat.close()
    await asyncio.wait_for(behind.lost.wait(), 2)
    proxy.close()
    await behind.stop()


def tunnel_to(port: int, opened: asyncio.Event, *, is_tunnel: bool):
    """A proxy that leads everybody to `port`, a tunnel only once it is `opened`."""

    async def serve(reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", port)
        if is_tunnel:
            await reader.readuntil(b"\r\n\r\n")
            await opened.wait()
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(_copy(reader, back), _copy(there, writer))

    return serve


async def _copy(source, target):
    try:
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    finally:
        target.close()
