from __future__ import annotations

import pytest
from e2e_program import Program

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]


def begun(program: Program, prompt: str, *words: str) -> dict:
    done = program.run("-p", prompt, "--output-format", "stream-json", *words)
    assert done.code == 0, done
    return next(event for event in done.events if event["type"] == "TurnStarted")


def test_a_mentioned_file_is_sent_beside_the_prompt(program: Program) -> None:
    (program.folder / "notes.txt").write_text("the word is heliotrope\nand more\n")
    started = begun(program, "@notes.txt:1 which word?", "--demo")
    assert started["prompt"] == "@notes.txt:1 which word?"
    assert "notes.txt, lines 1-1 of 2:\nthe word is heliotrope\n</data-" in started["note"]
    assert "and more" not in started["note"]
    assert [(each["target"], each["first"]) for each in started["mentions"]] == [("notes.txt", 1)]


def test_a_secret_and_a_place_outside_stay_here_and_the_answer_comes(program: Program) -> None:
    (program.folder / ".env").write_text("PASSWORD=heliotrope\n")
    (program.folder.parent / "outside.txt").write_text("heliotrope\n")
    done = program.run("-p", "what is in @.env and @../outside.txt?", "--output-format", "stream-json", "--demo")
    assert done.code == 0, done
    assert "@.env is not sent." in done.err
    assert "@../outside.txt is not sent." in done.err
    assert "heliotrope" not in done.out


def test_instructions_go_ahead_of_the_first_prompt_where_the_folder_is_trusted(program: Program) -> None:
    (program.folder / "AGENTS.md").write_text("Use tabs.\n")
    done = program.run("-p", "hi", "--output-format", "stream-json", "--demo")
    assert [event["type"] for event in done.events][:2] == ["InstructionsRead", "TurnStarted"]
    assert "Use tabs." in done.events[0]["text"]
    silent = program.run("-p", "hi", "--output-format", "stream-json", "--demo", "--no-instructions")
    assert "InstructionsRead" not in [event["type"] for event in silent.events]
