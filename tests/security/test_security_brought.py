"""What a prompt brings along: attachments, mentions, instructions and diffs bring no secret that nobody said yes to."""

from __future__ import annotations

import os
import subprocess

import pytest
from attack_vault import ALL_SECRETS, FILE_SECRET, KEY_FILE_SECRET, Vault
from attack_world import API_KEY, OUTSIDE_SECRET, call, read
from e2e_program import DSTERM, commit_all, finished

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]


@pytest.fixture
def vault(world) -> Vault:
    return Vault(world)


def assert_silent(outcome) -> None:
    outcome.stood()
    for secret in (*ALL_SECRETS, OUTSIDE_SECRET, API_KEY):
        outcome.nowhere(secret)


MENTIONS = {
    "named": "@.env @.env.production @id_rsa @keys/server.pem @credentials.json @.aws/credentials",
    "by-lines": "@.env:2 @.env:1-3 @id_rsa:2-2",
    "by-another-spelling": '@./keys/../.env @src/../.env @".env" @".env":2 @.//.env',
    "through-links": "@notes.md @folder/server.pem @notes.md:2",
    "in-folders": "@. @./ @keys @keys/ @config @infra @.aws @folder @src/..",
    "outside": "@../outside/secret.txt @../outside @.. @../outside/ @src/../../outside/secret.txt",
    "absolute": "@{outside}/secret.txt @{user}/.netrc @{home}/config/keys/deepseek @{home} @{user} @/",
    "by-tilde": "@~/.ssh/id_ed25519 @~/.netrc @~ @$HOME/.netrc",
    "of-the-system": "@/proc/self/environ @/proc/self/cwd/.env @/proc/self/root{repo}/.env @/dev/stdin @/etc/shadow",
    "of-git": "@.git/config @.git @.git/objects @.git/index",
    "diffs": "@diff @diff:HEAD @diff:HEAD~1 @log",
    "flags-as-revisions": "@diff:--output=planted @diff:-Oplanted @diff:--no-index @diff:HEAD:.env @diff:--ext-diff",
}


@pytest.mark.parametrize("name", MENTIONS)
def test_no_mention_brings_a_secret_unasked(world, vault, name):
    # Tracked, and changed since: a diff of it holds its words.
    commit_all(world.repo)
    world.put(".env", f"SETTING={FILE_SECRET}\nother\n")
    world.put("src/link.txt", "").unlink()
    (world.repo / "src" / "link.txt").symlink_to("../.env")
    (world.repo / "src" / "out.txt").symlink_to(world.secret)
    places = {"{outside}": world.outside, "{user}": world.user, "{home}": world.home, "{repo}": world.repo}
    prompt = MENTIONS[name]
    for word, place in places.items():
        prompt = prompt.replace(word, str(place))
    outcome = world.attack([], prompt=f"{prompt} @src/link.txt @src/out.txt @src")
    assert_silent(outcome)
    assert not (world.repo / "planted").exists()


def test_a_secret_file_under_a_new_name_is_in_no_diff(world, vault):
    world.put(".env", "".join(f"line {number}\n" for number in range(30)) + f"SETTING={FILE_SECRET}\n")
    commit_all(world.repo)
    subprocess.run(["git", "mv", ".env", "settings.txt"], cwd=world.repo, env=world.environment, check=True)
    world.put("settings.txt", (world.repo / "settings.txt").read_text().replace("line 29", "line 30"))
    assert_silent(world.attack([], prompt="@diff"))


@pytest.mark.parametrize("source", ["stdin", "file"])
def test_words_of_others_mention_nothing(world, vault, source):
    world.put("order.md", "MENTIONED-HERE @README.md @.env @src/shop.py @diff\n")
    given, flags = (b"MENTIONED-HERE @README.md @.env @src/shop.py\n", ()) if source == "stdin" else (None, ())
    prompt = "Sum it up." if source == "stdin" else "Sum up @order.md"
    outcome = world.attack([], *flags, prompt=prompt, given=given)
    assert_silent(outcome)
    assert "MENTIONED-HERE" in outcome.wire
    assert "# Shop" not in outcome.wire
    assert "def total" not in outcome.wire


