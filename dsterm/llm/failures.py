"""What a server said, as an HTTP status or in the middle of a stream, turned into a Failure with a way out.

Everything the server says is untrusted: cut to 2 kB, freed of control characters and of the API key.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from dsterm.core.models import ProviderCard
from dsterm.core.provider import Failure, FailureKind

TEXT_CAP = 2000
"""The most characters of a server's text that are shown."""

_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")
_TAG = re.compile(r"<[^<>]*>")
_TITLE = re.compile(r"<title[^<>]*>([^<>]+)", re.IGNORECASE)
_OVERFLOW = re.compile(
    r"context[_ -](length|window)[_ -](is )?(exceed|overflow|limit)|max(imum)? context (length|window)"
    r"|(prompt|input|request|messages?) (is |are )?too (long|large)|exceeds? .{0,40}context",
    re.IGNORECASE,
)
_BALANCE = re.compile(
    r"(insufficient|not[ _]enough)[ _-].{0,30}(balance|quota|credit)"
    r"|(balance|quota|credits?) .{0,20}(insufficient|not[ _]enough)",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"model.{0,80}(not (found|exist|available)|does not exist|unknown)|(unknown|invalid|no such) model|supported API model names",
    re.IGNORECASE,
)
_WORDS_TO_STATUS = (
    ("rate_limit", 429),
    ("insufficient_quota", 402),
    ("insufficient_balance", 402),
    ("authentication", 401),
    ("invalid_api_key", 401),
    ("permission", 403),
    ("not_found", 404),
    ("overloaded", 503),
    ("service_unavailable", 503),
    ("timeout", 504),
    ("invalid_request", 400),
    ("context_length", 400),
    ("bad_request", 400),
)


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a request went to, for the words of a failure. `secret` is the API key, so that it can be kept out of them."""

    card: ProviderCard
    model: str = ""
    secret: str = ""

    @property
    def host(self) -> str:
        """Host and port of the provider."""
        return _host(self.card.base_url) or "an empty address"

    @property
    def key_variables(self) -> str:
        """The environment variables that can hold the key, as a user would read them."""
        return " or ".join(dict.fromkeys((*self.card.key_variables[:1], "DSTERM_API_KEY")))


def clean(text: str, secret: str = "") -> str:
    """`text` on one line, without control characters and without `secret`, at most 2,000 characters of it."""
    if secret:
        text = text.replace(secret, "***")
    line = _UNPRINTABLE.sub(" ", text[: TEXT_CAP * 4]).strip()
    return line if len(line) <= TEXT_CAP else line[:TEXT_CAP] + "…"


def from_status(origin: Origin, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """The failure behind an HTTP answer other than 200; `headers` are looked up in lower case."""
    if 300 <= status < 400:
        return _redirected(origin, status, headers.get("location", ""))
    text, words = _said(body, origin.secret)
    return _failure(origin, status, text, words, retry_after(headers))


def from_error_object(origin: Origin, error: object) -> Failure:
    """The failure behind an error that came as an event of a stream whose HTTP status was 200."""
    text, words = _told(error, origin.secret)
    return _failure(origin, _status_of(words), text, words, None)


def not_a_stream(origin: Origin, content_type: str, body: bytes) -> Failure:
    """The failure when the answer is a page or a plain object instead of events."""
    text, words = _said(body, origin.secret)
    if "json" in content_type and b'"error"' in body:
        return _failure(origin, _status_of(words), text, words, None)
    kind = clean(content_type.partition(";")[0])
    return Failure(
        kind=FailureKind.PROTOCOL,
        message=f"{origin.card.title} at {origin.host} answered with {kind} instead of a stream: {text or 'nothing'}.",
        hint="Check that --base-url is the address of an OpenAI-compatible API.",
        status=200,
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the server asks to wait; a date counts from the server's own clock. None where it doesn't say."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        then, now = _date(value), _date(headers.get("date", ""))
        seconds = (then - now).total_seconds() if then and now else math.nan
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _host(url: str) -> str:
    """Host and port in `url`, however broken it is, without a user's name and password."""
    return re.split(r"[/?#\\]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]


def _date(value: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 (28 ms, and hardly ever needed)

    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _said(body: bytes, secret: str) -> tuple[str, str]:
    """The sentence in a body, and the words for its kind (type, code) where it is JSON."""
    try:
        return _told(msgspec.json.decode(body), secret)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = body[: TEXT_CAP * 4].decode("utf-8", "replace")
    title = _TITLE.search(text)
    return clean(title[1] if title else _TAG.sub(" ", text), secret), ""


def _told(told: object, secret: str) -> tuple[str, str]:
    """The sentence and the kind words of an error object, wherever a host puts them."""
    outer = told
    if isinstance(told, dict) and told.get("error"):
        told = told["error"]
    if not isinstance(told, dict):
        return clean(_text(told), secret), ""
    text = next((_text(told[field]) for field in ("message", "reason", "detail", "msg") if told.get(field)), "")
    metadata = told.get("metadata")
    if isinstance(metadata, dict) and metadata.get("raw"):
        text = f"{text}: {_text(metadata['raw'])}"
    words = [told.get("type"), told.get("code")]
    if isinstance(outer, dict) and outer is not told:
        words.append(outer.get("code"))
    return clean(text or _text(told), secret), " ".join(str(word) for word in words if word is not None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _status_of(words: str) -> int:
    """The HTTP status that a kind word or number stands for; 500 where it says nothing."""
    for word in words.lower().split():
        if word.isascii() and word.isdigit() and 400 <= int(word[:4]) < 600:
            return int(word)
        for known, status in _WORDS_TO_STATUS:
            if known in word:
                return status
    return 500


def _failure(origin: Origin, status: int, text: str, words: str, wait: float | None) -> Failure:
    kind = _kind(status, text, words)
    message, hint = _sentences(origin, kind, status, text)
    return Failure(
        kind=kind,
        message=message,
        hint=hint,
        status=status,
        retry_after=wait,
        is_retryable=kind in (FailureKind.RATE_LIMIT, FailureKind.SERVER, FailureKind.TIMEOUT),
    )


def _kind(status: int, text: str, words: str) -> FailureKind:
    if status in (400, 413, 422) and (_OVERFLOW.search(text) or "context_length_exceeded" in words):
        return FailureKind.CONTEXT_OVERFLOW
    if status in (400, 422) and "reasoning_content" in text:
        return FailureKind.REASONING_MISSING
    if status == 402 or (status in (400, 403, 429) and (_BALANCE.search(text) or "insufficient_quota" in words)):
        return FailureKind.BALANCE
    if status in (400, 404, 422) and _NO_MODEL.search(text):
        return FailureKind.NOT_FOUND
    match status:
        case 401:
            return FailureKind.AUTHENTICATION
        case 403:
            return FailureKind.ACCESS
        case 404 | 405:
            return FailureKind.NOT_FOUND
        case 408 | 504:
            return FailureKind.TIMEOUT
        case 429:
            return FailureKind.RATE_LIMIT
        case 409 | 425:
            return FailureKind.SERVER
        case _:
            return FailureKind.SERVER if status >= 500 else FailureKind.BAD_REQUEST


def _sentences(origin: Origin, kind: FailureKind, status: int, text: str) -> tuple[str, str]:
    """What happened and what to do, for one kind of failure."""
    title = origin.card.title
    said = f": {text.rstrip('.')}." if text else "."
    page = f" Keys are made at {origin.card.key_page}." if origin.card.key_page else ""
    match kind:
        case FailureKind.AUTHENTICATION:
            hint = f"Check the key in {origin.key_variables}.{page}"
            return f"{title} does not accept the API key ({status}){said}", hint
        case FailureKind.BALANCE:
            hint = "Top up the account there, or go on with another provider: --provider."
            return f"The balance at {title} is used up ({status}){said}", hint
        case FailureKind.ACCESS:
            hint = f"Check in the account there what the key in {origin.key_variables} may use, or choose another model: /model."
            return f"{title} does not let this key use {origin.model} ({status}){said}", hint
        case FailureKind.NOT_FOUND:
            hint = "Choose another model with /model, or check --base-url."
            return f"{title} has no model {origin.model} at {origin.host} ({status}){said}", hint
        case FailureKind.CONTEXT_OVERFLOW:
            hint = "Detach a repository with /detach, or start a new conversation with /new."
            return f"The conversation doesn't fit the context window of {origin.model}{said}", hint
        case FailureKind.REASONING_MISSING:
            hint = "Start a new conversation with /new, or switch to Non-think with /mode."
            return f"{title} misses the reasoning of an earlier answer ({status}){said}", hint
        case FailureKind.RATE_LIMIT:
            hint = "Wait a minute; a smaller context helps where tokens per minute are limited."
            return f"{title} limits the rate of requests ({status}){said}", hint
        case FailureKind.TIMEOUT:
            return f"{title} took too long to answer ({status}){said}", "Send the prompt again."
        case FailureKind.SERVER:
            return f"{title} has a fault of its own ({status}){said}", "Send the prompt again in a while."
        case _:
            return (
                f"{title} refused the request ({status}){said}",
                "Change what the sentence names, or run with --debug.",
            )


def _redirected(origin: Origin, status: int, location: str) -> Failure:
    target = _host(clean(location, origin.secret)) or "another address"
    return Failure(
        kind=FailureKind.PROTOCOL,
        message=f"{origin.card.title} at {origin.host} redirects to {target} ({status}), where the API key doesn't go by itself.",
        hint="Give the final address with --base-url if you trust it.",
        status=status,
    )
