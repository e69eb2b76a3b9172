from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from e2e_program import Recorder, commit_all, finished

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]

LOOK = [
    {"name": "glob", "arguments": {"pattern": "**/*.py"}},
    {"name": "grep", "arguments": {"pattern": "executed"}},
    {"name": "read", "arguments": {"file_path": "openai.py"}},
]
SCENARIO = {"any": [{"text": "Seen."}], "look at all": [{"tool_calls": LOOK}, {"text": "Looked."}]}
EVIL_NAMES = ("\x1b[2Jscreen.py", "two\nlines.py", "\u202egnp.py", "a`` `b.py")


@pytest.fixture
def recorder(program, scripted, record) -> Recorder:
    """A recorder that the program talks through."""
    recorder = record(scripted)
    program.use(recorder.url)
    return recorder


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Another repository, with a commit and changes on top of it."""
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "kept.py").write_text("KEPT = 'as committed'\n")
    (folder / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    (folder / ".gitignore").write_text("secret.env\n")
    commit_all(folder)
    (folder / "kept.py").write_text("KEPT = 'as it stands'\n")
    (folder / "new.py").write_text("NEW = 'untracked'\n")
    (folder / "secret.env").write_text("TOKEN=ignored\n")
    return folder


def attached_text(recorder: Recorder, number: int = -1) -> str:
    """The pack in a request: the message that stands before the prompt."""
    messages = recorder.requests[number]["messages"]
    (pack,) = [message["content"] for message in messages if message["content"].startswith("The user attached")]
    assert messages[1]["content"] == pack, "a pack stands first, so that it stays cached"
    return pack


def test_a_work_tree_is_attached_as_it_stands_with_its_figures(program, recorder, library):
    done = program.ask("any", "--attach", str(library))
    assert (done.code, done.out) == (0, "Seen.\n")
    figures = re.search(
        r"(\d+) files, (\d+) tokens, <?\d+ % of the window.* cost: Pro ~\$(\S+) and (~|<)\$(\S+), Flash (~|<)\$",
        done.err,
    )
    assert figures, done.err
    assert (figures[1], "png" in done.err or "binary" in done.err) == ("3", True), done.err
    pack = attached_text(recorder)
    assert "as it stands" in pack
    assert "untracked" in pack
    assert "as committed" not in pack
    assert "TOKEN=ignored" not in pack
    (event,) = [event["pack"] for event in program.log() if event["type"] == "RepoAttached"]
    assert str(event["tokens"]) == figures[2]
    assert event["is_dirty"] is True


def test_only_what_was_chosen_goes_in(program, recorder, library):
    (library / "tests").mkdir()
    (library / "tests" / "test_kept.py").write_text("def test_it(): ...\n")
    words = ("--attach", str(library), "--include", "*.py", "--exclude", "tests/", "--tracked-only")
    assert program.ask("any", *words).code == 0
    pack = attached_text(recorder)
    assert "as it stands" in pack
    assert "untracked" not in pack
    assert "def test_it" not in pack
    assert "Options: include '*.py', exclude 'tests/', tracked files only." in pack


def test_globs_without_a_source_are_wrong_usage(program):
    assert "add --attach" in program.ask("any", "--include", "*.py").sentence(2)


def test_a_revision_is_attached_as_committed(program, recorder, library):
    done = program.ask("any", "--attach", f"{library}@HEAD")
    assert done.code == 0
    pack = attached_text(recorder)
    assert "as committed" in pack
    assert "as it stands" not in pack
    assert "untracked" not in pack


def test_two_runs_send_the_same_bytes_and_a_continued_one_keeps_them(program, recorder, library):
    first = program.answer("any", "--attach", str(library))
    os.utime(library / "kept.py", (1, 1))
    program.answer("any", "--attach", str(library))
    (library / "kept.py").write_text("KEPT = 'changed since'\n")
    program.answer("any", "--resume", first["session_id"])
    packs = {attached_text(recorder, number) for number in range(3)}
    assert len(packs) == 1
    fronts = {body[: body.index(b"KEPT")] for body in recorder.bodies}
    assert len(fronts) == 1


def test_the_server_counts_what_was_announced(program, recorder, library, scripted):
    program.answer("how big: any")
    program.answer("how big: any", "--attach", str(library))
    small, large = (entry["usage"]["prompt_tokens"] for entry in scripted.ledger()[-2:])
    (event,) = [event["pack"] for event in program.log(program.logs[-1]) if event["type"] == "RepoAttached"]
    assert abs(large - small - event["tokens"]) <= 8


def test_a_repo_that_does_not_fit_is_refused_with_figures_and_nothing_is_sent(program, recorder, tmp_path):
    big = tmp_path / "big"
    big.mkdir()
    lines = "".join(f"value_{number} = compute({number}, 'word {number * 7919}')\n" for number in range(20_000))
    for number in range(4):
        (big / f"part{number}.py").write_text(lines)
    commit_all(big)
    sentence = program.ask("any", "--attach", str(big)).sentence(1)
    tokens, missing = re.search(r"has ([\d,]+) tokens in 4 files .* it is ([\d,]+) tokens too many", sentence).groups()
    assert int(tokens.replace(",", "")) - int(missing.replace(",", "")) < 1_048_576 < int(tokens.replace(",", ""))
    assert recorder.bodies == []


def test_a_refused_attachment_ends_stream_json_with_a_result(program, recorder, tmp_path):
    done = program.ask("any", "--attach", str(tmp_path), "--output-format", "stream-json")
    assert "no text files to attach" in done.sentence(2)
    result = done.lines[-1]
    assert (result["type"], result["is_error"], result["num_turns"]) == ("result", True, 0)
    assert recorder.bodies == []


@pytest.mark.skipif(os.name != "posix", reason="such names and hooks are not possible there")
def test_a_hostile_repo_runs_nothing_and_steers_nothing(program, recorder, tmp_path):
    repo, mark = program.folder, tmp_path / "executed"
    for name in EVIL_NAMES:
        (repo / name).write_text(f"# {mark.name}\n")
    for package in ("openai", "msgspec", "httpx2", "dsterm", "sitecustomize", "git"):
        (repo / f"{package}.py").write_text(f"import pathlib\npathlib.Path({str(mark)!r}).touch()\n")
    (repo / "dsterm").mkdir()
    (repo / "dsterm" / "__init__.py").write_text(f"import pathlib\npathlib.Path({str(mark)!r}).touch()\n")
    (repo / ".gitattributes").write_text("*.py filter=evil diff=evil\n")
    commit_all(repo)
    evil = repo / "evil.sh"
    evil.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    evil.chmod(0o755)
    for hook in ("post-index-change", "post-checkout", "reference-transaction"):
        (repo / ".git" / "hooks" / hook).symlink_to(evil)
    (repo / "git").symlink_to(evil)
    (repo / "rg").symlink_to(evil)
    with (repo / ".git" / "config").open("a") as file:
        file.write(
            f"[core]\n\tfsmonitor = {evil}\n\tpager = {evil}\n\tsshCommand = {evil}\n[alias]\n\tls-files = !{evil}\n"
        )
        file.write(
            f'[filter "evil"]\n\tclean = {evil}\n\tsmudge = {evil}\n\trequired = true\n[diff "evil"]\n\ttextconv = {evil}\n'
        )
    environment = {"PATH": f".:{repo}:{program.environment['PATH']}", "PYTHONPATH": ""}
    done = program.ask("look at all", "--attach", ".", "--output-format", "stream-json", env=environment)
    assert done.code == 0, done
    assert [call["outcome"] for call in done.lines[-1]["tool_calls"]] == ["done"] * 3
    script = Path(sys.executable).with_name("dsterm")
    if script.exists():
        words = [script, *program.flags, "-p", "any", "--no-save"]
        subprocess.run(words, cwd=repo, env=program.environment | environment, stdin=subprocess.DEVNULL, check=True)
    assert not mark.exists()
    assert "\x1b" not in done.out + done.err
    assert "\u202e" not in done.out + done.err
    pack = attached_text(recorder, 0)
    assert "\x1b" not in pack
    assert "\ntwo\nlines.py" not in pack


def test_settings_of_a_repo_may_only_tighten_and_the_rest_is_named(program, recorder):
    file = program.folder / ".dsterm" / "config.toml"
    file.parent.mkdir()
    file.write_text(
        'permission_mode = "yolo"\nbase_url = "http://127.0.0.1:9/v1"\nallowed_tools = ["write"]\n'
        'provider = "custom"\nmax_turns = 1\n"evil\\u001b[31m" = 1\n'
    )
    done = program.ask("any", "--output-format", "stream-json")
    assert done.code == 0
    assert len(recorder.bodies) == 1
    assert "permission_mode" in done.err
    for name in ("base_url", "allowed_tools", "provider"):
        assert name in done.err
    assert "\x1b" not in done.err
    assert all(line.startswith("dsterm: ") for line in done.err.splitlines())


def test_a_repo_can_not_supply_a_key(program):
    (program.folder / ".env").write_text("NOVITA_API_KEY=sk_from_the_repo_1234567890\n")
    (program.folder / "keys").mkdir()
    (program.folder / "keys" / "novita").write_text("sk_from_the_repo_1234567890\n")
    assert "There is no key" in program.ask("any").sentence(2)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+C is no signal to a child there")
def test_ctrl_c_while_a_repo_is_read_sends_nothing(program, recorder, tmp_path):
    big = tmp_path / "big"
    big.mkdir()
    for number in range(40):
        (big / f"part{number}.txt").write_text("some words and more words, all of them different: " * 18_000)
    commit_all(big)
    process = program.start("-p", "any", "--attach", str(big), "--output-format", "stream-json")
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    process.send_signal(2)
    done = finished(process)
    assert first["type"] == "WorkProgress"
    assert done.code == 130, done
    assert json.loads(done.out.splitlines()[-1])["stop_reason"] == "interrupted"
    assert recorder.bodies == []
