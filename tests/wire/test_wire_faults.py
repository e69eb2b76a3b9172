from __future__ import annotations

import json

import pytest
from llm_raw_server import DONE, chunk
from wire_client import chat_at, deltas_of, failure_of

from dsterm.core.provider import FailureKind


def error(message: str, **fields: object) -> bytes:
    return json.dumps({"error": {"message": message, **fields}}).encode()


# Status and body, the kind, whether it may be sent again, words of the sentence.
ROWS = {
    "400, parameters": (
        400,
        error("Invalid top_p value"),
        FailureKind.BAD_REQUEST,
        False,
        "Invalid top_p value",
        "/new",
    ),
    "400, overflow": (
        400,
        error(
            "This model's maximum context length is 1048576 tokens. However, you requested 1093216 tokens "
            "(700000 in the messages, 393216 in the completion). Please reduce the length of the messages or completion.",
            type="invalid_request_error",
        ),
        FailureKind.CONTEXT_OVERFLOW,
        False,
        "700000 in the messages",
        "/detach",
    ),
    "400, reasoning": (
        400,
        error("The `reasoning_content` in the thinking mode must be passed back to the API."),
        FailureKind.REASONING_MISSING,
        False,
        "misses the reasoning",
        "/mode",
    ),
    "400, reasoning behind OpenRouter": (
        400,
        error("Provider returned error", code=400, metadata={"raw": '{"m":"`reasoning_content` ... passed back"}'}),
        FailureKind.REASONING_MISSING,
        False,
        "Provider returned error",
        "/new",
    ),
    "401": (401, error("Authentication Fails"), FailureKind.AUTHENTICATION, False, "NOVITA_API_KEY", "dsterm doctor"),
    "402 of DeepSeek, with a misleading code": (
        402,
        error("Insufficient Balance", type="unknown_error", code="invalid_request_error"),
        FailureKind.BALANCE,
        False,
        "balance at Novita AI is used up",
        "/provider",
    ),
    "402 as 403": (
        403,
        b'{"code":403,"reason":"NOT_ENOUGH_BALANCE","message":"not enough balance"}',
        FailureKind.BALANCE,
        False,
        "Top up",
        "--provider",
    ),
    "402 as 429": (
        429,
        error("You exceeded your current quota", code="insufficient_quota"),
        FailureKind.BALANCE,
        False,
        "Top up",
        "/provider",
    ),
    "403, scope of the key": (
        403,
        error("denied", code="model_access_denied"),
        FailureKind.ACCESS,
        False,
        "does not let this key use",
        "/model",
    ),
    "403, identity": (
        403,
        error("This model requires identity verification"),
        FailureKind.ACCESS,
        False,
        "Verify yourself",
        "/model",
    ),
    "403, a wrong key": (
        403,
        b'{"code":403,"reason":"FAILED_TO_AUTH","message":"failed"}',
        FailureKind.AUTHENTICATION,
        False,
        "NOVITA_API_KEY",
        "API key",
    ),
    "404, path": (404, b"", FailureKind.NOT_FOUND, False, "--base-url", "dsterm models"),
    "404, model": (
        404,
        b'{"reason":"MODEL_NOT_FOUND","message":"model: x not found"}',
        FailureKind.NOT_FOUND,
        False,
        "/model",
        "dsterm models",
    ),
    "408": (408, b"", FailureKind.TIMEOUT, True, "too long", "again"),
    "409": (409, b"", FailureKind.SERVER, True, "just now", "again"),
    "413": (
        413,
        b"<html><title>413 Request Entity Too Large</title>",
        FailureKind.BAD_REQUEST,
        False,
        "larger than",
        "/detach",
    ),
    "422": (
        422,
        error("Failed to deserialize the JSON body into the target type: messages[46]: missing field `content`"),
        FailureKind.BAD_REQUEST,
        False,
        "messages[46]",
        "--debug",
    ),
    "429, tokens": (
        429,
        error("TPM limit of the model is exceeded"),
        FailureKind.RATE_LIMIT,
        True,
        "tokens per minute",
        "/detach",
    ),
    "429, requests": (
        429,
        error("You are sending requests too quickly"),
        FailureKind.RATE_LIMIT,
        True,
        "requests per minute",
        "Wait a minute",
    ),
    "429, at once": (429, error("concurrency limit reached"), FailureKind.RATE_LIMIT, True, "at once", "same account"),
    "429, of the day": (
        429,
        error("Rate limit exceeded: free-models-per-day"),
        FailureKind.RATE_LIMIT,
        False,
        "for today",
        "/provider",
    ),
    "429, no words": (429, b"", FailureKind.RATE_LIMIT, True, "rate of requests", "smaller context"),
    "500": (500, error("boom"), FailureKind.SERVER, True, "fault of its own", "/provider"),
    "500 that is an overflow": (
        500,
        error("too many", type="exceed_context_size_error", n_prompt_tokens=9000, n_ctx=8192),
        FailureKind.CONTEXT_OVERFLOW,
        False,
        "context window",
        "/new",
    ),
    "502, HTML of a proxy": (
        502,
        b"<html><head><title>Bad gateway</title></head>",
        FailureKind.SERVER,
        True,
        "Bad gateway",
        "again",
    ),
    "503": (503, error("overloaded"), FailureKind.SERVER, True, "is overloaded", "/provider"),
    "504": (504, b"", FailureKind.TIMEOUT, True, "too long", "again"),
    "529": (529, error("Overloaded"), FailureKind.SERVER, True, "is overloaded", "/provider"),
    "unknown": (418, b"teapot", FailureKind.BAD_REQUEST, False, "refused the request (418): teapot", "--debug"),
}


