"""The leader key: Ctrl+X and one more key within two seconds; who hesitates sees what there is."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from dsterm.tui.keys import leader_actions

_PATIENCE_SECONDS = 2.0
_HINT_SECONDS = 0.5


class LeaderScreen(ModalScreen[str | None], inherit_bindings=False):
    """Dismisses with the method of the action, or None."""

    def compose(self) -> ComposeResult:
        """The keys, shown after half a second."""
        rows = [
            Content.assemble(Content.styled(f" {key} ", "bold $accent"), Content.styled(action.help, "$dim"))
            for key, action in leader_actions().items()
        ]
        keys = Static(Content("\n").join(rows), id="leader-keys")
        keys.display = False
        yield keys

    def on_mount(self) -> None:
        """Start both clocks."""
        self.set_timer(_HINT_SECONDS, self._hint)
        self.set_timer(_PATIENCE_SECONDS, self._give_up)

    def _hint(self) -> None:
        self.query_one("#leader-keys").display = True

    def _give_up(self) -> None:
        if self.is_current:
            self.dismiss(None)

    def on_key(self, event: events.Key) -> None:
        """The second key decides."""
        event.stop()
        event.prevent_default()
        action = leader_actions().get(event.character or "")
        self.dismiss(action.method if action else None)
