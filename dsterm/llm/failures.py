"""What a server said, as an HTTP status or in the middle of a stream, turned into a Failure with a way out.

Everything the server says is untrusted: cut to 2 kB, freed of control characters and of the API key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from dsterm.core.provider import Failure, FailureKind
from dsterm.llm.fix_hints import Told, is_daily_limit, sentences
from dsterm.llm.origin import Origin, clean, host_in
from dsterm.llm.overflow import is_overflow, prompt_tokens_in, window_in
from dsterm.llm.response_headers import request_id, wait_asked
from dsterm.llm.server_words import ServerWords, words_in, words_of

__all__ = ["Origin", "empty_answer", "from_error_object", "from_status", "not_a_stream"]

_BALANCE = re.compile(
    r"(insufficient|not[ _]enough)[ _-].{0,30}(balance|quota|credit|fund)"
    r"|(balance|quota|credits?) .{0,20}(insufficient|not[ _]enough)"
    r"|exceeded your current quota|(requires|add) more credits|(余额|额度)\s*不足",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"fail(ed)?_to_auth|authentication fail|(invalid|incorrect|wrong|missing|expired|no)[ _-].{0,12}(api[ _-]?key|auth token)"
    r"|(api[ _-]?key|auth token) .{0,20}(invalid|incorrect|wrong|missing|expired)",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"model.{0,80}(not[ _](found|exist|available)|does not exist|unknown)|(unknown|invalid|no such) model"
    r"|supported API model names",
    re.IGNORECASE,
)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_WORDS_TO_STATUS = (
    ("insufficient_quota", 402),
    ("insufficient_balance", 402),
    ("not_enough_balance", 402),
    ("rate_limit", 429),
    ("authentication", 401),
    ("invalid_api_key", 401),
    ("permission", 403),
    ("access_denied", 403),
    ("not_found", 404),
    ("overloaded", 503),
    ("service_unavailable", 503),
    ("timeout", 504),
    ("exceed_context", 400),
    ("context_exceeded", 400),
    ("context_length", 400),
    ("invalid_request", 400),
    ("bad_request", 400),
)


def from_status(origin: Origin, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """The failure behind an HTTP answer other than 200; `headers` are looked up in lower case."""
    if status in _REDIRECTS:
        return _redirected(origin, status, headers.get("location", ""))
    return _failure(origin, status, words_in(body, origin.secret), headers)


def from_error_object(origin: Origin, error: object) -> Failure:
    """The failure behind an error that came as an event of a stream whose HTTP status was 200."""
    words = words_of(error, origin.secret)
    return _failure(origin, _status_of(words), words, {})


def not_a_stream(origin: Origin, content_type: str, body: bytes) -> Failure:
    """The failure when the answer is a page or a plain object instead of events."""
    words = words_in(body, origin.secret)
    if b'"error"' in body and body.lstrip()[:1] == b"{":
        return _failure(origin, _status_of(words), words, {})
    kind = clean(content_type.partition(";")[0]) or "a page of no known kind"
    return Failure(
        kind=FailureKind.PROTOCOL,
        message=f"{origin.card.title} at {origin.host} answered with {kind} instead of a stream: {words.text or 'nothing'}.",
        hint="Check --base-url, which must be the address of an OpenAI-compatible API, and whether a proxy or a login page is "
        "in between.",
        status=200,
    )


def empty_answer(origin: Origin, status: int) -> Failure:
    """The failure when `status` was one of success and nothing followed."""
    return Failure(
        kind=FailureKind.SERVER,
        message=f"{origin.card.title} at {origin.host} answered with nothing at all ({status}).",
        hint="Send the prompt again; if it stays, check --base-url or go on with another provider: /provider.",
        status=status,
        is_retryable=True,
    )


def _failure(origin: Origin, status: int, words: ServerWords, headers: Mapping[str, str]) -> Failure:
    kind = _kind(status, words)
    wait = wait_asked({**words.headers, **headers}, words.text)
    message, hint = sentences(origin, kind, Told(status=status, text=words.text, wait=wait))
    can_change = kind in (FailureKind.RATE_LIMIT, FailureKind.SERVER, FailureKind.TIMEOUT)
    is_overflowing = kind is FailureKind.CONTEXT_OVERFLOW
    return Failure(
        kind=kind,
        message=message,
        hint=hint,
        status=status,
        retry_after=wait,
        is_retryable=can_change and not (kind is FailureKind.RATE_LIMIT and is_daily_limit(words.text)),
        window=words.window or window_in(words.text) if is_overflowing else None,
        asked_tokens=words.prompt_tokens or prompt_tokens_in(words.text) if is_overflowing else None,
        request_id=request_id(headers, origin.secret) or words.request_id,
    )


def _status_of(words: ServerWords) -> int:
    """The HTTP status that a kind word or number stands for; 500 where it says nothing."""
    kinds = words.kinds.lower().split()
    for known, status in _WORDS_TO_STATUS:
        if any(known in kind for kind in kinds):
            return status
    return next((int(kind) for kind in kinds if re.fullmatch(r"[45]\d\d", kind, re.ASCII)), 500)


def _kind(status: int, words: ServerWords) -> FailureKind:
    text, kinds = words.text, words.kinds
    if (status in (400, 413, 422) and is_overflow(text)) or (status in (400, 413, 422, 500) and is_overflow(kinds)):
        return FailureKind.CONTEXT_OVERFLOW
    if status in (400, 422) and "reasoning_content" in text:
        return FailureKind.REASONING_MISSING
    about = f"{text} {kinds}"
    if status == 402 or (status in (400, 403, 429) and (_BALANCE.search(about) or "insufficient_quota" in kinds)):
        return FailureKind.BALANCE
    if status in (400, 403) and _KEY.search(about):
        return FailureKind.AUTHENTICATION
    if status in (400, 404, 422) and _NO_MODEL.search(about):
        return FailureKind.NOT_FOUND
    match status:
        case 401:
            return FailureKind.AUTHENTICATION
        case 403:
            return FailureKind.ACCESS
        case 404 | 405:
            return FailureKind.NOT_FOUND
        case 407:
            return FailureKind.CONNECTION
        case 408 | 504 | 524:
            return FailureKind.TIMEOUT
        case 429:
            return FailureKind.RATE_LIMIT
        case 409 | 425:
            return FailureKind.SERVER
        case _:
            return FailureKind.SERVER if status >= 500 else FailureKind.BAD_REQUEST


def _redirected(origin: Origin, status: int, location: str) -> Failure:
    target = host_in(clean(location, origin.secret)) or "another address"
    return Failure(
        kind=FailureKind.PROTOCOL,
        message=f"{origin.card.title} at {origin.host} redirects to {target} ({status}), where the API key doesn't go by itself.",
        hint="Give the final address with --base-url if you trust it.",
        status=status,
    )