@pytest.mark.parametrize("row", ROWS)
async def test_every_status_has_its_own_kind_words_and_way_out(server, row):
    status, body, kind, is_retryable, *words = ROWS[row]
    server.answers(f"{status} X", body, "x-request-id: req-7")
    failure = await failure_of(chat_at(server.url))
    assert (failure.kind, failure.is_retryable, failure.status) == (kind, is_retryable, status)
    for part in words:
        assert part in failure.sentence
    assert failure.hint
    assert failure.request_id == "req-7"
    # One prompt, one request: whether there is another one is decided in one place, and not here.
    assert len(server.received) == 1


async def test_an_overflow_tells_the_figures(server):
    server.answers("400 X", ROWS["400, overflow"][1])
    failure = await failure_of(chat_at(server.url))
    assert (failure.window, failure.asked_tokens) == (1_048_576, 700_000)


async def test_figures_beside_the_text_count_first(server):
    server.answers("400 X", ROWS["500 that is an overflow"][1])
    failure = await failure_of(chat_at(server.url))
    assert (failure.window, failure.asked_tokens) == (8192, 9000)


# The words of the official server for what it does not take in a history.
HISTORY_RULES = [
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
    "(insufficient tool messages following tool_calls message)",
    "The following tool_call_ids did not have response messages: zz",
    "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'",
    "Duplicate value for 'tool_call_id' of c1 in message[1]",
    "Invalid 'messages[1].tool_calls': empty array. Expected an array with minimum length 1, but got an empty array instead.",
    "unknown variant `developer`, expected one of `system`, `user`, `assistant`, `tool`, `latest_reminder`",
    "content should be a string or a list",
    "Invalid 'tools[0].function.name': string does not match pattern. Expected a string that matches '^[a-zA-Z0-9_-]+$'.",
    "Tool names must be unique.",
    "Invalid assistant message: content or tool_calls must be set",
]


@pytest.mark.parametrize("rule", HISTORY_RULES)
async def test_a_refused_history_is_told_in_the_server_s_words_and_ends_nothing_but_the_turn(server, rule):
    server.answers("400 Bad Request", error(rule, type="invalid_request_error"))
    failure = await failure_of(chat_at(server.url))
    assert failure.kind is FailureKind.BAD_REQUEST
    assert rule.rstrip(".") in failure.message
    assert "/new" in failure.hint
    assert not failure.is_retryable


async def test_a_model_that_the_server_does_not_know_leads_to_the_list_of_models(server):
    server.answers("400 Bad Request", error("The supported API model names are a, b, but you passed foo."))
    failure = await failure_of(chat_at(server.url))
    assert failure.kind is FailureKind.NOT_FOUND
    assert "dsterm models" in failure.hint


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        (("retry-after: 7",), b"", 7.0),
        (("retry-after-ms: 1500", "retry-after: 9"), b"", 1.5),
        (("retry-after: Sun, 22 Nov 2026 10:05:00 GMT", "date: Sun, 22 Nov 2026 10:00:00 GMT"), b"", 300.0),
        ((), error("Rate limit reached. Please try again in 9.816s."), 9.816),
        (
            ("date: Sun, 22 Nov 2026 10:00:00 GMT",),
            error("Rate limit", metadata={"headers": {"X-RateLimit-Reset": "1795341642000"}}),
            42.0,
        ),
        (("x-ratelimit-reset: 60",), b"", None),
    ],
)
async def test_a_server_says_in_many_ways_when_to_come_again(server, headers, body, seconds):
    server.answers("429 X", body, *headers)
    assert (await failure_of(chat_at(server.url))).retry_after == seconds


async def test_a_wait_that_is_too_long_is_named(server):
    server.answers("503 X", b"", "retry-after: 300")
    failure = await failure_of(chat_at(server.url))
    assert "asks to wait 5 minutes" in failure.hint


async def test_an_error_in_the_stream_keeps_its_kind_and_the_name_of_the_request(server):
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-novita-trace-id: t-1\r\nconnection: close\r\n\r\n"
    server.plays(head + f"data: {error('slow down', code='rate_limit_exceeded').decode()}\n\n{DONE}".encode())
    failure = await failure_of(chat_at(server.url))
    assert failure.kind is FailureKind.RATE_LIMIT
    assert failure.request_id == "t-1"


async def test_nothing_of_the_openai_variables_leaves_the_machine(server, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_WEBHOOK_SECRET"):
        monkeypatch.setenv(name, "of-somebody-else")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Private: of-somebody-else")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("OPENAI_LOG", "debug")
    server.streams(chunk("stop", content="x"), DONE)
    await deltas_of(chat_at(server.url))
    assert not any("somebody" in value for value in server.received[0].headers.values())
