from __future__ import annotations

import json
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from dsterm.boot.assembly import build_engine
from dsterm.boot.known_keys import KnownKeys
from dsterm.boot.plan import plan_launch
from dsterm.core.delta_events import ReasoningDelta
from dsterm.core.errors import UsageError
from dsterm.core.events import Notice, StepEnded, TurnEnd, TurnEnded
from dsterm.core.models import ThinkingMode
from dsterm.core.questions import Answer, QuestionAsked
from dsterm.core.wire_events import FellBack
from dsterm.flags import build_parser

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]

# Nothing waits for a day, so there is one request and no pause.
OUT = {"refusal": {"status": 503, "message": "Overloaded.", "retry_after": "86400"}}
READ = {"name": "read", "arguments": {"file_path": "README.md"}}
SCENARIO = {
    "both are asked": [{"reasoning": "Hm.", "text": "From the one that works."}],
    "the first is out": [OUT],
    "out in the second step": [{"reasoning": "Look.", "tool_calls": [READ]}, OUT],
    "think for long": [
        {
            "reasoning": "Two and two is four, and four it is.",
            "text": "4",
            "faults": [{"kind": "stall", "seconds": 50, "after": 3}],
        }
    ],
    "a wrong request": [{"refusal": {"status": 401, "message": "No such key."}}],
}
KEYS = {"ONE_KEY": "sk_one_0123456789abcdefghijkl", "TWO_KEY": "sk_two_0123456789abcdefghijkl"}
GENERAL = "sk_any_0123456789abcdefghijkl"
PRICE = '{ input = "1.00", output = "2.00", cache_read = "0.50", since = 2026-11-01, source = "a test" }'
CATALOG = """
[providers.one]
copies = "novita"
title = "One"
base_url = "{one}"
key_variables = ["ONE_KEY"]

[providers.two]
copies = "novita"
title = "Two"
base_url = "{two}"
key_variables = ["TWO_KEY"]
replay_field = "reasoning_content"

[providers.two.models."deepseek/deepseek-v4-flash"]
price = {price}
"""


class Places:
    """Two providers with a key each: the first has outages, the second is the guide, which answers anything."""

    def __init__(self, program, one, two) -> None:
        self.program, self.one, self.two = program, one, two
        file = program.home / "config" / "catalog.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(CATALOG.format(one=one.url, two=two.url, price=PRICE), encoding="utf-8")
        program.environment |= KEYS
        program.flags = ("--provider", "one", "--model", "flash")

    def set(self, text: str) -> None:
        (self.program.home / "config" / "config.toml").write_text(text, encoding="utf-8")

    @asynccontextmanager
    async def engine(self, *words: str):
        """The engine that the screen of `dsterm WORDS` would have."""
        flags = build_parser().parse_args([*words, "--cwd", str(self.program.folder)])
        engine = build_engine(plan_launch(flags, self.program.environment), KnownKeys(), "")
        try:
            yield engine
        finally:
            await engine.close()

    def assert_keys_stay_home(self) -> None:
        """Each server saw its own key and no other."""
        for recorder, name in ((self.one, "ONE_KEY"), (self.two, "TWO_KEY")):
            assert {headers["authorization"] for headers in recorder.headers} <= {f"Bearer {KEYS[name]}"}
            seen = b"".join(recorder.bodies) + repr(recorder.headers).encode()
            assert not [key for other, key in KEYS.items() if other != name and key.encode() in seen]
            assert GENERAL.encode() not in seen


@pytest.fixture
def places(program, record, scripted, guide, monkeypatch) -> Places:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return Places(program, record(scripted), record(guide))


async def play(engine, prompt: str, *answers: str) -> list:
    waiting = list(answers)
    events = []
    async for envelope in engine.run(prompt):
        events.append(envelope.event)
        if isinstance(envelope.event, QuestionAsked):
            engine.answer(envelope.event.id, Answer(answer=waiting.pop(0)))
    return events


async def say(engine, line: str) -> str:
    events = [envelope.event async for envelope in engine.command(line)]
    return "\n".join(event.text for event in events if isinstance(event, Notice))


def only(events, kind) -> list:
    return [event for event in events if isinstance(event, kind)]


def reason(events) -> TurnEnd:
    return only(events, TurnEnded)[-1].reason


