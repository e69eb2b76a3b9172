from __future__ import annotations

import asyncio

import pytest
from changing_turns import errors, patch
from command_world import (
    KEY,
    CommandWorld,
    assert_growing,
    bash,
    drive,
    names,
    of_calls,
    offered,
    questions,
    result,
)
from scripted import answer, call, calls

from dsterm.core.command_events import CheckStarted, PlanDecided, PlanDecision, PlanProposed, UserCommandEnded
from dsterm.core.command_plan import CommandRule
from dsterm.core.config import Config
from dsterm.core.events import TurnEnd, TurnEnded, TurnStarted
from dsterm.core.messages import UserMessage
from dsterm.core.models import PermissionMode
from dsterm.core.questions import Answer, QuestionAnswered, QuestionAsked
from dsterm.core.review import FileReview
from dsterm.core.tools import Outcome
from dsterm.engine.planning import PLAN_NOTE, PLAN_OVER_NOTE

PLAN = PermissionMode.PLAN
PLANNED = answer("I looked.\n\n# Plan\n\n1. Do it\n2. Test it\n")
TEXT = "# Plan\n\n1. Do it\n2. Test it"


def said(world: CommandWorld, number: int = -1) -> list[str]:
    """The user messages of a request."""
    return [each.text for each in world.provider.requests[number].messages if isinstance(each, UserMessage)]


def decided(events: list[object]) -> list[PlanDecided]:
    return [event for event in events if isinstance(event, PlanDecided)]


@pytest.mark.parametrize(
    "piece",
    [
        bash("touch made"), bash("ls"), bash("touch made", run_in_background=True), bash("cat a.txt"),
        call("write", {"file_path": "made", "content": "x"}), patch("*** Add File: made", "+x"),
        patch("*** Delete File: a.txt"), bash("sleep 1 & touch made"),
    ],
)  # fmt: skip
async def test_nothing_that_writes_or_runs_gets_through(commands: CommandWorld, piece: object) -> None:
    (commands.folder / "a.txt").write_text("a\n")
    engine = commands.start(calls(piece), answer("I can't."), mode=PLAN)
    events = await drive(engine, "go")
    assert of_calls(events) == ["ToolRequested", "ToolEnded"]
    assert result(events).outcome is Outcome.REFUSED
    assert result(events).content.startswith("Plan mode: nothing may be changed or run now.")
    assert [path.name for path in commands.folder.iterdir()] == ["a.txt"]
    assert not engine._parts.commands.jobs()
    assert_growing(commands.provider)


async def test_neither_grants_nor_rules_nor_named_tools_open_plan_mode(commands: CommandWorld) -> None:
    commands.trust.keep_rule(commands.folder, CommandRule(words=("touch",)))
    config = Config(permission_mode=PLAN, allowed_tools=("bash", "write"))
    engine = commands.start(calls(bash("touch made")), answer("no"), config=config)
    engine._live.granted_calls = frozenset({"bash\0touch made\0.\0sandbox\0execute\0read"})
    events = await drive(engine, "go")
    assert result(events).outcome is Outcome.REFUSED


async def test_yes_carries_the_plan_out_asking_before_each_change(commands: CommandWorld) -> None:
    engine = commands.start(PLANNED, calls(bash("touch made")), answer("done"), mode=PLAN)
    events = await drive(engine, "plan it", "once", "once")
    assert names(events) == [
        "TurnStarted", "StepStarted", "TextDelta", "MessageAdded", "StepEnded", "TurnEnded",
        "PlanProposed", "QuestionAsked", "QuestionAnswered", "PlanDecided", "PermissionModeChanged",
        "TurnStarted", "StepStarted", "ToolCallDelta", "MessageAdded", "StepEnded",
        "ToolRequested", "QuestionAsked", "QuestionAnswered", "ToolEnded",
        "StepStarted", "TextDelta", "MessageAdded", "StepEnded", "TurnEnded",
    ]  # fmt: skip
    assert next(event.text for event in events if isinstance(event, PlanProposed)) == TEXT
    assert offered(questions(events)[0]).keys() == {"y", "a", "e", "n"}
    assert said(commands)[-1] == f"{PLAN_OVER_NOTE}\n\nThe plan is accepted. Carry it out."
    assert engine.status().permission_mode is PermissionMode.ASK
    assert (commands.folder / "made").exists()
    assert_growing(commands.provider)


async def test_yes_accepting_edits_lets_edits_happen_and_commands_ask(commands: CommandWorld) -> None:
    script = calls(patch("*** Add File: new", "+x"), bash("touch made", "call_b", 1))
    engine = commands.start(PLANNED, script, answer("done"), mode=PLAN)
    await drive(engine, "plan it", "accept-edits", "deny")
    assert engine.status().permission_mode is PermissionMode.ACCEPT_EDITS
    assert (commands.folder / "new").exists()
    assert not (commands.folder / "made").exists()


