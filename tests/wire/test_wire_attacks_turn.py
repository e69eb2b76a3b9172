"""What a hostile or broken server can make a whole turn do: how often it is asked, what that may cost, what is said and kept."""

from __future__ import annotations

import random
import time
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from llm_raw_server import DONE, END, HEAD, chunk, chunked, sse
from wire_client import chat_at
from wire_engine import World

from dsterm.core.config import Config, FallbackConsent
from dsterm.core.events import MessageAdded, Notice, StepEnded, TurnEnd, TurnEnded
from dsterm.core.provider import ResponseFormat
from dsterm.core.wire_events import FellBack
from dsterm.engine.check_loop import MOST_ROUNDS
from dsterm.engine.steps.structured import bare_json, misfit
from dsterm.llm.retry import MAX_RETRIES

MENDABLE = 2
"""Kinds of refusal that are mended, each once a step: missing reasoning, and a window that was named."""

REQUESTS_A_STEP = 1 + MAX_RETRIES + MENDABLE

USAGE = {"prompt_tokens": 1000, "completion_tokens": 50}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("dsterm.llm.retry._FIRST_WAIT", 0.0)


def stream(*events: object) -> bytes:
    return HEAD + b"".join(chunked(sse(event)) for event in (*events, DONE)) + END


def refusal(status: str, message: str) -> bytes:
    body = b'{"error":{"message":"%b"}}' % message.encode()
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def call(name: str, arguments: str, finish: str = "tool_calls") -> bytes:
    start = {"index": 0, "id": "c", "function": {"name": name, "arguments": arguments}}
    return stream(chunk(tool_calls=[start]), chunk(finish, usage=USAGE))


def looked(number: int) -> bytes:
    return call("glob", f'{{"pattern":"{number}*"}}')


def too_long(window: int) -> bytes:
    return refusal("400 X", f"This model's maximum context length is {window} tokens. You requested 99999 tokens.")


OVERLOADED = refusal("503 X", "overloaded")
NO_REASONING = refusal("400 X", "The `reasoning_content` in the thinking mode must be passed back to the API.")


async def run(folder: Path, server, config: Config, wanted: ResponseFormat | None = None) -> list:
    world = World(folder)
    chat = chat_at(server.url)
    engine = world.engine(chat, config, can_ask=False)
    try:
        return [envelope.event async for envelope in engine.run("hi", "", wanted)]
    finally:
        await engine.close()
        await chat.close()


async def test_the_worst_a_server_can_do_is_six_requests_a_step_and_one_a_turn(tmp_path, server):
    steps = 3
    for number in range(steps):
        # A window that was named is known from then on, so a smaller one is named each time; missing reasoning is filled in
        # from the first refusal on, which needs an earlier answer.
        refused = (
            (NO_REASONING, too_long(60_000 - 5_000 * number)) if number == 1 else (too_long(60_000 - 5_000 * number),)
        )
        for answer in (*refused, *[OVERLOADED] * MAX_RETRIES, looked(number)):
            server.plays(answer)
    events = await run(tmp_path, server, Config(max_steps=steps))
    assert events[-1].reason is TurnEnd.MAX_TURNS
    assert len(server.received) == steps * (2 + MAX_RETRIES) + 1 <= steps * REQUESTS_A_STEP


def _goes_on(number: int) -> tuple[bytes, ...]:
    """Answers after which a turn mostly goes on."""
    announced = chunk(content="Let me look at it:")
    return (
        *[looked(number)] * 6,
        OVERLOADED,
        HEAD + chunked(sse(chunk(content="half"))) + END,
        HEAD + chunked(b": only a sign of life\n\n") + END,
        stream({"error": {"message": "overloaded", "code": 503}}),
        stream(chunk("stop", usage=USAGE)),
        stream(chunk(reasoning_content="thinking"), chunk("stop", usage=USAGE)),
        stream(announced, chunk("stop", usage=USAGE)),
        stream(chunk(content="more and more"), chunk("length", usage=USAGE)),
        stream(chunk(content="more"), chunk("insufficient_system_resource", usage=USAGE)),
        stream(chunk(content='x\n\n<tool_call>{"name": "nothing", "arguments": {}}</tool_call>'), chunk("stop")),
        call("glob", '{"pattern":"cut', "length"),
        call("\u001b[2J", "{}"),
    )


def _may_end_it(number: int) -> tuple[bytes, ...]:
    return (
        NO_REASONING,
        too_long(60_000 - 500 * number),
        too_long(3_000),
        stream(chunk(content="half"), {"error": {"message": "`reasoning_content` must be passed back", "code": 400}}),
        call("glob", '{"pattern":"same"}'),
    )


