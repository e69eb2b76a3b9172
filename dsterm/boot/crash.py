"""When dsterm itself fails: one sentence on the screen, the traceback in a log of its own, and no value of any variable."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from types import TracebackType

from dsterm.store.secrets import redact


def report_crashes(logs: Path) -> None:
    """From here on an unforeseen error ends with a sentence and a log in `logs` instead of a traceback."""

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        text = redact("".join(traceback.format_exception(kind, error, trace)), ())
        place = write_crash_log(logs, text)
        sys.stderr.write(f"dsterm: failed inside ({kind.__name__}). What was said is kept. {place}\n")

    sys.excepthook = report


def write_crash_log(logs: Path, text: str) -> str:
    """Append `text` to the crash log; returns the sentence that says where it is."""
    path = logs / "crash.log"
    try:
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        return f"Its log could not be written to {path}: {error.strerror}."
    return f"The log is {path}; please send it with a report."
