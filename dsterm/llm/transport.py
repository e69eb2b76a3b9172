"""What can go wrong on the way to a server, before or after it answers, as a Failure with a way out."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from enum import StrEnum

from dsterm.core.provider import Failure, FailureKind
from dsterm.llm.failures import Origin, clean

_MAX_DEPTH = 20


class Trouble(StrEnum):
    """Why bytes did not get through."""

    REFUSED = "connection refused"
    UNKNOWN_HOST = "the host name is not known"
    UNREACHABLE = "the network can't be reached"
    TLS = "no safe connection"
    SLOW_CONNECT = "no connection in time"
    SILENT = "no answer in time"
    BROKEN_OFF = "the connection broke off"
    PROXY = "the proxy refused"
    OTHER = "the request could not be sent"


def trouble_behind(error: BaseException) -> Trouble | None:
    """The trouble that the operating system reported somewhere behind `error`; None where it reported none."""
    for cause in _causes(error, 0):
        match cause:
            case ConnectionRefusedError():
                return Trouble.REFUSED
            case socket.gaierror():
                return Trouble.UNKNOWN_HOST
            case ssl.SSLError():
                return Trouble.TLS
            case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
                return Trouble.BROKEN_OFF
            case OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH | errno.ENETDOWN):
                return Trouble.UNREACHABLE
            case _:
                continue
    return None


def from_trouble(origin: Origin, trouble: Trouble, detail: str = "") -> Failure:
    """The failure for one kind of trouble; `detail` is what the library said, shown where the kind alone says too little."""
    title, host = origin.card.title, origin.host
    said = clean(detail, origin.secret).rstrip(".")
    reason = f"{trouble}: {said}" if said and trouble in (Trouble.TLS, Trouble.PROXY, Trouble.OTHER) else str(trouble)
    kind, is_retryable = FailureKind.CONNECTION, True
    match trouble:
        case Trouble.REFUSED:
            hint, is_retryable = "Check the network or --base-url.", False
        case Trouble.TLS:
            hint, is_retryable = "Check the clock, the certificates of this machine, or --base-url.", False
        case Trouble.PROXY:
            hint, is_retryable = "Check HTTPS_PROXY and NO_PROXY.", False
        case Trouble.OTHER:
            hint, is_retryable = "Check --base-url.", False
        case Trouble.SILENT:
            kind, hint = FailureKind.TIMEOUT, "Send the prompt again."
        case Trouble.SLOW_CONNECT:
            kind, hint = FailureKind.TIMEOUT, "Check the network or --base-url."
        case Trouble.BROKEN_OFF:
            hint = "Send the prompt again."
        case _:
            hint = "Check the network or --base-url."
    if trouble in (Trouble.SILENT, Trouble.BROKEN_OFF):
        message = f"{title} at {host} can't be heard any more: {reason}."
    else:
        message = f"{title} can't be reached at {host}: {reason}."
    return Failure(kind=kind, message=message, hint=hint, is_retryable=is_retryable)


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
