"""Events folded into blocks: the one way from a session to a screen, whether it is live, resumed or replayed.

Deltas make blocks grow; the durable events that follow say what they come to, so a replay without deltas ends the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo

from dsterm.core import context_events, delta_events, events, questions, repo_events, report_events
from dsterm.core.config import ReasoningFold
from dsterm.core.events import Envelope, Event
from dsterm.core.mentions import Mention
from dsterm.core.models import Price
from dsterm.render.block_list import BlockList
from dsterm.render.blocks import Block, BlockKind, Note, NoteBlock, PromptBlock
from dsterm.render.command_blocks import RunBlock
from dsterm.render.command_view import CommandView
from dsterm.render.context_notes import compaction_note
from dsterm.render.mention_notes import mentions_note
from dsterm.render.notes import (
    changed_note,
    changes_note,
    ended_note,
    notice_note,
    pack_note,
    to_model_note,
    unknown_note,
)
from dsterm.render.reads import ReadsBlock
from dsterm.render.reasoning import ReasoningBlock
from dsterm.render.report_block import ReportBlock
from dsterm.render.step import StepView
from dsterm.render.tool_blocks import ToolBlock
from dsterm.render.wire_view import WireView


def estimate_tokens(text: str) -> int:
    """About four characters a token: for screens that have no counter."""
    return (len(text) + 3) // 4


class Transcript:
    """The blocks of one session, in order.

    `count` counts or estimates the tokens of a text, `title` gives the short name of a model by its id, `zone` is that of
    the times shown (None: the computer's), `lane` is the conversation that is shown.
    """

    def __init__(
        self,
        *,
        count: Callable[[str], int] = estimate_tokens,
        title: Callable[[str], str] | None = None,
        fold: ReasoningFold = ReasoningFold.ON_ANSWER,
        zone: tzinfo | None = None,
        lane: str = "main",
    ) -> None:
        self._list = BlockList()
        self._step = StepView(self._list, count, title or short_title, fold)
        self._commands = CommandView(self._list, title or short_title)
        self._wire = WireView(self._list, title or short_title)
        self._zone = zone
        self._lane = lane
        self._calls: dict[str, ToolBlock] = {}
        self._asking: dict[str, ToolBlock] = {}
        self._packs: dict[str, str] = {}

    @property
    def blocks(self) -> Sequence[Block]:
        """All blocks, first to last."""
        return self._list.blocks

    def take_changed(self) -> set[int]:
        """Keys of the blocks that came, changed or went since this was last called."""
        return self._list.take_changed()

    def set_price(self, price: Price | None) -> None:
        """The price by which running estimates go from here on."""
        self._step.set_price(price)

    def tick(self, now: float) -> None:
        """Let running times go on; `now` in seconds since the epoch."""
        if self._step.reasoning:
            self._step.reasoning.tick(now)
        for block in self._calls.values():
            block.tick(now)
        self._commands.tick(now)

    def fold_reasoning(self, is_folded: bool) -> None:
        """Fold all reasoning to one line each, or unfold all of it."""
        for block in self._list.blocks:
            if isinstance(block, ReasoningBlock):
                block.set_folded(is_folded=is_folded)

    def fold_tools(self, is_folded: bool) -> None:
        """Fold all tool calls and commands, or unfold all of them."""
        for block in self._list.blocks:
            if isinstance(block, ToolBlock | ReadsBlock | RunBlock):
                block.set_folded(is_folded=is_folded)

    def show(self, envelope: Envelope) -> None:
        """Fold one event in; those of other lanes are not for this screen."""
        if envelope.lane != self._lane:
            return
        event = envelope.event
        match event:
            case delta_events.TextDelta(text=text):
                self._step.text(text, envelope.at)
            case delta_events.ReasoningDelta(text=text):
                self._step.think(text, envelope.at)
            case delta_events.ToolCallDelta():
                self._step.write_call(event, envelope.at)
            case delta_events.ToolProgress(id=call_id, text=text):
                if block := self._calls.get(call_id):
                    block.progress(text)
                else:
                    self._commands.progress(call_id, text)
            case _:
                self._show_durable(event, envelope)

    def _show_durable(self, event: Event, envelope: Envelope) -> None:
        match event:
            case events.Steered(text=text, note=note, mentions=()) if note:
                self._note(BlockKind.NOTICE, to_model_note(text))
            case events.TurnStarted(prompt=text, mentions=mentions):
                self._wire.begin_turn()
                self._show_prompt(text, mentions, envelope)
            case events.Steered(text=text, mentions=mentions):
                self._show_prompt(text, mentions, envelope)
            case events.TurnEnded():
                self._end_turn(event, envelope)
            case events.StepStarted():
                self._step.start(event, envelope.at)
                self._wire.start(event)
            case events.StepRetried():
                self._step.void()
                self._wire.retry(event)
            case events.StepEnded():
                self._step.end(event, envelope.at)
                self._wire.end(event)
            case delta_events.MessageProgress():
                self._step.progress(event, envelope.at)
            case events.MessageAdded(message=message):
                self._calls.update(self._step.message(message, envelope.at))
            case events.ToolRequested() | events.ToolEnded() | questions.QuestionAsked() | questions.QuestionAnswered():
                self._show_call(event, envelope.at.timestamp())
            case _:
                if not (self._commands.show(event, envelope.at.timestamp()) or self._wire.show(event)):
                    self._show_state(event)

    def _show_prompt(self, text: str, mentions: Sequence[Mention], envelope: Envelope) -> None:
        at = envelope.at.astimezone(self._zone)
        self._list.add(lambda key, changes: PromptBlock(key, changes, text, at))
        if note := mentions_note(mentions):
            self._note(BlockKind.ATTACH, note)

    def _show_call(
        self,
        event: events.ToolRequested | events.ToolEnded | questions.QuestionAsked | questions.QuestionAnswered,
        now: float,
    ) -> None:
        match event:
            case events.ToolRequested(call=call, plan=plan):
                block = self._calls.get(call.id) or self._step.add_call(call)
                self._calls[call.id] = block
                block.start(plan, now)
            case events.ToolEnded(id=call_id, result=result):
                ended = self._calls.pop(call_id, None)
                if ended:
                    ended.end(result)
                    self._list.settle_call(ended)
            case questions.QuestionAsked(id=question_id, call_id=call_id):
                if asking := self._calls.get(call_id):
                    self._asking[question_id] = asking
                    asking.ask()
            case questions.QuestionAnswered(id=question_id):
                if answered := self._asking.pop(question_id, None):
                    answered.answered(now)

    def _show_state(self, event: Event) -> None:
        match event:
            case repo_events.RepoAttached(pack=pack):
                self._packs[pack.digest] = pack.source
                self._note(BlockKind.ATTACH, pack_note(pack))
            case repo_events.RepoChanged():
                self._note(BlockKind.ATTACH, changes_note(event))
            case repo_events.RepoDetached(digest=digest):
                source = self._packs.pop(digest, digest[:12])
                self._note(BlockKind.ATTACH, notice_note(events.Notice(text=f"detached {source}")))
            case context_events.Compacted() | context_events.ResultsPruned():
                self._note(BlockKind.NOTICE, compaction_note(event))
            case events.ModelChanged() | events.ModeChanged() if self._wire.is_open:
                self._list.add_change(changed_note(event), "the next request")
            case events.ModelChanged() | events.ModeChanged() | events.PermissionModeChanged():
                self._list.add_change(changed_note(event))
            case events.Notice():
                self._note(BlockKind.NOTICE, notice_note(event))
            case report_events.ReportShown():
                self._list.add(lambda key, changes: ReportBlock(key, changes, event))
            case events.UnknownEvent(kind=kind):
                self._note(BlockKind.NOTICE, unknown_note(kind))
            case _:
                # TasksChanged: the list of tasks has a place of its own on every screen. OriginalsRestored: a notice says it.
                return

    def _end_turn(self, event: events.TurnEnded, envelope: Envelope) -> None:
        self._step.close(envelope.at)
        for block in self._calls.values():
            block.stop()
        self._calls.clear()
        self._commands.stop()
        self._asking.clear()
        note = ended_note(event, self._wire.toll)
        self._wire.begin_turn()
        if note:
            self._note(BlockKind.TURN_END, note)

    def _note(self, kind: BlockKind, note: Note) -> None:
        self._list.add(lambda key, changes: NoteBlock(key, changes, kind, note))


def short_title(model: str) -> str:
    """`Pro` or `Flash` for the ids of the two, else the last part of the id."""
    name = model.rsplit("/", 1)[-1]
    for word in ("pro", "flash"):
        if word in name.lower().split("-"):
            return word.capitalize()
    return name
