from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from e2e_program import KEY, Program, wait_until

from dsterm.llm.catalog import load_catalog
from dsterm.store.index import Index
from dsterm.store.ledger import Asked
from dsterm.store.sessions import SessionStore

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]

ODD_USAGE = {"prompt_tokens": 234_567, "cached_tokens": 123_456, "completion_tokens": 76_543, "reasoning_tokens": 999}
READ_BOTH = [{"name": "read", "arguments": {"file_path": name}} for name in ("README.md", "src/shop.py")]

SCENARIO = {
    "one answer": [{"reasoning": "Easy.", "text": "Forty-two.\n", "usage": ODD_USAGE}],
    "three steps": [
        {"reasoning": "First.", "text": "I read.", "tool_calls": READ_BOTH, "usage": ODD_USAGE},
        {
            "reasoning": "Second.",
            "tool_calls": [{"name": "glob", "arguments": {"pattern": "**/*.py"}}],
            "usage_place": "trailing",
        },
        {"text": "Done.", "usage": {**ODD_USAGE, "cached_tokens": 1}, "usage_place": "both"},
    ],
    "three steps of a stream": [
        {"text": "I look.", "tool_calls": [{"name": "glob", "arguments": {"pattern": "**/*.py"}}]},
        {"reasoning": "That is all.", "text": "Done."},
    ],
    "no usage": [{"text": "here " * 20, "usage_place": "missing"}],
    "other model": [{"text": "here", "model": "deepseek/deepseek-v4-flash", "usage": ODD_USAGE}],
    "unknown model": [{"text": "here", "model": "somebody/else-7b", "usage": ODD_USAGE}],
    "a word": [{"text": "ok"}],
}
RESULT_FIELDS = {
    "type": str,
    "result": str,
    "reasoning": str,
    "tool_calls": list,
    "usage": dict,
    "cost_usd": Decimal,
    "is_demo": bool,
    "model": str,
    "mode": str,
    "session_id": str,
    "num_turns": int,
    "stop_reason": str,
    "is_error": bool,
    "error": str,
}


def totals_of(program: Program, *, with_demo: bool = False):
    """What the ledger of this user says, read anew from the index."""
    state = program.home / "state"
    index = Index(state / "index.db", SessionStore(state / "sessions"))
    try:
        return index.totals(Asked(with_demo=with_demo))
    finally:
        index.close()


def running_with(home: Path) -> list[str]:
    """Command lines of processes that have `home` in their environment, where the system shows them."""
    mark, found = f"DSTERM_HOME={home}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


def price_of(name: str, *usages: dict) -> Decimal:
    price = load_catalog().model("novita", name).price
    assert price is not None
    total = Decimal(0)
    for usage in usages:
        missed = usage["prompt_tokens"] - usage["cached_tokens"]
        total += usage["cached_tokens"] * price.cache_read + missed * price.input
        total += usage["completion_tokens"] * price.output
    return total / 1_000_000


def summed(entries: list[dict]) -> dict[str, int]:
    fields = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
    return {field: sum(entry["usage"][field] for entry in entries) for field in fields}


def test_text_is_the_answer_alone_with_one_line_end(program, scripted):
    program.use(scripted.url)
    done = program.ask("one answer")
    assert (done.code, done.out, done.err) == (0, "Forty-two.\n", "")


def test_json_is_one_object_with_every_field(program, scripted):
    program.use(scripted.url)
    result = program.answer("one answer")
    assert {name: type(value) for name, value in result.items()} == RESULT_FIELDS
    assert result["result"] == "Forty-two.\n"
    assert (result["reasoning"], result["tool_calls"], result["num_turns"]) == ("Easy.", [], 1)
    assert (result["model"], result["mode"]) == ("deepseek/deepseek-v4-pro", "think")
    assert (result["stop_reason"], result["is_error"], result["error"]) == ("answered", False, "")
    assert result["usage"] == {**ODD_USAGE, "is_estimate": False}
    assert program.logs[0].stem == result["session_id"]


def test_usage_and_cost_of_a_turn_are_the_sums_of_its_requests_wherever_their_usage_came(program, scripted):
    program.use(scripted.url)
    before = len(scripted.ledger())
    result = program.answer("three steps")
    booked = scripted.ledger()[before:]
    assert result["num_turns"] == len(booked) == 3
    assert result["usage"] == {**summed(booked), "is_estimate": False}
    assert result["cost_usd"] == price_of("pro", *(entry["usage"] for entry in booked))
    assert -result["cost_usd"].as_tuple().exponent > 6, "too round to show that no digit is lost"
    assert (result["result"], result["reasoning"]) == ("Done.", "First.\n\nSecond.")
    assert [(call["name"], call["outcome"]) for call in result["tool_calls"]] == [
        ("read", "done"),
        ("read", "done"),
        ("glob", "done"),
    ]
    assert "Prices and taxes." in result["tool_calls"][0]["result"]


