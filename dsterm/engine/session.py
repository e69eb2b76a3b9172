"""A session folded from its events: the conversation, what is attached, what it came to.

No I/O; the same fold live and resumed. What stands on a branch that was left counts for money and choices, not for what is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from dsterm.context.compaction import compacted, pruned, shared_front
from dsterm.context.data_marks import holds_data
from dsterm.context.forecast import Kept, LastRequest
from dsterm.context.shared_output import shared_output
from dsterm.core.command_events import CheckEnded, UserCommandEnded
from dsterm.core.context_events import Compacted, OriginalsRestored, ResultsPruned
from dsterm.core.events import (
    AsideEnded,
    Envelope,
    Event,
    MessageAdded,
    ModeChanged,
    ModelChanged,
    PermissionModeChanged,
    Steered,
    StepEnded,
    StepStarted,
    TasksChanged,
    ToolEnded,
    ToolRequested,
    TurnStarted,
)
from dsterm.core.messages import Message, Pack, ToolMessage, UserMessage
from dsterm.core.models import PermissionMode, ThinkingMode, Usage
from dsterm.core.provider import StopReason
from dsterm.core.repo_events import RepoAttached, RepoChanged, RepoDetached
from dsterm.core.tools import Effect, Task
from dsterm.core.wire_events import FellBack, Intervened
from dsterm.engine.branch import on_branch
from dsterm.engine.foreign_words import brings_words
from dsterm.engine.originals import Originals

_WHOLE = frozenset({StopReason.STOP, StopReason.TOOL_CALLS, StopReason.LENGTH, StopReason.CONTENT_FILTER})
"""Ends of an answer that the next request repeats as the model wrote it, so that it too comes from the cache."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request went: each place has a prompt cache of its own, as far as the catalog knows no better."""

    provider: str
    model: str
    mode: ThinkingMode


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What the last request was: it tells what the provider's cache can still hold. `messages` is how many it carried."""

    provider: str
    model: str
    mode: ThinkingMode
    messages: int
    digest: str = ""

    @property
    def place(self) -> Place:
        """Where it went."""
        return Place(provider=self.provider, model=self.model, mode=self.mode)


