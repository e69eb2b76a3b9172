from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from scripted import ScriptedProvider, World, answer, call, calls, do, kinds, only, play

from dsterm.core.config import Config
from dsterm.core.delta_events import TextDelta
from dsterm.core.events import Event, Notice, NoticeLevel, StepStarted, TurnEnd, TurnEnded, TurnStarted
from dsterm.core.forecasts import NewBecause
from dsterm.core.models import ThinkingMode, Usage
from dsterm.core.provider import Ended, Failure, FailureKind, StopReason, TextPiece, UsagePiece
from dsterm.core.questions import Answer, QuestionAsked
from dsterm.engine.questions import DENY, ONCE

LARGE = "x = 1\n" * 40_000
"""60,000 tokens by the counter of these tests: about 9 cents at Pro, new."""

YES, NO = Answer(answer=ONCE), Answer(answer=DENY)


def said(tokens: int, text: str = "one", prompt: int = 3_000) -> list:
    """An answer of so many tokens."""
    usage = Usage(prompt_tokens=prompt, cached_tokens=0, completion_tokens=tokens)
    return [TextPiece(text), UsagePiece(usage=usage), Ended(stop=StopReason.STOP)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def text_of(events: list[Event]) -> str:
    return "\n".join(notice.text for notice in only(events, Notice))


def end_of(events: list[Event]) -> TurnEnd:
    assert isinstance(events[-1], TurnEnded)
    return events[-1].reason


async def test_a_first_send_is_all_new_and_its_answer_a_seed(world: World) -> None:
    found = world.engine(ScriptedProvider([])).forecast("hello there")
    assert found.because is NewBecause.FIRST_SEND
    assert found.forecast.cached_tokens == 0
    assert (found.forecast.output_low, found.forecast.output_high) == (250, 2_500)
    assert found.forecast.dollars < found.forecast.low < found.forecast.high
    assert found.was is None
    assert not found.is_above


async def test_what_is_shown_is_what_is_sent_note_and_all(world: World) -> None:
    engine = world.engine(ScriptedProvider([answer("one")]))
    shown = engine.forecast("hello there").forecast
    (started,) = only(await play(engine, "hello there"), StepStarted)
    assert isinstance(started, StepStarted)
    assert abs(started.forecast.prompt_tokens - shown.prompt_tokens) <= 2
    assert (started.forecast.output_low, started.forecast.output_high) == (shown.output_low, shown.output_high)


async def test_a_draft_pastes_and_mentions_add_their_tokens(world: World) -> None:
    engine = world.engine(ScriptedProvider([]))
    bare = engine.forecast().forecast.prompt_tokens
    assert engine.forecast("a" * 400).forecast.prompt_tokens == bare + 100
    assert engine.forecast("a" * 400, ["b" * 40], 7).forecast.prompt_tokens == bare + 117


async def test_what_was_said_meanwhile_and_waits_goes_along(world: World) -> None:
    engine = world.engine(ScriptedProvider([]))
    bare = engine.forecast().forecast.prompt_tokens
    engine.steer("a" * 40)
    assert engine.forecast().forecast.prompt_tokens == bare + 12


async def test_a_long_text_is_estimated_until_it_is_counted_in_a_thread(world: World) -> None:
    engine = world.engine(ScriptedProvider([]))
    draft = "ab" * 4_000
    assert engine.forecast(draft).is_pending
    await engine.count_draft(draft)
    found = engine.forecast(draft)
    assert not found.is_pending
    assert found.forecast.prompt_tokens == engine.forecast().forecast.prompt_tokens + 2_000


async def test_after_twenty_answers_the_band_is_the_users_own_by_model_and_mode(world: World) -> None:
    sizes = [100 * number for number in range(1, 22)]
    engine = world.engine(ScriptedProvider([said(size) for size in sizes]))
    for _ in sizes:
        await play(engine, "hi")
    found = engine.forecast().forecast
    assert (found.output_low, found.output_high) == (500, 1_700)
    engine.choose_mode(ThinkingMode.THINK_MAX)
    assert engine.forecast().forecast.output_high == 9_000
    again = world.engine(ScriptedProvider([]))
    assert again.forecast().forecast.output_high == 2_500
    again.warm()
    assert (again.forecast().forecast.output_low, again.forecast().forecast.output_high) == (500, 1_700)
    await engine.close()
    await again.close()


async def test_cut_answers_say_nothing_of_how_long_answers_are(world: World) -> None:
    whole = [said(200) for _ in range(20)]
    cut = [[*said(9_000)[:-1], Ended(stop=StopReason.LENGTH)]] * 3
    engine = world.engine(ScriptedProvider([*whole, *cut, *[said(200)] * 9]))
    for _ in range(21):
        await play(engine, "hi")
    found = engine.forecast().forecast
    assert (found.output_low, found.output_high) == (200, 200)


async def test_a_switch_shows_the_old_price_beside_the_new_until_it_is_sent(world: World) -> None:
    engine = world.engine(ScriptedProvider([said(50), said(50)]))
    await play(engine, "hi")
    plain = engine.forecast("more")
    engine.choose_mode(ThinkingMode.THINK_MAX)
    found = engine.forecast("more")
    assert found.was == plain.forecast
    assert found.because is NewBecause.MODE
    assert found.words == "Think Max reads everything anew"
    engine.choose_mode(ThinkingMode.THINK)
    assert engine.forecast("more") == plain
    await do(engine, "/flash")
    assert engine.forecast("more").words == "Flash reads everything anew"
    await play(engine, "more")
    assert engine.forecast("more").was is None


async def test_a_dear_send_asks_first_and_a_no_leaves_nothing_behind(world: World) -> None:
    provider = ScriptedProvider([answer("one")])
    engine = world.engine(provider, pack_text=LARGE)
    await do(engine, "/attach .")
    assert engine.forecast("hi").is_above
    events = await play(engine, "hi", [NO])
    assert kinds(events) == ["QuestionAsked", "QuestionAnswered", "TurnEnded"]
    (question,) = only(events, QuestionAsked)
    assert isinstance(question, QuestionAsked)
    assert [option.key for option in question.options] == ["Enter", "n"]
    assert question.refusal is not None
    assert "is sent for the first time" in question.text
    assert question.text.startswith("This send costs ~$0.")
    assert end_of(events) is TurnEnd.INTERRUPTED
    assert provider.requests == []


async def test_with_a_yes_it_is_sent_and_from_the_cache_it_asks_no_more(world: World) -> None:
    usage = Usage(prompt_tokens=62_500, cached_tokens=0, completion_tokens=50)
    engine = world.engine(ScriptedProvider([answer("one", usage), answer("two", usage)]), pack_text=LARGE)
    await do(engine, "/attach .")
    events = await play(engine, "hi", [YES])
    assert end_of(events) is TurnEnd.ANSWERED
    assert not engine.forecast("and?").is_above
    assert not only(await play(engine, "and?"), QuestionAsked)


async def test_what_was_accepted_is_not_asked_about_again_when_the_send_failed(world: World) -> None:
    refused = Failure(kind=FailureKind.BAD_REQUEST, message="No.", hint="Ask otherwise.", status=400)
    provider = ScriptedProvider([[Ended(stop=StopReason.FAILED, failure=refused)], answer("one")])
    engine = world.engine(provider, pack_text=LARGE)
    await do(engine, "/attach .")
    await play(engine, "hi", [YES])
    assert not only(await play(engine, "hi"), QuestionAsked)


async def test_a_stop_while_it_asks_sends_nothing(world: World) -> None:
    provider = ScriptedProvider([])
    engine = world.engine(provider, pack_text=LARGE)
    await do(engine, "/attach .")
    events = []
    async for envelope in engine.run("hi"):
        events.append(envelope.event)
        if isinstance(envelope.event, QuestionAsked):
            engine.interrupt()
    assert end_of(events) is TurnEnd.INTERRUPTED
    assert not only(events, TurnStarted)
    assert provider.requests == []


async def test_where_nobody_can_be_asked_it_says_so_once_and_goes_on(world: World) -> None:
    engine = world.engine(ScriptedProvider([answer("one"), answer("two")]), pack_text=LARGE, can_ask=False)
    await do(engine, "/attach .")
    events = await play(engine, "hi")
    (notice,) = only(events, Notice)
    assert isinstance(notice, Notice)
    assert notice.level is NoticeLevel.WARNING
    assert "--budget" in notice.text
    assert end_of(events) is TurnEnd.ANSWERED
    await do(engine, "/flash")
    assert not [each for each in only(await play(engine, "again"), Notice) if "--budget" in each.text]


@pytest.mark.parametrize("limit", ["0", "5"])
async def test_a_limit_of_zero_never_asks_and_a_high_one_rarely(world: World, limit: str) -> None:
    engine = world.engine(ScriptedProvider([answer("one")]), Config(ask_above=Decimal(limit)), pack_text=LARGE)
    await do(engine, "/attach .")
    assert not only(await play(engine, "hi"), QuestionAsked)


async def test_a_dear_switch_in_the_middle_of_a_turn_asks_and_a_no_goes_on_as_before(world: World) -> None:
    usage = Usage(prompt_tokens=62_500, cached_tokens=0, completion_tokens=50)
    look = [
        *calls(call("read", {"file_path": "a.py"}))[:-2],
        UsagePiece(usage=usage),
        Ended(stop=StopReason.TOOL_CALLS),
    ]
    provider = ScriptedProvider([[TextPiece("I look. "), 0.05, *look], answer("one", usage)])
    engine = world.engine(provider, pack_text=LARGE)
    (world.folder / "a.py").write_text("x = 1\n")
    await do(engine, "/attach .")
    asked = []
    async for envelope in engine.run("hi"):
        match envelope.event:
            case TextDelta() if engine.status().mode is ThinkingMode.THINK and not asked[1:]:
                await do(engine, "/mode think-max")
            case QuestionAsked() as question:
                asked.append(question.text)
                engine.answer(question.id, YES if len(asked) == 1 else NO)
            case _:
                pass
    assert len(asked) == 2
    assert "Think Max reads everything anew" in asked[1]
    assert [request.mode for request in provider.requests] == [ThinkingMode.THINK, ThinkingMode.THINK]
    assert engine.status().mode is ThinkingMode.THINK


async def test_the_explanation_adds_up_and_fits_80_columns(world: World) -> None:
    engine = world.engine(
        ScriptedProvider([answer("one"), answer("two")]), Config(ask_above=Decimal(0)), pack_text=LARGE
    )
    engine.forecast("a" * 400)
    await do(engine, "/attach .")
    await play(engine, "hi")
    engine.choose_mode(ThinkingMode.THINK_MAX)
    found = engine.forecast("a" * 400).forecast
    text = text_of(await do(engine, "/forecast"))
    assert max(map(len, text.splitlines())) <= 76
    rows = [line.split("  ") for line in text.splitlines() if line.startswith("  ")]
    tokens = {row[1]: row for row in rows}
    assert f"{found.prompt_tokens:,}" in "  ".join(tokens["prompt"])
    assert "your draft" in tokens
    for words in ("system text", "tools", "in all", "As it was before you switched", "ask_above", "a guess of ours"):
        assert words in text
    parts = [line for line in text.splitlines()[2:] if line.startswith("  ")]
    figures = [
        int(line[28:38].replace(",", "")) for line in parts[: [p.strip()[:6] for p in parts].index("prompt") + 1]
    ]
    assert sum(figures[:-1]) == figures[-1]


async def test_how_good_forecasts_were_is_told(world: World) -> None:
    engine = world.engine(ScriptedProvider([said(300), said(99_000)]))
    assert "none that could be checked" in text_of(await do(engine, "/forecast"))
    await play(engine, "hi")
    assert "last 1: 100 % inside the band, input error" in text_of(await do(engine, "/forecast"))
    await play(engine, "hi")
    assert "forecasts, last 2: 50 % inside the band" in text_of(await do(engine, "/stats"))


async def test_before_the_first_send_a_switch_shows_what_it_would_have_cost_before(world: World) -> None:
    engine = world.engine(ScriptedProvider([]))
    plain = engine.forecast("hello there")
    await do(engine, "/flash")
    found = engine.forecast("hello there")
    assert found.was == plain.forecast
    assert found.forecast.dollars < plain.forecast.dollars
    await do(engine, "/pro")
    assert engine.forecast("hello there").was is None