async def test_with_consent_the_second_answers_and_back_returns(places):
    places.set('[fallbacks]\nflash = ["two/flash"]\n')
    async with places.engine("--provider", "one", "--model", "flash") as engine:
        assert reason(await play(engine, "both are asked")) is TurnEnd.ANSWERED
        events = await play(engine, "the first is out", "once")
        (question,) = only(events, QuestionAsked)
        assert question.text == "Go on with Flash at Two?"
        assert "$1.00 in, $2.00 out, $0.50 cached per 1M tokens" in question.reasons[1]
        assert "read anew there" in question.reasons[2]
        (fell,) = only(events, FellBack)
        assert (fell.from_provider, fell.provider) == ("one", "two")
        ended = only(events, StepEnded)[-1]
        usage, price = ended.usage, ended.price
        assert price.input == Decimal("1.00")
        assert (
            ended.cost.total
            == (
                usage.missed_tokens * price.input
                + usage.cached_tokens * price.cache_read
                + usage.completion_tokens * price.output
            )
            / 1_000_000
        )
        assert reason(events) is TurnEnd.ANSWERED
        (sent,) = places.two.requests
        assert [message["role"] for message in sent["messages"]] == ["system", "user", "assistant", "user"]
        assert sent["messages"][2]["reasoning_content"] == "Hm."
        assert "Going on with Flash at One" in await say(engine, "/back")
        assert reason(await play(engine, "both are asked")) is TurnEnd.ANSWERED
    assert len(places.two.bodies) == 1
    places.assert_keys_stay_home()


async def test_an_outage_behind_a_tool_goes_on_with_its_result(places):
    places.set('fallback = "always"\n[fallbacks]\nflash = ["two/flash"]\n')
    async with places.engine("--provider", "one", "--model", "flash") as engine:
        events = await play(engine, "out in the second step")
        assert reason(events) is TurnEnd.ANSWERED
        assert not only(events, QuestionAsked)
    sent = places.two.requests[0]["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool"]
    assert "Prices and taxes" in sent[-1]["content"]
    places.assert_keys_stay_home()


async def test_no_sends_nothing_there(places):
    places.set('[fallbacks]\nflash = ["two/flash"]\n')
    async with places.engine("--provider", "one", "--model", "flash") as engine:
        assert reason(await play(engine, "the first is out", "deny")) is TurnEnd.FAILED
    assert places.two.bodies == []


def test_headless_needs_a_word_beforehand_and_tells_it(places):
    places.set('[fallbacks]\nflash = ["two/flash"]\n')
    failed = places.program.ask("the first is out")
    assert (failed.code, places.two.bodies) == (1, [])
    assert "--fallback two/flash" in failed.err
    done = places.program.ask("the first is out", "--fallback", "two/flash", "--output-format", "json")
    assert done.code == 0, done
    assert "Overloaded" in done.err
    result = done.json
    assert (result["is_error"], result["cost_usd"] > 0) == (False, True)
    assert [event["type"] for event in places.program.log(places.program.logs[-1])].count("FellBack") == 1
    places.assert_keys_stay_home()


def test_a_wrong_key_is_no_outage(places):
    done = places.program.ask("a wrong request", "--fallback", "two/flash")
    assert (done.code, places.two.bodies) == (1, [])


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--fallback", "two"), "give PROVIDER/MODEL"),
        (("--fallback", "nobody/flash"), 'fallbacks.flash: nobody/flash can\'t be used. There is no provider "nobody"'),
        (("--fallback", "two/gpt"), 'no model "gpt"'),
    ],
)
def test_a_fallback_that_names_nothing_is_said_at_the_start(places, words, text):
    assert text in places.program.ask("hello", *words).sentence(2)
    assert places.one.bodies == []


def test_a_fallback_in_the_settings_is_checked_and_none_is_taken_from_a_project(places):
    places.set('[fallbacks]\nflash = ["two"]\n')
    assert "`fallbacks` can't be" in places.program.ask("hello").sentence(2)
    places.set("")
    own = places.program.folder / ".dsterm" / "config.toml"
    own.parent.mkdir()
    own.write_text('fallback = "always"\n[fallbacks]\nflash = ["two/flash"]\n', encoding="utf-8")
    done = places.program.ask("the first is out")
    assert (done.code, places.two.bodies) == (1, [])
    assert 'ignored "fallback", "fallbacks"' in done.err


def test_a_given_provider_switches_a_session_that_goes_on_and_keeps_the_conversation(places):
    places.program.answer("both are asked")
    places.program.flags = ()
    done = places.program.ask("and now?", "--continue", "--provider", "two", "--output-format", "json")
    assert done.code == 0, done
    (sent,) = places.two.requests
    assert sent["model"] == "deepseek/deepseek-v4-flash"
    assert [message["role"] for message in sent["messages"]] == ["system", "user", "assistant", "user"]
    again = places.program.ask("and then?", "--continue")
    assert again.code == 0, again
    assert len(places.two.bodies) == 2
    places.assert_keys_stay_home()


