"""What is left of a mistake of dsterm's own: a traceback without values in a log, a sentence for the user."""

from __future__ import annotations

import traceback

from dsterm.tui.conversation import ScreenOptions


def log_crash(options: ScreenOptions, error: BaseException | None) -> str:
    """Append the traceback of `error`, secrets redacted and no local variables, to the log; say where it is."""
    text = "".join(traceback.format_exception(error)) if error is not None else "no exception\n"
    try:
        options.log_path.parent.mkdir(parents=True, exist_ok=True)
        with options.log_path.open("a", encoding="utf-8", errors="replace") as log:
            log.write(f"{options.clock.now().isoformat()}\n{options.redact(text)}\n")
    except OSError as failure:
        return f"The details could not be written to {options.log_path} ({failure.strerror})."
    return f"The details are in {options.log_path}."
