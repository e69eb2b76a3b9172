from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from demo_tools import ask, drive

from dsterm.demo.guide import FIRST_LINE, answer
from dsterm.demo.reply import Reply
from dsterm.demo.sample import make_sample_repo


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    make_sample_repo(tmp_path / "sample")
    return tmp_path / "sample"


def run_tests(folder: Path) -> tuple[int, str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--no-header",
        "-c",
        "pyproject.toml",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def called(replies: list[Reply]) -> list[str]:
    return [call.name for reply in replies for call in reply.tool_calls]


def test_sample_has_one_failing_test_and_the_guide_repairs_it(sample):
    code, told = run_tests(sample)
    assert (code, "1 failed" in told) == (1, True)
    replies = drive(sample, "fix the failing test")
    assert run_tests(sample)[0] == 0
    assert called(replies).count("edit") == 1
    assert "parcels/prices.py" in replies[-1].text
    assert called(replies).count("bash") == 1
    assert "`python3 -m unittest` ended with exit code 0" in replies[-1].text


def test_repair_changes_one_line_only(sample):
    before = (sample / "parcels/prices.py").read_text().split("\n")
    drive(sample, "Please fix the failing test!")
    after = (sample / "parcels/prices.py").read_text().split("\n")
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [("    if grams < SMALL:", "    if grams <= SMALL:")]


def test_repaired_sample_has_nothing_left_to_repair(sample):
    drive(sample, "fix the failing test")
    replies = drive(sample, "fix the failing test")
    assert "edit" not in called(replies)
    assert "nothing to repair" in replies[-1].text


def test_refusal_is_taken_for_an_answer(sample):
    refusal = "The user refused this change. Their reason: not on a Friday"
    replies = drive(sample, "fix the failing test", refusal=refusal)
    assert replies[-1].text.startswith("Understood: I have changed nothing. You said: not on a Friday")
    assert run_tests(sample)[0] == 1


@pytest.mark.parametrize("prompt", ["fix the failing test", "rename zone_of to zone_for", "fix the syntax error"])
@pytest.mark.parametrize(
    "answer", ["Plan mode: nothing may be changed or run now.", "Not allowed: ask mode asks first.", "A new wording."]
)
def test_change_that_was_not_made_is_never_claimed(sample, prompt, answer):
    (sample / "broken.py").write_text("def f(a)\n    return a\n")
    said = drive(sample, prompt, refusal=answer)[-1].text
    assert "changed nothing" in said or "could not be made" in said
    assert answer in said


def test_result_that_says_done_is_checked(sample):
    said = drive(sample, "rename zone_of to zone_for", refusal="edited everything")[-1].text
    assert "still stands on" in said
    (sample / "broken.py").write_text("def f(a)\n    return a\n")
    assert "can't say that it parses" in drive(sample, "fix the syntax error", refusal="edited everything")[-1].text
    assert "not all is well" in drive(sample, "fix the failing test in tests", refusal="edited everything")[-1].text


def test_failed_change_is_reported_and_not_repeated(sample):
    replies = drive(sample, "rename zone_of to zone_for", refusal="old_string does not occur in the file.")
    assert called(replies).count("apply_patch") == 1
    assert "could not be made" in replies[-1].text


def test_rename_changes_whole_words_in_all_files_with_one_patch(sample):
    (sample / "notes.md").write_text("zone_of is not zone_of_town\n")
    replies = drive(sample, "rename zone_of to zone_for")
    assert called(replies).count("apply_patch") == 1
    assert (sample / "notes.md").read_text() == "zone_for is not zone_of_town\n"
    assert "from parcels.zones import zone_for" in (sample / "parcels/prices.py").read_text()
    assert "def zone_for(postcode):" in (sample / "parcels/zones.py").read_text()


@pytest.mark.parametrize(
    "prompt",
    [
        "rename `zone_of` to `zone_for`",
        "Rename the function zone_of() into zone_for.",
        "please rename 'zone_of' as 'zone_for'",
    ],
)
def test_rename_is_understood_in_other_words(sample, prompt):
    drive(sample, prompt)
    assert "zone_for" in (sample / "parcels/zones.py").read_text()


def test_rename_reads_on_in_long_files(tmp_path):
    lines = [f"line {number}" for number in range(6_000)]
    lines[10] = lines[4_500] = lines[5_990] = "call(old_name)"
    (tmp_path / "long.py").write_text("\n".join(lines) + "\n")
    drive(tmp_path, "rename old_name to new_name")
    text = (tmp_path / "long.py").read_text()
    assert (text.count("call(new_name)"), text.count("old_name")) == (3, 0)


def test_rename_warns_of_a_name_in_use(sample):
    replies = drive(sample, "rename zone_of to price")
    assert "was in use before" in replies[-1].text


def test_rename_of_an_unknown_name_changes_nothing(sample):
    replies = drive(sample, "rename nothing_like_it to anything")
    assert "nothing to rename" in replies[-1].text


BROKEN = {
    "missing colon": "def f(a)\n    return a\n",
    "missing bracket": "def f(a):\n    return (a + 1\n\n\nx = 1\n",
    "missing bracket before the colon": "def f(a:\n    return a\n",
    "bracket too many": "print('a'))\n",
    "assignment in a condition": "def f(a):\n    if a = 1:\n        return 2\n    return 3\n",
    "open string": "x = 'abc\ny = 2\n",
    "open string in a call": 'print("abc)\n',
    "missing comma": "x = [\n    1\n    2,\n]\n",
    "two errors": "def f(a)\n    return a\n\n\ndef g(b)\n    return b\n",
    "colon before a comment": "for x in range(3)  # count\n    print(x)\n",
    "else": "if True:\n    a = 1\nelse\n    a = 2\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_syntax_errors_are_repaired(tmp_path, name):
    (tmp_path / "good.py").write_text("x = 1\n")
    (tmp_path / "broken.py").write_text(BROKEN[name])
    replies = drive(tmp_path, "fix the syntax error")
    ast.parse((tmp_path / "broken.py").read_text())
    assert called(replies).count("edit") == 1
    assert "broken.py" in replies[-1].text


def test_syntax_error_beyond_repair_is_left_alone(tmp_path):
    (tmp_path / "broken.py").write_text("def )( class ]]\n???\n")
    replies = drive(tmp_path, "fix the syntax error in broken.py")
    assert "edit" not in called(replies)
    assert "leave it to you" in replies[-1].text


def test_python_file_is_summarised_from_its_structure(sample):
    told = drive(sample, "summarise @parcels/prices.py")[-1].text
    assert "`base_price(grams)`, line 10: The price by weight alone." in told
    assert "`parcels.zones`" in told


def test_file_is_found_by_its_name_alone(sample):
    assert "`zone_of(postcode)`" in drive(sample, "explain zones.py")[-1].text


def test_markdown_is_summarised_by_its_headings(sample):
    told = drive(sample, "what is in README.md?")[-1].text
    assert "- Parcels\n  - Prices" in told


def test_unknown_file_is_said_to_be_missing(sample):
    assert "found no file `none.py`" in drive(sample, "summarise none.py")[-1].text


def test_repository_is_described(sample):
    replies = drive(sample, "what is in this repo?")
    assert {"glob", "read"} <= set(called(replies))
    assert "Prices and labels for a small courier" in replies[-1].text


def test_instructions_are_not_made_up(sample):
    replies = drive(sample, "Write the AGENTS.md of this repository, as one new file at its top.\n\nRead it first.")
    assert "write" not in called(replies)
    assert "I write no `AGENTS.md`" in replies[-1].text
    assert "Prices and labels for a small courier" in replies[-1].text


def test_places_are_found(sample):
    assert "`parcels/zones.py:7`" in drive(sample, "where is zone_of defined?")[-1].text


def test_anything_else_is_answered_with_what_it_can_do(sample):
    (reply,) = drive(sample, "write me a poem")
    assert reply.text.startswith(FIRST_LINE)
    assert "`fix the failing test`" in reply.text


def test_first_line_is_said_once_a_conversation():
    messages = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "x", "reasoning_content": " "},
        {"role": "user", "content": "hello"},
    ]
    assert FIRST_LINE not in answer(ask(messages, {})).text


