from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from scripted import World, answer, call, calls, do, kinds, only, play
from two_providers import OUTAGE, Exchange, failed, no_key

from dsterm.core.config import Config, FallbackConsent
from dsterm.core.events import ModelChanged, Notice, StepEnded, StepStarted, TurnEnd, TurnEnded
from dsterm.core.messages import AssistantMessage, UserMessage
from dsterm.core.provider import Ended, Failure, FailureKind, ReasoningPiece, StopReason, TextPiece
from dsterm.core.questions import Answer, QuestionAsked
from dsterm.core.wire_events import FellBack
from dsterm.llm.catalog import load_catalog

PLACES = {"flash": ("deepseek/flash", "siliconflow/flash")}
ALWAYS = Config(model="flash", fallbacks=PLACES, fallback=FallbackConsent.ALWAYS)
ASKING = Config(model="flash", fallbacks=PLACES)


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


def end_of(events) -> TurnEnd:
    return only(events, TurnEnded)[-1].reason


async def test_an_outage_is_answered_by_the_next_on_the_list_and_priced_as_that(world):
    exchange = Exchange(world, novita=[failed()], deepseek=[answer("from there")])
    engine = exchange.engine(ALWAYS)
    events = await play(engine, "hello")
    (fell,) = only(events, FellBack)
    assert (fell.from_provider, fell.provider, fell.model) == ("novita", "deepseek", "deepseek-v4-flash")
    assert fell.cause == OUTAGE.message
    (_, started), (_, ended) = only(events, StepStarted), only(events, StepEnded)
    price = load_catalog().model("deepseek", "flash").off_peak
    assert (started.provider, started.model) == ("deepseek", "deepseek-v4-flash")
    assert (ended.price.input, fell.price.input) == (price.input, price.input)
    assert end_of(events) is TurnEnd.ANSWERED
    assert not only(events, QuestionAsked)
    await engine.close()


async def test_consent_is_asked_with_who_gets_the_conversation_and_what_it_costs(world):
    exchange = Exchange(world, novita=[failed()], deepseek=[answer("yes")])
    engine = exchange.engine(ASKING)
    events = await play(engine, "hello", [Answer(answer="once")])
    (question,) = only(events, QuestionAsked)
    assert question.text == "Go on with Flash at DeepSeek?"
    assert [option.key for option in question.options] == ["y", "a", "n"]
    cause, price, whole = question.reasons
    assert cause == OUTAGE.message
    assert "DeepSeek gets this conversation" in price
    assert "$0.15 in, $0.60 out, $0.003 cached" in price
    assert "read anew there: ~" in whole
    assert "$0.0" in whole
    assert end_of(events) is TurnEnd.ANSWERED
    await engine.close()


async def test_no_ends_the_turn_as_it_would_have_ended_and_nothing_is_sent(world):
    exchange = Exchange(world, novita=[failed()], deepseek=[])
    engine = exchange.engine(ASKING)
    events = await play(engine, "hello", [Answer(answer="deny")])
    assert only(events, TurnEnded) == [TurnEnded(reason=TurnEnd.FAILED, text=OUTAGE.message)]
    assert (exchange.sent("deepseek"), only(events, FellBack)) == (0, [])
    assert engine.status().model.provider == "novita"
    await engine.close()


async def test_always_in_this_session_is_not_asked_again(world):
    exchange = Exchange(world, novita=[failed()], deepseek=[failed()], siliconflow=[answer("third")])
    engine = exchange.engine(ASKING)
    events = await play(engine, "hello", [Answer(answer="session")])
    assert [fell.provider for fell in only(events, FellBack)] == ["deepseek", "siliconflow"]
    assert len(only(events, QuestionAsked)) == 1
    await engine.close()


