"""What can go wrong on the way to a server, before or after it answers, as a Failure with a way out."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from dsterm.core.provider import Failure, FailureKind
from dsterm.llm.fix_hints import PROXY_LOGIN
from dsterm.llm.origin import Origin, clean
from dsterm.llm.retry import as_duration

_MAX_DEPTH = 20
_NETWORK = "Check the network or --base-url."
_PROXIED = "Check the network, the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names, or --base-url."
_ELSEWHERE = "Send the prompt again in a while, or go on with another provider: /provider."


class Trouble(StrEnum):
    """Why bytes did not get through."""

    REFUSED = "connection refused"
    UNKNOWN_HOST = "the host name is not known"
    UNREACHABLE = "the network can't be reached"
    TLS = "no safe connection"
    UNTRUSTED = "its certificate is not trusted"
    SLOW_CONNECT = "no connection in time"
    NO_HEADERS = "no answer began in time"
    SILENT = "it fell silent"
    QUEUED = "it kept the request waiting and never began to answer"
    TOO_LONG = "the answer took too long"
    BROKEN_OFF = "the connection broke off"
    GARBLED = "what came can't be unpacked"
    PROXY = "the proxy refused"
    CLIENT = "the connection can't be set up"
    OTHER = "the request could not be sent"


_TIMEOUTS = {
    Trouble.SLOW_CONNECT,
    Trouble.NO_HEADERS,
    Trouble.SILENT,
    Trouble.QUEUED,
    Trouble.TOO_LONG,
}
_AFTER_CONNECTING = {*_TIMEOUTS, Trouble.BROKEN_OFF, Trouble.GARBLED} - {Trouble.SLOW_CONNECT}
_IN_WORDS = {Trouble.TLS, Trouble.UNTRUSTED, Trouble.PROXY, Trouble.CLIENT, Trouble.OTHER}
_FINAL = {*_IN_WORDS, Trouble.QUEUED, Trouble.TOO_LONG}
_HINTS = {
    Trouble.TLS: "Check the clock, the certificates of this machine, or --base-url.",
    Trouble.UNTRUSTED: "If a server or proxy of your own signs it, name its certificate in ca_file in the settings, or in "
    "SSL_CERT_FILE.",
    Trouble.PROXY: "Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.",
    Trouble.CLIENT: "Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, the certificates, or --base-url.",
    Trouble.OTHER: "Check --base-url.",
    Trouble.QUEUED: _ELSEWHERE,
    Trouble.TOO_LONG: "Ask for less at once, or go on with what came.",
    Trouble.NO_HEADERS: _ELSEWHERE,
    Trouble.SILENT: "Send the prompt again.",
    Trouble.BROKEN_OFF: "Send the prompt again.",
    Trouble.GARBLED: "Send the prompt again; if it stays, check the proxy or --base-url.",
}


def is_this_machine(url: str) -> bool:
    """Whether the host of `url` is this machine itself, which no proxy can reach and where nothing comes up by itself."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def trouble_behind(error: BaseException) -> Trouble | None:
    """The trouble that the operating system reported somewhere behind `error`; None where it reported none."""
    for cause in _causes(error, 0):
        match cause:
            case ConnectionRefusedError():
                return Trouble.REFUSED
            case socket.gaierror():
                return Trouble.UNKNOWN_HOST
            case ssl.SSLCertVerificationError():
                return Trouble.UNTRUSTED
            case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
                return Trouble.BROKEN_OFF
            case ssl.SSLError():
                return Trouble.TLS
            case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
                return Trouble.BROKEN_OFF
            case OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH | errno.ENETDOWN):
                return Trouble.UNREACHABLE
            case OSError(errno=errno.ETIMEDOUT):
                return Trouble.SLOW_CONNECT
            case _:
                continue
    return None


def from_trouble(
    origin: Origin, trouble: Trouble, detail: str = "", *, seconds: float = 0.0, is_proxied: bool = False
) -> Failure:
    """The failure for one kind of trouble; `detail` is what the library said, shown where the kind alone says too little.

    `seconds` is how long was waited, where that is known.
    """
    said = clean(detail, origin.secret).rstrip(".")
    reason = f"{trouble}: {said}" if said and trouble in _IN_WORDS else str(trouble)
    if seconds:
        reason += f" ({as_duration(seconds)})"
    hint = _HINTS.get(trouble, _PROXIED if is_proxied else _NETWORK)
    if trouble is Trouble.PROXY and "407" in said:
        hint = PROXY_LOGIN
    is_local = trouble is Trouble.REFUSED and is_this_machine(origin.card.base_url)
    if is_local:
        hint = "Start the server, or check --base-url."
    place = f"{origin.card.title} at {origin.host} can't be heard any more"
    if trouble not in _AFTER_CONNECTING:
        place = f"{origin.card.title} can't be reached at {origin.host}"
    return Failure(
        kind=FailureKind.TIMEOUT if trouble in _TIMEOUTS else FailureKind.CONNECTION,
        message=f"{place}: {reason}.",
        hint=hint,
        is_retryable=trouble not in _FINAL and not is_local,
    )


def _causes(error: BaseException, depth: int) -> Iterator[BaseException]:
    """`error` and all that led to it, groups opened."""
    yield error
    if depth >= _MAX_DEPTH:
        return
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _causes(member, depth + 1)
    cause = error.__cause__ or error.__context__
    if cause is not None:
        yield from _causes(cause, depth + 1)
