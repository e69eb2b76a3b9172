from __future__ import annotations

import json

import msgspec
import pytest
from llm_probe_server import TODAY, CharacterServer, Probing
from llm_raw_server import END, HEAD, chunk, chunked, sse

from dsterm.core.models import Probed, ThinkingMode, Usage
from dsterm.llm.catalog import load_catalog
from dsterm.llm.probe_questions import most_of, plan_model
from dsterm.llm.probe_verdicts import cache_unit
from dsterm.llm.tokens import V4Counter
from dsterm.llm.wire import OWN_FIELDS

NON_THINK, THINK, THINK_MAX = ThinkingMode
FLASH = "deepseek/deepseek-v4-flash"


@pytest.fixture
async def server():
    raw = CharacterServer()
    await raw.start()
    yield raw
    await raw.stop()


async def test_where_the_catalog_is_right_nothing_else_is_sent(server):
    probing = Probing(server)
    found = await probing.run()
    assert found.found == Probed(on=TODAY, honoured=(NON_THINK, THINK, THINK_MAX), has_cache=True, cache_unit=64)
    assert found.bodies == {}
    assert "ok Non-think: sending enable_thinking: false: no reasoning arrived" in probing.lines
    assert "300 and 120 tokens of reasoning for the same question, once each; n=1" in probing.said
    assert "counts 26 tokens in both, so nothing shows that the effort reaches the model" in probing.said
    used = sum((usage for _, usage in probing.asker.usages), Usage())
    most = most_of(probing.plan)
    assert used.prompt_tokens < most.prompt_tokens
    assert used.completion_tokens < most.completion_tokens
    assert all(body["max_tokens"] <= 512 and body["stream"] for body in server.bodies)
    assert probing.next_start(found).probed == found.found


async def test_the_way_that_worked_is_what_the_next_start_sends(server):
    server.reasons = lambda body: body.get("thinking") != {"type": "disabled"}
    probing = Probing(server)
    found = await probing.run()
    assert json.loads(msgspec.json.encode(found.bodies)) == {"non-think": {"thinking": {"type": "disabled"}}}
    assert "note Non-think: sending enable_thinking: false: reasoning arrived" in probing.lines
    card = probing.next_start(found)
    assert json.loads(msgspec.json.encode(card.mode_bodies[NON_THINK])) == {"thinking": {"type": "disabled"}}
    assert card.mode_bodies[THINK] == probing.card.mode_bodies[THINK]
    shown = {tuple(sorted(body.keys() - OWN_FIELDS)) for body in server.bodies}
    assert shown <= {(), ("enable_thinking",), ("thinking",), ("enable_thinking", "reasoning")}


async def test_a_server_that_always_reasons_does_not_honour_non_think(server):
    server.reasons = lambda body: True
    probing = Probing(server)
    found = await probing.run()
    assert (found.found.honoured, found.found.not_honoured) == ((THINK, THINK_MAX), (NON_THINK,))
    assert found.bodies == {}
    assert "failed Non-think does not work: none of 5 ways to ask for it does" in probing.lines


async def test_a_server_that_never_reasons_honours_neither_think_nor_think_max(server):
    server.reasons = lambda body: False
    probing = Probing(server)
    found = await probing.run()
    assert (found.found.honoured, found.found.not_honoured) == ((NON_THINK,), (THINK, THINK_MAX))
    assert "history" not in probing.said


async def test_reasoning_that_is_counted_but_not_sent_is_reasoning(server):
    usage = {"prompt_tokens": 9, "completion_tokens": 40, "completion_tokens_details": {"reasoning_tokens": 38}}
    server.raw = lambda body: HEAD + chunked(sse(chunk("stop", usage, content="27"))) + END
    probing = Probing(server)
    found = await probing.run()
    assert NON_THINK in found.found.not_honoured
    assert "no reasoning arrived, but 38 tokens of it are counted" in probing.said


