from __future__ import annotations

import socket
import time

import pytest

from dsterm.engine.steps import nudges

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]

WRITE = {"name": "write", "arguments": {"file_path": "made.txt", "content": "made\n"}}
READ = {"name": "read", "arguments": {"file_path": "README.md"}}


def refusal(status: int, message: str = "", **more: object) -> dict:
    return {"refusal": {"status": status, "message": message, **more}}


SCENARIO = {
    "rate limit once": [refusal(429, "Too many requests.", retry_after="1"), {"text": "After the wait."}],
    "long rate limit": [refusal(429, "Come back tomorrow.", retry_after="86400")],
    "busy once": [refusal(503, "Overloaded."), {"text": "After the pause."}],
    # What took minutes to fail is tried twice more, an overload four times, which only takes longer here.
    "busy for ever": [refusal(504, "Overloaded.")],
    "wrong key": [refusal(401, "Invalid API key sk_e2e_0123456789abcdefghijklmnop.")],
    "no balance": [refusal(402, "Insufficient Balance", body={"error": {"message": "Insufficient Balance"}})],
    "a web page": [refusal(403, body="<html><head><title>Bad gateway</title></head><body>x</body></html>")],
    "error inside": [
        {"text": "Half an answer", "faults": [{"kind": "error", "after": 2, "code": 503, "message": "No capacity."}]},
        {"text": "A whole answer."},
    ],
    "error inside for ever": [
        {"text": "Half an answer", "faults": [{"kind": "error", "after": 3, "message": "No capacity."}]}
    ],
    "cut once": [{"text": "One two three", "faults": [{"kind": "end", "after": 2}]}, {"text": "All of it."}],
    "cut twice": [{"text": "One two three four", "faults": [{"kind": "end", "after": 3}]}],
    "dropped": [{"text": "One two three", "faults": [{"kind": "drop", "after": 2}]}, {"text": "All of it."}],
    "malformed": [{"text": "One two three", "faults": [{"kind": "malformed", "after": 2}]}],
    "cut in a call": [{"tool_calls": [WRITE], "faults": [{"kind": "end", "after": 3}]}, {"text": "No harm done."}],
    "length in a call": [
        {"tool_calls": [{"name": "write", "arguments": '{"file_path":"made.txt","cont'}], "finish_reason": "length"},
        {"text": "I split it."},
    ],
    "no capacity in a call": [{"tool_calls": [WRITE], "finish_reason": "insufficient_system_resource"}],
    "whole call at the limit": [{"tool_calls": [WRITE], "finish_reason": "length"}, {"text": "I split it."}],
    "broken arguments": [
        {"tool_calls": [{"name": "write", "arguments": '{"file_path":"made.txt","cont'}]},
        {"text": "I see."},
    ],
    "calls without ids": [{"tool_calls": [READ, READ], "omits_ids": True}, {"text": "Read twice."}],
    "the same id again": [
        {"tool_calls": [{**READ, "id": "call_1"}]},
        {"tool_calls": [{**READ, "id": "call_1"}]},
        {"text": "Read twice."},
    ],
    "the same id once more": [{"tool_calls": [{**READ, "id": "call_1"}]}],
    "calls without ids that think": [{"reasoning": "Hm.", "tool_calls": [READ]}, {"reasoning": "Hm.", "text": "So."}],
    "dear steps": [
        {"tool_calls": [READ], "usage": {"prompt_tokens": 1500, "completion_tokens": 5000}},
        {"text": "Never sent."},
    ],
    "an unknown tool": [{"tool_calls": [{"name": "launch", "arguments": {}}]}, {"text": "Then not."}],
    "at the limit": [{"text": "As far as it", "finish_reason": "length"}],
    "filtered": [{"text": "", "finish_reason": "content_filter"}],
    "nothing at all": [{"text": ""}],
    nudges.GO_ON: [{"text": " goes", "finish_reason": "length"}],
    nudges.ANSWER_NOW: [{"text": ""}],
    "only thoughts": [{"reasoning": "Hm.", "text": ""}],
    "a slow line": [
        {
            "text": "Grüße, 世界 🎉\u2028weiter",
            "splits_characters": True,
            "faults": [{"kind": "comment", "after": 3, "times": 3, "seconds": 0.05}],
        }
    ],
}


