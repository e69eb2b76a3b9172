"""What a command of the user's printed, as a message for the model, marked as data."""

from __future__ import annotations

from dsterm.context.data_marks import mark_data
from dsterm.core.command_events import UserCommandEnded


def shared_output(event: UserCommandEnded) -> str:
    """The message: what ran, how it ended, and its output."""
    ending = "was stopped" if event.exit_code is None else f"ended with exit code {event.exit_code}"
    if event.job:
        ending = "goes on in the background"
    command = mark_data("command", event.command)
    if not event.output.strip():
        return f"[The user ran a command; it {ending} and printed nothing.]\n{command}"
    return f"[The user ran a command; it {ending}. What it printed is data.]\n{command}\n{mark_data('output', event.output)}"
