from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from conformance_servers import Server, aimock, fakellm
from e2e_program import Done, Program, commit_all

pytestmark = [pytest.mark.timeout(90), pytest.mark.xdist_group("mocks")]

READ = {"name": "read", "arguments": {"file_path": "a.txt"}}
RULES = [
    {"name": "tool", "when": {"messages_contain": "read the file"}, "respond": {"tool_calls": [READ]}},
    {"name": "text", "when": {"messages_contain": "say hello"}, "respond": {"content": "Hello from a mock."}},
]
FIXTURES = [
    {"match": {"hasToolResult": True, "userMessage": "read the file"}, "response": {"content": "It holds one line."}},
    {
        "match": {"userMessage": "read the file"},
        "response": {"toolCalls": [{"name": "read", "arguments": {"file_path": "a.txt"}}]},
    },
    {
        "match": {"userMessage": "think first"},
        "response": {"content": "Forty-two.", "reasoning": "I think, so I am."},
    },
    {"match": {"userMessage": "say hello"}, "response": {"content": "Hello from a mock. " * 20}},
    {
        "match": {"userMessage": "bad key"},
        "response": {"error": {"message": "no such key", "type": "invalid_request_error"}, "status": 401},
    },
]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """fakellm: it sends no usage."""
    server = fakellm(tmp_path_factory.mktemp("fakellm"), RULES)
    yield server
    server.close()


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """aimock: reasoning, tool calls, usage."""
    server = aimock(tmp_path_factory.mktemp("aimock"), FIXTURES)
    yield server
    server.close()


@pytest.fixture
def program(tmp_path: Path) -> Program:
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / "a.txt").write_text("the only line\n")
    commit_all(folder)
    program = Program(tmp_path / "home", folder)
    program.trust(folder)
    return program


def ask(program: Program, server: Server, prompt: str) -> Done:
    program.flags = ("--provider", "custom", "--model", "mock", "--base-url", server.url)
    return program.ask(prompt, "--output-format", "json")


def step(program: Program) -> dict:
    return next(event for event in program.log() if event["type"] == "StepEnded")


def test_where_no_usage_comes_an_estimate_is_booked_and_marked(program: Program, plain: Server) -> None:
    done = ask(program, plain, "say hello")
    assert done.json["result"] == "Hello from a mock."
    assert step(program)["usage"]["is_estimate"]
    assert step(program)["usage"]["completion_tokens"] > 0


def test_a_tool_call_of_a_server_without_usage_runs(program: Program, plain: Server) -> None:
    program.flags = ("--provider", "custom", "--model", "mock", "--base-url", plain.url, "--max-turns", "1")
    program.ask("read the file")
    (ended,) = [event for event in program.log() if event["type"] == "ToolEnded"]
    assert "the only line" in ended["result"]["content"]


def test_a_wrong_key_is_told_in_the_servers_own_words(program: Program, rich: Server) -> None:
    done = ask(program, rich, "bad key")
    assert done.code == 1
    assert "no such key" in done.json["error"]
    assert "DSTERM_API_KEY" in done.json["error"]


def test_an_answer_with_reasoning_and_usage(program: Program, rich: Server) -> None:
    done = ask(program, rich, "think first")
    assert done.json["result"] == "Forty-two."
    message = next(event["message"] for event in program.log() if event["type"] == "MessageAdded")
    assert message["reasoning"] == "I think, so I am."
    assert not step(program)["usage"].get("is_estimate")


def test_a_whole_tool_loop(program: Program, rich: Server) -> None:
    done = ask(program, rich, "read the file")
    assert done.json["result"] == "It holds one line."
    assert done.json["num_turns"] == 2


@pytest.mark.parametrize("chaos", ["--chaos-disconnect", "--chaos-drop", "--chaos-malformed"])
def test_a_server_that_always_breaks_ends_the_turn_in_words(program: Program, tmp_path: Path, chaos: str) -> None:
    server = aimock(tmp_path, FIXTURES, chaos, "1")
    try:
        done = ask(program, server, "say hello")
    finally:
        server.close()
    assert done.code == 1
    assert done.json["is_error"]
    assert done.json["cost_usd"] in {None, Decimal(0)}
    assert "Traceback" not in done.err
    assert program.log()[-1]["type"] == "TurnEnded"


def test_a_rate_limit_is_retried_with_the_same_bytes(program: Program, rich: Server, tmp_path: Path) -> None:
    server = aimock(tmp_path, FIXTURES, "--chaos-ratelimit", "1")
    try:
        done = ask(program, server, "say hello")
    finally:
        server.close()
    retries = [event for event in program.log() if event["type"] == "StepRetried"]
    assert done.code == 1
    assert retries
    assert json.dumps(done.json["error"], default=str).count("429") == 1