async def test_refusals_are_told_in_the_words_of_the_server(server):
    known = {"model", "messages", "max_tokens", "stream", "stream_options", "tools", "reasoning_effort"}
    server.refuses = lambda body: (
        f"Unknown field: {next(iter(body.keys() - known))}\x1b[2J" if body.keys() - known else ""
    )
    server.reasons = lambda body: body.get("reasoning_effort") != "none"
    probing = Probing(server)
    found = await probing.run()
    assert json.loads(msgspec.json.encode(found.bodies[NON_THINK])) == {"reasoning_effort": "none"}
    assert found.bodies[THINK] == {}
    assert json.loads(msgspec.json.encode(found.bodies[THINK_MAX])) == {"reasoning_effort": "xhigh"}
    assert found.found.not_honoured == ()
    assert "refused: Novita AI refused the request (400): Unknown field: enable_thinking [2J" in probing.said
    assert "\x1b" not in probing.said


@pytest.mark.parametrize(
    ("unit", "sees_at", "cached", "words"),
    [
        (256, 2, (True, 256), "in units of at most 256 tokens (1,792, 2,048, 2,560)"),
        (64, 3, (True, 64), "1,856 were read from it"),
        (4096, 2, (False, None), "sent three times were never read from it"),
        (0, 2, (False, None), "sent three times were never read from it"),
        (None, 2, (None, None), "the server counts no cached tokens"),
    ],
)
async def test_a_repeated_prompt_shows_the_cache_and_its_unit(server, unit, sees_at, cached, words):
    server.unit, server.sees_at = unit, sees_at
    probing = Probing(server)
    found = await probing.run()
    assert words in probing.said
    assert found.found.has_cache is cached[0]
    if sees_at == 2:
        assert found.found.cache_unit == cached[1]
    assert set(probing.waits) <= {1.0, 3.0}


def test_one_count_alone_shows_no_unit():
    assert cache_unit([]) is None
    assert cache_unit([1024, 1024, 0]) is None
    assert cache_unit([1024, 1536]) == 512


async def test_an_empty_reasoning_is_tried_and_then_what_dsterm_sends(server):
    def missing(body: dict) -> str:
        said = [message for message in body["messages"] if message["role"] == "assistant"]
        return "The `reasoning_content` must be passed back" if any(not m["reasoning_content"] for m in said) else ""

    server.refuses = missing
    probing = Probing(server)
    await probing.run()
    assert 'note history: "" is refused as reasoning' in probing.said
    assert "ok history: what dsterm sends in its place is accepted" in probing.lines
    sent = [body["messages"][1]["reasoning_content"] for body in server.bodies if len(body["messages"]) == 3]
    assert sent == ["", " "]


async def test_usage_and_the_end_of_the_stream_are_told(server):
    server.usage_place, server.done = "own", ""
    probing = Probing(server, "deepseek")
    await probing.run()
    assert "ok usage: on a chunk of its own behind the last; of what counts it has completion_tokens_d" in probing.said
    assert "had no [DONE], which the catalog says ends all" in probing.said
    assert "failed model: asked for deepseek-v4-flash, answered by deepseek/deepseek-v4-pro" in probing.said


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (
            b'{"data": [{"id": "%s", "input_token_price_per_m": 1400, "output_token_price_per_m": 2800}]}',
            "ok price: $0.14 /",
        ),
        (
            b'{"data": [{"id": "%s", "input_token_price_per_m": 2000, "output_token_price_per_m": 2800}]}',
            "failed price: $0.20",
        ),
        (b'{"data": [{"id": "%s"}]}', "note price: the provider's own list has none"),
        (b'{"data": []}', "is not on the provider's own list"),
        (b"<html>", "note price: the provider's own list can't be had"),
    ],
)
async def test_the_listed_price_is_held_against_the_catalog(server, page, words):
    server.page = page.replace(b"%s", FLASH.encode())
    server.refuses = lambda body: "no"
    probing = Probing(server)
    await probing.run()
    assert words in probing.lines[0]


def test_the_estimate_is_never_below_the_true_count():
    counter = V4Counter()
    plan = plan_model(load_catalog().model("novita", "flash"), f"{'0123456789abcdef'} {FLASH}")
    counts = counter.count_exactly([question.messages[0].text for question in plan.cached])
    assert 1_900 < counts[0] < counts[1] < counts[2] < 2_800
    for question, count in zip(plan.cached, counts, strict=True):
        assert count + 100 < question.most.prompt_tokens < 1.6 * count
    texts = [question.messages[0].text for question in plan.cached]
    assert texts[2].startswith(texts[1]) and texts[1].startswith(texts[0])
