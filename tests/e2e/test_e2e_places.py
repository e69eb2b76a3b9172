"""Disks that refuse, pipes that close, terminals that are not there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from e2e_program import DSTERM, Program, finished

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.timeout(60),
    pytest.mark.skipif(os.name != "posix", reason="pipes and permissions are others there"),
]


@pytest.fixture
def program(program, guide) -> Program:
    program.use(guide.url)
    return program


def test_a_file_where_the_home_should_be_is_found_out_before_anything_is_sent(stranger, guide):
    stranger.use(guide.url)
    stranger.home.write_text("a file of the user's")
    before = len(guide.ledger())
    sentence = stranger.ask("hi").sentence(1)
    assert str(stranger.home) in sentence
    assert "DSTERM_HOME" in sentence
    assert stranger.home.read_text() == "a file of the user's"
    assert len(guide.ledger()) == before
    assert stranger.ask("hi", "--no-save").code == 0


@pytest.mark.parametrize("locked", ["home", "sessions"])
@pytest.mark.skipif(os.name == "posix" and os.getuid() == 0, reason="root may write everywhere")
def test_a_read_only_home_is_found_out_before_anything_is_sent(program, guide, locked):
    folder = program.home if locked == "home" else program.home / "state" / "sessions"
    folder.mkdir(parents=True)
    folder.chmod(0o500)
    before = len(guide.ledger())
    try:
        assert "permission denied" in program.ask("hi").sentence(1)
        assert len(guide.ledger()) == before
        assert program.ask("hi", "--no-save").code == 0
    finally:
        folder.chmod(0o700)


def test_a_prompt_may_come_through_a_pipe(program):
    done = program.run("-p", given=b"  what is in this repo?\n\n")
    assert done.code == 0
    assert "Prices and taxes" in done.out
    assert program.log()[0]["prompt"] == "  what is in this repo?"


def test_what_is_piped_goes_beside_the_prompt_as_data(program):
    assert program.run("-p", "what can you do with this?", given="+ größer\n\xff".encode("latin-1")).code == 0
    started = program.log()[0]
    assert started["prompt"] == "what can you do with this?"
    assert "+ gr��er\n�\n</data-" in started["note"]


@pytest.mark.parametrize(("redirection", "begins"), [("<&-", "I am no model"), (">&-", ""), ("2>&-", "I am no model")])
def test_a_closed_stream_is_no_disaster(program, redirection, begins):
    with subprocess.Popen(
        ["/bin/sh", "-c", f'exec "$@" {redirection}', "sh", *DSTERM, *program.flags, "-p", "hi"],
        cwd=program.folder,
        env=program.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        done = finished(process)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(begins)
    assert program.log()[-1]["type"] == "TurnEnded"


def test_an_input_that_stays_open_and_silent_is_given_up(program):
    ours, theirs = os.pipe()
    try:
        with program.start("-p", "hi", stdin=ours) as process:
            done = finished(process)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.code == 0
    assert done.err.count("\n") == 1
    assert "going on without it" in done.err


@pytest.mark.parametrize("output", ["text", "stream-json"])
def test_a_reader_that_has_left_is_no_disaster(program, output):
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        with program.start("-p", "hi", "--output-format", output, stdout=theirs) as process:
            done = finished(process)
    finally:
        os.close(theirs)
    assert (done.code, done.err) == (1, "")
    assert program.log()[-1]["type"] == "TurnEnded"


def test_nobody_who_reads_the_diagnostics_is_no_disaster(program):
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        with program.start("-p", "rename total to gross", stderr=theirs) as process:
            done = finished(process)
    finally:
        os.close(theirs)
    assert done.code == 0
    assert "changed nothing" in done.out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_behind_the_output_is_one_sentence(program):
    with Path("/dev/full").open("wb") as full, program.start("-p", "hi", stdout=full) as process:
        done = finished(process)
    assert "no space left" in done.sentence(1)
    assert program.log()[-1]["type"] == "TurnEnded"


def test_an_encoding_that_lacks_the_characters_is_no_disaster(program):
    prompt = "summarise naïve.md"
    (program.folder / "naïve.md").write_text("# Überschrift 世界\n", encoding="utf-8")
    done = program.ask(prompt, env={"PYTHONIOENCODING": "ascii"})
    assert (done.code, "Traceback" in done.err) == (0, False)
    result = program.ask(prompt, "--output-format", "json", env={"PYTHONIOENCODING": "ascii"}).json
    assert "世界" in result["result"] + str(result["tool_calls"])


def test_a_folder_whose_name_is_no_text_can_be_worked_in(program, tmp_path):
    if sys.platform == "darwin":
        pytest.skip("file names are text there")
    folder = os.path.join(os.fsencode(tmp_path), b"caf\xe9 \x1b[31m")  # noqa: PTH118
    shutil.copytree(os.fsencode(program.folder), folder)
    first = program.run("-p", "what is in this repo?", "--output-format", "json", "-C", folder)
    assert first.code == 0
    assert [call["outcome"] for call in first.json["tool_calls"]] == ["done", "done"]
    second = program.run("-p", "hi", "--continue", "--output-format", "json", "-C", folder)
    assert second.json["session_id"] == first.json["session_id"]


def test_a_prompt_that_is_no_text_is_kept_as_far_as_it_is(program):
    assert program.run("-p", b"what is \xff\xfe here?").code == 0
    assert program.log()[0]["prompt"] == "what is �� here?"
