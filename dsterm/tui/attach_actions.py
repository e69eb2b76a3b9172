"""What the screen does about attaching: opens the tree of what there is, and has attached what was ticked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsterm.tui.palette_actions import PaletteActions

if TYPE_CHECKING:
    from dsterm.tui.attach.page import Chosen

_HERE = "."


class AttachActions(PaletteActions, inherit_bindings=False):
    """The actions around attaching."""

    def action_attach(self) -> None:
        """Choose what of the workspace, or of another source, goes into the window."""
        # Only who attaches something pays for it.
        from dsterm.tui.attach.screen import AttachScreen  # noqa: PLC0415

        def chosen(choice: Chosen | None) -> None:
            if choice is not None:
                self.turns.attach(choice.source, choice.choice)

        desk, status = self.conversation.attachments, self.conversation.status()
        self.push_screen(AttachScreen(self.painter, desk, status, _HERE, self.options.log_crash), chosen)
