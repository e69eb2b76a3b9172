"""When dsterm itself fails: one sentence on the screen, the traceback in a log of its own, and no value of any variable."""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from collections.abc import Collection
from pathlib import Path
from types import TracebackType

from dsterm.store.secrets import redact


def report_crashes(logs: Path, secrets: Collection[str] = ()) -> None:
    """From here on an unforeseen error ends with a sentence and a log in `logs` instead of a traceback.

    `secrets` are masked in it, beside what is shaped like one; it may grow later. What fails in a thread, while an object is
    cleaned up, or in a task that nobody waits for is in the log alone, as the screen may be in use.
    """

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        place = write_crash_log(logs, describe_crash(error.with_traceback(trace), secrets))
        sys.stderr.write(f"dsterm: failed inside ({kind.__name__}). What was said is kept. {place}\n")

    def report_thread(failure: threading.ExceptHookArgs) -> None:
        if failure.exc_value is not None and failure.exc_type is not SystemExit:
            write_crash_log(logs, describe_crash(failure.exc_value, secrets))

    def report_unraisable(failure: sys.UnraisableHookArgs) -> None:
        if failure.exc_value is not None:
            write_crash_log(logs, describe_crash(failure.exc_value, secrets))

    sys.excepthook = report
    threading.excepthook = report_thread
    sys.unraisablehook = report_unraisable
    # Otherwise warnings of libraries, and tasks that failed, end up on the screen as they are.
    logging.getLogger().addHandler(_CrashLogHandler(logs, secrets))


def describe_crash(error: BaseException, secrets: Collection[str]) -> str:
    """The traceback of `error` with its causes: no local variables, no text that was being parsed, secrets masked."""
    described = traceback.TracebackException.from_exception(error, capture_locals=False)
    _forget_parsed_text(described)
    return redact("".join(described.format()), secrets)


def write_crash_log(logs: Path, text: str) -> str:
    """Append `text` to the crash log; returns the sentence that says where it is."""
    path = logs / "crash.log"
    try:
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        # A text that can't be written would bring Python's own traceback back to the screen.
        with os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text + "\n")
    except OSError as error:
        return f"Its log could not be written to {path}: {error.strerror}."
    return f"The log is {path}; please send it with a report."


class _CrashLogHandler(logging.Handler):
    """Takes what libraries log as a warning or worse."""

    def __init__(self, logs: Path, secrets: Collection[str]) -> None:
        super().__init__(logging.WARNING)
        self._logs = logs
        self._secrets = secrets

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record, with the traceback that comes with it."""
        error = record.exc_info[1] if record.exc_info else None
        text = redact(f"{record.name}: {record.getMessage()}", self._secrets)
        trace = f"\n{describe_crash(error, self._secrets)}" if error is not None else ""
        write_crash_log(self._logs, text + trace)


def _forget_parsed_text(described: traceback.TracebackException) -> None:
    """A SyntaxError quotes the line it is about, which may be anybody's."""
    pending, seen = [described], set[int]()
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if getattr(current, "text", None) is not None:
            current.text = ""
        pending += [cause for cause in (current.__cause__, current.__context__) if cause is not None]
        pending += getattr(current, "exceptions", None) or []
