from __future__ import annotations

import json

import pytest
from wire_prefix import Step, Visit, broken_prefixes, broken_rules

USER = {"role": "user", "content": "hi"}
MORE = {"role": "user", "content": "and now?"}
SAID = {"role": "assistant", "content": "x", "reasoning_content": " "}


def body(*messages: dict, model: str = "m", tools: list | None = None, max_tokens: int = 9) -> bytes:
    fields = {"model": model, "tools": [{"n": 1}] if tools is None else tools, "messages": messages}
    return json.dumps({**fields, "max_tokens": max_tokens}, separators=(",", ":")).encode()


def visits(*bodies: bytes) -> list[Visit]:
    return [Visit(number, float(number), sent, f"id{number}", 200, "", "") for number, sent in enumerate(bodies, 1)]


def steps(*reasons: str, session: str = "a") -> list[Step]:
    return [Step(number - 0.5, number + 0.2, session, broke) for number, broke in enumerate(reasons, 1)]


def test_more_messages_and_the_same_again_are_a_continuation():
    sent = visits(body(USER), body(USER), body(USER, SAID, MORE, max_tokens=8))
    assert broken_prefixes(sent, steps("", "", "")) == []


@pytest.mark.parametrize(
    "other", [body(USER, model="n"), body(MORE), body(USER, tools=[{"n": 2}]), body({**USER, "content": "hi "})]
)
def test_another_beginning_is_broken_unless_the_step_names_a_reason(other):
    sent = visits(body(USER), other)
    (problem,) = broken_prefixes(sent, steps("", ""))
    assert problem.startswith("request 2 of session a: from byte ")
    assert broken_prefixes(sent, steps("", "model")) == []


def test_a_reason_counts_once():
    sent = visits(body(USER), body(MORE), body(USER))
    assert len(broken_prefixes(sent, steps("", "rewound", ""))) == 1


def test_a_step_that_was_stopped_before_it_sent_anything_may_have_named_the_reason():
    sent = [visits(body(USER))[0], visits(body(USER), body(USER), body(MORE))[2]]
    assert broken_prefixes(sent, steps("", "mode", "")) == []


def test_a_request_beside_the_conversation_is_left_out():
    aside = json.dumps({"model": "m", "messages": [MORE]}).encode()
    assert broken_prefixes(visits(body(USER), aside, body(USER, SAID, MORE)), steps("", "", "")) == []


def test_a_request_for_a_summary_is_left_out_although_it_continues_the_conversation():
    asked = {"role": "user", "content": "[dsterm: The conversation is to be shortened. Write it.]"}
    sent = visits(body(USER), body(USER, SAID, asked), body(USER, SAID, MORE))
    assert broken_prefixes(sent, steps("", "", "")) == []
    short = visits(body(USER), body(USER, SAID, asked), body(MORE))
    assert broken_prefixes(short, steps("", "", "compacted")) == []
    assert broken_prefixes(short, steps("", "", "")) != []


def test_a_run_that_saves_nothing_is_no_part_of_a_session_before_it():
    assert broken_prefixes(visits(body(USER), body(MORE)), steps("")) == []


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ({"role": "developer", "content": "x"}, "role"),
        ({"role": "system", "content": "x"}, "role"),
        ({"role": "assistant", "content": None, "reasoning_content": " "}, "no text"),
        ({"role": "assistant", "content": "x", "reasoning_content": ""}, "no reasoning"),
        ({"role": "assistant", "content": "x", "reasoning_content": " ", "tool_calls": []}, "empty list"),
    ],
)
def test_what_no_request_may_hold_is_named(message, problem):
    assert any(problem in rule for rule in broken_rules(body(USER, message)))
    assert list(broken_rules(body(USER, SAID))) == []
