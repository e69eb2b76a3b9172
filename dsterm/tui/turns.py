"""Runs turns and commands, one after another, and keeps what the user sent meanwhile in a queue."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Protocol

from dsterm.core.attachments import PackChoice
from dsterm.core.errors import DstermError
from dsterm.core.events import Envelope, Notice, NoticeLevel, TurnStarted
from dsterm.core.services import Clock
from dsterm.tui.conversation import Conversation
from dsterm.tui.shell_line import is_for_shell

_AFTER_THE_TURN = frozenset(
    {
        "/new",
        "/clear",
        "/resume",
        "/sessions",
        "/attach",
        "/detach",
        "/snapshot",
        "/undo",
        "/redo",
        "/rewind",
        "/commit",
        "/review",
        "/init",
    }
)
"""Commands that change the conversation itself; typed while a turn runs, they wait for its end."""

_LIKE_TURNS = frozenset({"/commit", "/review", "/answer", "/init"})
"""Commands that take a while and may ask: other ones go out beside them."""

_AT_ONCE = frozenset({"/bg", "/jobs"})
"""Commands about what runs, so they never wait for it."""

_COMMAND = re.compile(r"/[\w?-]*(?:\s|$)")


def is_command(line: str) -> bool:
    """Whether `line` begins with the name of a command; a path, as `/etc/hosts`, is none."""
    return _COMMAND.match(line) is not None


def _name(line: str) -> str:
    return line.split(maxsplit=1)[0] if line.strip() else ""


class Stage(Protocol):
    """Where turns are shown."""

    def show(self, envelope: Envelope) -> None:
        """One event."""
        ...

    def turn_changed(self) -> None:
        """A turn began or ended, or the queue changed."""
        ...

    def give_back(self, text: str) -> None:
        """A prompt that was not sent after all."""
        ...

    def session_changed(self) -> None:
        """Another session is on; draw it from its beginning."""
        ...

    def start(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run `work` beside the screen."""
        ...


class Turns:
    """The user's side of the engine's door. Prompts go out in order; Esc stops the turn and holds what waits."""

    def __init__(self, conversation: Conversation, stage: Stage, clock: Clock) -> None:
        self._conversation = conversation
        self._stage = stage
        self._clock = clock
        self._command_lock = asyncio.Lock()
        self._commands = 0
        self._was_stopped = False
        self._choices: dict[str, PackChoice] = {}
        self.queue: deque[str] = deque()
        self.is_held = False
        self.is_running = False
        self.began = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether a turn or a command is under way."""
        return self.is_running or self._commands > 0

    def send(self, text: str) -> None:
        """Send a prompt or a command, now or when its turn comes. A blank one lets a held queue go."""
        is_waiting = self.is_running and _name(text) in _AFTER_THE_TURN
        if not text.strip():
            self._release()
        elif is_command(text) and not is_waiting and _name(text) not in _LIKE_TURNS:
            self.command(text)
        elif self.is_busy:
            self.queue.append(text)
            self._stage.turn_changed()
        else:
            self._begin(text)

    def command(self, line: str) -> None:
        """Run a command of the engine, after those before it."""
        self._commands += 1

        async def work() -> None:
            try:
                if _name(line) in _AT_ONCE and self._command_lock.locked():
                    await self._run_command(line)
                    return
                async with self._command_lock:
                    await self._run_command(line)
            finally:
                self._commands -= 1
                self._next()

        self._stage.start(work)

    def attach(self, source: str, choice: PackChoice) -> None:
        """Attach what `choice` takes of `source`, when its turn comes."""
        line = f"/attach {shlex.quote(source)}"
        self._choices[line] = choice
        self.send(line)

    def steer(self, text: str) -> None:
        """Tell the running turn before its next step; without one, just send. A command for the shell is no word to a model."""
        if self.is_running and text.strip() and not is_for_shell(text):
            self._conversation.steer(text)
        else:
            self.send(text)

    def stop(self) -> bool:
        """Stop what runs; False when nothing does."""
        if not self.is_busy:
            return False
        self._was_stopped = True
        self._conversation.interrupt()
        return True

    def answer_now(self) -> None:
        """Have answered at once what was stopped in mid-reasoning."""
        if not self.is_busy:
            self._work(lambda: self._run_turn("", self._conversation.answer_now()))

    def take_last(self) -> str | None:
        """The prompt queued last, taken back for editing."""
        if not self.queue:
            return None
        text = self.queue.pop()
        self.is_held = self.is_held and bool(self.queue)
        self._stage.turn_changed()
        return text

    def drop(self) -> int:
        """Forget what waits, and say how many they were."""
        count = len(self.queue)
        self.queue.clear()
        self.is_held = False
        self._stage.turn_changed()
        return count

    def notice(self, text: str, level: NoticeLevel = NoticeLevel.INFO) -> Envelope:
        """Words of the screen itself, shaped as an event; it is shown and never stored."""
        return Envelope(id="", parent="", seq=0, at=self._clock.now(), event=Notice(text=text, level=level))

    def _release(self) -> None:
        if self.is_held and not self.is_busy:
            self.is_held = False
            self._next()

    def _next(self) -> None:
        """Send what waits first, unless the queue is held or something still runs."""
        if self.queue and not self.is_held and not self.is_busy:
            text = self.queue.popleft()
            is_short = is_command(text) and _name(text) not in _LIKE_TURNS
            (self.command if is_short else self._begin)(text)
        self._stage.turn_changed()

    def _begin(self, text: str) -> None:
        """Run a turn, or a command that is like one."""
        if is_for_shell(text) or is_command(text):
            self._work(lambda: self._run_command(text))
        else:
            self._work(lambda: self._run_turn(text, self._conversation.run(text)))

    def _work(self, run: Callable[[], Coroutine[None, None, None]]) -> None:
        self.is_running = True
        self._was_stopped = False
        self.began = self._clock.monotonic()
        self._stage.turn_changed()

        async def work() -> None:
            try:
                await run()
            finally:
                self.is_running = False
                self.is_held = bool(self.queue) and (self.is_held or self._was_stopped)
                self._next()

        self._stage.start(work)

    async def _run_turn(self, text: str, envelopes: AsyncIterator[Envelope]) -> None:
        """Show a turn; one that never began, as when the user would not send a key, gives its prompt back."""
        has_begun = False
        async for envelope in self._reported(envelopes):
            has_begun = has_begun or isinstance(envelope.event, TurnStarted)
            self._stage.show(envelope)
        if text and not has_begun:
            # What waits behind it was written to follow it.
            self._was_stopped = True
            self._stage.give_back(text)

    async def _run_command(self, line: str) -> None:
        before = self._conversation.status().session_id
        unstored: list[Envelope] = []
        choice = self._choices.pop(line, None)
        if choice is None:
            envelopes = self._conversation.command(line)
        else:
            envelopes = self._conversation.attach(shlex.split(line)[1], choice)
        async for envelope in self._reported(envelopes):
            self._stage.show(envelope)
            if not envelope.id:
                unstored.append(envelope)
        if self._conversation.status().session_id != before:
            self._stage.session_changed()
            for envelope in unstored:
                self._stage.show(envelope)

    async def _reported(self, envelopes: AsyncIterator[Envelope]) -> AsyncIterator[Envelope]:
        """The envelopes, and an error that comes instead of one as a notice."""
        try:
            async for envelope in envelopes:
                yield envelope
        except DstermError as error:
            yield self.notice(str(error), NoticeLevel.ERROR)
