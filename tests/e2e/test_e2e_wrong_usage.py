from __future__ import annotations

import os
import sys

import pytest
from e2e_program import KEY, DemoServer, finished

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]

NOWHERE = "http://127.0.0.1:9/v1"

WRONG_FLAGS = {
    "a wrong flag": (["-p", "hi", "--modle", "pro"], "--modle", "--mode"),
    "a wrong flag with a value": (["-p", "hi", "--permision-mode=plan"], "--permision-mode", "--permission-mode?"),
    "an abbreviated flag": (["-p", "hi", "--output", "json"], "--output", "--output-format?"),
    "two prompts": (["-p", "hello", "world"], "world", "quotation marks"),
    "a wrong output format": (["-p", "hi", "--output-format", "yaml"], "yaml", "stream-json"),
    "a format without -p": (["--output-format", "json"], "--output-format", "-p"),
    "a budget in words": (["-p", "hi", "--budget", "much"], "--budget", "US dollars"),
    "a budget of nothing": (["-p", "hi", "--budget", "0"], "--budget", "above 0"),
    "a budget without end": (["-p", "hi", "--max-budget-usd", "inf"], "--max-budget-usd", "above 0"),
    "no turns at all": (["-p", "hi", "--max-turns", "0"], "--max-turns", "from 1"),
    "a flag without its value": (["-p", "hi", "--model"], "--model", "--help"),
    "two sessions": (["-p", "hi", "--continue", "--resume", "2026"], "--continue", "--resume"),
    "a session that is not to be kept": (["-p", "hi", "--no-save", "--continue"], "--no-save", "leave one out"),
    "the demo of another provider": (["-p", "hi", "--demo", "--provider", "deepseek"], "--demo", "deepseek"),
}
WRONG_CHOICES = {
    "an unknown model": (["--model", "gpt"], "gpt", "flash"),
    "an unknown mode": (["--mode", "hard"], "hard", "think-max"),
    "an unknown permission mode": (["--permission-mode", "always"], "always", "accept-edits"),
    "an unknown provider": (["--provider", "nobody"], "nobody", "novita"),
    "a provider without an address": (["--provider", "custom", "--base-url", ""], "custom", "--base-url"),
    "an unknown allowed tool": (["--allowed-tools", "edit,bsah"], "bsah", "grep"),
    "an unknown disallowed tool": (["--disallowed-tools", "rm"], "rm", "grep"),
    "an address that is none": (["--base-url", "localhost:8000"], "localhost:8000", "http"),
    "a folder that is none": (["--cwd", "no/such/folder"], "no/such/folder", "--cwd"),
    "a file as the folder": (["-C", "README.md"], "README.md", "--cwd"),
    "an unknown session": (["--resume", "19990101"], "19990101", "/resume"),
    "no earlier session": (["--continue"], "no earlier session", "--continue"),
    "a path as a session": (["--resume", "../../x"], "../../x", "/resume"),
    "a folder with nothing to attach": (["--attach", ".."], "no text files to attach", "another folder"),
    "nothing attached": (["--attach", "no-such-place"], "no-such-place", "git URL"),
    "an unknown revision attached": (["--attach", ".@no-such-branch"], "no-such-branch", "git log"),
    "a dangerous transport attached": (["--attach", "ext::sh -c id"], "https://", "plain"),
}


@pytest.mark.parametrize("case", WRONG_FLAGS)
def test_a_wrong_flag_is_one_sentence_with_the_way_out(stranger, case):
    words, said, way_out = WRONG_FLAGS[case]
    done = stranger.run(*words)
    sentence = done.sentence(2)
    assert done.out == ""
    assert said in sentence
    assert way_out in sentence
    assert not stranger.home.exists()


@pytest.mark.parametrize("case", WRONG_CHOICES)
def test_a_wrong_choice_is_one_sentence_with_the_way_out(program, case):
    words, said, way_out = WRONG_CHOICES[case]
    program.use(NOWHERE)
    done = program.ask("hi", *words)
    sentence = done.sentence(2)
    assert done.out == ""
    assert said in sentence
    assert way_out in sentence
    assert program.logs == []