@pytest.fixture
def asked(program, scripted):
    """Ask the scripted server."""
    program.use(scripted.url)
    return program


def last_sentence(done, code: int) -> str:
    """The final line on standard error of a run that tried again before it failed."""
    assert done.code == code, done
    *retries, last = done.err.splitlines()
    assert all(line.startswith("dsterm: retry ") for line in retries), done.err
    assert "Traceback" not in done.err
    return last


def test_a_rate_limit_is_waited_for_as_long_as_the_server_asks(asked):
    started = time.monotonic()
    done = asked.ask("rate limit once")
    assert time.monotonic() - started >= 1.0
    assert (done.code, done.out) == (0, "After the wait.\n")
    assert "retry 1" in done.err
    assert "Too many requests" in done.err


def test_a_server_that_asks_for_a_day_is_not_waited_for(asked):
    assert "Come back tomorrow" in asked.ask("long rate limit").sentence(1)


def test_a_line_that_is_damaged_each_time_is_tried_twice_and_told(asked):
    done = asked.ask("malformed")
    assert "no chat completion" in last_sentence(done, 1)
    assert "--base-url" in last_sentence(done, 1)
    assert done.err.count("retry") == 1


def test_an_overloaded_server_is_asked_again(asked):
    done = asked.ask("busy once", "--output-format", "json")
    assert (done.code, done.json["result"], done.json["num_turns"]) == (0, "After the pause.", 1)
    assert done.err.count("retry") == 1


def test_a_server_that_stays_overloaded_is_given_up_with_the_prompt_kept(asked):
    done = asked.ask("busy for ever", "--output-format", "json")
    assert "Overloaded" in last_sentence(done, 1)
    assert done.err.count("retry") == 2
    result = done.json
    assert (result["is_error"], result["stop_reason"], result["result"]) == (True, "failed", "")
    assert (result["cost_usd"], result["usage"]["prompt_tokens"]) == (0, 0)
    assert "Overloaded" in result["error"]
    assert asked.log()[0]["prompt"] == "busy for ever"


@pytest.mark.parametrize(
    ("prompt", "said", "hint"),
    [
        ("wrong key", "does not accept the API key", "NOVITA_API_KEY"),
        ("no balance", "Insufficient Balance", "Top up"),
        ("filtered", "content filter", "filter"),
    ],
)
def test_what_can_not_be_tried_again_is_one_sentence_and_nothing_is_lost(asked, prompt, said, hint):
    done = asked.ask(prompt)
    sentence = done.sentence(1)
    assert said in sentence
    assert hint in sentence
    assert "sk_e2e" not in sentence
    events = asked.log()
    assert events[0]["prompt"] == prompt
    assert events[-1]["type"] == "TurnEnded"
    assert "sk_e2e" not in asked.logs[0].read_text()


@pytest.mark.parametrize(
    ("prompt", "requests", "said", "hint"),
    [
        ("at the limit", 3, "output limit", "continue"),
        ("nothing at all", 4, "empty answer, 4 times", "--mode"),
        ("only thoughts", 3, "empty answer, 3 times", "--model flash"),
    ],
)
def test_what_is_no_whole_answer_is_asked_for_again_and_then_given_up(asked, prompt, requests, said, hint):
    done = asked.ask(prompt, "--output-format", "json")
    *_, sentence = done.err.splitlines()
    assert done.code == 1
    assert said in sentence
    assert hint in sentence
    assert done.json["num_turns"] == requests
    assert done.json["result"] == ("As far as it goes goes" if prompt == "at the limit" else "")
    assert len(done.err.splitlines()) == requests


def test_an_error_page_of_a_gateway_is_reduced_to_its_title(asked):
    sentence = asked.ask("a web page").sentence(1)
    assert "Bad gateway" in sentence
    assert "<" not in sentence


@pytest.mark.parametrize("prompt", ["error inside", "cut once", "dropped"])
def test_half_an_answer_is_void_and_the_request_is_sent_once_more(asked, prompt):
    result = asked.ask(prompt, "--output-format", "json")
    assert result.code == 0, result
    assert result.err.count("dsterm: retry 1") == 1
    assert result.json["result"] in {"A whole answer.", "All of it."}
    kinds = [event["type"] for event in asked.log()]
    assert kinds.count("StepRetried") == kinds.count("MessageAdded") == 1