async def test_each_is_tried_once_a_turn_in_order_and_then_the_turn_fails(world):
    exchange = Exchange(world, novita=[failed()], deepseek=[failed()], siliconflow=[failed()])
    engine = exchange.engine(ALWAYS)
    events = await play(engine, "hello")
    assert [started.provider for started in only(events, StepStarted)] == ["novita", "deepseek", "siliconflow"]
    assert end_of(events) is TurnEnd.FAILED
    await engine.close()


async def test_session_stays_there_until_back_returns_to_what_was_chosen(world):
    exchange = Exchange(
        world, novita=[failed(), answer("home")], deepseek=[failed()], siliconflow=[answer("a"), answer("b")]
    )
    engine = exchange.engine(ALWAYS)
    fallen = only(await play(engine, "one"), FellBack)
    assert [(fell.from_provider, fell.provider) for fell in fallen] == [
        ("novita", "deepseek"),
        ("novita", "siliconflow"),
    ]
    await play(engine, "two")
    assert exchange.sent("siliconflow") == 2
    events = await do(engine, "/back")
    assert only(events, ModelChanged) == [ModelChanged(provider="novita", model="deepseek/deepseek-v4-flash")]
    assert "read anew" in engine.status().switch_note
    assert end_of(await play(engine, "three")) is TurnEnd.ANSWERED
    assert [type(message).__name__ for message in exchange.providers["novita"].requests[-1].messages] == [
        "UserMessage",
        "AssistantMessage",
        "UserMessage",
        "AssistantMessage",
        "UserMessage",
    ]
    (again,) = only(await do(engine, "/back"), Notice)
    assert "Nothing to go back from" in again.text
    await engine.close()


async def test_a_choice_of_ones_own_ends_the_way_back(world):
    exchange = Exchange(world, novita=[failed()], deepseek=[answer("a")])
    engine = exchange.engine(ALWAYS)
    await play(engine, "one")
    await do(engine, "/provider deepseek/pro")
    (notice,) = only(await do(engine, "/back"), Notice)
    assert "Nothing to go back from: Pro at DeepSeek" in notice.text
    await engine.close()


async def test_resumed_session_is_still_there_and_knows_the_way_back(world):
    exchange = Exchange(world, novita=[failed()], deepseek=[answer("a")])
    first = exchange.engine(ALWAYS)
    await play(first, "one")
    await first.close()
    second = Exchange(world, novita=[], deepseek=[]).engine(ALWAYS)
    second.resume_latest()
    assert second.status().model.provider == "deepseek"
    await do(second, "/back")
    assert second.status().model.provider == "novita"
    await second.close()


async def test_headless_fails_as_before_and_says_what_would_allow_it(world):
    exchange = Exchange(world, novita=[failed()], deepseek=[])
    engine = exchange.engine(ASKING, can_ask=False)
    events = await play(engine, "hello")
    assert only(events, TurnEnded)[0].text == OUTAGE.message
    assert "--fallback deepseek/flash" in only(events, Notice)[-1].text
    assert not only(events, QuestionAsked)
    await engine.close()


async def test_never_and_an_empty_list_change_nothing(world):
    for config in (Config(model="flash", fallbacks=PLACES, fallback=FallbackConsent.NEVER), Config(model="flash")):
        engine = Exchange(world, novita=[failed()], deepseek=[]).engine(config)
        events = await play(engine, "hello")
        assert kinds(events) == ["TurnStarted", "StepStarted", "StepEnded", "TurnEnded"]
        await engine.close()


@pytest.mark.parametrize("kind", sorted(set(FailureKind) - {"rate-limit", "server", "timeout", "connection"}))
async def test_what_a_server_refuses_for_a_reason_is_sent_to_nobody_else(world, kind):
    refused = Failure(kind=kind, message="No.", status=400)
    exchange = Exchange(world, novita=[failed(refused)] * 2, deepseek=[])
    engine = exchange.engine(ALWAYS)
    assert end_of(await play(engine, "hello")) is TurnEnd.FAILED
    assert exchange.sent("deepseek") == 0
    await engine.close()


