from __future__ import annotations

import pytest
from scripted import World, answer, call, calls, do, only, play
from two_providers import Exchange, no_key

from dsterm.core.config import Config
from dsterm.core.events import ModelChanged, Notice, NoticeLevel, StepStarted
from dsterm.core.messages import AssistantMessage
from dsterm.core.models import ThinkingMode


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


async def text_of(engine, line: str) -> str:
    return "\n".join(notice.text for notice in only(await do(engine, line), Notice))


async def test_without_words_it_lists_who_has_a_key_and_what_the_same_model_costs_there(world):
    engine = Exchange(world).engine(Config(model="flash"), missing_key=no_key("deepseek"))
    head, *lines = (await text_of(engine, "/provider")).splitlines()
    assert head.startswith("Providers with Flash there, $ per 1M tokens in / out / cache read")
    assert max(map(len, lines)) <= 75
    rows = {line[2:].split()[0]: line for line in lines}
    assert rows["novita"].startswith("● ")
    assert "chosen" in rows["novita"]
    assert rows["novita"].endswith("  0.14 / 0.28 / 0.028")
    assert "no key  " in rows["deepseek"]
    assert "deepseek-v4-flash" in rows["deepseek"]
    assert " key  " in rows["siliconflow"]
    assert rows["openrouter"].endswith("unknown")
    assert "--provider custom --base-url URL" in rows["custom"]
    assert "--demo" in rows["demo"]
    await engine.close()


async def test_conversation_goes_on_there_with_the_same_model(world):
    exchange = Exchange(world, novita=[answer("one")], deepseek=[answer("two")])
    engine = exchange.engine(Config(model="flash"))
    await play(engine, "first")
    events = await do(engine, "/provider deepseek")
    assert only(events, ModelChanged) == [ModelChanged(provider="deepseek", model="deepseek-v4-flash")]
    (notice,) = only(events, Notice)
    assert notice.text.startswith("Going on with Flash at DeepSeek: $0.15 in, $0.60 out")
    assert "read anew" not in notice.text
    assert engine.status().provider_title == "DeepSeek"
    assert "read anew" in engine.status().switch_note
    await play(engine, "second")
    request = exchange.providers["deepseek"].requests[0]
    assert [type(message).__name__ for message in request.messages] == [
        "UserMessage",
        "AssistantMessage",
        "UserMessage",
    ]
    assert request.messages[:1] == exchange.providers["novita"].requests[0].messages
    await engine.close()


async def test_a_model_can_be_named_with_it(world):
    engine = Exchange(world).engine(Config(model="flash"))
    await do(engine, "/provider deepseek/pro")
    assert (engine.status().model.provider, engine.status().model.alias) == ("deepseek", "pro")
    await do(engine, "/provider novita/deepseek/deepseek-v4-flash-0731")
    assert engine.status().model.id == "deepseek/deepseek-v4-flash-0731"
    await engine.close()


async def test_where_the_model_is_not_known_it_says_what_to_choose(world):
    engine = Exchange(world).engine(Config(model="deepseek/deepseek-v4-flash-0731"))
    words = await text_of(engine, "/provider deepseek")
    assert "/provider deepseek/pro" in words
    assert "/provider deepseek/flash" in words
    assert engine.status().model.provider == "novita"
    await engine.close()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/provider nowhere", 'There is no provider "nowhere"'),
        ("/provider novita/gpt", 'has no model "gpt"'),
        ("/provider demo", "dsterm --provider demo"),
        ("/provider custom", "has no address"),
        ("/provider a b", "takes one NAME"),
        ("/provider novita", "answers already"),
    ],
)
async def test_what_can_not_be_chosen_changes_nothing(world, line, words):
    engine = Exchange(world).engine(Config(model="flash"))
    events = await do(engine, line)
    assert words in only(events, Notice)[0].text
    assert not only(events, ModelChanged)
    await engine.close()


async def test_a_missing_key_is_said_before_anything_changes(world):
    engine = Exchange(world).engine(missing_key=no_key("deepseek"))
    events = await do(engine, "/provider deepseek")
    (notice,) = events
    assert (notice.level, notice.text) == (NoticeLevel.ERROR, "There is no key for DeepSeek. Set X.")
    assert engine.status().model.provider == "novita"
    await engine.close()


async def test_beside_a_running_turn_it_holds_from_the_next_step(world):
    (world.folder / "a.txt").write_text("text\n")
    reads = [0.1, *calls(call("read", {"file_path": "a.txt"}, call_id="one"))]
    exchange = Exchange(world, novita=[reads], deepseek=[answer("read")])
    engine = exchange.engine()
    events = []
    async for envelope in engine.run("read"):
        events.append(envelope.event)
        if isinstance(envelope.event, StepStarted) and envelope.event.provider == "novita":
            await do(engine, "/provider deepseek")
    assert [started.provider for started in only(events, StepStarted)] == ["novita", "deepseek"]
    assert [type(message).__name__ for message in exchange.providers["deepseek"].requests[0].messages] == [
        "UserMessage",
        "AssistantMessage",
        "ToolMessage",
    ]
    await engine.close()


async def test_resumed_session_is_where_it_was(world):
    exchange = Exchange(world, deepseek=[answer("one")])
    first = exchange.engine()
    await do(first, "/provider deepseek/flash")
    await play(first, "hello")
    await first.close()
    second = exchange.engine()
    second.resume_latest()
    assert (second.status().model.provider, second.status().model.alias) == ("deepseek", "flash")
    await second.close()


async def test_resumed_session_whose_key_is_gone_goes_on_with_the_settings_and_says_so(world):
    exchange = Exchange(world, deepseek=[answer("one")])
    first = exchange.engine()
    await do(first, "/provider deepseek")
    await play(first, "hello")
    await first.close()
    second = exchange.engine(missing_key=no_key("deepseek"))
    second.resume_latest()
    assert second.status().model.provider == "novita"
    said = [envelope.event.text for envelope in second.transcript() if isinstance(envelope.event, Notice)]
    assert said[-1] == (
        "This session was with deepseek: There is no key for DeepSeek. Set X. It goes on with Novita AI."
    )
    await second.close()


async def test_a_provider_that_is_chosen_at_the_start_keeps_the_model_of_the_session(world):
    exchange = Exchange(world, novita=[answer("one")], siliconflow=[answer("two")])
    first = exchange.engine()
    await do(first, "/model flash")
    await do(first, "/mode non-think")
    await play(first, "hello")
    await first.close()
    second = exchange.engine()
    second.resume_latest()
    second.choose("siliconflow", "")
    assert second.status().model.id == "deepseek-ai/DeepSeek-V4-Flash"
    assert second.status().mode is ThinkingMode.NON_THINK
    await play(second, "again")
    assert isinstance(exchange.providers["siliconflow"].requests[0].messages[1], AssistantMessage)
    second.choose("", "pro")
    assert (second.status().model.provider, second.status().model.alias) == ("siliconflow", "pro")
    await second.close()