async def test_a_turn_stopped_in_mid_reasoning_is_answered_in_non_think_on_the_same_prefix(places, program, scripted):
    # What stalls is asked without a recorder, which would wait for the rest.
    places = Places(program, scripted, places.two)
    async with places.engine("--provider", "two", "--model", "flash") as engine:
        await play(engine, "both are asked")
    async with places.engine("--continue", "--provider", "one") as engine:
        async for envelope in engine.run("think for long"):
            if isinstance(envelope.event, ReasoningDelta):
                engine.interrupt()
        offered = engine.status().answer_now
        assert offered is not None
        assert offered.dollars > 0
        await say(engine, "/provider two")
        events = [envelope.event async for envelope in engine.answer_now()]
        assert reason(events) is TurnEnd.ANSWERED
        assert engine.status().mode is ThinkingMode.THINK
    before, sent = places.two.requests
    assert before["enable_thinking"] is True
    assert sent["enable_thinking"] is False
    assert "reasoning" not in sent
    assert sent["messages"][: len(before["messages"])] == before["messages"]
    assert "<earlier-thoughts>\nTwo" in sent["messages"][-1]["content"]
    assert sent["messages"][-1]["content"].endswith("Answer now.")


async def test_an_address_that_was_given_is_not_that_of_another_provider(places, record, guide):
    listener = record(guide)
    async with places.engine("--provider", "one", "--model", "flash", "--base-url", listener.url) as engine:
        await play(engine, "both are asked")
        assert len(listener.bodies) == 1
        await say(engine, "/provider two")
        await play(engine, "both are asked")
        assert "There is no key for DeepSeek. Set DEEPSEEK_API_KEY" in await say(engine, "/provider deepseek")
    assert (len(listener.bodies), len(places.two.bodies), len(places.one.bodies)) == (1, 1, 0)
    assert KEYS["TWO_KEY"] not in json.dumps(listener.headers)
    places.assert_keys_stay_home()


async def test_an_address_in_the_settings_belongs_to_the_provider_named_there(places, record, guide):
    listener = record(guide)
    places.set(f'provider = "one"\nmodel = "flash"\nbase_url = "{listener.url}"\n')
    async with places.engine("--provider", "two") as engine:
        await play(engine, "both are asked")
    assert (len(listener.bodies), len(places.two.bodies)) == (0, 1)
    async with places.engine() as engine:
        await play(engine, "both are asked")
    assert (len(listener.bodies), len(places.one.bodies)) == (1, 0)
    places.assert_keys_stay_home()


async def test_the_key_for_any_provider_goes_to_the_one_of_the_start_alone(places):
    places.program.environment["DSTERM_API_KEY"] = GENERAL
    async with places.engine("--provider", "one", "--model", "flash") as engine:
        await play(engine, "both are asked")
        await say(engine, "/provider two")
        await play(engine, "both are asked")
    assert [headers["authorization"] for headers in places.one.headers] == [f"Bearer {GENERAL}"]
    assert [headers["authorization"] for headers in places.two.headers] == [f"Bearer {KEYS['TWO_KEY']}"]
    del places.program.environment["TWO_KEY"]
    async with places.engine("--provider", "one", "--model", "flash", "--fallback", "two/flash") as engine:
        assert "There is no key for Two. Set TWO_KEY" in await say(engine, "/provider two")
        events = await play(engine, "the first is out")
        assert reason(events) is TurnEnd.FAILED
    assert len(places.two.bodies) == 1


async def test_a_session_goes_on_where_it_was_unless_its_key_is_gone(places):
    places.program.environment["NOVITA_API_KEY"] = KEYS["ONE_KEY"]
    async with places.engine("--provider", "two", "--model", "flash") as engine:
        await play(engine, "both are asked")
    async with places.engine("--continue") as engine:
        assert engine.status().model.provider == "two"
    del places.program.environment["TWO_KEY"]
    async with places.engine("--continue") as engine:
        assert engine.status().model.provider == "novita"
        assert (
            "This session was with two"
            in [e.event.text for e in engine.transcript() if isinstance(e.event, Notice)][-1]
        )
    with pytest.raises(UsageError, match="There is no key for Two"):
        async with places.engine("--continue", "--provider", "two"):
            pass
