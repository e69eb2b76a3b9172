"""Keys as such: what is shaped like one, what dsterm knows to be one, and every place where one could be kept by mistake."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from attack_world import API_KEY, bash, call, edit, needs_sandbox, read

from dsterm.demo.reply import Refusal, Reply
from dsterm.workspace.git.user_git import UserGit

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]

LETTERS = "aB3xK9mQ2vR7tW5yZ8nD4fG6hJ1pL0sC"
TOKENS = {
    "github": f"ghp_{LETTERS}",
    "github-fine": f"github_pat_11{LETTERS}",
    "gitlab": f"glpat-{LETTERS[:20]}",
    "openai": f"sk-proj-{LETTERS}",
    "anthropic": f"sk-ant-api03-{LETTERS}",
    "stripe": f"sk_live_{LETTERS}",
    "aws": "AKIA" + "Q7ZD3XH2LMN5PRT9",
    "slack": f"xoxb-123456789012-{LETTERS[:12]}",
    "google": f"AIza{LETTERS}abc",
    "pypi": f"pypi-{LETTERS}",
    "npm": f"npm_{LETTERS}9aB",
    "hugging-face": f"hf_{LETTERS}",
    "jwt": f"eyJhbGciOiJIUzI1NiJ9.{LETTERS}.{LETTERS[::-1]}",
    "password-in-an-address": f"xK9{LETTERS[:14]}",
    "private-key": LETTERS + LETTERS[::-1],
    "named": f"{LETTERS[4:28]}",
    "own": API_KEY,
}
TEXTS = {
    "password-in-an-address": "url = postgres://shop:{}@db.example.org/shop",
    "private-key": "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
    "named": "api_key = '{}'",
}

IDENTITY = {f"GIT_{who}_{what}": "a@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def text_with(name: str) -> str:
    return TEXTS.get(name, "leaked: {}").format(TOKENS[name]) + "\n"


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_in_a_file_or_in_an_output_is_masked_everywhere(world, name):
    world.put("log.txt", text_with(name))
    calls = [[read("log.txt"), call("grep", pattern=".", path="log.txt")], bash("cat log.txt; cat log.txt >&2")]
    outcome = world.attack(calls, "--output-format", "stream-json", "--debug")
    outcome.stood()
    assert outcome.endings[:2] == ("done", "done")
    assert "[redacted]" in outcome.results[0]
    outcome.nowhere(TOKENS[name])


@needs_sandbox
def test_a_token_that_comes_in_pieces_of_an_output_is_masked_in_the_log_and_in_the_stream(world):
    token = TOKENS["github"]
    command = f"printf {token[:9]}; sleep 0.3; printf {token[9:20]}; sleep 0.3; echo {token[20:]}"
    world.put("slow.sh", command)
    outcome = world.attack([bash("sh slow.sh")], "--output-format", "stream-json")
    outcome.stood()
    outcome.nowhere(token)


@needs_sandbox
def test_a_token_in_the_output_of_a_job_in_the_background_is_masked(world):
    world.put("log.txt", text_with("github"))
    calls = [
        bash("cat log.txt; sleep 5", run_in_background=True),
        bash("sleep 0.3"),
        call("job", action="read", id="1"),
    ]
    outcome = world.attack(calls, "--output-format", "stream-json")
    outcome.stood()
    assert "[redacted]" in outcome.results[-1]
    outcome.nowhere(TOKENS["github"])


@pytest.mark.parametrize("name", ["own", "github", "private-key", "named"])
def test_a_key_beside_an_edited_line_is_neither_sent_nor_kept_in_the_session(world, name):
    world.put("settings.py", f"debug = 1\n{text_with(name)}end = 1\n")
    calls = [read("settings.py"), edit("settings.py", "debug = 1", "debug = 0")]
    outcome = world.attack(calls, "--output-format", "stream-json")
    outcome.stood()
    assert outcome.endings == ("done", "done")
    assert TOKENS[name] in (world.repo / "settings.py").read_text()
    outcome.nowhere(TOKENS[name], may_be_seen=True)


@needs_sandbox
def test_a_key_in_a_file_that_a_command_changed_is_neither_sent_nor_kept_in_the_session(world):
    world.put("settings.py", f"debug = 1\n{text_with('own')}end = 1\n")
    outcome = world.attack([bash("sed -i s/debug/trace/ settings.py")], "--output-format", "stream-json")
    outcome.stood()
    outcome.nowhere(API_KEY)


def test_a_file_that_is_called_like_a_key_is_listed_without_it(world):
    world.put(f"{TOKENS['github']}.txt", "nothing\n")
    outcome = world.attack([call("glob", pattern="*"), read("."), bash("ls")], "--output-format", "stream-json")
    outcome.stood()
    outcome.nowhere(TOKENS["github"])


@pytest.mark.parametrize("name", ["github", "openai", "aws", "own", "named"])
def test_a_prompt_with_a_key_is_not_sent_and_not_kept(world, name):
    outcome = world.attack([], prompt=f"Use this: {text_with(name)}")
    assert outcome.code != 0
    assert outcome.bodies == ()
    outcome.nowhere(TOKENS[name])


def test_a_key_in_what_is_piped_beside_the_prompt_is_masked_and_not_kept(world):
    outcome = world.attack([], prompt="Explain.", given=f"export GH={TOKENS['github']}\n".encode())
    assert outcome.code == 0
    assert "export GH=[redacted]" in outcome.wire
    outcome.nowhere(TOKENS["github"])


@pytest.mark.parametrize("status", [400, 401, 500])
def test_a_server_that_repeats_the_key_in_its_error_is_not_repeated(world, status):
    refusal = Refusal(status=status, message=f"Incorrect API key provided: {API_KEY}. Header: Bearer {API_KEY}")
    outcome = world.attack([Reply(refusal=refusal, times=0)] * 9, "--debug", "--output-format", "stream-json")
    assert outcome.code == 1
    outcome.nowhere(API_KEY)


def test_a_model_that_repeats_a_key_which_it_was_never_given_does_not_bring_it_into_the_debug_log(world):
    outcome = world.attack([Reply(text=f"Is it {API_KEY}?")], "--debug")
    outcome.stood()
    logs = {name: text for name, text in outcome.kept.items() if name.startswith("logs/")}
    assert logs
    assert not [name for name, text in logs.items() if API_KEY in text]


def test_a_key_in_the_address_of_the_server_is_not_shown(world):
    token = TOKENS["openai"]
    address = world.recorder.url.replace("://", f"://user:{token}@")
    outcome = world.attack([], "--base-url", address, "--debug")
    outcome.nowhere(token)
    address = f"http://127.0.0.1:9/v1?api_key={token}"
    world.attack([], "--base-url", address, "--debug", env={"DSTERM_MAX_RETRIES": ""}).nowhere(token)


def test_a_token_in_the_address_of_a_repository_is_not_shown(world):
    token = TOKENS["github"]
    outcome = world.attack([], "--attach", f"https://x:{token}@127.0.0.1:9/a/b.git")
    outcome.nowhere(token)


@pytest.mark.parametrize("flags", [("--resume",), ("--model",), ("--permission-mode",), ("-C",), ("--add-dir",)])
def test_a_key_in_the_wrong_flag_is_not_repeated_by_the_error(world, flags):
    outcome = world.attack([], *flags, TOKENS["github"])
    assert outcome.code != 0
    outcome.nowhere(TOKENS["github"])


def test_a_key_in_the_settings_is_refused_without_being_shown(world):
    config = world.home / "config"
    config.mkdir()
    (config / "config.toml").write_text(f'api_key = "{TOKENS["openai"]}"\n')
    outcome = world.attack([])
    assert outcome.code == 2
    outcome.nowhere(TOKENS["openai"])


def test_a_crash_says_nothing_of_keys_nor_of_what_variables_held(world):
    folder = world.folder / "crashing"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import dsterm.engine.turn as turn, os\n"
        "async def crash(*arguments, **named):\n"
        "    held = 'quiet-harbour-' + 'variable'\n"
        f"    raise RuntimeError('no luck with ' + os.environ['DSTERM_API_KEY'] + ' and {TOKENS['github']}')\n"
        "turn.run_step = turn.take_step = crash\n"
        "for name in dir(turn):\n"
        "    if name.startswith(('run_', 'take_', 'make_')): setattr(turn, name, crash)\n"
        "import dsterm.headless.run as run\n"
        "run.run_headless = crash\n"
    )
    outcome = world.attack([], env={"PYTHONPATH": str(folder)})
    assert outcome.code == 1
    assert "failed inside (RuntimeError)" in outcome.err
    assert "Traceback" not in outcome.err
    assert "no luck with [redacted] and [redacted]" in outcome.kept["logs/crash.log"]
    for secret in (API_KEY, TOKENS["github"], "quiet-harbour-variable"):
        outcome.nowhere(secret)


@needs_sandbox
def test_checks_of_the_user_run_without_keys_and_their_output_goes_back_masked(world):
    config = world.home / "config"
    config.mkdir()
    (config / "config.toml").write_text('checks = ["env; cat log.txt; false"]\n')
    world.put("log.txt", text_with("github"))
    calls = [read("src/shop.py"), edit("src/shop.py", "return net", "return 1"), Reply(text="Done.")]
    outcome = world.attack(calls, "--output-format", "stream-json", env={"NOVITA_API_KEY": TOKENS["openai"]})
    outcome.stood()
    assert "leaked: [redacted]" in outcome.wire
    for secret in (API_KEY, TOKENS["github"], TOKENS["openai"]):
        outcome.nowhere(secret)


async def test_a_hook_of_the_users_own_commit_gets_no_api_key(world):
    hook = world.repo / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nenv > {world.outside}/hooked\n")
    hook.chmod(0o755)
    world.put("src/shop.py", "changed\n")
    environment = world.environment | IDENTITY | {"NOVITA_API_KEY": TOKENS["openai"], "COPY_OF_IT": API_KEY}
    git = Path(next(f for p in os.environ["PATH"].split(os.pathsep) if (f := f"{p}/git") and Path(f).exists()))
    keys = frozenset({"DSTERM_API_KEY", "NOVITA_API_KEY"})
    user_git = UserGit(git, world.repo, environment=environment, keys=keys)
    await user_git.add(["src/shop.py"])
    await user_git.commit("A change", lambda _: None)
    seen = (world.outside / "hooked").read_text()
    assert "PATH=" in seen
    assert API_KEY not in seen
    assert TOKENS["openai"] not in seen


@needs_sandbox
def test_without_saving_nothing_of_a_session_stays_on_the_disk(world):
    before = {path for path in world.folder.rglob("*") if path.is_file()}
    calls = [
        read("src/shop.py"),
        edit("src/shop.py", "return net", "return 1"),
        bash("echo quiet-harbour-output"),
        bash("echo quiet-harbour-output; sleep 9", run_in_background=True),
    ]
    outcome = world.attack(calls, "--no-save", prompt="A quiet-harbour-prompt.")
    outcome.stood()
    assert len(outcome.results) == 4
    new = {path for path in world.folder.rglob("*") if path.is_file()} - before
    assert new == set()
    assert not [
        path
        for path in Path("/tmp").glob("*dsterm*")
        if path.is_file() and "quiet" in path.read_text("utf-8", "ignore")
    ]


def test_what_is_saved_is_for_the_user_alone(world):
    calls = [read("src/shop.py"), edit("src/shop.py", "return net", "return 1"), bash("env")]
    outcome = world.attack(calls, "--debug", "--attach", ".")
    outcome.stood()
    places = [world.home / "state", *(world.home / "state").rglob("*")]
    shut = {place for place in places if place.is_dir() and not place.stat().st_mode & 0o077}
    is_open = [place for place in places if place.is_file() and place.stat().st_mode & 0o077]
    assert [place for place in is_open if not shut & set(place.parents)] == []
