from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dsterm.context.compaction import (
    choose_keeps,
    compacted,
    cuts,
    is_stub,
    prunable,
    pruned,
    replaced,
    shared_front,
    stub_of,
)
from dsterm.context.valid_history import repair_history
from dsterm.core.messages import AssistantMessage, Message, Pack, ToolCall, ToolMessage, UserMessage

PACK = Pack(digest="a" * 64, source=".", tokens=1_000)
OTHER = Pack(digest="b" * 64, source="other", tokens=10)


def weigh(message: Message) -> int:
    match message:
        case Pack():
            return message.tokens
        case UserMessage():
            return len(message.text)
        case ToolMessage():
            return len(message.content)
        case AssistantMessage():
            return len(message.content) + 10 * len(message.tool_calls)


class Telling:
    """Makes histories whose calls have ids of their own."""

    def __init__(self) -> None:
        self.ids = 0
        self.messages: list[Message] = []
        self.newest: list[UserMessage] = []

    def tell(self, what: str, size: int) -> None:
        match what:
            case "prompt":
                self.newest = [UserMessage(text="p" * size)]
                self.messages.append(self.newest[0])
            case "steer" if self.newest:
                self.newest.append(UserMessage(text="s" * size))
                self.messages.append(self.newest[-1])
            case "nudge":
                self.messages.append(UserMessage(text="n" * size))
            case "answer":
                self.messages.append(AssistantMessage(content="a" * size, reasoning="r"))
            case "calls":
                ids = [f"c{self.ids + number}" for number in range(1 + size % 3)]
                self.ids += len(ids)
                calls = tuple(ToolCall(id=id_, name="read", arguments="{}") for id_ in ids)
                self.messages.append(AssistantMessage(reasoning="r", tool_calls=calls))
                self.messages += [ToolMessage(call_id=id_, content="t" * size * 10) for id_ in ids]
            case "pack":
                self.messages.append(OTHER)
            case "change":
                self.messages.append(UserMessage(text="c" * size, repo=PACK.digest))
            case _:
                pass


kinds = st.sampled_from(["prompt", "steer", "nudge", "answer", "calls", "calls", "pack", "change"])


@st.composite
def histories(draw: st.DrawFn) -> Telling:
    telling = Telling()
    telling.messages.append(PACK)
    for what, size in draw(st.lists(st.tuples(kinds, st.integers(1, 400)), max_size=30)):
        telling.tell(what, size)
    assert repair_history(telling.messages) == tuple(telling.messages)
    return telling


@given(histories(), st.integers(0, 3_000))
def test_a_history_that_is_compacted_is_valid_and_keeps_what_must_stay(told: Telling, most: int) -> None:
    keeps = choose_keeps(told.messages, told.newest, most, weigh)
    after = compacted(told.messages, keeps, told.newest, "the summary")
    assert repair_history(after) == tuple(after)
    late = told.messages[len(told.messages) - keeps :]
    assert after[len(after) - keeps :] == late
    stays = [message for message in told.messages if isinstance(message, Pack) or getattr(message, "repo", "")]
    kept = [message for message in after if isinstance(message, Pack) or getattr(message, "repo", "")]
    assert kept == stays
    assert all(any(message is each for each in after) for message in told.newest)
    # Nothing is both replaced and there.
    gone = replaced(told.messages, keeps, told.newest)
    assert not gone or (after[0] is PACK and shared_front(told.messages, after) >= 1)
    assert len(after) == len(told.messages) - len(gone) + 1
    assert not {id(message) for message in gone} & {id(message) for message in after}


@given(histories(), st.integers(0, 40))
def test_at_every_cut_both_sides_are_valid(told: Telling, number: int) -> None:
    places = cuts(told.messages)
    assert 0 in places
    assert len(told.messages) in places
    place = places[number % len(places)]
    for side in (told.messages[:place], told.messages[place:]):
        assert repair_history(side) == tuple(side)
    again = compacted(told.messages, len(told.messages) - place, told.newest, "s")
    assert repair_history(again) == tuple(again)


@given(histories(), st.integers(0, 40), st.data())
def test_pruning_keeps_pairs_and_all_that_is_said(told: Telling, until: int, data: st.DataObject) -> None:
    results = prunable(told.messages, until, weigh)
    assert all(result.place < until and result.saved > 0 for result in results)
    assert [result.saved for result in results] == sorted((result.saved for result in results), reverse=True)
    chosen = {result.call_id for result in results if data.draw(st.booleans())}
    after = pruned(told.messages, chosen)
    assert repair_history(after) == tuple(after)
    for before, now in zip(told.messages, after, strict=True):
        if isinstance(now, ToolMessage) and now.call_id in chosen:
            assert is_stub(now.content)
            assert weigh(now) < weigh(before)
        else:
            assert now is before
    assert pruned(after, chosen) == after
    assert not {result.call_id for result in prunable(after, until, weigh)} & chosen


def test_what_stays_begins_with_words_of_the_user_where_they_fit() -> None:
    told = Telling()
    for what, size in (
        ("prompt", 50),
        ("answer", 100),
        ("prompt", 50),
        ("answer", 100),
        ("prompt", 10),
        ("answer", 20),
    ):
        told.tell(what, size)
    assert choose_keeps(told.messages, told.newest, 180, weigh) == 4
    assert choose_keeps(told.messages, told.newest, 60, weigh) == 2
    # The newest prompt stays all the same.
    assert choose_keeps(told.messages, told.newest, 5, weigh) == 0
    after = compacted(told.messages, 0, told.newest, "s")
    assert after == [UserMessage(text="s"), UserMessage(text="p" * 10)]


def test_a_long_turn_is_cut_between_two_steps_and_its_prompt_stays() -> None:
    told = Telling()
    told.tell("prompt", 40)
    for _ in range(6):
        told.tell("calls", 60)
    keeps = choose_keeps(told.messages, told.newest, 1_300, weigh)
    assert keeps == 4
    summary, prompt, asked, *_ = compacted(told.messages, keeps, told.newest, "s")
    assert summary == UserMessage(text="s")
    assert prompt is told.newest[0]
    assert isinstance(asked, AssistantMessage)


def test_a_stub_says_how_much_was_there_and_how_to_have_it_again() -> None:
    assert "(3 lines)" in stub_of("a\nb\nc")
    assert "(1 line)" in stub_of("a")
    assert "make the call above again" in stub_of("a")


def test_the_newest_turn_is_not_pruned_and_short_results_are_not() -> None:
    told = Telling()
    told.tell("prompt", 5)
    told.tell("calls", 60)
    told.tell("calls", 3)
    assert [result.call_id for result in prunable(told.messages, len(told.messages), weigh)] == ["c0"]
    assert prunable(told.messages, 1, weigh) == []
