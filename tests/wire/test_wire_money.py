from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from llm_raw_server import DONE, RawServer, chunk
from scripted import World, do, only, play
from wire_client import chat_at
from wire_demo import demo_playing
from wire_engine import Recorded, raw_turn

from dsterm.core.config import Config
from dsterm.core.delta_events import ToolCallDelta
from dsterm.core.events import Notice, StepEnded, TurnEnd
from dsterm.core.models import PermissionMode
from dsterm.core.wire_events import Intervention

HITS = {
    "the official names": {"prompt_cache_hit_tokens": 640, "prompt_cache_miss_tokens": 360},
    "the usual name": {"prompt_tokens_details": {"cached_tokens": 640}},
    "both": {"prompt_cache_hit_tokens": 640, "prompt_tokens_details": {"cached_tokens": 640}},
    "more than there is": {"prompt_cache_hit_tokens": 5000},
    "none": {},
}
CACHED = {"more than there is": 1000, "none": 0}


@pytest.mark.parametrize("spelling", HITS)
async def test_a_step_costs_what_its_misses_hits_and_output_cost_to_the_last_digit(
    tmp_path: Path, server: RawServer, spelling: str
) -> None:
    server.streams(
        chunk(content="a"), chunk("stop", {"prompt_tokens": 1000, "completion_tokens": 50, **HITS[spelling]}), DONE
    )
    turn = await raw_turn(tmp_path, server)
    (step,) = only(turn.events, StepEnded)
    cached = CACHED.get(spelling, 640)
    million = Decimal(1_000_000)
    whole = (1000 - cached) * Decimal("1.60") + cached * Decimal("0.135") + 50 * Decimal("3.20")
    assert step.usage.cached_tokens == cached
    assert step.cost.total == whole / million
    assert not step.usage.is_estimate


async def test_where_no_usage_comes_it_is_an_estimate_and_said(tmp_path: Path, server: RawServer) -> None:
    server.streams(chunk(content="a"), chunk("stop"), DONE)
    turn = await raw_turn(tmp_path, server)
    (step,) = only(turn.events, StepEnded)
    assert step.usage.is_estimate
    assert step.cost.total > 0
    assert Intervention.NO_USAGE in turn.did


async def test_the_second_request_hits_what_the_first_left_and_the_rate_is_shown(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with demo_playing({"text": "One."}, {"text": "Two."}) as url:
        engine = world.engine(chat_at(url))  # type: ignore[arg-type]
        await play(engine, "first")
        (step,) = only(await play(engine, "second"), StepEnded)
        stats = "\n".join(notice.text for notice in only(await do(engine, "/stats"), Notice))
        await engine.close()
    assert step.usage.cached_tokens > step.usage.prompt_tokens * 0.9
    assert "of the prompts from the cache" in stats


async def test_after_esc_in_the_middle_of_a_call_the_history_is_one_that_the_server_takes(tmp_path: Path) -> None:
    call = {"name": "write", "arguments": {"file_path": "b.txt", "content": "word " * 50}}
    stalls = {"tool_calls": [call], "faults": [{"kind": "stall", "seconds": 30, "after": 5}]}
    world = World(tmp_path)
    async with demo_playing(stalls, {"text": "Fine."}) as url:
        client = Recorded(url)
        engine = world.engine(client, Config(permission_mode=PermissionMode.YOLO))  # type: ignore[arg-type]
        events = []
        async for envelope in engine.run("write it"):
            events.append(envelope.event)
            if isinstance(envelope.event, ToolCallDelta):
                engine.interrupt()
        assert events[-1].reason is TurnEnd.INTERRUPTED
        after = await play(engine, "go on")
        await engine.close()
    assert after[-1].reason is TurnEnd.ANSWERED
    assert not (world.folder / "b.txt").exists()
    assert [type(message).__name__ for message in client.requests[1].messages] == ["UserMessage"] * 2
