"""What the screen does about the way to the model: says what is waited for, offers to answer at once."""

from __future__ import annotations

from dsterm.core.events import Event
from dsterm.core.models import Forecast, ThinkingMode
from dsterm.render.wording import format_money
from dsterm.tui.conversation import Conversation, ScreenOptions
from dsterm.tui.question_actions import QuestionActions
from dsterm.tui.waiting import Wait, Waiting

_PLACEHOLDER = "ask anything, / for commands, ? for help"
_PLACEHOLDER_RUNNING = "ask a follow-up …"


class WireActions(QuestionActions, inherit_bindings=False):
    """The actions around requests."""

    def __init__(self, conversation: Conversation, options: ScreenOptions) -> None:
        super().__init__(conversation, options)
        self._waiting = Waiting()
        self._is_let_go = False

    def note_wait(self, event: Event) -> None:
        """Something happened to a request."""
        if self._waiting.take(event, self.options.clock.monotonic()):
            self.foot.draw()

    def note_turn(self) -> None:
        """A turn began or ended, or a command did."""
        if self.turns.is_running:
            self._is_let_go = False
        else:
            self._waiting.forget()

    def wait(self, provider: str) -> Wait | None:
        """What the running request waits for."""
        return self._waiting.wait(self.options.clock.monotonic(), provider)

    def offer(self) -> Forecast | None:
        """What it would send to answer at once what was stopped in mid-reasoning; None where that is not offered."""
        if self._is_let_go or self.turns.is_busy or self.turns.queue:
            return None
        return self.conversation.status().answer_now

    def placeholder(self) -> str:
        """The words in the empty composer."""
        if self.turns.is_running:
            return _PLACEHOLDER_RUNNING
        offer = self.offer()
        if offer is None:
            return _PLACEHOLDER
        money = "price unknown" if offer.dollars is None else format_money(offer.dollars, is_estimate=True)
        demo = ", owed to nobody" if self.conversation.status().turn.is_demo else ""
        return f"Enter: answer now in {ThinkingMode.NON_THINK.label} · {money}{demo}"

    def take_offer(self) -> bool:
        """Enter with nothing written: answer at once, if that is offered."""
        if self.offer() is None:
            return False
        self.turns.answer_now()
        return True

    def escape_idle(self) -> None:
        """Esc with nothing to close or stop: first it lets the offer go."""
        if self.offer() is None or self.composer.text:
            super().escape_idle()
        elif not self.is_deaf:
            self._is_let_go = True
            self.turn_changed()

    def turn_changed(self) -> None:
        """What the composer and the foot say may differ now."""
        raise NotImplementedError

    def give_back(self, text: str) -> None:
        """A prompt that was not sent: it is a draft again, unless something else was written meanwhile."""
        if not self.composer.text:
            self.composer.set_draft(text)
        else:
            self.say("What was not sent is among the earlier prompts: Up, with nothing written.")
