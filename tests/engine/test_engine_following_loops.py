from __future__ import annotations

from collections.abc import Sequence

from dsterm.core.events import Event, ToolEnded, ToolRequested
from dsterm.core.messages import ToolCall
from dsterm.core.tools import Effect, Outcome, Plan, ToolResult
from dsterm.engine.steps.loops import call_key, repeated_calls, repetition_result

READ = (Effect.READ,)
WRITE = (Effect.READ, Effect.WRITE)
RUN = (Effect.EXECUTE,)


def call(name: str, arguments: str = "{}", call_id: str = "new") -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments)


class Past(list[Event]):
    def made(
        self, asked: ToolCall, effects: tuple[Effect, ...] | None = READ, content: str = "same", outcome=Outcome.DONE
    ) -> Past:
        call_id = f"c{len(self)}"
        plan = None if effects is None else Plan(effects=effects, subject="")
        named = ToolCall(id=call_id, name=asked.name, arguments=asked.arguments)
        self.append(ToolRequested(call=named, plan=plan))
        self.append(ToolEnded(id=call_id, result=ToolResult(outcome=outcome, content=content)))
        return self

    def stops(self, *asked: ToolCall) -> Sequence[int]:
        named = [ToolCall(id=str(place), name=each.name, arguments=each.arguments) for place, each in enumerate(asked)]
        stopped = repeated_calls(self, named)
        return [place for place in range(len(asked)) if str(place) in stopped]


A, B = call("read", '{"file_path": "a"}'), call("read", '{"file_path": "b"}')
EDIT, TEST = call("edit", '{"file_path": "a"}'), call("bash", '{"command": "make test"}')


def test_the_third_identical_call_is_one_too_many() -> None:
    assert Past().made(A).stops(A) == []
    assert Past().made(A).made(A).stops(A) == [0]


def test_arguments_are_compared_by_what_they_mean() -> None:
    assert call_key(call("x", '{"a": 1, "b": "é"}')) == call_key(call("x", '{ "b":"\\u00e9","a":1}'))
    assert call_key(call("x", "")) == call_key(call("x", "{}"))
    assert call_key(call("x", '{"a": 1}')) != call_key(call("y", '{"a": 1}'))
    assert call_key(call("x", '{"a": ')) == call_key(call("x", '{"a": '))


def test_other_reads_in_between_hide_nothing() -> None:
    assert Past().made(A).made(B).made(A).made(B).stops(A) == [0]


def test_calls_further_back_than_the_window_are_forgotten() -> None:
    past = Past().made(A).made(A)
    for number in range(4):
        past.made(call("read", f'{{"file_path": "{number}"}}'))
    assert past.stops(A) == []


def test_a_change_that_was_made_lets_a_file_be_read_again() -> None:
    assert Past().made(A).made(A).made(EDIT, WRITE).stops(A) == []
    assert Past().made(A).made(A).made(TEST, RUN).stops(A) == []


def test_a_change_that_failed_changes_nothing() -> None:
    assert Past().made(A).made(A).made(EDIT, WRITE, outcome=Outcome.FAILED).stops(A) == [0]
    assert Past().made(A).made(A).made(TEST, RUN, outcome=Outcome.REFUSED).stops(A) == [0]


def test_tests_may_run_after_every_edit() -> None:
    past = Past()
    for number in range(4):
        past.made(TEST, RUN, "1 failed in 0.12s").made(call("edit", f'{{"new": {number}}}'), WRITE)
    assert past.stops(TEST) == []


def test_a_command_may_run_after_every_other_command() -> None:
    past = Past()
    for number in range(4):
        past.made(TEST, RUN, outcome=Outcome.FAILED).made(call("bash", f'{{"command": "sed {number}"}}'), RUN)
    assert past.stops(TEST) == []


def test_two_commands_in_turn_are_noticed() -> None:
    other = call("bash", '{"command": "ls"}')
    past = Past()
    for _ in range(3):
        past.made(TEST, RUN).made(other, RUN)
    assert past.stops(TEST) == [0]


def test_a_command_whose_output_differs_in_its_duration_alone_is_the_same() -> None:
    assert Past().made(TEST, RUN, "failed in 0.12s").made(TEST, RUN, "failed in 3.4 s").stops(TEST) == [0]
    assert Past().made(TEST, RUN, "2 failed").made(TEST, RUN, "1 failed").stops(TEST) == []


def test_a_job_that_goes_on_may_be_looked_at_again() -> None:
    look = call("job", '{"action": "read"}')
    assert Past().made(look, content="running for 1 s").made(look, content="running for 9 s").stops(look) == []


def test_refused_failed_and_unplanned_calls_count() -> None:
    for outcome in (Outcome.REFUSED, Outcome.FAILED):
        assert Past().made(EDIT, WRITE, outcome=outcome).made(EDIT, WRITE, outcome=outcome).stops(EDIT) == [0]
    empty = call("read", "{}")
    assert Past().made(empty, None, outcome=Outcome.FAILED).made(empty, None, outcome=Outcome.FAILED).stops(empty) == [
        0
    ]


def test_identical_calls_side_by_side_are_noticed() -> None:
    assert Past().stops(A, A, A, A) == [2, 3]
    assert Past().made(A).stops(A, A) == [1]
    assert Past().made(A).made(A).stops(B, A) == [1]


def test_what_comes_behind_a_possible_change_in_the_same_message_runs() -> None:
    assert Past().made(A).made(A).stops(EDIT, A) == []
    assert Past().stops(A, EDIT, A, EDIT, A) == []
    failed = Past().made(A).made(A).made(EDIT, None, outcome=Outcome.FAILED)
    assert failed.stops(EDIT, A) == []


def test_a_call_that_was_stopped_is_stopped_again() -> None:
    past = Past().made(A).made(A)
    past += [ToolRequested(call=call("read", A.arguments, "s")), ToolEnded(id="s", result=repetition_result())]
    assert past.stops(A) == [0]