def test_stream_json_is_one_event_a_line_and_ends_with_the_result(program, scripted):
    program.use(scripted.url)
    done = program.ask("three steps of a stream", "--output-format", "stream-json")
    assert (done.code, done.err) == (0, "")
    *lines, result = done.lines
    assert all(line["type"] == line["envelope"]["event"]["type"] for line in lines)
    kinds = [line["type"] for line in lines if not line["type"].endswith("Delta")]
    assert kinds[:4] == ["TurnStarted", "StepStarted", "MessageAdded", "StepEnded"]
    assert kinds.count("ToolRequested") == kinds.count("ToolEnded") == 1
    assert kinds[-1] == "TurnEnded"
    text = "".join(event["text"] for event in done.events if event["type"] == "TextDelta")
    assert text == "I look.Done."
    assert {name: type(value) for name, value in result.items()} == RESULT_FIELDS
    assert (result["type"], result["result"], result["num_turns"]) == ("result", "Done.", 2)
    costs = [event["cost"] for event in done.events if event["type"] == "StepEnded"]
    assert sum(sum(cost.values()) for cost in costs) == result["cost_usd"]


@pytest.mark.parametrize(("model", "mode"), [("pro", "think"), ("pro", "think-max"), ("flash", "non-think")])
def test_each_model_and_mode_costs_what_the_server_booked(program, guide, model, mode):
    program.use(guide.url)
    before = len(guide.ledger())
    result = program.answer("what is in this repo?", "--model", model, "--mode", mode)
    booked = guide.ledger()[before:]
    assert {entry["model"] for entry in booked} == {f"deepseek/deepseek-v4-{model}"} == {result["model"]}
    assert {entry["mode"] for entry in booked} == {mode} == {result["mode"]}
    assert result["usage"] == {**summed(booked), "is_estimate": False}
    assert result["cost_usd"] == price_of(model, *(entry["usage"] for entry in booked))
    assert bool(result["reasoning"]) is (mode != "non-think")


def test_usage_that_never_came_is_estimated_and_said_to_be(program, scripted):
    program.use(scripted.url)
    usage = program.answer("no usage")["usage"]
    assert usage["is_estimate"] is True
    assert usage["prompt_tokens"] > 500
    assert 10 <= usage["completion_tokens"] <= 60


def test_the_model_that_answered_is_named_and_billed(program, scripted):
    program.use(scripted.url)
    result = program.answer("other model")
    assert result["model"] == "deepseek/deepseek-v4-flash"
    assert result["cost_usd"] == price_of("flash", ODD_USAGE)


def test_an_unknown_price_is_null_and_never_nothing(program, scripted):
    program.use(scripted.url)
    result = program.answer("unknown model")
    assert (result["model"], result["cost_usd"]) == ("somebody/else-7b", None)
    assert totals_of(program).unpriced == 1


def test_a_server_given_by_address_is_paid_for_with_the_key_that_was_set(program, scripted, record):
    recorder = record(scripted)
    program.environment |= {"DSTERM_BASE_URL": recorder.url, "DSTERM_API_KEY": KEY}
    result = program.answer("one answer")
    assert result["is_demo"] is False
    assert recorder.headers[0]["authorization"] == f"Bearer {KEY}"
    assert not [name for name in recorder.headers[0] if name.startswith("x-")]
    totals = totals_of(program)
    assert (totals.requests, totals.cost.total) == (1, price_of("pro", ODD_USAGE))


def test_the_demo_is_priced_but_left_out_of_totals_and_budgets_and_gone_afterwards(program):
    result = program.answer("what can you do?", "--demo", "--budget", "0.000001")
    assert result["is_demo"] is True
    assert result["result"].startswith("I am no model")
    assert result["cost_usd"] > 0
    assert totals_of(program).requests == 0
    assert totals_of(program, with_demo=True).cost.total == result["cost_usd"]
    assert not running_with(program.home)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="this system doesn't show whose process is whose")
def test_the_demo_server_does_not_outlive_a_program_that_was_killed(program):
    process = program.start("--demo", "-p", "what is in this repo?")
    wait_until(lambda: program.logs and len(running_with(program.home)) == 2)
    process.kill()
    process.communicate()
    wait_until(lambda: not running_with(program.home))


def test_the_first_request_is_small(program, scripted, record):
    recorder = record(scripted)
    program.use(recorder.url)
    program.answer("a word")
    program.answer("a word", "--append-system-prompt", "Answer in Danish.")
    assert len(recorder.bodies[0]) <= 10_240
    request, extended = recorder.requests
    assert extended["messages"][0]["content"].startswith(request["messages"][0]["content"])
    assert "Answer in Danish." in extended["messages"][0]["content"]
    assert len(request["tools"]) <= 10
    assert request["stream_options"] == {"include_usage": True}
    assert request["max_tokens"] > 0
    assert "tool_choice" not in request
    assert json.dumps(request).count("null") == 0