class Session:
    """The state that the events so far make; `apply` takes the next one."""

    def __init__(self, envelopes: Iterable[Envelope] = ()) -> None:
        self.messages: list[Message] = []
        self.tasks: tuple[Task, ...] = ()
        self.provider = ""
        self.model = ""
        self.mode: ThinkingMode | None = None
        self.permission_mode: PermissionMode | None = None
        self.sent: Sent | None = None
        self.last_usage: Usage | None = None
        self.last_request: LastRequest | None = None
        self.kept: dict[Place, Kept] = {}
        self.originals: Originals[Place] = Originals()
        self.words: list[list[UserMessage]] = []
        self.messages_at_last_step = 0
        self.dollars: Decimal | None = Decimal(0)
        self.demo_dollars = Decimal(0)
        self.turn_dollars: Decimal | None = Decimal(0)
        self.is_estimate = self.is_turn_estimate = False
        self.has_read = False
        self._has_own_mode = False
        self._left: Sent | None = None
        self._effects: dict[str, frozenset[Effect] | None] = {}
        self._call_ids: set[str] = set()
        log = list(envelopes)
        for envelope, is_said in zip(log, on_branch(log), strict=True):
            if is_said:
                self.apply(envelope.event, envelope.at)
            else:
                self._apply_aside(envelope.event, envelope.at)

    @property
    def packs(self) -> tuple[Pack, ...]:
        """What is attached now."""
        return tuple(message for message in self.messages if isinstance(message, Pack))

    @property
    def newest_words(self) -> list[UserMessage]:
        """The messages of the newest prompt and of what was said to its turn since."""
        return self.words[-1] if self.words else []

    def call_ids(self) -> set[str]:
        """The ids of all tool calls so far, on every branch; a new call needs another one."""
        return set(self._call_ids)

    def apply(self, event: Event, at: datetime) -> None:
        """Fold one event in, of the moment `at`."""
        match event:
            case CheckEnded():
                self.has_read |= bool(event.output)
            case TurnStarted():
                self._has_own_mode = event.mode is not None
                self.has_read |= holds_data(event.note)
                text = f"{event.note}\n\n{event.prompt}" if event.note else event.prompt
                self.words.append([])
                self._say(text)
                self.turn_dollars, self.is_turn_estimate = Decimal(0), False
            case Steered():
                self.has_read |= holds_data(event.note)
                self._say(f"{event.note}\n\n{event.text}" if event.note else event.text)
            case Intervened(nudge=nudge) if nudge:
                self.messages.append(UserMessage(text=nudge))
            case MessageAdded():
                self.messages.append(event.message)
                self._call_ids.update(call.id for call in event.message.tool_calls)
            case ToolRequested():
                self._effects[event.call.id] = frozenset(event.effects) if event.plan else None
            case ToolEnded():
                self.has_read |= brings_words(self._effects.pop(event.id, None), event.result)
                self.messages.append(ToolMessage(call_id=event.id, content=event.result.content))
            case UserCommandEnded() if event.is_shared:
                self.messages.append(UserMessage(text=shared_output(event)))
                self.has_read = True
            case RepoAttached() | RepoChanged() | RepoDetached():
                self._apply_repo(event)
            case ResultsPruned() | Compacted() | OriginalsRestored():
                self._apply_compaction(event)
            case StepStarted():
                self._note_sent(event)
            case StepEnded():
                self._book(event, at)
            case AsideEnded():
                self._pay_aside(event.ended)
            case TasksChanged():
                self.tasks = event.tasks
            case _:
                self._choose(event)

    def _say(self, text: str) -> None:
        message = UserMessage(text=text)
        self.messages.append(message)
        if self.words:
            self.words[-1].append(message)

    def _apply_compaction(self, event: ResultsPruned | Compacted | OriginalsRestored) -> None:
        match event:
            case ResultsPruned():
                self._replace(pruned(self.messages, event.call_ids))
            case Compacted():
                self._replace(compacted(self.messages, event.keeps, self.newest_words, event.summary))
            case OriginalsRestored():
                former = self.originals.take()
                if former is not None:
                    self._stand([*former.messages, *self.messages[former.now :]])
                    # Of what comes back the caches likely still have what they had.
                    self.kept |= former.kept
                    self.last_request = former.last

    def _replace(self, messages: list[Message]) -> None:
        self.originals.add(self.messages, len(messages), self.kept, self.last_request)
        self._stand(messages)

    def _stand(self, messages: list[Message]) -> None:
        """Let `messages` stand for what is there. Caches have what both begin with."""
        ahead = shared_front(self.messages, messages)
        self.kept = {place: kept.cut(ahead) for place, kept in self.kept.items()}
        self.messages, self.last_request = messages, None

    def _apply_repo(self, event: RepoAttached | RepoChanged | RepoDetached) -> None:
        match event:
            case RepoAttached():
                self.messages.append(event.pack)
                self.has_read = True
            case RepoChanged():
                self.messages.append(UserMessage(text=event.text, repo=event.digest))
                self.has_read = True
            case RepoDetached():
                self._detach(event.digest)

    def _apply_aside(self, event: Event, at: datetime) -> None:
        """Fold in an event of a branch that was left: it was paid for, and what was chosen stays chosen."""
        match event:
            case TurnStarted():
                self._has_own_mode = event.mode is not None
            case StepStarted():
                self.provider, self.model = event.provider, event.model
                self.mode = self.mode if self._has_own_mode else event.mode
                self._left = _sent(event, 0)
            case StepEnded() if event.usage is not None:
                self._pay(event)
                if self._left is not None:
                    # Of what was said there nothing may stand here, but what stands ahead of all messages does.
                    kept = Kept(messages=0, tokens=None, digest=self._left.digest, at=at)
                    self.kept.setdefault(self._left.place, kept)
            case AsideEnded():
                self._pay_aside(event.ended)
            case MessageAdded():
                self._call_ids.update(call.id for call in event.message.tool_calls)
            case _:
                self._choose(event)

    def _choose(self, event: Event) -> None:
        match event:
            case ModelChanged() | FellBack():
                self.provider, self.model = event.provider, event.model
            case ModeChanged():
                self.mode = event.mode
            case PermissionModeChanged():
                self.permission_mode = event.mode
            case _:
                pass

    def _note_sent(self, event: StepStarted) -> None:
        self.provider, self.model = event.provider, event.model
        if not self._has_own_mode:
            self.mode = event.mode
        self.sent = _sent(event, len(self.messages))

    def _detach(self, digest: str) -> None:
        """It goes, and what was told of its changes with it. Caches have only what stood ahead of it."""
        is_gone = [_is_of(message, digest) for message in self.messages]
        ahead = is_gone.index(True) if True in is_gone else len(is_gone)
        self.messages = [message for message, is_out in zip(self.messages, is_gone, strict=True) if not is_out]
        self.kept = {place: kept.cut(ahead) for place, kept in self.kept.items()}
        self.last_request = None
        self.originals.drop(lambda message: _is_of(message, digest))

    def _book(self, event: StepEnded, at: datetime) -> None:
        if event.usage is None:
            return
        self._note_kept(event.stop, event.usage, at)
        self.last_usage = event.usage
        self.is_estimate |= event.usage.is_estimate
        self.is_turn_estimate |= event.usage.is_estimate
        if not event.usage.is_estimate and self.sent is not None:
            self.last_request = LastRequest(messages=self.sent.messages, mode=self.sent.mode, usage=event.usage)
            self.messages_at_last_step = len(self.messages)
        self._pay(event)

    def _note_kept(self, stop: StopReason, usage: Usage, at: datetime) -> None:
        """Who bills a prompt has read it; of an answer that was cut nobody says whether it is kept."""
        if self.sent is not None:
            tokens = usage.total_tokens if stop in _WHOLE else usage.prompt_tokens
            kept = Kept(messages=self.sent.messages, tokens=tokens, digest=self.sent.digest, at=at)
            self.kept[self.sent.place] = kept

    def _pay_aside(self, event: StepEnded) -> None:
        if event.usage is not None:
            self.is_estimate |= event.usage.is_estimate
            self._pay(event)

    def _pay(self, event: StepEnded) -> None:
        total = event.cost.total if event.cost else None
        self.turn_dollars = None if total is None or self.turn_dollars is None else self.turn_dollars + total
        if event.is_demo:
            self.demo_dollars += total or Decimal(0)
        else:
            self.dollars = None if total is None or self.dollars is None else self.dollars + total


def _sent(event: StepStarted, messages: int) -> Sent:
    return Sent(provider=event.provider, model=event.model, mode=event.mode, messages=messages, digest=event.digest)


def _is_of(message: Message, digest: str) -> bool:
    """Whether `message` is the pack `digest`, or tells of its changes."""
    match message:
        case Pack():
            return message.digest == digest
        case UserMessage():
            return message.repo == digest
        case _:
            return False