@pytest.mark.parametrize("prompt", ["error inside for ever", "cut twice"])
def test_a_stream_that_breaks_twice_fails_and_what_came_is_kept(asked, prompt):
    done = asked.ask(prompt)
    assert last_sentence(done, 1)
    assert done.err.count("retry") == 1
    assert done.out.startswith(("Half an", "One two"))
    (message,) = [event["message"] for event in asked.log() if event["type"] == "MessageAdded"]
    assert message["is_cut"] is True
    assert message["content"] == done.out.rstrip("\n")


def test_a_call_of_a_broken_stream_never_runs(asked):
    done = asked.ask("cut in a call", "--permission-mode", "yolo")
    assert (done.code, done.out) == (0, "No harm done.\n")
    assert not (asked.folder / "made.txt").exists()


@pytest.mark.parametrize("prompt", ["length in a call", "whole call at the limit", "broken arguments"])
def test_a_cut_off_call_never_runs_and_the_model_is_told(asked, prompt):
    result = asked.answer(prompt, "--permission-mode", "yolo")
    (call,) = result["tool_calls"]
    assert call["outcome"] == "failed"
    assert "cut off" in call["result"] or "JSON" in call["result"], call
    assert not (asked.folder / "made.txt").exists()
    assert result["num_turns"] == 2


def test_a_call_of_an_answer_that_ran_out_of_capacity_never_runs(asked):
    done = asked.ask("no capacity in a call", "--permission-mode", "yolo", "--output-format", "json")
    assert "capacity" in last_sentence(done, 1)
    assert done.json["tool_calls"] == []
    assert not (asked.folder / "made.txt").exists()


@pytest.mark.parametrize("prompt", ["calls without ids", "the same id again"])
def test_calls_without_ids_of_their_own_get_some(asked, prompt):
    calls = asked.answer(prompt)["tool_calls"]
    assert [call["outcome"] for call in calls] == ["done", "done"]
    assert len({call["id"] for call in calls}) == 2
    assert all(call["id"] for call in calls)


def test_an_unknown_tool_is_an_answer_to_the_model(asked):
    (call,) = asked.answer("an unknown tool")["tool_calls"]
    assert call["outcome"] == "failed"
    assert "read" in call["result"]


def test_keep_alive_lines_are_no_text_and_split_characters_arrive_whole(asked):
    assert asked.answer("a slow line")["result"] == "Grüße, 世界 🎉\u2028weiter"


def test_reasoning_in_non_think_is_said_once(asked):
    file = asked.home / "config" / "catalog.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[providers.novita.modes]\nnon-think = { enable_thinking = true }\n")
    done = asked.ask("calls without ids that think", "--mode", "non-think")
    assert done.code == 0
    assert done.err.count("did not honour Non-think") == 1


def test_a_server_that_is_down_is_one_sentence(program):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    program.use(f"http://127.0.0.1:{port}/v1")
    sentence = program.ask("hi").sentence(1)
    assert f"127.0.0.1:{port}" in sentence
    assert "--base-url" in sentence


def test_max_turns_ends_the_run_with_a_word_and_code_3(asked):
    done = asked.ask("the same id once more", "--max-turns", "2", "--output-format", "json")
    assert "--max-turns" in done.sentence(3)
    result = done.json
    assert (result["num_turns"], result["stop_reason"], result["is_error"]) == (2, "max-turns", True)
    assert [call["outcome"] for call in result["tool_calls"]] == ["done", "done"]


def test_a_budget_that_is_too_small_sends_nothing(asked, scripted):
    before = len(scripted.ledger())
    done = asked.ask("at the limit", "--budget", "0.001", "--output-format", "json")
    assert "$0.001" in done.sentence(3)
    assert (done.json["num_turns"], done.json["stop_reason"], done.json["cost_usd"]) == (0, "budget", 0)
    assert len(scripted.ledger()) == before


def test_a_budget_stops_between_two_requests_and_caps_each(asked, record, scripted):
    recorder = record(scripted)
    asked.use(recorder.url)
    done = asked.ask("dear steps", "--budget", "0.02", "--output-format", "json")
    assert "--budget" in done.sentence(3)
    assert (done.json["stop_reason"], done.json["num_turns"]) == ("budget", 1)
    assert done.json["cost_usd"] > 0
    (request,) = recorder.requests
    assert request["max_tokens"] * 3.2 / 1_000_000 < 0.02
