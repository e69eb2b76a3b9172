from __future__ import annotations

from pathlib import Path

import pytest
from compaction_world import CompactionWorld, CountingProvider, compactions, do, messages, notices, says, tokens_of
from scripted import call, only, play

from dsterm.context.valid_history import repair_history
from dsterm.core.config import Config
from dsterm.core.context_events import Compacted, ResultsPruned
from dsterm.core.events import StepEnded, StepStarted, TurnEnd, TurnEnded
from dsterm.core.messages import Pack, UserMessage
from dsterm.core.models import PermissionMode, ThinkingMode
from dsterm.core.provider import Ended, Failure, FailureKind, StopReason, TextPiece
from dsterm.engine.session import Session

LONG = "word " * 2_000
WINDOW = 24_000
YOLO = Config(mode=ThinkingMode.NON_THINK, permission_mode=PermissionMode.YOLO)


@pytest.fixture
def world(tmp_path: Path) -> CompactionWorld:
    return CompactionWorld(tmp_path)


def ends(events) -> list[tuple[TurnEnd, str]]:
    return [(event.reason, event.text) for event in only(events, TurnEnded)]


async def test_before_a_request_that_does_not_fit_what_is_old_is_summed_up_and_the_turn_goes_on(
    world: CompactionWorld,
) -> None:
    provider = CountingProvider(says(f"answer {LONG}"), real_window=WINDOW)
    engine = world.open(provider, window=WINDOW)
    for number in range(6):
        events = await play(engine, f"prompt {number}: {LONG}")
        assert ends(events) == [(TurnEnd.ANSWERED, "")]
    found = compactions(engine)
    assert found
    assert all(one.is_automatic for one in found)
    # Nothing was refused, every request was valid, and each had the newest words of the user.
    assert not [each for each in engine.transcript() if getattr(each.event, "failure", None)]
    for number, request in enumerate(provider.conversation):
        assert repair_history(request.messages) == request.messages
        assert f"prompt {number}: " in request.messages[-1].text
        assert tokens_of(request) < WINDOW
    broken = [event.event.broke for event in engine.transcript() if isinstance(event.event, StepStarted)]
    assert broken.count("compacted") == len(found)
    assert set(broken) == {"", "compacted"}
    await engine.close()


async def test_old_results_are_pruned_first_where_that_is_enough(world: CompactionWorld) -> None:
    (world.folder / "a.py").write_text("value = 1\n" * 1_500)
    replies = [lambda _request, n=n: [call("read", {"file_path": "a.py"}, f"c{n}")] for n in range(2)]
    provider = CountingProvider(replies[0], says("Seen."), replies[1], says("Again."), says("Yes."), real_window=WINDOW)
    engine = world.open(provider, window=WINDOW)
    for prompt in ("read it", "and again", "short", "shorter", f"now {LONG * 4}"):
        events = await play(engine, prompt)
    (pruned,) = only(events, ResultsPruned)
    assert pruned.is_automatic
    assert set(pruned.call_ids) == {"c0", "c1"}
    assert provider.summaries == []
    assert ends(events) == [(TurnEnd.ANSWERED, "")]
    await engine.close()


async def test_in_the_middle_of_a_turn_its_prompt_and_its_newest_results_stay(world: CompactionWorld) -> None:
    text = "".join(f"value_{number} = {number}\n" for number in range(700))
    (world.folder / "a.py").write_text(text)
    (world.folder / "b.py").write_text(text)

    def works(request):
        count = len(provider.conversation)
        if count > 14:
            return [TextPiece("All is done.")]
        names = ["a.py", "b.py"]
        return [call("read", {"file_path": names[count % 2], "offset": count}, f"c{count}")]

    provider = CountingProvider(works, real_window=WINDOW)
    engine = world.open(provider, window=WINDOW)
    events = await play(engine, "the prompt of it all")
    assert ends(events) == [(TurnEnd.ANSWERED, "")]
    assert only(events, Compacted)
    for number, request in enumerate(provider.conversation):
        assert repair_history(request.messages) == request.messages
        assert sum("the prompt of it all" in getattr(message, "text", "") for message in request.messages) == 1
        if number:
            # What it asked for just now is there in full.
            assert "value_" in request.messages[-1].content
    assert Session(engine.transcript()).messages == messages(engine)
    await engine.close()


