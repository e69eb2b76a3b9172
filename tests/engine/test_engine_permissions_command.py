from __future__ import annotations

import asyncio

import pytest
from changing_turns import errors, texts
from command_world import (
    CommandWorld,
    bash,
    drive,
    names,
    of_calls,
    questions,
)
from scripted import Script, answer, calls

from dsterm.core.command_plan import CommandRule, Confinement
from dsterm.core.events import PermissionModeChanged
from dsterm.core.models import PermissionMode
from dsterm.core.questions import Answer

ASKED = ["ToolRequested", "QuestionAsked", "QuestionAnswered", "ToolEnded"]
UNASKED = ["ToolRequested", "ToolEnded"]
MAKE = CommandRule(words=("make",))


def turns(*commands: str) -> list[Script]:
    scripts: list[Script] = []
    for number, command in enumerate(commands):
        scripts += [calls(bash(command, f"call_{number}")), answer("done")]
    return scripts


async def test_permissions_lists_mode_sandbox_trust_grants_and_rules(commands: CommandWorld) -> None:
    commands.trust.keep_rule(commands.folder, CommandRule(words=("my tool", "run")))
    commands.trust.keep_rule(commands.folder, CommandRule(words=("npm", "ci"), confinement=Confinement.NETWORK))
    engine = commands.start(*turns("touch made"))
    await drive(engine, "go", "session")
    told = texts(await drive(engine, "/permissions"))
    assert "mode      ask: everything but reading asks" in told
    assert "session   1 single calls, exactly as they were asked" in told
    assert "rule 1    'my tool' run …" in told
    assert "rule 2    npm ci … (with network)" in told
    assert "folder    trusted" in told


async def test_explain_says_for_each_program_what_lets_it_run(commands: CommandWorld) -> None:
    commands.trust.keep_rule(commands.folder, MAKE)
    engine = commands.start()
    told = texts(await drive(engine, '/permissions explain make -j 4 && ls  -la; touch "x y"'))
    assert told.startswith("ask: ask mode asks before it may run a command\neffects: read, execute\n")
    assert "  make -j 4  (covered by a rule)" in told
    assert "  ls -la  (reads only)" in told
    assert "  touch 'x y'  (no rule covers it)" in told
    told = texts(await drive(engine, "/permissions explain make all"))
    assert told.startswith("allow: a rule of this project always allows it")
    told = texts(await drive(engine, '/permissions explain echo "open'))
    assert "because part of it is not plain shell, so what runs is unknown" in told


async def test_explain_without_a_sandbox_counts_everything_as_outside(commands: CommandWorld) -> None:
    engine = commands.start(has_sandbox=False)
    told = texts(await drive(engine, "/permissions explain ls"))
    assert told.startswith("ask: ask mode asks before it may run something outside the sandbox")
    assert "because there is no sandbox here: it is switched off" in told


async def test_remove_asks_again(commands: CommandWorld) -> None:
    commands.trust.keep_rule(commands.folder, MAKE)
    engine = commands.start(*turns("make x"))
    assert texts(await drive(engine, "/permissions remove 1")) == "Removed: make … asks again."
    assert of_calls(await drive(engine, "go", "deny")) == ASKED


async def test_suggest_proposes_what_was_allowed_twice_and_keep_keeps_it(commands: CommandWorld) -> None:
    engine = commands.start(*turns("touch a", "touch a", "make x", "touch b"))
    assert "Nothing was allowed 2 times" in texts(await drive(engine, "/permissions suggest"))
    for _ in range(3):
        await drive(engine, "go", "once")
    told = texts(await drive(engine, "/permissions suggest"))
    assert "  1  touch … (allowed 2 times)" in " ".join(told.split(" ")).replace("…  (", "… (")
    assert "make" not in told
    await drive(engine, "/permissions keep 1")
    assert commands.trust.rules(commands.folder) == (CommandRule(words=("touch",)),)
    assert of_calls(await drive(engine, "again")) == UNASKED