@pytest.mark.parametrize("seed", range(8))
async def test_no_mixture_of_faults_makes_more_requests_than_that(tmp_path, server, seed):
    chance, steps = random.Random(seed), 10
    for number in range(steps * REQUESTS_A_STEP * 2):
        server.plays(chance.choice((*_goes_on(number), *_may_end_it(number)) if seed % 3 == 2 else _goes_on(number)))
    fallbacks = {"pro": ("novita/flash", "deepseek/pro", "deepseek/flash", "novita/pro")}
    config = Config(max_steps=steps, fallback=FallbackConsent.ALWAYS, fallbacks=fallbacks)
    wanted = ResponseFormat() if seed % 2 else None
    events = await run(tmp_path, server, config, wanted)
    assert isinstance(events[-1], TurnEnded)
    assert len(server.received) <= steps * REQUESTS_A_STEP
    assert sum(isinstance(event, FellBack) for event in events) <= len(fallbacks["pro"])


def test_checks_that_fail_can_only_multiply_that_by_their_rounds():
    assert MOST_ROUNDS <= 3


async def test_the_budget_holds_while_a_server_cuts_every_answer(tmp_path, server):
    server.plays(HEAD + chunked(b": only a sign of life\n\n") + END)
    system = Decimal("0.005")
    events = await run(tmp_path, server, Config(budget=system))
    spent = sum(event.cost.total for event in events if isinstance(event, StepEnded) and event.cost)
    assert spent <= system
    assert 1 <= len(server.received) < 1 + MAX_RETRIES
    assert any("not tried again" in event.text for event in events if isinstance(event, Notice))


async def test_what_is_left_of_the_budget_bounds_the_answer_of_a_second_try(tmp_path, server):
    server.plays(HEAD + chunked(sse(chunk(content="words " * 1000))) + END)
    events = await run(tmp_path, server, Config(budget=Decimal("0.02")))
    first, second = (received.json["max_tokens"] for received in server.received)
    booked = [event.cost.total for event in events if isinstance(event, StepEnded)]
    assert second < first
    assert sum(booked) <= Decimal("0.02")


async def test_every_try_that_was_heard_is_booked_and_marked(tmp_path, server):
    server.plays(HEAD + chunked(b": only a sign of life\n\n") + END)
    events = await run(tmp_path, server, Config())
    ends = [event for event in events if isinstance(event, StepEnded)]
    assert len(ends) == len(server.received) == 1 + MAX_RETRIES
    assert all(event.usage.is_estimate and event.cost.total > 0 for event in ends)


@pytest.mark.parametrize(
    "usage",
    [
        '{"prompt_tokens":-5,"completion_tokens":-1e30}',
        '{"prompt_tokens":1e300,"completion_tokens":"NaN"}',
        '{"prompt_tokens":"12","completion_tokens":3.9,"prompt_cache_hit_tokens":99999}',
        '{"prompt_tokens":[],"completion_tokens":{"a":1}}',
        '{"prompt_tokens":true,"completion_tokens":null,"total_tokens":5}',
    ],
)
async def test_no_count_makes_an_answer_cost_less_than_nothing_or_without_end(tmp_path, server, usage):
    server.plays(
        HEAD
        + chunked(b'data: {"choices":[],"usage":%b}\n\n' % usage.encode())
        + stream(chunk(content="hi"), chunk("stop"))[len(HEAD) :]
    )
    events = await run(tmp_path, server, Config())
    ended = next(event for event in events if isinstance(event, StepEnded))
    assert 0 <= ended.cost.total < 1
    assert 0 <= ended.usage.cached_tokens <= ended.usage.prompt_tokens


async def test_a_model_of_no_known_price_stops_a_budget_instead_of_costing_nothing(tmp_path, server):
    server.plays(
        stream(
            {
                **chunk(
                    tool_calls=[{"index": 0, "id": "c", "function": {"name": "glob", "arguments": '{"pattern":"*"}'}}]
                ),
                "model": "free/for-ever",
            },
            chunk("tool_calls", usage=USAGE),
        ).replace(b"deepseek/deepseek-v4-pro", b"free/for-ever")
    )
    events = await run(tmp_path, server, Config(budget=Decimal(1)))
    assert len(server.received) == 1
    assert events[-1].reason is TurnEnd.BUDGET


async def test_a_flood_of_calls_runs_none_of_them(tmp_path, server):
    flood = [
        {"index": number, "function": {"name": "write", "arguments": '{"path":"x","content":"y"}'}}
        for number in range(300)
    ]
    server.plays(stream(chunk(tool_calls=flood), chunk("tool_calls")))
    events = await run(tmp_path, server, Config())
    assert events[-1].reason is TurnEnd.FAILED
    assert "256 tool calls" in events[-1].text
    assert not [event for event in events if isinstance(event, MessageAdded) and event.message.tool_calls]
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "text", ["```" + " " * 500_000 + "x", "```json" + "\t" * 500_000 + "\n{}", "```\n" + "\n" * 500_000]
)
async def test_no_answer_takes_for_ever_to_be_judged(text):
    began = time.process_time()
    bare_json(text)
    assert await misfit(ResponseFormat(), text)
    assert time.process_time() - began < 1


async def test_what_does_not_fit_is_told_in_few_words():
    wanted = ResponseFormat(schema=msgspec.Raw(b'{"additionalProperties":{"type":"string"}}'))
    told = await misfit(wanted, msgspec.json.encode({"k" * 1_000_000: 1, "j" * 1_000_000: {}}).decode())
    assert 0 < len(told) < 5_000
