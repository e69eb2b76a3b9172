from __future__ import annotations

import json
import socket
import ssl

import pytest

from dsterm.core.models import ProviderCard
from dsterm.core.provider import FailureKind
from dsterm.llm.failures import from_status, not_a_stream
from dsterm.llm.origin import Origin, clean
from dsterm.llm.response_headers import wait_asked
from dsterm.llm.transport import Trouble, from_trouble, trouble_behind

KEY = "sk_abcdefgh"
CARD = ProviderCard(
    name="novita",
    title="Novita AI",
    base_url="https://user:pw@api.novita.ai:8443/openai/v1",
    key_variables=("NOVITA_API_KEY",),
    key_page="https://novita.ai/settings",
)
ORIGIN = Origin(card=CARD, model="deepseek/deepseek-v4-pro", secret=KEY)


def said(status: int, message: str, **fields: object):
    return from_status(ORIGIN, status, {}, json.dumps({"error": {"message": message, **fields}}).encode())


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (
            400,
            "This model's maximum context length is 1048576 tokens. However, you requested 1093216",
            FailureKind.CONTEXT_OVERFLOW,
        ),
        (400, "prompt is too long: 3 > 2", FailureKind.CONTEXT_OVERFLOW),
        (413, "Request too large", FailureKind.CONTEXT_OVERFLOW),
        (
            400,
            "The `reasoning_content` in the thinking mode must be passed back to the API.",
            FailureKind.REASONING_MISSING,
        ),
        (400, "The supported API model names are a, b, but you passed foo.", FailureKind.NOT_FOUND),
        (400, "Invalid max_tokens value", FailureKind.BAD_REQUEST),
        (422, "missing field `content`", FailureKind.BAD_REQUEST),
        (402, "Insufficient Balance", FailureKind.BALANCE),
        (403, "NOT_ENOUGH_BALANCE", FailureKind.BALANCE),
        (429, "You have insufficient credits", FailureKind.BALANCE),
        (429, "sending too quickly", FailureKind.RATE_LIMIT),
        (408, "", FailureKind.TIMEOUT),
        (409, "", FailureKind.SERVER),
        (502, "", FailureKind.SERVER),
        (504, "", FailureKind.TIMEOUT),
        (418, "teapot", FailureKind.BAD_REQUEST),
    ],
)
def test_status_and_words_give_the_kind(status, message, kind):
    assert said(status, message).kind is kind


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422, 429, 500, 503])
def test_every_failure_says_what_to_do_and_hides_the_key(status):
    failure = said(status, f"no good: {KEY}")
    assert failure.hint
    assert "no good: ***" in failure.message
    assert KEY not in failure.sentence
    assert failure.is_retryable is (status in (429, 500, 503))


def test_a_wrong_key_names_the_variable_and_the_page():
    assert said(401, "Wrong key").sentence == (
        "Novita AI does not accept the API key (401): Wrong key. "
        "Check the key in NOVITA_API_KEY or DSTERM_API_KEY, or see where it comes from: dsterm doctor. Keys are made at https://novita.ai/settings."
    )


def test_a_proxy_s_inner_words_are_shown():
    body = {
        "error": {"code": 400, "message": "Provider returned error", "metadata": {"raw": "reasoning_content missing"}}
    }
    assert from_status(ORIGIN, 400, {}, json.dumps(body).encode()).kind is FailureKind.REASONING_MISSING


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":"W"}',
        b'{"message":"W"}',
        b'{"reason":"W"}',
        b'{"detail":"W"}',
        b'"W"',
        b"W",
        b"<html><title>W</title>",
        b"<p>W</p>",
    ],
)
def test_the_sentence_is_found_wherever_it_stands(body):
    assert from_status(ORIGIN, 500, {}, body).message == "Novita AI has a fault of its own (500): W."


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"\xff\xfe", b'{"error":[1]}', b"[" * 5000, b"<" * 9000])
def test_any_body_gives_a_failure(body):
    assert from_status(ORIGIN, 500, {}, body).kind is FailureKind.SERVER


def test_long_and_dangerous_texts_are_cut_and_cleaned():
    failure = said(500, "\x1b[31mred\u202e\n" + "x" * 10_000)
    assert len(failure.message) < 2100
    assert failure.message.isprintable()
    assert clean("a\ud800b") == "a b"


def test_a_redirect_names_the_host_and_not_the_path():
    failure = from_status(ORIGIN, 302, {"location": f"https://evil.example/{KEY}"}, b"")
    assert "redirects to evil.example" in failure.message
    assert not failure.is_retryable


@pytest.mark.parametrize("location", ["", "http://[::1", "/path", "//x", "https://user:pw@/", "\x00"])
def test_any_location_gives_a_failure(location):
    assert from_status(ORIGIN, 307, {"location": location}, b"").kind is FailureKind.PROTOCOL


def test_the_url_s_password_is_never_shown():
    assert ORIGIN.host == "api.novita.ai:8443"


def test_an_error_object_with_status_200_keeps_its_kind():
    body = b'{"error":{"message":"busy","code":503}}'
    assert not_a_stream(ORIGIN, "application/json", body).kind is FailureKind.SERVER


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3.5"}, 3.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"x-ratelimit-reset": "1795341642000", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 42.0),
        ({"x-ratelimit-reset": "1795341642", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 42.0),
        ({"x-ratelimit-reset": "1795341642000"}, None),
        ({"x-ratelimit-reset": "6m0s", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, None),
        ({"x-ratelimit-reset": "1e300", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, None),
        ({"retry-after": "Sun, 22 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "Sun, 22 Nov 2026 10:00:30 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 30.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers, seconds):
    assert wait_asked(headers) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Please try again in 9.816s.", 9.816),
        ("please retry after 200 milliseconds", 0.2),
        ("Try again in 350ms", 0.35),
        ("try again in 2 minutes", 120.0),
        ("try again in 5m", 300.0),
        ("try again in a while", None),
    ],
)
def test_the_sentence_may_say_when_to_come_again(text, seconds):
    assert wait_asked({}, text) == (None if seconds is None else pytest.approx(seconds))
    assert wait_asked({"retry-after": "3"}, text) == 3.0


@pytest.mark.parametrize("trouble", list(Trouble))
def test_every_trouble_is_one_sentence_with_the_host_and_a_way_out(trouble):
    failure = from_trouble(ORIGIN, trouble, f"detail {KEY}")
    assert "Novita AI" in failure.message
    assert "api.novita.ai:8443" in failure.message
    assert failure.hint.endswith(".")
    assert KEY not in failure.sentence


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (ConnectionRefusedError(), Trouble.REFUSED),
        (socket.gaierror(-2, "x"), Trouble.UNKNOWN_HOST),
        (ssl.SSLCertVerificationError(1, "x"), Trouble.UNTRUSTED),
        (ssl.SSLEOFError(8, "x"), Trouble.BROKEN_OFF),
        (ssl.SSLError(1, "x"), Trouble.TLS),
        (ConnectionResetError(), Trouble.BROKEN_OFF),
        (OSError(101, "Network is unreachable"), Trouble.UNREACHABLE),
        (ValueError(), None),
    ],
)
def test_trouble_is_found_behind_other_errors_and_in_groups(error, trouble):
    outer = OSError("All connection attempts failed")
    outer.__cause__ = ExceptionGroup("several", [ValueError("x"), error])
    wrapped = RuntimeError("wrapped")
    wrapped.__cause__ = outer
    assert trouble_behind(wrapped) is trouble