async def test_keep_keeps_what_was_shown_even_when_the_order_has_changed_since(commands: CommandWorld) -> None:
    book = commands.trust
    for _ in range(3):
        book.note_approved(commands.folder, ("make",), Confinement.SANDBOX)
    engine = commands.start()
    assert "make" in texts(await drive(engine, "/permissions suggest"))
    for _ in range(9):
        book.note_approved(commands.folder, ("rm",), Confinement.SANDBOX)
    await drive(engine, "/permissions keep 1")
    assert commands.trust.rules(commands.folder) == (MAKE,)
    assert errors(await drive(engine, "/permissions keep 2"))


async def test_keep_wants_the_list_to_be_seen_first(commands: CommandWorld) -> None:
    for _ in range(3):
        commands.trust.note_approved(commands.folder, ("make",), Confinement.SANDBOX)
    engine = commands.start()
    assert errors(await drive(engine, "/permissions keep 1"))
    assert commands.trust.rules(commands.folder) == ()


@pytest.mark.parametrize(
    "line",
    [
        "explain", "remove", "keep", "remove x", "remove 0", "remove 2", "remove 1 2", "keep 0", "keep -1", "keep ²",
        "ask auto", "nothing", "YOLO", "suggest 1",
    ],
)  # fmt: skip
async def test_permissions_refuses_what_it_can_not_be(commands: CommandWorld, line: str) -> None:
    commands.trust.keep_rule(commands.folder, MAKE)
    engine = commands.start()
    events = await drive(engine, f"/permissions {line}")
    assert names(events) == ["Notice"]
    assert errors(events)
    assert commands.trust.rules(commands.folder) == (MAKE,)
    assert engine.status().permission_mode is PermissionMode.ASK


async def test_yolo_is_confirmed_once_a_session_and_esc_is_a_no(commands: CommandWorld) -> None:
    engine = commands.start()
    events = await drive(engine, "/permissions yolo", lambda _question: engine.interrupt())
    assert names(events) == ["QuestionAsked", "QuestionAnswered", "Notice"]
    await drive(engine, "/permissions yolo", "deny")
    assert engine.status().permission_mode is PermissionMode.ASK
    await drive(engine, "/permissions yolo", "yes")
    assert engine.status().permission_mode is PermissionMode.YOLO
    await drive(engine, "/permissions plan")
    await drive(engine, "/permissions yolo")
    assert engine.status().permission_mode is PermissionMode.YOLO


async def test_a_mode_change_is_an_event_of_the_session(commands: CommandWorld) -> None:
    engine = commands.start()
    events = await drive(engine, "/permissions auto")
    assert events == [PermissionModeChanged(mode=PermissionMode.AUTO)]


async def test_what_is_asked_beside_a_turn_outlives_it_and_esc_refuses_it(commands: CommandWorld) -> None:
    engine = commands.start([0.05, *answer("one")], [5.0, *answer("two")])
    turn = asyncio.create_task(drive(engine, "go", lambda _question: None))
    while not commands.provider.requests:
        await asyncio.sleep(0.005)
    asked: list[str] = []
    engine.listen(lambda envelope: asked.append(type(envelope.event).__name__))
    beside = asyncio.create_task(drive(engine, "/permissions yolo"))
    question = questions(await turn)[0]
    assert not beside.done()
    engine.answer(question.id, Answer(answer="yes"))
    await beside
    assert asked == ["QuestionAnswered", "PermissionModeChanged"]
    await drive(engine, "/permissions ask")
    turn = asyncio.create_task(drive(engine, "again", lambda _question: None))
    while len(commands.provider.requests) < 2:
        await asyncio.sleep(0.005)
    engine._live.has_yolo = False
    beside = asyncio.create_task(drive(engine, "/permissions yolo"))
    await asyncio.sleep(0)
    engine.interrupt()
    await asyncio.wait_for(beside, 1)
    assert "The permission mode is still ask." in texts(await turn)
