from __future__ import annotations

import json

import pytest
from changing_turns import errors, texts
from command_world import (
    KEY,
    CommandWorld,
    assert_growing,
    bash,
    drive,
    names,
    notices,
    of_calls,
    offered,
    questions,
    result,
)
from scripted import Script, answer, calls

from dsterm.core.command_plan import CommandRule, Confinement
from dsterm.core.config import Config
from dsterm.core.events import NoticeLevel, TurnEnd, TurnEnded
from dsterm.core.models import PermissionMode
from dsterm.core.tools import Outcome

ASKED = ["ToolRequested", "QuestionAsked", "QuestionAnswered", "ToolEnded"]
UNASKED = ["ToolRequested", "ToolEnded"]
MAKE = CommandRule(words=("make",))


def turns(*commands: str) -> list[Script]:
    scripts: list[Script] = []
    for number, command in enumerate(commands):
        scripts += [calls(bash(command, f"call_{number}")), answer("done")]
    return scripts


def label(events: list[object]) -> str:
    return offered(questions(events)[0])["p"]


async def test_a_kept_rule_is_the_one_that_was_shown_and_survives_the_program(commands: CommandWorld) -> None:
    engine = commands.start(*turns("python3 -m pytest -x"))
    events = await drive(engine, "go", "always")
    assert label(events) == "always in this project: python3 -m pytest …"
    assert notices(events) == ["Kept for this project: python3 -m pytest …. /permissions lists and removes rules."]
    await commands.close_engines()
    assert commands.trust.rules(commands.folder) == (CommandRule(words=("python3", "-m", "pytest")),)
    engine = commands.start(*turns("python3 -m pytest --version", "python3 -m pip install x"))
    assert of_calls(await drive(engine, "again")) == UNASKED
    assert of_calls(await drive(engine, "near", "deny")) == ASKED
    assert {path.name for path in commands.folder.iterdir()} <= {".benchmarks", ".pytest_cache"}


async def test_a_compound_line_keeps_a_rule_for_each_program_and_no_more(commands: CommandWorld) -> None:
    engine = commands.start(*turns("make build && npm test; ls", "npm publish", "make install"))
    events = await drive(engine, "go", "always")
    shown = label(events).removeprefix("always in this project: ").split(", ")
    kept = commands.trust.rules(commands.folder)
    assert shown == [" ".join(rule.words) + " …" for rule in kept]
    assert all(len(rule.words) >= 2 for rule in kept)
    assert of_calls(await drive(engine, "near", "deny")) == ASKED
    assert of_calls(await drive(engine, "near", "deny")) == ASKED


@pytest.mark.parametrize(
    "command",
    ["touch a > b", "X=1 touch a", "touch $(echo a)", "sh -c 'touch a'", "xargs touch < a", "echo 'a", "$X a"],
)
async def test_what_no_rule_can_cover_offers_none(commands: CommandWorld, command: str) -> None:
    engine = commands.start(*turns(command))
    events = await drive(engine, "go", "deny")
    assert "p" not in offered(questions(events)[0])


async def test_an_always_that_was_not_offered_keeps_nothing(commands: CommandWorld) -> None:
    engine = commands.start(*turns("touch $(echo a)"))
    events = await drive(engine, "go", "always")
    assert commands.trust.rules(commands.folder) == ()
    assert not notices(events)


async def test_a_rule_with_network_is_shown_so_and_does_not_hold_once_something_was_read(
    commands: CommandWorld,
) -> None:
    engine = commands.start(*turns("npm install nothing-there"))
    events = await drive(engine, "go", lambda question: engine.interrupt())
    assert label(events) == "always in this project: npm install … (with network)"
    commands.trust.keep_rule(commands.folder, CommandRule(words=("npm", "install"), confinement=Confinement.NETWORK))
    assert texts(await drive(engine, "/permissions explain npm install x")).startswith("allow: a rule of this project")
    await drive(engine, "!!echo not told")
    assert texts(await drive(engine, "/permissions explain npm install x")).startswith("allow: a rule of this project")
    await drive(engine, "!echo run npm install x")
    told = texts(await drive(engine, "/permissions explain npm install x"))
    assert told.startswith("ask: ")
    assert "what it has read since may have told it to" in told
    await drive(engine, "/new")
    assert texts(await drive(engine, "/permissions explain npm install x")).startswith("allow: a rule of this project")


async def test_a_rule_holds_in_no_other_folder(commands: CommandWorld) -> None:
    commands.trust.keep_rule(commands.folder.parent, MAKE)
    commands.trust.keep_rule(commands.folder / "sub", MAKE)
    engine = commands.start(*turns("make x"))
    assert of_calls(await drive(engine, "go", "deny")) == ASKED


async def test_rules_do_not_hold_without_a_sandbox(commands: CommandWorld) -> None:
    commands.trust.keep_rule(commands.folder, MAKE)
    engine = commands.start(*turns("make x"), has_sandbox=False)
    assert of_calls(await drive(engine, "go", "deny")) == ASKED


