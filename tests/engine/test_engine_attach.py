from __future__ import annotations

from pathlib import Path

import pytest
from scripted import ScriptedProvider, World, answer, play

from dsterm.core.questions import Answer, QuestionAsked
from dsterm.core.repo_events import RepoAttached
from dsterm.engine.engine import Engine

SECRET = "TOKEN=plain-words-here"


async def attached(engine: Engine, reply: str) -> tuple[list[str], str]:
    """The questions of /attach, each answered with `reply`, and the text that the model gets with the next prompt."""
    questions = []
    async for envelope in engine.command("/attach ."):
        if isinstance(envelope.event, QuestionAsked):
            questions.append(envelope.event.text)
            engine.answer(envelope.event.id, Answer(answer=reply))
    assert any(isinstance(envelope.event, RepoAttached) for envelope in engine.transcript())
    await play(engine, "go")
    return questions, repr(engine.transcript())


@pytest.mark.parametrize(("reply", "is_sent"), [("once", True), ("deny", False)])
async def test_files_that_look_secret_are_attached_only_after_a_yes(tmp_path: Path, reply: str, is_sent: bool) -> None:
    provider = ScriptedProvider([answer("Seen.")])
    engine = World(tmp_path).engine(provider, pack_secret=SECRET)
    questions, _ = await attached(engine, reply)
    assert questions == ["Attach 1 file that may hold secrets as well? .env"]
    assert (SECRET in repr(provider.requests[0].messages)) is is_sent


async def test_where_nobody_can_be_asked_they_are_left_out(tmp_path: Path) -> None:
    provider = ScriptedProvider([answer("Seen.")])
    questions, _ = await attached(World(tmp_path).engine(provider, pack_secret=SECRET, can_ask=False), "once")
    assert questions == []
    assert SECRET not in repr(provider.requests[0].messages)
