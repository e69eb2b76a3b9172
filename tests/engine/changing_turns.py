"""Turns that change files, for the tests of undo and rewind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripted import ScriptedProvider, answer, call, calls

from dsterm.core.config import Config
from dsterm.core.events import Event, Notice, NoticeLevel
from dsterm.core.models import PermissionMode
from dsterm.core.provider import Delta
from dsterm.core.questions import Answer, QuestionAsked
from dsterm.engine.engine import Engine

ACCEPT = Config(permission_mode=PermissionMode.ACCEPT_EDITS)


def patch(*lines: str, call_id: str = "call_a", index: int = 0) -> Delta:
    text = "\n".join(("*** Begin Patch", *lines, "*** End Patch"))
    return call("apply_patch", {"patch": text}, call_id, index)


def replaced(path: str, old: str, new: str, call_id: str = "call_a", index: int = 0) -> Delta:
    return patch(f"*** Update File: {path}", "@@", f"-{old}", f"+{new}", call_id=call_id, index=index)


def turns(*patches: Delta) -> ScriptedProvider:
    scripts: list[list[Delta]] = []
    for each in patches:
        scripts += [calls(each), answer("done")]
    return ScriptedProvider(scripts)


async def ask(engine: Engine, line: str, *answers: str) -> list[Event]:
    waiting = list(answers)
    events: list[Event] = []
    async for envelope in engine.command(line):
        events.append(envelope.event)
        if isinstance(envelope.event, QuestionAsked):
            engine.answer(envelope.event.id, Answer(answer=waiting.pop(0)))
    return events


def state(folder: Path) -> dict[str, tuple[bytes, int] | None]:
    """Every file with its bytes and mode, every folder."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else (path.read_bytes(), path.stat().st_mode)
        for path in sorted(folder.rglob("*"))
    }


def texts(events: Sequence[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Notice))


def errors(events: Sequence[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Notice) and event.level is NoticeLevel.ERROR]
