from __future__ import annotations

from pathlib import Path

import pytest
from scripted import World, do, only
from wire_forecast import Checked, counting_engine, counting_server, sum_error, turn, vocabulary

from dsterm.core.events import Notice
from dsterm.store.index import Index

READ = {
    "text": "I look.",
    "reasoning": "I should look at the file first. " * 4,
    "tool_calls": [{"name": "read", "arguments": {"file_path": "a.txt"}}],
}
SAY = {"reasoning": "Now I know what it says. " * 9, "text": "It is about letters. " * 30}
LARGE = "def f(x):\n    return x + 1  # adds\n\n" * 8000
OWN_TEMPLATE = 150
"""Tokens that the demo's words about tools are shorter than the model's, which are not for us to print."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    (made.folder / "a.txt").write_text("alpha beta gamma\n" * 40)
    return made


def within(found: list[Checked], share: float) -> bool:
    return all(one.token_error <= share for one in found)


async def test_across_the_steps_of_a_turn_a_forecast_is_as_good_as_the_count_before_it(world: World) -> None:
    async with counting_server(READ, READ, SAY, SAY) as url:
        engine = counting_engine(world, url)
        first, *later = [*await turn(engine, "what is it?"), *await turn(engine, "sure?")]
        await engine.close()
    assert abs(first.said.prompt_tokens - first.used.prompt_tokens) < OWN_TEMPLATE
    assert first.said.cached_tokens == first.used.cached_tokens == 0
    assert within(later, 0.02)
    assert all(abs(one.said.cached_tokens - one.used.cached_tokens) <= 64 for one in later)


@pytest.mark.timeout(30)
async def test_with_a_large_pack_every_switch_and_a_resume_are_forecast_within_two_percent(world: World) -> None:
    switches = ["/flash", "/pro", "/flash", "/mode think-max", "/mode think", "/mode non-think", "/mode think"]
    async with counting_server(*[SAY] * 12) as url:
        engine = counting_engine(world, url, pack_text=LARGE)
        await do(engine, "/attach .")
        first = await turn(engine, "what is it?")
        found = await turn(engine, "and then?")
        assert first[0].said.prompt_tokens > 100_000
        for line in switches:
            await do(engine, line)
            found += await turn(engine, "and now?")
        await engine.close()
        resumed = counting_engine(world, url, pack_text=LARGE)
        resumed.resume_latest()
        again = await turn(resumed, "still there?")
        await resumed.close()
    assert within([*first, *found, *again], 0.002)
    assert sum_error([*first, *found, *again]) < 0.02
    assert all(one.dollar_error < 0.02 for one in (*first, *found, *again))
    assert again[0].used.cached_tokens > 0.99 * again[0].used.prompt_tokens


async def test_what_is_shown_before_enter_is_what_is_sent(world: World) -> None:
    async with counting_server(SAY, SAY) as url:
        engine = counting_engine(world, url)
        await turn(engine, "one")
        draft = "and what of the second paragraph, is it right? " * 20
        shown = engine.forecast(draft).forecast
        (sent,) = await turn(engine, draft)
        await engine.close()
    assert abs(shown.prompt_tokens - sent.said.prompt_tokens) <= 3
    assert shown.cached_tokens == sent.said.cached_tokens
    assert sent.token_error < 0.02


async def test_forecasts_and_what_came_of_them_outlive_the_session(world: World) -> None:
    async with counting_server(*[SAY] * 22) as url:
        engine = counting_engine(world, url)
        for number in range(21):
            await turn(engine, f"say it {number}")
        stats = "\n".join(notice.text for notice in only(await do(engine, "/stats"), Notice))
        await engine.close()
        assert "forecasts, last 21: " in stats
        index = Index(world.home / "index.db", world.store)
        rows = index.recent(50)
        index.close()
        later = counting_engine(world, url)
        (sent,) = await turn(later, "once more")
        await later.close()
    assert len(rows) == 21
    assert all(row.forecast is not None and row.turn for row in rows)
    words = vocabulary().count(SAY["reasoning"] + SAY["text"])
    assert sent.said.output_low - 3 <= words <= sent.said.output_high + 3
    assert sent.said.output_low <= sent.used.completion_tokens <= sent.said.output_high


@pytest.mark.timeout(30)
async def test_another_session_of_the_same_pack_is_forecast_from_the_cache_and_one_of_another_pack_is_not(
    world: World,
) -> None:
    async with counting_server(*[SAY] * 4) as url:
        engine = counting_engine(world, url, pack_text=LARGE)
        await do(engine, "/attach .")
        await turn(engine, "what is it?")
        await do(engine, "/new")
        await do(engine, "/attach .")
        (again,) = await turn(engine, "and what is it now?")
        await do(engine, "/new")
        (bare,) = await turn(engine, "hello")
        await engine.close()
    assert again.used.cached_tokens > 100_000
    assert abs(again.said.cached_tokens - again.used.cached_tokens) < OWN_TEMPLATE
    assert again.dollar_error < 0.02
    assert bare.said.cached_tokens < 5_000