async def test_one_without_a_key_is_passed_over_and_that_is_said(world):
    exchange = Exchange(world, novita=[failed()], deepseek=[], siliconflow=[answer("third")])
    engine = exchange.engine(ALWAYS, missing_key=no_key("deepseek"))
    events = await play(engine, "hello")
    assert [fell.provider for fell in only(events, FellBack)] == ["siliconflow"]
    assert only(events, Notice)[0].text == "Flash at DeepSeek can't go on: There is no key for DeepSeek. Set X."
    await engine.close()


async def test_budget_holds_for_the_one_that_would_go_on(world):
    places = {"flash": ("novita/pro",)}
    config = Config(model="flash", fallbacks=places, fallback=FallbackConsent.ALWAYS, budget=Decimal("0.002"))
    exchange = Exchange(world, novita=[failed(), answer("too dear")])
    engine = exchange.engine(config)
    events = await play(engine, "hello " * 100)
    assert end_of(events) is TurnEnd.FAILED
    assert exchange.sent("novita") == 1
    assert "doesn't cover the next request" in only(events, Notice)[-1].text
    await engine.close()


async def test_half_an_answer_is_not_what_the_other_one_is_sent_last(world):
    cut = [ReasoningPiece("hm"), TextPiece("Half an"), Ended(stop=StopReason.FAILED, failure=OUTAGE)]
    exchange = Exchange(world, novita=[cut], deepseek=[answer("A whole answer.")])
    engine = exchange.engine(ALWAYS)
    assert end_of(await play(engine, "hello")) is TurnEnd.ANSWERED
    (request,) = exchange.providers["deepseek"].requests
    _, half, again = request.messages
    assert isinstance(half, AssistantMessage)
    assert half.is_cut
    assert isinstance(again, UserMessage)
    assert "Give it again, whole" in again.text
    await engine.close()


async def test_tools_that_ran_before_are_not_run_again(world):
    (world.folder / "a.txt").write_text("text\n")
    reads = calls(call("read", {"file_path": "a.txt"}))
    exchange = Exchange(world, novita=[reads, failed()], deepseek=[answer("I read it.")])
    engine = exchange.engine(ALWAYS)
    events = await play(engine, "read a.txt")
    assert kinds(events).count("ToolEnded") == 1
    assert end_of(events) is TurnEnd.ANSWERED
    assert [type(message).__name__ for message in exchange.providers["deepseek"].requests[0].messages] == [
        "UserMessage",
        "AssistantMessage",
        "ToolMessage",
    ]
    await engine.close()


async def test_escape_at_the_question_stops_the_turn(world):
    exchange = Exchange(world, novita=[failed()], deepseek=[])
    engine = exchange.engine(ASKING)
    events = []
    async for envelope in engine.run("hello"):
        events.append(envelope.event)
        if isinstance(envelope.event, QuestionAsked):
            engine.interrupt()
    assert end_of(events) is TurnEnd.INTERRUPTED
    assert exchange.sent("deepseek") == 0
    await engine.close()


async def test_escape_while_it_streams_asks_nothing(world):
    exchange = Exchange(world, novita=[[TextPiece("a"), 5.0]], deepseek=[])
    engine = exchange.engine(ASKING)
    stream = engine.run("hello")
    events = [(await anext(stream)).event for _ in range(3)]
    await asyncio.sleep(0)
    engine.interrupt()
    events += [envelope.event async for envelope in stream]
    assert end_of(events) is TurnEnd.INTERRUPTED
    assert not only(events, QuestionAsked)
    await engine.close()


async def test_what_begins_as_a_demo_does_not_end_up_costing(world):
    config = Config(provider="demo", model="flash", fallbacks=PLACES, fallback=FallbackConsent.ALWAYS)
    exchange = Exchange(world, demo=[failed()], deepseek=[])
    engine = exchange.engine(config)
    events = await play(engine, "hello")
    assert (end_of(events), exchange.sent("deepseek")) == (TurnEnd.FAILED, 0)
    assert "stays one" in only(events, Notice)[0].text
    await engine.close()
