from __future__ import annotations

import asyncio
import json
from datetime import date

import msgspec
import pytest
from llm_probe_server import TODAY, CharacterServer, Probing, plain
from llm_raw_server import END, HEAD, chunk, chunked, sse

from dsterm.core.account import ProbedModel
from dsterm.core.models import Probed, ThinkingMode

NON_THINK, THINK, THINK_MAX = ThinkingMode
FLASH = "deepseek/deepseek-v4-flash"


@pytest.fixture
async def server():
    raw = CharacterServer()
    await raw.start()
    yield raw
    await raw.stop()


async def test_a_refused_key_stops_at_the_first_request(server):
    server.raw = lambda body: plain("401 Unauthorized", b'{"error": {"message": "bad key"}}')
    probing = Probing(server)
    assert await probing.run() is None
    assert len(server.bodies) == 1
    assert probing.lines[-1].startswith("failed stopped: Novita AI does not accept the API key")


async def test_an_outage_is_waited_out_and_two_in_a_row_end_the_probe(server):
    server.raw = lambda body: plain("503 Service Unavailable", b"{}")
    probing = Probing(server)
    assert await probing.run() is None
    assert len(server.bodies) == 4
    assert probing.waits == [2.0, 2.0]
    assert "failed stopped: " in probing.said


async def test_what_follows_an_outage_counts(server):
    server.raw = lambda body: plain("503 Service Unavailable", b"{}") if len(server.bodies) == 1 else None
    found = await Probing(server).run()
    assert found.found.honoured == (NON_THINK, THINK, THINK_MAX)


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + chunked(b"data: " + b"[" * 100_000 + b"\n\n") + END,
        HEAD
        + chunked(sse({"model": "\x1b]0;x\x07" * 500, "choices": [{"delta": {"content": "\x1b[2J"}}], "usage": [1]}))
        + END,
        HEAD
        + chunked(sse(chunk("stop", {"prompt_tokens": "x", "prompt_tokens_details": 7, "completion_tokens": -3})))
        + END,
        HEAD + chunked(sse(chunk("\x1b[31m", {"prompt_tokens": 1e300, "completion_tokens": 5}, content="x"))) + END,
        plain("200 OK", b"\xff\xfe\x00"),
        plain("400 Bad Request", json.dumps({"error": {"message": "\x1b[2J" + "A" * 200_000}}).encode()),
        plain("418 Teapot", b"\x00" * 100_000),
    ],
)
async def test_a_hostile_server_is_reported_and_nothing_of_it_is_kept(server, answer):
    server.raw = lambda body: answer
    probing = Probing(server)
    found = await probing.run()
    assert all(line.isprintable() and len(line) < 3000 for line in probing.lines)
    for body in found.bodies.values() if found else ():
        assert any(body == other for bodies in probing.plan.candidates.values() for other in bodies)
    if found:
        probing.next_start(found)


async def test_an_answer_without_end_is_given_up(server):
    endless = b"".join(chunked(sse(chunk(reasoning_content="x" * 50_000))) for _ in range(20))
    server.raw = lambda body: HEAD + endless
    probing = Probing(server)
    await probing.run()
    assert "Non-think: sending enable_thinking: false: reasoning arrived" in probing.said
    assert probing.asker.uncounted == probing.asker.sent


async def test_a_server_that_only_seems_alive_is_timed_out(server):
    server.raw = lambda body: HEAD + chunked(b": ping\n\n")
    probing = Probing(server, limit=0.2)
    assert await probing.run() is None
    assert "did not finish a tiny answer within 0.2 seconds" in probing.said


async def test_a_probe_that_is_broken_off_keeps_what_it_found_and_what_an_earlier_one_sends(server):
    probing = Probing(server)
    findings = probing.probe.findings()
    async for finding in findings:
        if finding.text.startswith("Non-think"):
            break
    await findings.aclose()
    await probing.asker.close()
    body = {"thinking": msgspec.Raw(b"1")}
    former = ProbedModel(
        id=FLASH, found=Probed(on=date(2026, 1, 1), not_honoured=(THINK,)), bodies={NON_THINK: body, THINK: body}
    )
    found = probing.probe.result(TODAY, former)
    assert found == ProbedModel(id=FLASH, found=Probed(on=TODAY, honoured=(NON_THINK,)), bodies={THINK: body})


async def test_what_is_cancelled_in_mid_answer_counts_as_uncounted(server):
    server.raw = lambda body: HEAD + chunked(sse(chunk(reasoning_content="hm")))
    probing = Probing(server)
    task = asyncio.create_task(probing.run())
    while not server.bodies:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (probing.asker.sent, probing.asker.uncounted) == (1, 1)
