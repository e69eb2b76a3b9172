"""What the screen does about the price of the next send: keeps it up with the draft, the model and the mode, and explains it."""

from __future__ import annotations

from textual.timer import Timer

from dsterm.core.forecasts import SendForecast
from dsterm.tui.conversation import Conversation, ScreenOptions
from dsterm.tui.mention_actions import MentionActions
from dsterm.tui.shell_line import is_for_shell
from dsterm.tui.turns import is_command

_REST_SECONDS = 0.05
"""How soon the forecast follows what changed; typing is not asked after each letter."""


class ForecastActions(MentionActions, inherit_bindings=False):
    """The actions around the forecast. Nothing of it happens before the first paint."""

    def __init__(self, conversation: Conversation, options: ScreenOptions) -> None:
        super().__init__(conversation, options)
        self.next_send: SendForecast | None = None
        self._is_painted = False
        self._forecast_timer: Timer | None = None

    def begin_forecasts(self) -> None:
        """The screen is painted, or something was loaded that forecasts know more with."""
        self._is_painted = True
        self._forecast()
        self.foot.draw()

    def weigh_draft(self) -> None:
        """The draft changed, and so does what it costs to send."""
        super().weigh_draft()
        self._forecast_soon()

    def note_turn(self) -> None:
        """A turn or a command began or ended: another model, mode, or more of a conversation."""
        super().note_turn()
        self._forecast_soon()

    async def _weigh(self, draft: str) -> None:
        await super()._weigh(draft)
        self._forecast_soon()

    def _forecast_soon(self) -> None:
        if self._is_painted and self._forecast_timer is None:
            self._forecast_timer = self.set_timer(_REST_SECONDS, self._forecast)

    def _forecast(self) -> None:
        """Ask what the send would come to; while a turn runs nobody knows, and nothing is shown of it."""
        if self._forecast_timer is not None:
            self._forecast_timer.stop()
            self._forecast_timer = None
        if self.turns.is_running:
            return
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
