"""What the running request waits for: its next try, or a sign of life from the server."""

from __future__ import annotations

import math

import msgspec

from dsterm.core.delta_events import ReasoningDelta, TextDelta, ToolCallDelta
from dsterm.core.events import Event, MessageAdded, StepRetried, TurnEnded
from dsterm.core.wire_events import StepStalled
from dsterm.render.wording import format_seconds


class Wait(msgspec.Struct, frozen=True):
    """Words for the line of activity: `lead` is always shown, `cause` as far as there is room."""

    lead: str
    cause: str = ""


class Waiting:
    """Folds events; all times are in seconds of one clock that never goes back."""

    def __init__(self) -> None:
        self._retry: tuple[StepRetried, float] | None = None
        self._silent_since: float | None = None

    def take(self, event: Event, now: float) -> bool:
        """Take one event in; True where that changed what is waited for."""
        match event:
            case StepRetried(wait=wait):
                self._retry, self._silent_since = (event, now + wait), None
            case StepStalled(seconds=seconds):
                self._retry = None
                self._silent_since = now - seconds if seconds > 0 else None
            case TextDelta() | ReasoningDelta() | ToolCallDelta() | MessageAdded() | TurnEnded() if self._is_known:
                self.forget()
            case _:
                return False
        return True

    def forget(self) -> None:
        """Nothing is waited for."""
        self._retry = self._silent_since = None

    @property
    def _is_known(self) -> bool:
        return self._retry is not None or self._silent_since is not None

    def wait(self, now: float, provider: str) -> Wait | None:
        """What is waited for at `now`, in words."""
        if self._retry is not None:
            retry, until = self._retry
            if now < until:
                seconds = format_seconds(math.ceil(until - now), is_whole=True)
                count = (
                    f"{retry.attempt} of {retry.limit}" if retry.limit >= retry.attempt else f"retry {retry.attempt}"
                )
                return Wait(f"trying again in {seconds} ({count})", retry.cause.strip().rstrip("."))
        if self._silent_since is not None:
            return Wait(f"nothing from {provider} for {format_seconds(now - self._silent_since, is_whole=True)}")
        return None