def test_no_key_is_one_sentence_that_names_the_variable_the_page_and_the_demo(program):
    sentence = program.ask("hi").sentence(2)
    assert "NOVITA_API_KEY" in sentence
    assert "https://novita.ai" in sentence
    assert "--demo" in sentence


def test_each_provider_wants_its_own_key(program):
    done = program.ask("hi", "--provider", "deepseek", env={"NOVITA_API_KEY": KEY})
    assert "DEEPSEEK_API_KEY" in done.sentence(2)


@pytest.mark.parametrize("key", ["sk_secret part", "sk_secret\npart", "sk_geheim\u00e4part", "sk\x1b[31mpart", "abc"])
def test_a_malformed_key_is_refused_and_never_shown(program, key):
    done = program.ask("hi", env={"NOVITA_API_KEY": key})
    sentence = done.sentence(2)
    assert "NOVITA_API_KEY" in sentence
    for part in ("secret", "geheim", "[31m", "abc"):
        assert part not in sentence


def test_an_environment_variable_is_checked_like_a_flag(program):
    done = program.ask("hi", env={"DSTERM_API_KEY": KEY, "DSTERM_MODE": "hard"})
    assert "DSTERM_MODE" in done.sentence(2)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("config.toml", 'model = "pro', "not valid TOML"),
        ("config.toml", 'modell = "pro"', "`model`"),
        ("config.toml", 'mode = "hard"', "think-max"),
        ("config.toml", 'api_key = "sk_never_show_this_one"', "DSTERM_API_KEY"),
        ("config.toml", b"\xff\xfe\x00", "not UTF-8"),
        ("catalog.toml", "[providers", "no valid TOML"),
        ("catalog.toml", "[providers.novita]\nmodles = 1\n", "modles"),
        ("catalog.toml", '[providers.novita.models."x"]\ncontext_window = -1\nmax_output = 1\n', "context_window"),
    ],
)
def test_a_corrupt_file_of_the_user_is_named_and_left_alone(program, name, text, said):
    file = program.home / "config" / name
    file.parent.mkdir(parents=True)
    data = text if isinstance(text, bytes) else text.encode()
    file.write_bytes(data)
    sentence = program.ask("hi", env={"DSTERM_API_KEY": KEY}).sentence(2)
    assert str(file) in sentence
    assert said in sentence
    assert "never_show" not in sentence
    assert file.read_bytes() == data


def test_a_relative_home_is_refused(program):
    assert "DSTERM_HOME" in program.ask("hi", env={"DSTERM_HOME": "somewhere"}).sentence(2)


def test_without_a_prompt_there_is_nothing_to_ask(program):
    assert "no prompt" in program.run("-p").sentence(2)
    assert "no prompt" in program.run("-p", "  ", given=b"\n\n").sentence(2)


def test_the_screen_needs_a_terminal(program):
    sentence = program.run().sentence(2)
    assert "terminal" in sentence
    assert "-p" in sentence


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_dumb_terminal_is_told_so(program):
    import pty

    ours, theirs = pty.openpty()
    try:
        environment = program.environment | {"TERM": "dumb"}
        with program.start(stdin=theirs, stdout=theirs, env=environment) as process:
            done = finished(process)
    finally:
        os.close(ours)
        os.close(theirs)
    assert "TERM=dumb" in done.sentence(2)


@pytest.mark.skipif(os.name != "posix", reason="file names are text there")
def test_bytes_that_are_no_text_do_no_harm(program, guide: DemoServer):
    program.use(guide.url)
    done = program.run(b"-p", b"what is \xff\xfe here?", b"--no-save")
    assert done.code == 0
    assert "\x1b" not in program.run("-p", "hi", "--cwd", "\x1b[31mred\nfolder").sentence(2)


def test_help_and_version_need_nothing(stranger):
    assert stranger.run("--version").out.startswith("dsterm ")
    done = stranger.run("--help")
    assert done.code == 0
    for flag in ("--permission-mode", "--max-turns", "--budget", "--continue", "--allowed-tools"):
        assert flag in done.out
    assert "--max-budget-usd" not in done.out
    assert not stranger.home.exists()
