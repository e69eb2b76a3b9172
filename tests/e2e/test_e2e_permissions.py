from __future__ import annotations

import os

import pytest

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]

READ = {"name": "read", "arguments": {"file_path": "src/shop.py"}}
EDIT = {
    "name": "edit",
    "arguments": {"file_path": "src/shop.py", "old_string": "return net", "new_string": "return net * 2"},
}
PATCH = "--- a/src/shop.py\n+++ b/src/shop.py\n@@ -1,2 +1,2 @@\n-def total(net):\n+def gross(net):\n     return net\n"
NEW = "*** Begin Patch\n*** Add File: docs/notes.md\n+# Notes\n*** End Patch\n"
BOTH = [
    {"name": "apply_patch", "arguments": {"patch": PATCH}},
    {"name": "apply_patch", "arguments": {"patch": NEW}},
]
OUTSIDE = [
    {"name": "read", "arguments": {"file_path": "../secret.txt"}},
    {"name": "read", "arguments": {"file_path": "link.txt"}},
    {"name": "write", "arguments": {"file_path": "../outside.txt", "content": "x"}},
    {"name": "write", "arguments": {"file_path": ".git/hooks/pre-commit", "content": "x"}},
]

SCENARIO = {
    "double it": [{"tool_calls": [READ]}, {"tool_calls": [EDIT]}, {"reasoning": "That is all.", "text": "Doubled."}],
    **{
        f"double it, {word}": [
            {"tool_calls": [READ]},
            {"tool_calls": [EDIT]},
            {"reasoning": "That is all.", "text": "So."},
        ]
        for word in "acdefg"
    },
    "patch it": [{"tool_calls": [READ]}, {"tool_calls": BOTH}, {"text": "Patched."}],
    "get out": [{"tool_calls": OUTSIDE}, {"text": "Locked in."}],
    "list it": [{"text": "Listed."}],
}
BEFORE = "def total(net):\n    return net\n"
AFTER = "def total(net):\n    return net * 2\n"


@pytest.fixture
def recorded(program, scripted, record):
    """A recorder that the program talks through."""
    recorder = record(scripted)
    program.use(recorder.url)
    return recorder


def shop(program) -> str:
    return (program.folder / "src" / "shop.py").read_text()


def test_ask_denies_with_an_explanation_to_both_and_touches_nothing(program, recorded):
    done = program.ask("double it", "--output-format", "json")
    assert done.code == 0
    assert done.err == "dsterm: not allowed: edit src/shop.py (--permission-mode accept-edits lets edits happen)\n"
    read, edit = done.json["tool_calls"]
    assert (read["outcome"], edit["outcome"], edit["changes"]) == ("done", "refused", [])
    assert "nobody can be asked" in edit["result"]
    assert recorded.requests[-1]["messages"][-1]["content"] == edit["result"]
    assert shop(program) == BEFORE


@pytest.mark.parametrize(
    ("prompt", "flags"),
    [
        ("double it, a", ("--permission-mode", "accept-edits")),
        ("double it, c", ("--allowed-tools", "edit,write")),
        ("double it, d", ("--allowedTools", "write edit")),
    ],
)
def test_what_allows_the_edit_lands_it(program, recorded, prompt, flags):
    done = program.ask(prompt, *flags)
    assert (done.code, done.out) == (0, "So.\n")
    assert done.err == "dsterm: modified: src/shop.py +1 -1\n"
    assert shop(program) == AFTER


@pytest.mark.parametrize(
    ("prompt", "flags", "said"),
    [
        ("double it, e", ("--permission-mode", "plan"), "Plan mode"),
        ("double it, f", ("--permission-mode", "yolo", "--disallowed-tools", "edit"), "switched off edit"),
        ("double it, g", ("--allowed-tools", "edit", "--disallowed-tools", "edit"), "switched off edit"),
    ],
)
def test_what_forbids_the_edit_wins(program, recorded, prompt, flags, said):
    done = program.ask(prompt, *flags, "--output-format", "json")
    assert done.code == 0
    assert "not allowed: edit src/shop.py" in done.err
    assert said in done.json["tool_calls"][1]["result"]
    assert shop(program) == BEFORE


def test_both_forms_of_a_patch_land_and_keep_the_file_mode(program, recorded):
    path = program.folder / "src" / "shop.py"
    path.chmod(0o755)
    result = program.answer("patch it", "--permission-mode", "accept-edits")
    assert [call["changes"] for call in result["tool_calls"]] == [[], ["src/shop.py"], ["docs/notes.md"]]
    assert shop(program) == BEFORE.replace("total", "gross")
    assert (program.folder / "docs" / "notes.md").read_text() == "# Notes\n"
    assert os.name != "posix" or path.stat().st_mode & 0o777 == 0o755


def test_no_mode_lets_tools_out_of_the_workspace(program, recorded):
    secret = program.folder.parent / "secret.txt"
    secret.write_text("do not tell")
    (program.folder / "link.txt").symlink_to(secret)
    result = program.answer("get out", "--permission-mode", "yolo")
    assert [call["outcome"] for call in result["tool_calls"]] == ["failed"] * 4
    assert "do not tell" not in recorded.bodies[-1].decode()
    assert not (program.folder.parent / "outside.txt").exists()
    assert not (program.folder / ".git" / "hooks" / "pre-commit").exists()


def test_the_advertised_tools_and_the_system_text_never_change(program, recorded):
    for flags in (
        (),
        ("--permission-mode", "plan", "--disallowed-tools", "edit,write,apply_patch"),
        ("--allowed-tools", "read", "--model", "flash", "--mode", "think-max"),
    ):
        assert program.ask("list it", *flags).code == 0
    fronts = {(str(request["tools"]), request["messages"][0]["content"]) for request in recorded.requests}
    assert len(recorded.requests) == 3
    assert len(fronts) == 1


def test_the_guide_renames_for_real(program, guide):
    program.use(guide.url)
    done = program.ask("rename total to gross", "--permission-mode", "accept-edits")
    assert done.code == 0
    assert "modified: src/shop.py" in done.err
    assert shop(program) == BEFORE.replace("total", "gross")


def test_the_guide_takes_no_for_an_answer(program, guide):
    program.use(guide.url)
    done = program.ask("rename total to gross")
    assert done.code == 0
    assert "not allowed" in done.err
    assert shop(program) == BEFORE