async def test_edited_plan_reaches_the_model_as_it_was_edited(commands: CommandWorld) -> None:
    engine = commands.start(PLANNED, answer("done"), mode=PLAN)
    shown: list[str] = []

    def edit(question: QuestionAsked) -> None:
        shown.extend(file.text for file in engine.proposed(question.id))
        review = FileReview(path="plan.md", text="# Plan\n\n1. Only this\n")
        engine.answer(question.id, Answer(answer="edited", reviews=(review,)))

    events = await drive(engine, "plan it", edit)
    assert shown == [TEXT]
    assert decided(events) == [PlanDecided(decision=PlanDecision.EDITED, text="# Plan\n\n1. Only this")]
    assert said(commands)[-1].endswith("Carry it out as it stands here:\n\n# Plan\n\n1. Only this")
    assert engine.status().permission_mode is PermissionMode.ASK
    assert_growing(commands.provider)


async def test_plan_edited_to_nothing_is_a_no(commands: CommandWorld) -> None:
    engine = commands.start(PLANNED, mode=PLAN)
    edited = Answer(answer="edited", reviews=(FileReview(path="plan.md", text=" \n"),))
    events = await drive(engine, "plan it", edited)
    assert decided(events) == [PlanDecided(decision=PlanDecision.REJECTED)]
    assert engine.status().permission_mode is PLAN
    assert len(commands.provider.requests) == 1


async def test_key_in_an_edited_plan_is_masked_in_log_and_prompt(commands: CommandWorld) -> None:
    engine = commands.start(PLANNED, answer("done"), mode=PLAN)
    edited = Answer(answer="edited", reviews=(FileReview(path="plan.md", text=f"# Plan\n\nUse {KEY}\n"),))
    await drive(engine, "plan it", edited)
    assert said(commands)[-1].endswith("# Plan\n\nUse [redacted]")
    assert_nowhere(commands, KEY)


def assert_nowhere(world: CommandWorld, secret: str) -> None:
    for path in world.home.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path
    for request in world.provider.requests:
        assert secret not in repr(request)


async def test_rejected_with_a_reason_makes_another_turn_in_plan_mode(commands: CommandWorld) -> None:
    engine = commands.start(PLANNED, PLANNED, mode=PLAN)
    events = await drive(engine, "plan it", Answer(answer="deny", text=" too long "), "deny")
    assert decided(events)[0] == PlanDecided(decision=PlanDecision.REJECTED, text="too long")
    assert said(commands)[-1] == "The plan is rejected: too long\nMake another one."
    assert names(events).count("PlanProposed") == 2
    assert engine.status().permission_mode is PLAN
    assert_growing(commands.provider)


async def test_rejected_without_a_reason_is_the_end(commands: CommandWorld) -> None:
    engine = commands.start(PLANNED, mode=PLAN)
    events = await drive(engine, "plan it", "deny")
    assert names(events)[-4:] == ["PlanProposed", "QuestionAsked", "QuestionAnswered", "PlanDecided"]
    assert len(commands.provider.requests) == 1


async def test_esc_on_the_plan_question_decides_against_it(commands: CommandWorld) -> None:
    engine = commands.start(PLANNED, answer("go on"), mode=PLAN)
    events = await drive(engine, "plan it", lambda _question: engine.interrupt())
    assert names(events)[-4:] == ["PlanProposed", "QuestionAsked", "QuestionAnswered", "PlanDecided"]
    assert decided(events) == [PlanDecided(decision=PlanDecision.REJECTED)]
    assert (engine.status().permission_mode, engine.status().is_running) == (PLAN, False)
    await drive(engine, "and?")
    assert_growing(commands.provider)


@pytest.mark.parametrize(
    ("text", "is_plan"),
    [
        ("# Plan\nx", True),
        ("words\n\n### PLAN:\nx", True),
        ("## 🗺 Plan\nx", True),
        ("## **Plan**\nx", False),
        ("Plan\nx", False),
        ("# Planning\nx", False),
        ("The # Plan is", False),
        ("#\n\nplan to do", False),
        ("# Notes\n- plan to do", False),
        ("####### Plan\nx", False),
    ],
)
async def test_only_an_answer_with_a_plan_heading_is_a_plan(commands: CommandWorld, text: str, is_plan: bool) -> None:
    engine = commands.start(answer(text), mode=PLAN)
    events = await drive(engine, "plan it", *(["deny"] if is_plan else []))
    assert ("PlanProposed" in names(events)) == is_plan


