"""What the screen does about mentions and large pastes: offers paths while one is written, weighs them, opens pastes again."""

from __future__ import annotations

import asyncio

from textual.timer import Timer
from textual.widgets import TextArea

from dsterm.core.mentions import Mention
from dsterm.tui.conversation import Conversation, ScreenOptions
from dsterm.tui.mention_chips import Chip, ChipRow
from dsterm.tui.mention_popup import MentionPopup
from dsterm.tui.wire_actions import WireActions

_REST_SECONDS = 0.12
"""How long nothing is typed until the draft is weighed."""


class MentionActions(WireActions, inherit_bindings=False):
    """The actions around what a draft brings along."""

    def __init__(self, conversation: Conversation, options: ScreenOptions) -> None:
        super().__init__(conversation, options)
        self.mentions = MentionPopup(conversation.mention_paths, options.clock.monotonic)
        self.chips = ChipRow()
        self._weigh_timer: Timer | None = None

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        """The cursor moved, by typing or by itself: offer what fits the words before it."""
        if event.text_area is self.composer:
            self.mentions.follow(self.composer.before_cursor)

    def weigh_draft(self) -> None:
        """The draft changed: soon say what goes along with it."""
        if self._weigh_timer is not None:
            self._weigh_timer.stop()
            self._weigh_timer = None
        if "@" in self.composer.text or self.composer.pastes:
            self._weigh_timer = self.set_timer(_REST_SECONDS, self._begin_weighing)
        else:
            self.chips.show_chips((), None)

    def action_open_paste(self) -> None:
        """Put the text of the large paste at the cursor, else of the last one, in place of its chip."""
        if not self.composer.open_paste():
            self.say("There is no large paste to open.")

    def action_escape(self) -> None:
        """Close the list of paths, if it is open."""
        if self.mentions.is_open:
            self.mentions.dismiss(self.composer.before_cursor)
        else:
            super().action_escape()

    def _begin_weighing(self) -> None:
        self.run_worker(self._weigh(self.composer.text), group="weigh", exclusive=True, exit_on_error=False)

    async def _weigh(self, draft: str) -> None:
        pastes = self.composer.pastes
        mentions = await self.conversation.weigh(draft) if "@" in draft else ()
        counts = await asyncio.to_thread(lambda: [self.options.count_tokens(text) for text in pastes.values()])
        if draft != self.composer.text:
            return
        weighed = [Chip(label=label, tokens=count) for label, count in zip(pastes, counts, strict=True)]
        price = self.conversation.status().model.price_at(self.options.clock.now())
        self.chips.show_chips((*map(_chip, mentions), *weighed), None if price is None else price.input)


def _chip(mention: Mention) -> Chip:
    return Chip(label=mention.written, tokens=mention.tokens, problem=mention.problem)
