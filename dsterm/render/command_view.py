"""What commands, jobs, plans and checks leave in a transcript."""

from __future__ import annotations

from collections.abc import Callable

from dsterm.core import command_events
from dsterm.core.commands import Job, JobState
from dsterm.core.events import AsideEnded, Event
from dsterm.render.block_list import BlockList
from dsterm.render.blocks import BlockKind, Note, NoteBlock
from dsterm.render.command_blocks import CheckBlock, RunBlock, UserCommandBlock
from dsterm.render.command_notes import PLAN_NOTE, aside_note, job_note, plan_note


class CommandView:
    """Their blocks, by the ids of what runs."""

    def __init__(self, blocks: BlockList, title: Callable[[str], str]) -> None:
        self._blocks = blocks
        self._title = title
        self._running: dict[str, RunBlock] = {}

    def progress(self, id_: str, text: str) -> None:
        """Output of one of them."""
        if block := self._running.get(id_):
            block.progress(text)

    def tick(self, now: float) -> None:
        """Running times go on."""
        for block in self._running.values():
            block.tick(now)

    def stop(self) -> None:
        """The turn is over, and what it ran with it."""
        for block in self._running.values():
            block.stop()
        self._running.clear()

    def show(self, event: Event, now: float) -> bool:
        """Take one event, at `now` seconds since the epoch; False where it is none of these."""
        match event:
            case command_events.UserCommandStarted(id=id_) as started:
                self._running[id_] = self._blocks.add(lambda key, changed: UserCommandBlock(key, changed, started, now))
            case command_events.CheckStarted(id=id_) as check:
                self._running[id_] = self._blocks.add(lambda key, changed: CheckBlock(key, changed, check, now))
            case command_events.UserCommandEnded() | command_events.CheckEnded():
                self._end(event)
            case command_events.JobChanged(job=job):
                self._release(job)
                self._note(job_note(event))
            case command_events.PlanProposed():
                self._note(PLAN_NOTE)
            case command_events.PlanDecided():
                self._note(plan_note(event))
            case AsideEnded():
                self._note(aside_note(event, self._title))
            case _:
                return False
        return True

    def _release(self, job: Job) -> None:
        """A command of the user's that was waited for may be what went to the background."""
        for block in self._running.values():
            if isinstance(block, UserCommandBlock) and block.command == job.command and _went(job):
                block.release()

    def _end(self, event: command_events.UserCommandEnded | command_events.CheckEnded) -> None:
        block = self._running.pop(event.id, None)
        match block, event:
            case UserCommandBlock(), command_events.UserCommandEnded():
                block.end(event)
            case CheckBlock(), command_events.CheckEnded():
                block.end(event)
            case _:
                pass

    def _note(self, note: Note) -> None:
        self._blocks.add(lambda key, changes: NoteBlock(key, changes, BlockKind.NOTICE, note))


def _went(job: Job) -> bool:
    return job.is_of_user and job.state is JobState.RUNNING