def test_notes_in_tags_are_not_taken_for_the_request():
    note = "<environment>\nfolder: rename a to b\n</environment>\n\nhello"
    assert not answer(ask([{"role": "user", "content": note}], {})).tool_calls


def test_without_tools_it_says_that_it_cannot_look():
    reply = answer(ask([{"role": "user", "content": "fix the failing test"}], {}, tools=[]))
    assert not reply.tool_calls
    assert "no tools" in reply.text


def test_it_stops_after_twelve_steps():
    messages: list = [{"role": "user", "content": "rename a to b"}]
    for number in range(12):
        call = {"id": f"c{number}", "type": "function", "function": {"name": "todo_write", "arguments": "{}"}}
        messages.append({"role": "assistant", "content": "", "reasoning_content": " ", "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": "x"})
    reply = answer(ask(messages, {}))
    assert not reply.tool_calls
    assert "I stop here" in reply.text


HOSTILE = [
    "",
    "\x00",
    "1\t" + "(" * 5_000,
    "*** End Patch\n1\tx",
    "99999999999999999999\tx",
    "(No match.)",
    json.dumps({"a": [1]}),
]


@pytest.mark.parametrize("result", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(
    "prompt", ["fix the failing test", "rename a to b", "fix the syntax error in a.py", "summarise a.py", "list files"]
)
def test_strange_tool_results_never_break_it(prompt, result):
    messages: list = [{"role": "user", "content": prompt}]
    for step in range(14):
        reply = answer(ask(messages, {}))
        if not reply.tool_calls:
            return
        calls = [
            {"id": f"{step}-{number}", "type": "function", "function": {"name": call.name, "arguments": call.text}}
            for number, call in enumerate(reply.tool_calls)
        ]
        messages.append({"role": "assistant", "content": "", "reasoning_content": " ", "tool_calls": calls})
        messages += [{"role": "tool", "tool_call_id": call["id"], "content": f"a.py\n{result}"} for call in calls]
    raise AssertionError("it goes round in circles")


def test_a_repository_with_more_files_than_one_list_shows_is_described_by_its_readme(tmp_path):
    (tmp_path / "README.md").write_text("# Fine\n\nA fine thing.\n")
    os.utime(tmp_path / "README.md", (1, 1))
    (tmp_path / "tests").mkdir()
    for number in range(140):
        (tmp_path / "tests" / f"test_{number}.py").write_text("")
    text = drive(tmp_path, "what is in this repo?")[-1].text
    assert "141 files, the newest 100 of them here" in text
    assert "A fine thing." in text