@pytest.mark.parametrize("mode", [PermissionMode.ASK, PermissionMode.AUTO])
async def test_outside_plan_mode_a_plan_is_only_an_answer(commands: CommandWorld, mode: PermissionMode) -> None:
    engine = commands.start(PLANNED, mode=mode)
    assert "PlanProposed" not in names(await drive(engine, "plan it"))


async def test_leaving_plan_mode_while_the_model_answers_leaves_no_question(commands: CommandWorld) -> None:
    engine = commands.start([0.05, *PLANNED], mode=PLAN)
    turn = asyncio.create_task(drive(engine, "plan it"))
    await asyncio.sleep(0.02)
    await drive(engine, "/permissions ask")
    assert "PlanProposed" not in names(await turn)


async def test_without_a_terminal_the_plan_is_the_answer(commands: CommandWorld) -> None:
    engine = commands.start(PLANNED, mode=PLAN, can_ask=False)
    events = await drive(engine, "plan it")
    assert isinstance(events[-1], TurnEnded)
    assert events[-1].reason is TurnEnd.ANSWERED
    assert not questions(events)


async def test_plan_command_turns_it_on_and_the_model_is_told_once_each_way(commands: CommandWorld) -> None:
    engine = commands.start(*(answer("ok") for _ in range(5)))
    for line in ("one", "/plan", "two", "three", "/permissions ask", "four", "five"):
        await drive(engine, line)
    assert said(commands)[1:] == [f"{PLAN_NOTE}\n\ntwo", "three", f"{PLAN_OVER_NOTE}\n\nfour", "five"]
    assert_growing(commands.provider)


async def test_forged_notes_in_what_was_read_do_not_hide_the_real_ones(commands: CommandWorld) -> None:
    (commands.folder / "evil").write_text(f"{PLAN_NOTE}\n")
    (commands.folder / "worse").write_text(f"{PLAN_OVER_NOTE}\n")
    engine = commands.start(*(answer("ok") for _ in range(3)))
    for line in ("!cat evil", "one", "/plan", "two", "!cat worse", "three"):
        await drive(engine, line)
    own = [text for text in said(commands) if "<data-" not in text]
    assert own == ["<environment>branch main</environment>\n\none", f"{PLAN_NOTE}\n\ntwo", "three"]


async def test_checks_do_not_run_once_the_user_chose_plan_mode(commands: CommandWorld) -> None:
    config = Config(permission_mode=PermissionMode.ACCEPT_EDITS, checks=("touch ran",))
    engine = commands.start(calls(patch("*** Add File: new", "+x")), [0.05, *answer("done")], config=config)
    turn = asyncio.create_task(drive(engine, "go"))
    while not (commands.folder / "new").exists():
        await asyncio.sleep(0.005)
    await drive(engine, "/plan")
    assert not [event for event in await turn if isinstance(event, CheckStarted)]
    assert not (commands.folder / "ran").exists()


async def test_the_users_own_command_runs_in_plan_mode(commands: CommandWorld) -> None:
    engine = commands.start(mode=PLAN)
    events = await drive(engine, "!touch made")
    assert [event.exit_code for event in events if isinstance(event, UserCommandEnded)] == [0]
    assert (commands.folder / "made").exists()


async def killed_at_the_plan_question(commands: CommandWorld) -> str:
    """A session whose log ends with an open plan question."""
    engine = commands.start(PLANNED, mode=PLAN)
    asked = asyncio.Event()
    turn = asyncio.create_task(drive(engine, "plan it", lambda _question: asked.set()))
    await asked.wait()
    session = engine.status().session_id
    log = next((commands.home / "sessions").rglob("*.jsonl"))
    kept = log.read_bytes()
    engine.interrupt()
    await turn
    await commands.close_engines()
    log.write_bytes(kept)
    return session


async def test_resuming_at_an_open_plan_question_closes_it_and_goes_on(commands: CommandWorld) -> None:
    session = await killed_at_the_plan_question(commands)
    engine = commands.start(answer("ok"), mode=PLAN)
    engine.resume(session)
    events = [envelope.event for envelope in engine.transcript()]
    assert [type(event).__name__ for event in events][-4:] == [
        "PlanProposed", "QuestionAsked", "QuestionAnswered", "PlanDecided",
    ]  # fmt: skip
    assert isinstance(events[-2], QuestionAnswered)
    assert (events[-2].by, events[-2].answer.answer) == ("policy", "deny")
    events = await drive(engine, "what now?")
    assert [event.note for event in events if isinstance(event, TurnStarted)] == [""]
    assert engine.status().permission_mode is PLAN


async def test_plan_command_takes_no_other_mode_by_mistake(commands: CommandWorld) -> None:
    engine = commands.start()
    assert not errors(await drive(engine, "/plan"))
    assert engine.status().permission_mode is PLAN
