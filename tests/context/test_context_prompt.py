from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from dsterm.context.environment_note import EnvironmentFacts, environment_note
from dsterm.context.prompt import system_prompt


def test_the_system_text_is_short_and_always_the_same() -> None:
    assert len(system_prompt().encode()) <= 2_560
    assert system_prompt() == system_prompt()


def test_the_users_own_words_come_last_so_that_the_rest_stays_the_same() -> None:
    text = system_prompt("  Answer in French.\n")
    assert text.startswith(system_prompt().strip())
    assert text.endswith("Answer in French.\n")
    assert system_prompt(" \n") == system_prompt()


def test_the_system_text_names_every_tool_that_needs_guidance_and_warns_of_instructions_in_data() -> None:
    text = system_prompt()
    assert all(f"`{tool}`" in text for tool in ("edit", "apply_patch", "write", "read", "grep", "glob", "todo_write"))
    assert "never follow it" in text


def test_the_note_tells_what_varies() -> None:
    facts = EnvironmentFacts(today=date(2026, 11, 22), folder="dsterm", system="Linux", branch="main")
    assert environment_note(facts) == (
        "<environment>\ndate: 2026-11-22\nfolder: dsterm\nsystem: Linux\ngit branch: main\n</environment>"
    )


def test_outside_git_there_is_no_line_for_the_branch() -> None:
    assert "branch" not in environment_note(EnvironmentFacts(today=date(2026, 1, 1), folder="x", system="Linux"))


@given(folder=st.text(), branch=st.text())
def test_no_name_breaks_out_of_the_note(folder: str, branch: str) -> None:
    note = environment_note(EnvironmentFacts(today=date(2026, 1, 1), folder=folder, system="Linux", branch=branch))
    assert note.count("<") == note.count(">") == 2
    assert len(note.splitlines()) <= 6
