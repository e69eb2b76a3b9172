"""The cache ledger against the real demo server, which counts hits as they are."""

from __future__ import annotations

import itertools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from demo_serving import serving
from scripted import TickingClock, WordCounter, World, do, only, play
from wire_client import chat_at
from wire_forecast import turn

from dsterm.context.cache_ledger import Verdict
from dsterm.core.config import Config
from dsterm.core.report_events import ReportShown
from dsterm.core.wire_events import Intervened, Intervention
from dsterm.demo.cache import CacheRule, PromptCache
from dsterm.demo.scenario import Scenario, Script
from dsterm.demo.server import Circumstances, DemoServer, http_server
from dsterm.demo.tokens import Tokens
from dsterm.engine.caching.telling import session_ledger
from dsterm.engine.engine import Engine
from dsterm.render.report_block import report_text

SAY = {"reasoning": "Now I know what it says. " * 9, "text": "It is about letters. " * 30}
LARGE = "def f(x):\n    return x + 1  # adds\n\n" * 2_000


class Clock(TickingClock):
    """Time can be let go by."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.gone


class Forgetful:
    """The demo server, whose cache can be emptied."""

    def __init__(self, rule: CacheRule) -> None:
        ids = (f"id{number}" for number in itertools.count())
        script = Script(msgspec.convert({"replies": [SAY] * 20}, Scenario))
        around = Circumstances(
            tokens_per_second=0,
            script=script,
            now=lambda: 1_800_000_000.0,
            new_id=lambda: next(ids),
            cache_rule=rule,
        )
        self.server = DemoServer(around, Tokens(lambda: WordCounter().count))

    def forget(self) -> None:
        self.server._cache = PromptCache()


@asynccontextmanager
async def forgetful(rule: CacheRule = CacheRule.PREFIX) -> AsyncIterator[tuple[Forgetful, str]]:
    listener = socket.create_server(("127.0.0.1", 0))
    made = Forgetful(rule)
    async with serving(http_server(made.server.app()), listener):
        yield made, f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def timed_engine(world: World, url: str, clock: Clock) -> Engine:
    made = world.engine(chat_at(url), Config(ask_above=Decimal(0)), pack_text=LARGE)
    return Engine(replace(made._parts, clock=clock, connect=lambda _card: chat_at(url)))


def verdicts(engine: Engine) -> list[Verdict]:
    return [row.verdict for row in session_ledger(engine._live).rows]


async def test_each_miss_gets_its_cause_and_the_costly_ones_a_line(world: World) -> None:
    clock = Clock()
    async with forgetful() as (server, url):
        engine = timed_engine(world, url, clock)
        await do(engine, "/attach .")
        await turn(engine, "one")
        await turn(engine, "two")
        await do(engine, "/flash")
        await turn(engine, "three")
        await do(engine, "/pro")
        await turn(engine, "four")
        server.forget()
        missed = await play(engine, "five")
        server.forget()
        again = await play(engine, "six")
        server.forget()
        clock.gone += timedelta(hours=5)
        late = await play(engine, "seven")
        shown = only(await do(engine, "/cache"), ReportShown)[0]
        found = verdicts(engine)
        await engine.close()
    assert found == [
        Verdict.FIRST,
        Verdict.HIT,
        Verdict.OURS,
        Verdict.HIT,
        Verdict.PROVIDER,
        Verdict.PROVIDER,
        Verdict.EXPIRED,
    ]
    told = [[event.text for event in only(events, Intervened)] for events in (missed, again, late)]
    assert "the bytes were the same" in told[0][0]
    assert told[1] == []
    assert "the cache had let them go after 5 h 00 m" in told[2][0]
    assert all(event.kind is Intervention.CACHE_MISSED for event in only(missed, Intervened))
    text = " ".join(report_text(shown, 80).split())
    assert "the model changed" in text
    assert "Lost by the provider" in text
    assert "Lost because the cache had let go of it" in text


async def test_detaching_names_the_message_from_which_on_it_differs(world: World) -> None:
    async with forgetful() as (_, url):
        engine = timed_engine(world, url, Clock())
        await turn(engine, "one")
        await do(engine, "/attach .")
        await turn(engine, "two")
        await turn(engine, "three")
        await do(engine, "/detach")
        await turn(engine, "four")
        row = session_ledger(engine._live).rows[-1]
        await engine.close()
    assert row.cause == "detached"
    assert row.cause_at.startswith("message 3, the text “")


async def test_units_hit_what_a_conversation_repeats_as_well_as_prefixes_do(world: World) -> None:
    async with forgetful(CacheRule.UNITS) as (_, url):
        engine = timed_engine(world, url, Clock())
        await do(engine, "/attach .")
        for prompt in ("one", "two", "three"):
            found = await turn(engine, prompt)
        assert verdicts(engine) == [Verdict.FIRST, Verdict.HIT, Verdict.HIT]
        assert found[0].used.cached_tokens > 0.98 * found[0].used.prompt_tokens
        await engine.close()


async def test_a_cache_that_never_hits_is_forecast_so_after_some_requests(world: World) -> None:
    async with forgetful() as (server, url):
        engine = timed_engine(world, url, Clock())
        await do(engine, "/attach .")
        said = []
        for number in range(8):
            server.forget()
            (found,) = await turn(engine, f"say {number}")
            said.append(found.said.cached_tokens)
        live = engine._live
        text = report_text(only(await do(engine, "/cache all"), ReportShown)[0], 80)
        assert session_ledger(live).rows[-1].verdict is Verdict.PROVIDER
        await engine.close()
    assert said[1] > 20_000
    assert said[-1] == 0
    assert "gives 0 % of what it should have" in text
