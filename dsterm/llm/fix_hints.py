"""What happened and what to do about it, for each kind of failure that a server names: one sentence each."""

from __future__ import annotations

import re

import msgspec

from dsterm.core.provider import FailureKind
from dsterm.llm.origin import Origin
from dsterm.llm.retry import MAX_RETRY_AFTER, as_duration

_VERIFY = re.compile(
    r"(identity|real[- ]?name|organi[sz]ation|account).{0,40}verif|verif.{0,40}(identity|real[- ]?name|organi[sz]ation)|实名",
    re.IGNORECASE,
)
_TOKENS = re.compile(r"\bTPM\b|tokens? ?(per|/) ?min|token.{0,12}limit|too many tokens", re.IGNORECASE)
_REQUESTS = re.compile(r"\bRPM\b|requests? ?(per|/) ?min|too many requests|too quickly", re.IGNORECASE)
_AT_ONCE = re.compile(r"concurren|parallel|in[- ]flight", re.IGNORECASE)
_DAY = re.compile(r"per[- ]day|daily|\b(RPD|TPD)\b", re.IGNORECASE)
_OUTPUT = re.compile(r"max_(completion_)?tokens", re.IGNORECASE)
PROXY_LOGIN = (
    "Name both in the address, HTTPS_PROXY=http://user:password@host:port, or go past the proxy with NO_PROXY."
)
"""What to do when a proxy wants a user name and a password."""

_NO_MODEL_THERE = "See what there is with `dsterm models` and choose with /model; or check --base-url."


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a server told: its status, its sentence, and how many seconds it asks to wait."""

    status: int
    text: str
    wait: float | None = None

    @property
    def said(self) -> str:
        """The server's own words as the end of a sentence, with the status before them."""
        return f" ({self.status}){self.tail}"

    @property
    def tail(self) -> str:
        """The server's own words as the end of a sentence."""
        return f": {self.text.rstrip('.')}." if self.text else "."


def is_daily_limit(text: str) -> bool:
    """Whether `text` says that a quota of the day is used up, which no waiting of minutes helps."""
    return _DAY.search(text) is not None


def sentences(origin: Origin, kind: FailureKind, told: Told) -> tuple[str, str]:
    """What happened and what to do, for one kind of failure."""
    match kind:
        case FailureKind.RATE_LIMIT:
            return _rate_limit(origin, told)
        case FailureKind.TIMEOUT | FailureKind.SERVER:
            return _outage(origin, kind, told)
        case FailureKind.BAD_REQUEST | FailureKind.CONNECTION:
            return _refused(origin, told)
        case FailureKind.NOT_FOUND:
            return _not_found(origin, told)
        case _:
            return _account_or_history(origin, kind, told)


def _account_or_history(origin: Origin, kind: FailureKind, told: Told) -> tuple[str, str]:
    title, said = origin.card.title, told.said
    match kind:
        case FailureKind.AUTHENTICATION:
            hint = (
                f"Check the key in {origin.key_variables}, or see where it comes from: dsterm doctor.{origin.key_page}"
            )
            return f"{title} does not accept the API key{said}", hint
        case FailureKind.BALANCE:
            hint = "Top up the account there, or go on with another provider: /provider, or --provider at the start."
            return f"The balance at {title} is used up{said}", hint
        case FailureKind.ACCESS if _VERIFY.search(told.text):
            hint = "Verify yourself in the account there, use the key of a verified account, or choose another model: /model."
            return f"{title} wants to know who you are before this key may use {origin.model}{said}", hint
        case FailureKind.ACCESS:
            hint = f"Check in the account there what the key in {origin.key_variables} may use, or choose another model: /model."
            return f"{title} does not let this key use {origin.model}{said}", hint
        case FailureKind.CONTEXT_OVERFLOW:
            hint = "Detach a repository with /detach, or start a new conversation with /new."
            return f"The conversation doesn't fit the context window of {origin.model}{told.tail}", hint
        case _:
            hint = "Start a new conversation with /new, or switch to Non-think with /mode."
            return f"{title} misses the reasoning of an earlier answer{said}", hint


def _not_found(origin: Origin, told: Told) -> tuple[str, str]:
    title = origin.card.title
    if told.status in (404, 405) and "model" not in told.text.lower():
        message = f"{title} has nothing at {origin.host} where chat completions should be{told.said}"
        return message, f"Check --base-url, which mostly ends in /v1. {_NO_MODEL_THERE}"
    return f"{title} has no model {origin.model} at {origin.host}{told.said}", _NO_MODEL_THERE


def _rate_limit(origin: Origin, told: Told) -> tuple[str, str]:
    """Which limit it is, where the server says so: waiting helps against requests, a smaller context against tokens."""
    title, text = origin.card.title, told.text
    wait = "Wait a minute"
    if told.wait is not None and told.wait > MAX_RETRY_AFTER:
        wait = f"It asks to wait {as_duration(told.wait)}"
    if is_daily_limit(text):
        message = f"{title} gives no more for today{told.said}"
        return message, "Go on tomorrow, or with another provider: /provider."
    if _TOKENS.search(text):
        hint = (
            f"{wait}, and send less at once: detach a repository with /detach, or start a new conversation with /new."
        )
        return f"{title} limits the tokens per minute{told.said}", hint
    if _AT_ONCE.search(text):
        hint = f"{wait}, or end other programs that use the same account."
        return f"{title} limits how many requests run at once{told.said}", hint
    if _REQUESTS.search(text):
        return (
            f"{title} limits the requests per minute{told.said}",
            f"{wait}, or go on with another provider: /provider.",
        )
    hint = f"{wait}; a smaller context (/detach, /new) helps where tokens per minute are limited."
    return f"{title} limits the rate of requests{told.said}", hint


def _outage(origin: Origin, kind: FailureKind, told: Told) -> tuple[str, str]:
    title = origin.card.title
    again = "Send the prompt again in a while, or go on with another provider: /provider."
    if told.wait is not None and told.wait > MAX_RETRY_AFTER:
        again = f"It asks to wait {as_duration(told.wait)}; until then another provider may do: /provider."
    if kind is FailureKind.TIMEOUT:
        return f"{title} took too long to answer{told.said}", again
    match told.status:
        case 503 | 529:
            return f"{title} is overloaded{told.said}", again
        case 502 | 520 | 521 | 522 | 523:
            return f"What stands before {title} does not reach it{told.said}", again
        case 409 | 425:
            return f"{title} can't take the request just now{told.said}", again
        case _:
            return f"{title} has a fault of its own{told.said}", again


def _refused(origin: Origin, told: Told) -> tuple[str, str]:
    title = origin.card.title
    if told.status == 407:
        return f"The proxy on the way to {title} wants a user name and a password{told.said}", PROXY_LOGIN
    if told.status == 413:
        hint = "Send less: detach a repository with /detach, or start a new conversation with /new."
        return f"The request is larger than {title} takes{told.said}", hint
    hint = "Start a new conversation with /new, or see what was sent with --debug."
    if _OUTPUT.search(told.text):
        hint = "Set a smaller max_output in the settings, or choose another model: /model."
    return f"{title} refused the request{told.said}", hint