async def test_a_rule_that_cannot_be_kept_does_not_lose_the_approved_command(commands: CommandWorld) -> None:
    engine = commands.start(*turns("touch made"))
    (commands.home / "trust.json.lock").mkdir(parents=True)
    events = await drive(engine, "go", "always")
    assert (commands.folder / "made").exists()
    assert of_calls(events) == ASKED
    assert result(events).outcome is Outcome.DONE
    assert notices(events, NoticeLevel.WARNING)[0].startswith("Not kept, so it will ask again: touch ")
    assert not notices(events, NoticeLevel.INFO)
    assert isinstance(events[-1], TurnEnded)
    assert events[-1].reason is TurnEnd.ANSWERED
    assert_growing(commands.provider)


async def test_a_tally_that_cannot_be_kept_is_a_warning_said_once(commands: CommandWorld) -> None:
    engine = commands.start(*turns("touch one", "touch two"))
    (commands.home / "trust.json.lock").mkdir(parents=True)
    first, second = await drive(engine, "go", "once"), await drive(engine, "go", "once")
    assert (commands.folder / "one").exists()
    assert (commands.folder / "two").exists()
    assert len(notices(first, NoticeLevel.WARNING)) == 1
    assert not notices(second)


async def test_a_rule_that_would_keep_a_key_is_not_kept_and_the_command_runs(commands: CommandWorld) -> None:
    engine = commands.start(*turns(f"npm run {KEY}"))
    events = await drive(engine, "go", "always")
    assert commands.trust.rules(commands.folder) == ()
    assert result(events).job
    assert "what looks like a key or password in it, so it is not kept" in notices(events)[0]
    assert names(events)[-1] == "TurnEnded"
    assert_growing(commands.provider)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b'{"version": 99, "folders": {}}', b"[]"])
async def test_a_corrupt_rules_file_means_asking_and_not_the_end_of_the_turn(
    commands: CommandWorld, content: bytes
) -> None:
    commands.trust.keep_rule(commands.folder, MAKE)
    engine = commands.start(*turns("make x", "make x", "touch made"))
    (commands.home / "trust.json").write_bytes(content)
    events = await drive(engine, "go", "deny")
    assert of_calls(events) == ASKED
    assert len(notices(events, NoticeLevel.WARNING)) == 1
    assert isinstance(events[-1], TurnEnded)
    assert events[-1].reason is TurnEnd.ANSWERED
    await drive(engine, "again", "once")
    await drive(engine, "and again", "always")
    assert (commands.folder / "made").exists()
    assert (commands.home / "trust.json").read_bytes() == content, "what can't be read is never overwritten"
    assert_growing(commands.provider)


@pytest.mark.parametrize("mode", [PermissionMode.PLAN, PermissionMode.ACCEPT_EDITS, PermissionMode.YOLO])
async def test_the_chosen_mode_holds_in_a_new_and_in_a_resumed_session(
    commands: CommandWorld, mode: PermissionMode
) -> None:
    engine = commands.start(answer("one"), answer("two"))
    await engine.refresh()
    await drive(engine, "hello")
    first = engine.status().session_id
    await drive(engine, f"/permissions {mode}", *(["yes"] if mode is PermissionMode.YOLO else []))
    await drive(engine, "/new")
    assert engine.status().permission_mode is mode
    await drive(engine, f"/resume {first}")
    assert (engine.status().permission_mode, engine.status().sandbox) == (mode, "bubblewrap")
    assert engine.status().branch == "main"


async def test_a_new_program_begins_with_the_mode_of_the_settings(commands: CommandWorld) -> None:
    engine = commands.start(answer("one"))
    await drive(engine, "hello")
    await drive(engine, "/permissions yolo", "yes")
    await commands.close_engines()
    engine = commands.start(answer("two"))
    engine.resume_latest()
    assert engine.status().permission_mode is PermissionMode.ASK


async def test_where_nobody_can_be_asked_every_question_is_a_no(commands: CommandWorld) -> None:
    engine = commands.start(*turns("touch made"), can_ask=False)
    events = await drive(engine, "go")
    assert of_calls(events) == UNASKED
    assert result(events).outcome is Outcome.REFUSED
    for line in ("/permissions yolo", "/checks accept", "/commit"):
        events = await drive(engine, line)
        assert names(events) == ["Notice"]
        assert errors(events)
    assert not (commands.folder / "made").exists()


async def test_disallowed_tools_never_run_and_allowed_ones_are_not_asked_about(commands: CommandWorld) -> None:
    config = Config(permission_mode=PermissionMode.YOLO, disallowed_tools=("bash",))
    engine = commands.start(*turns("touch made"), config=config)
    events = await drive(engine, "go")
    assert of_calls(events) == UNASKED
    assert "switched off bash" in result(events).content
    engine = commands.start(*turns("touch made"), config=Config(allowed_tools=("bash",)))
    assert of_calls(await drive(engine, "go")) == UNASKED
    assert (commands.folder / "made").exists()


async def test_the_rules_file_says_nothing_but_what_was_shown(commands: CommandWorld) -> None:
    engine = commands.start(*turns("make build"))
    await drive(engine, "go", "always")
    kept = json.loads((commands.home / "trust.json").read_text())
    (folder,) = kept["folders"].values()
    assert [(rule["words"], rule["confinement"]) for rule in folder["rules"]] == [(["make", "build"], "sandbox")]
