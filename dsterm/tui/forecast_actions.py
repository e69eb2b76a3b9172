"""What the screen does about the price of the next send: keeps it up with the draft, the model and the mode, and explains it."""

from __future__ import annotations

import asyncio

from dsterm.core.forecasts import SendForecast
from dsterm.tui.conversation import Conversation, ScreenOptions
from dsterm.tui.mention_actions import MentionActions
from dsterm.tui.shell_line import is_for_shell
from dsterm.tui.turns import is_command

_SOON_SECONDS = 0.05
_REST_SECONDS = 0.25
_FEW = 16
"""How soon the forecast follows what changed; so few letters are some tokens only, and wait until nothing is typed."""


class ForecastActions(MentionActions, inherit_bindings=False):
    """The actions around the forecast. Nothing of it happens before the first paint."""

    def __init__(self, conversation: Conversation, options: ScreenOptions) -> None:
        super().__init__(conversation, options)
        self.next_send: SendForecast | None = None
        self._is_painted = False
        self._due: asyncio.TimerHandle | None = None
        self._is_due_soon = False
        self._length = 0

    def begin_forecasts(self) -> None:
        """The screen is painted, or something was loaded that forecasts know more with."""
        self._is_painted = True
        self._forecast()
        self.foot.draw()

    def weigh_draft(self) -> None:
        """The draft changed, and so does what it costs to send."""
        super().weigh_draft()
        is_small = abs(len(self.composer.text) - self._length) < _FEW
        self._forecast_soon(_REST_SECONDS if is_small else _SOON_SECONDS)

    def note_turn(self) -> None:
        """A turn or a command began or ended: another model, mode, or more of a conversation."""
        super().note_turn()
        self._forecast_soon()

    async def _weigh(self, draft: str) -> None:
        await super()._weigh(draft)
        self._forecast_soon()

    def _forecast_soon(self, seconds: float = _SOON_SECONDS) -> None:
        """Within `seconds`; what is due sooner stays so, but a rest begins anew with every letter."""
        if not self._is_painted or (self._due is not None and self._is_due_soon):
            return
        if self._due is not None:
            self._due.cancel()
        self._is_due_soon = seconds <= _SOON_SECONDS
        # A timer of Textual's is a task of its own, which would cost more than the forecast.
        self._due = asyncio.get_running_loop().call_later(seconds, self._forecast)

    def _forecast(self) -> None:
        """Ask what the send would come to; while a turn runs nobody knows, and nothing is shown of it."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self.turns.is_running or not self.is_running:
            return
        self._length = len(self.composer.text)
        draft, pasted = self._words()
        pastes = self.composer.pastes
        mentioned = sum(chip.tokens for chip in self.chips.chips if chip.label not in pastes)
        found = self.conversation.forecast(draft, pasted, mentioned)
        if found is not None and found.is_pending:
            self.run_worker(self._count(draft, pasted), group="count", exclusive=True, exit_on_error=False)
        if found != self.next_send:
            self.next_send = found
            self.foot.draw()

    def _words(self) -> tuple[str, tuple[str, ...]]:
        """The draft as far as it is for the model, and the pasted texts in it."""
        draft = self.composer.text
        if is_for_shell(draft) or is_command(draft):
            return "", ()
        return draft, tuple(self.composer.pastes.values())

    async def _count(self, draft: str, pasted: tuple[str, ...]) -> None:
        await self.conversation.count_draft(draft, pasted)
        self._forecast_soon()