async def test_words_said_meanwhile_are_not_lost(world: CompactionWorld) -> None:
    text = "".join(f"value_{number} = {number}\n" for number in range(700))
    (world.folder / "a.py").write_text(text)

    def works(request):
        count = len(provider.conversation)
        if count == 2:
            engine.steer("by the way: keep it short")
        if count > 12:
            return [TextPiece("All is done.")]
        return [call("read", {"file_path": "a.py", "offset": count}, f"c{count}")]

    provider = CountingProvider(works, real_window=WINDOW)
    engine = world.open(provider, window=WINDOW)
    events = await play(engine, "the prompt of it all")
    assert ends(events) == [(TurnEnd.ANSWERED, "")]
    assert only(events, Compacted)
    last = provider.conversation[-1].messages
    assert [message.text for message in last if isinstance(message, UserMessage)][1:] == [
        "<environment>branch main</environment>\n\nthe prompt of it all",
        "by the way: keep it short",
    ]
    await engine.close()


@pytest.mark.parametrize("names_window", [True, False])
async def test_a_server_with_a_smaller_window_refuses_once_and_the_turn_goes_on(
    world: CompactionWorld, names_window: bool
) -> None:
    provider = CountingProvider(says(f"answer {LONG}"), real_window=WINDOW)
    provider.names_window = names_window
    engine = world.open(provider)
    for number in range(6):
        events = await play(engine, f"prompt {number}: {LONG}")
        assert ends(events) == [(TurnEnd.ANSWERED, "")]
        assert len([step for step in only(events, StepEnded) if step.failure]) <= 1
    assert compactions(engine)
    refused = [each for each in engine.transcript() if isinstance(each.event, StepEnded) and each.event.failure]
    assert len(refused) == (1 if names_window else len(refused)) >= 1
    await engine.close()


async def test_what_can_not_be_made_to_fit_ends_the_turn_with_what_fills_the_window(world: CompactionWorld) -> None:
    provider = CountingProvider(says("answer"), real_window=WINDOW)
    engine = world.open(provider, window=WINDOW)
    await play(engine, "hello")
    events = await play(engine, LONG * 12)
    ((reason, text),) = ends(events)
    assert reason is TurnEnd.FAILED
    assert "your newest message 30k" in text
    assert "Send less at once, or begin anew with /new." in text
    assert len(provider.requests) == 1
    await engine.close()


async def test_a_server_that_refuses_everything_is_asked_twice_at_most(world: CompactionWorld) -> None:
    provider = CountingProvider(says(f"answer {LONG}"))
    engine = world.open(provider)
    for number in range(4):
        await play(engine, f"prompt {number}: {LONG}")
    asked = len(provider.conversation)
    failure = Failure(kind=FailureKind.CONTEXT_OVERFLOW, message="The prompt is too long.", status=400)
    provider.plays(lambda _request: [Ended(stop=StopReason.FAILED, failure=failure)])
    events = await play(engine, "and now")
    assert len(provider.conversation) == asked + 2
    ((reason, text),) = ends(events)
    assert reason is TurnEnd.FAILED
    assert text.startswith("The prompt is too long. It was made as short as it can be. In the window:")
    assert len(compactions(engine)) == 1
    await engine.close()


async def test_where_no_summary_comes_the_words_say_so_and_nothing_is_lost(world: CompactionWorld) -> None:
    broke = Failure(kind=FailureKind.BALANCE, message="The balance is used up.", hint="Top it up.", status=402)
    provider = CountingProvider(
        says(f"answer {LONG}"), summary=lambda _request: [Ended(stop=StopReason.FAILED, failure=broke)]
    )
    engine = world.open(provider, window=WINDOW)
    for number in range(6):
        before = messages(engine)
        events = await play(engine, f"prompt {number}: {LONG}")
        if ends(events)[0][0] is TurnEnd.FAILED:
            break
    assert "No summary: The balance is used up. Top it up." in ends(events)[0][1]
    assert messages(engine)[:-1] == before
    assert compactions(engine) == []
    await engine.close()