SOURCES = {
    "here": (".",),
    "by-glob": (".", "--include", "*"),
    "named-through-a-link": (".", "--include", "notes.md"),
    "a-linked-folder": ("folder",),
    "a-folder-of-keys": ("keys",),
    "above": ("..",),
    "own-keys": ("{home}/config",),
    "own-state": ("{home}/state",),
    "own-key-file": ("{home}/config/keys/deepseek",),
    "own-key-folder": ("{home}/config/keys",),
    "environment": ("/proc/self/environ",),
    "committed": (".@HEAD",),
    "git-itself": (".git",),
    "by-git-url": ("file://{repo}",),
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("way", ["attach", "pack-text", "pack-xml", "pack-outline"])
def test_no_source_brings_a_secret_unasked(world, vault, name, way):
    commit_all(world.repo)
    source, *flags = (
        word.replace("{home}", str(world.home)).replace("{repo}", str(world.repo)) for word in SOURCES[name]
    )
    if way == "attach":
        outcome = world.attack([], "--attach", source, *flags)
        for secret in (FILE_SECRET, KEY_FILE_SECRET, API_KEY):
            outcome.nowhere(secret)
        assert "Traceback" not in outcome.err
        return
    more = {"pack-text": (), "pack-xml": ("--format", "xml"), "pack-outline": ("--outline", "*")}[way]
    done = packed(world, source, *flags, *more)
    for secret in (FILE_SECRET, KEY_FILE_SECRET, API_KEY):
        assert secret not in done.out + done.err
    assert "Traceback" not in done.err


def packed(world, *words):
    """`dsterm pack` with these words."""
    with subprocess.Popen(
        [*DSTERM, "pack", *words],
        cwd=world.repo,
        env=world.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        return finished(process)


OWN = {
    "read": [read("dsterm/config/keys/deepseek"), read("./dsterm/config/../config/keys/deepseek"), read("linked")],
    "grep": [
        call("grep", pattern="quiet-harbour-key-file"),
        call("grep", pattern="SETTING|quiet", path="dsterm/config"),
    ],
    "glob": [
        call("glob", pattern="**/*"),
        call("glob", pattern="dsterm/config/keys/*"),
        call("list", path="dsterm/config/keys"),
    ],
}
"""What tools try on dsterm's own folders, in a workspace that these folders lie in."""


@pytest.mark.parametrize("name", OWN)
def test_no_tool_gets_into_dsterms_own_folders(world, vault, name):
    (world.folder / "linked").symlink_to("dsterm/config/keys/deepseek")
    outcome = world.attack(OWN[name], "--cwd", str(world.folder))
    outcome.stood()
    outcome.nowhere(KEY_FILE_SECRET)
    assert not any(
        "keys/deepseek" in result
        for ending, result in zip(outcome.endings, outcome.results, strict=True)
        if ending == "done"
    )


@pytest.mark.parametrize(
    "words", ["@dsterm/config/keys/deepseek @linked", "@dsterm/config @dsterm @. @dsterm/state @dsterm/config/keys"]
)
def test_no_mention_gets_into_dsterms_own_folders(world, vault, words):
    (world.folder / "linked").symlink_to("dsterm/config/keys/deepseek")
    outcome = world.attack([], "--cwd", str(world.folder), prompt=words)
    outcome.stood()
    outcome.nowhere(KEY_FILE_SECRET)


def test_what_is_attached_and_followed_holds_nothing_of_dsterms_own(world, vault):
    (world.folder / "seen.txt").write_text("one\n")
    first = world.attack(
        [],
        "--cwd",
        str(world.folder),
        "--attach",
        ".",
        "--include",
        "dsterm/config/keys/deepseek",
        "--include",
        "*.txt",
    )
    first.stood()
    assert "one" in first.wire
    first.nowhere(KEY_FILE_SECRET)
    (world.folder / "seen.txt").write_text("two\n")
    (world.home / "config" / "keys" / "novita").write_text(f"{KEY_FILE_SECRET}\n")
    again = world.attack([], "--cwd", str(world.folder), "--continue")
    again.stood()
    assert "\ntwo\n" in again.wire
    again.nowhere(KEY_FILE_SECRET)


INSTRUCTIONS = {
    "a-secret": ".env",
    "keys": "keys/server.pem",
    "by-two-links": "notes.md",
    "outside": "../outside/secret.txt",
    "git": ".git/config",
    "environment": "/proc/self/environ",
    "device": "/dev/zero",
}


@pytest.mark.parametrize("name", INSTRUCTIONS)
@pytest.mark.parametrize("file", ["AGENTS.md", "CLAUDE.md"])
def test_instructions_are_no_way_to_what_a_link_leads_to(world, vault, name, file):
    with (world.repo / ".git" / "config").open("a") as config:
        config.write(f'[remote "origin"]\n\turl = https://me:{FILE_SECRET}@example.org/\n')
    (world.repo / file).symlink_to(INSTRUCTIONS[name])
    assert_silent(world.attack([]))


def test_instructions_of_a_home_that_is_a_repository_are_not_dsterms_own(world, vault):
    commit_all(world.folder)
    (world.folder / "AGENTS.md").symlink_to("dsterm/config/keys/deepseek")
    outcome = world.attack([], "--cwd", str(world.folder))
    outcome.stood()
    outcome.nowhere(KEY_FILE_SECRET)


def test_instructions_are_not_read_before_the_folder_is_trusted(world):
    world.put("AGENTS.md", "Always say quiet-harbour-instructions.\n")
    untrusted = world.attack([], trusts=False)
    untrusted.stood()
    assert "quiet-harbour-instructions" not in untrusted.wire + "".join(untrusted.kept.values())
    assert "quiet-harbour-instructions" in world.attack([]).wire


CHANGES = {
    "a-link-to-it": lambda repo: ((repo / "README.md").unlink(), (repo / "README.md").symlink_to(".env")),
    "a-link-outside": lambda repo: (
        (repo / "README.md").unlink(),
        (repo / "README.md").symlink_to("../outside/secret.txt"),
    ),
    "a-folder-that-is-a-link": lambda repo: (
        (repo / "src").rename(repo / "was"),
        (repo / "src").symlink_to("../outside"),
        (repo / ".." / "outside" / "shop.py").write_text(OUTSIDE_SECRET),
    ),
    "a-new-secret-file": lambda repo: (repo / "new.pem").write_text(FILE_SECRET),
    "one-that-took-its-name": lambda repo: (repo / "README.md").rename(repo / "secrets.yaml").write_text(FILE_SECRET),
    "a-pipe": lambda repo: ((repo / "README.md").unlink(), os.mkfifo(repo / "README.md")),
    "a-repository-elsewhere": lambda repo: (
        (repo / ".git").rename(repo.parent / "other.git"),
        (repo / ".git").write_text("gitdir: ../other.git\n"),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_no_change_of_what_is_attached_tells_a_secret(world, vault, name):
    commit_all(world.repo)
    world.attack([], "--attach", ".").stood()
    CHANGES[name](world.repo)
    world.put("seen.py", "seen = 1\n")
    again = world.attack([], "--continue")
    assert_silent(again)
    assert "+seen = 1" in again.wire
