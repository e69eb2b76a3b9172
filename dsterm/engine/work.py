"""What the engine does when it is asked to: turns, with those that follow from a plan, and commands.

All that takes is imported with this module, so it is loaded only after the first frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING

from dsterm.core.errors import DstermError, UsageError
from dsterm.core.events import NoticeLevel, TurnEnded
from dsterm.engine.planning import settle_plan
from dsterm.engine.slash.builtin_commands import BuiltinCommands
from dsterm.engine.slash.commands import Command, command_name, find_command, words_for
from dsterm.engine.slash.user_command import run_user_command
from dsterm.engine.steps.answer_now import run_answer_now
from dsterm.engine.steps.structured_turn import run_structured
from dsterm.engine.turn import run_turn

if TYPE_CHECKING:
    from dsterm.core.provider import ResponseFormat
    from dsterm.engine.drive import Drive
    from dsterm.engine.live import LiveSession
    from dsterm.engine.opening import Opening

Live = Callable[[], "LiveSession"]
Switch = Callable[["LiveSession"], Coroutine[object, object, None]]


class Work:
    """Turns and commands over the session that `live` gives; `switch` goes on with another one."""

    def __init__(self, opening: Opening, live: Live, switch: Switch, drive: Drive) -> None:
        self._live = live
        self._drive = drive
        self._is_turn_running = False
        self.commands: tuple[Command, ...] = BuiltinCommands(opening, live, switch).table()

    async def turn(self, prompt: str, data: str, answer_format: ResponseFormat | None) -> None:
        """Answer `prompt`, whatever happens; `data` goes with it. With `answer_format` the answer is to be that JSON."""
        if answer_format is not None:
            await self._turns(lambda: run_structured(self._live(), prompt, data, answer_format))
        else:
            await self._turns(lambda: run_turn(self._live(), prompt, data, is_typed=True))

    async def answer_now(self) -> None:
        """Answer a turn that was stopped in mid-reasoning; a Notice says when there is none."""
        await self._reported(self._turns(lambda: run_answer_now(self._live())))

    async def command(self, line: str) -> None:
        """A slash command, or a `!command` of the user's own; what goes wrong comes as a Notice."""
        await self._reported(self._command(line))

    async def _turns(self, turn: Callable[[], Coroutine[object, object, TurnEnded]]) -> None:
        """A turn, and those that follow from a plan it makes."""
        self._is_turn_running = True
        try:
            ended = await turn()
            while (following := await settle_plan(self._live(), ended)) is not None:
                ended = await run_turn(self._live(), following)
        finally:
            self._is_turn_running = False

    async def _command(self, line: str) -> None:
        if line.startswith("!"):
            self._require_idle("A command of yours")
            await run_user_command(self._live(), line)
            return
        command = find_command(self.commands, command_name(line))
        if command.needs_idle:
            self._require_idle(command.spec.name)
        await command.run(words_for(command, line))

    def _require_idle(self, what: str) -> None:
        if self._drive.is_busy:
            running = "turn" if self._is_turn_running else "command"
            raise UsageError(f"{what} has to wait for the running {running}; Esc stops it.")

    async def _reported(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except DstermError as error:
            self._live().notice(str(error), NoticeLevel.ERROR)
        except asyncio.CancelledError:
            self._live().notice("stopped")