async def test_a_pack_that_fills_the_window_is_named_with_the_way_out(world: CompactionWorld) -> None:
    provider = CountingProvider(says("answer"), real_window=WINDOW)
    engine = world.open(provider, window=WINDOW, pack_text="x = 1\n" * 11_000)
    await do(engine, "/attach .")
    assert any(isinstance(message, Pack) for message in messages(engine))
    events = await play(engine, LONG * 2)
    ((_reason, text),) = ends(events)
    assert "attached repositories 17k" in text
    assert "/detach a repository, or begin anew with /new." in text
    await engine.close()


async def test_headless_the_turn_goes_on_too_and_the_money_is_counted(world: CompactionWorld) -> None:
    from dsterm.headless.report import Report

    provider = CountingProvider(says(f"answer {LONG}"), real_window=WINDOW)
    engine = world.open(provider, window=WINDOW, can_ask=False)
    report = Report()
    for number in range(6):
        async for envelope in engine.run(f"prompt {number}: {LONG}"):
            report.take(envelope)
    assert compactions(engine)
    result = report.result(model="m", mode=ThinkingMode.NON_THINK, session_id="s")
    assert result.cost_usd == engine._live.session.dollars
    assert result.usage.prompt_tokens == sum(tokens_of(request) for request in provider.requests)
    await engine.close()


async def test_killed_between_the_summary_and_its_place_the_session_goes_on_as_it_was(world: CompactionWorld) -> None:
    provider = CountingProvider(says(f"answer {LONG}"))
    engine = world.open(provider)
    for number in range(4):
        await play(engine, f"prompt {number}: {LONG}")
    before = messages(engine)
    await do(engine, "/compact")
    dollars = engine._live.session.dollars
    session_id = engine.status().session_id
    await engine.close()
    (log,) = (world.home / "sessions").rglob("*.jsonl")
    lines = log.read_bytes().splitlines(keepends=True)
    place = next(place for place, line in enumerate(lines) if b'"type":"Compacted"' in line)
    assert b'"type":"AsideEnded"' in b"".join(lines[:place])
    log.write_bytes(b"".join(lines[:place]))
    resumed = world.open(provider)
    resumed.resume(session_id)
    assert messages(resumed) == before
    assert resumed._live.session.dollars == dollars
    await do(resumed, "/compact")
    assert len(compactions(resumed)) == 1
    await resumed.close()


async def test_the_notice_at_the_edge_tells_what_it_costs(world: CompactionWorld) -> None:
    provider = CountingProvider(says(f"answer {LONG}"), real_window=WINDOW)
    engine = world.open(provider, window=WINDOW)
    told = ""
    for number in range(5):
        told += notices(await play(engine, f"prompt {number}: {LONG}"))
    assert "The window of Flash is full, so what is old is summed up:" in told
    assert "costs ~$" in told
    await engine.close()


async def test_what_was_taken_out_may_be_asked_for_again_in_the_same_turn(world: CompactionWorld) -> None:
    text = "".join(f"value_{number} = {number}\n" for number in range(700))
    for name in "abcdefgh":
        (world.folder / f"{name}.py").write_text(text)

    def works(request):
        count = len(provider.conversation)
        if count > 20:
            return [TextPiece("All is done.")]
        return [call("read", {"file_path": f"{'abcdefgh'[count % 8]}.py"}, f"c{count}")]

    provider = CountingProvider(works, real_window=WINDOW)
    engine = world.open(provider, window=WINDOW)
    events = await play(engine, "read them again and again")
    assert ends(events) == [(TurnEnd.ANSWERED, "")]
    assert "you have made it before in this turn" not in repr(messages(engine))
    await engine.close()


async def test_originals_that_do_not_fit_are_said_to_be_made_shorter_again(world: CompactionWorld) -> None:
    provider = CountingProvider(says(f"answer {LONG}"), real_window=WINDOW)
    engine = world.open(provider, window=WINDOW)
    while not compactions(engine):
        await play(engine, f"more {LONG}")
    said = notices(await do(engine, "/compact undo"))
    assert "That does not fit the window, so the next request would be made shorter again." in said
    assert ends(await play(engine, "short")) == [(TurnEnd.ANSWERED, "")]
    await engine.close()
