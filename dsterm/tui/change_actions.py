"""What the keys do about changes: look at them, go back."""

from __future__ import annotations

from dsterm.core.undo_events import Rewound
from dsterm.render.session_changes import session_changes
from dsterm.tui.attach_actions import AttachActions
from dsterm.tui.changes_screen import ChangesScreen
from dsterm.tui.pickers import PickScreen, rewind_rows

_TWICE_SECONDS = 1.0
_DEAF_SECONDS = 0.5
"""Who stops a turn with two quick presses does not mean to go back."""


class ChangeActions(AttachActions, inherit_bindings=False):
    """The actions around changes of files."""

    _escaped_at = float("-inf")

    def escape_idle(self) -> None:
        """Esc with nothing to close or stop: twice in an empty composer goes back to an earlier prompt."""
        now = self.options.clock.monotonic()
        if self.composer.text or self.is_deaf or not self.conversation.rewind_points():
            return
        if now - self._escaped_at <= _TWICE_SECONDS:
            self._escaped_at = float("-inf")
            self.say("")
            self.action_rewind()
        else:
            self._escaped_at = now
            self.say("Esc again goes back to an earlier prompt.")

    @property
    def is_deaf(self) -> bool:
        """Whether a turn was stopped only just now, so that Esc may be meant for that still."""
        return self.options.clock.monotonic() - self.stopped_at < _DEAF_SECONDS

    def action_rewind(self) -> None:
        """Choose the prompt to go back to; what would change is shown before anything does."""
        points = self.conversation.rewind_points()
        if not points:
            self.say("There is no prompt yet to go back to.")
            return

        def chosen(number: str | None) -> None:
            if number:
                self.turns.send(f"/rewind {number}")

        rows = rewind_rows(points, self.options.clock.now())
        self.push_screen(PickScreen("back to before which prompt?", rows), chosen)

    def show_rewound(self, rewound: Rewound, seq: int) -> None:
        """Draw the conversation as it stands since the event `seq`; the prompt may be sent again, or changed first."""
        self.view.load(each for each in self.conversation.branch() if each.seq <= seq)
        if not self.composer.text:
            self.composer.set_draft(rewound.prompt)

    def action_changes(self) -> None:
        """All changes of the session."""
        turns = session_changes(self.conversation.transcript())
        if turns:
            self.push_screen(ChangesScreen(self.painter, turns))
        else:
            self.say("This session has changed no file.")
