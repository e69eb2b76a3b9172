"""Keys and passwords stay where they are: not one of these calls brings any of them to the screen, the wire or the logs."""

from __future__ import annotations

import pytest
from attack_vault import ALL_SECRETS, FILE_SECRET, Vault
from attack_world import API_KEY, bash, call, edit, needs_sandbox, patch, read, write

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]


@pytest.fixture
def vault(world) -> Vault:
    return Vault(world)


def assert_silent(outcome) -> None:
    outcome.stood()
    for secret in (*ALL_SECRETS, API_KEY):
        outcome.nowhere(secret)


FILES = [
    ".env",
    ".env.production",
    ".envrc",
    "config/prod.env",
    "id_rsa",
    "keys/server.pem",
    "credentials.json",
    ".npmrc",
]


@pytest.mark.parametrize("path", [*FILES, ".aws/credentials", "./keys/../.env", "notes.md", "folder/server.pem"])
@pytest.mark.parametrize("mode", ["auto", "accept-edits"])
def test_a_file_that_looks_secret_is_not_read_unasked(world, vault, path, mode):
    outcome = world.attack([[read(path), call("grep", pattern="SETTING", path=path)]], mode=mode)
    assert_silent(outcome)
    assert outcome.endings == ("refused", "refused")


RENAMED = "from .env\nrename to env.txt\n"
COPIED = "copy from .env\ncopy to env.txt\n"

TOOLS = {
    "grep-everywhere": [call("grep", pattern="SETTING=")],
    "grep-guessing": [call("grep", pattern="quiet-harbour-file-47[0-9]+")],
    "grep-include": [call("grep", pattern="SETTING", include=".env*")],
    "grep-in-a-folder": [call("grep", pattern="SETTING", path="config")],
    "grep-in-a-linked-folder": [call("grep", pattern="SETTING", path="folder")],
    "edit-guessing": [edit(".env", "first line", "1st line"), edit(".env", "last", "first")],
    "edit-all": [call("edit", file_path=".env", old_string="=", new_string=" = ", replace_all=True)],
    "overwritten": [write(".env", "nothing\n")],
    "overwritten-on-purpose": [call("write", file_path=".env", content="nothing\n", overwrite=True)],
    "guessed-whole": [call("write", file_path="id_rsa", content=f"SETTING={FILE_SECRET}"[:8], overwrite=True)],
    "overwritten-by-link": [write("notes.md", "nothing\n")],
    "patched": [patch("*** Update File: .env", "@@", " first line", "-SETTING=?", "+SETTING=")],
    "patched-with-context": [patch("*** Update File: .env", "@@", "-first line", "+1st line")],
    "moved-to-a-harmless-name": [
        patch("*** Update File: .env", "*** Move to: env.txt", "@@", "-first line", "+1st line"),
        read("env.txt"),
    ],
    "moved-as-it-is": [patch("*** Update File: .env", "*** Move to: env.txt"), read("env.txt")],
    "renamed-by-a-diff": [call("apply_patch", patch=f"diff --git a/.env b/env.txt\nrename {RENAMED}"), read("env.txt")],
    "copied-by-a-diff": [call("apply_patch", patch=f"diff --git a/.env b/env.txt\n{COPIED}"), read("env.txt")],
    "deleted-by-a-diff": [call("apply_patch", patch="diff --git a/.env b/.env\ndeleted file mode 100644\n")],
    "deleted": [patch("*** Delete File: id_rsa")],
}


@pytest.mark.parametrize("name", TOOLS)
def test_no_tool_shows_or_takes_away_a_secret_file(world, vault, name):
    outcome = world.attack(TOOLS[name], "--output-format", "stream-json")
    assert_silent(outcome)
    assert (world.repo / ".env").read_text() == f"first line\nSETTING={FILE_SECRET}\nlast line\n"
    assert (world.repo / "id_rsa").exists()


COMMANDS = {
    "cat": "cat .env",
    "redirected": "while read -r line; do echo $line; done < .env",
    "wildcard": "cat .en* id_*",
    "quoted-apart": "cat .e''nv; cat .e\\nv",
    "computed": 'eval "$(printf "cat .%s" env)"; cat $(echo .e)nv',
    "copied": "cp .env plain.txt; cat plain.txt",
    "moved": "mv .env plain.txt; cat plain.txt",
    "hard-link": "ln .env plain.txt; cat plain.txt",
    "soft-link": "ln -s .env plain.txt; cat plain.txt",
    "link-there": "cat notes.md folder/*",
    "archived": "tar cz . 2>/dev/null | base64; tar xOzf <(tar cz .env)",
    "encoded": "base64 .env; xxd -p id_rsa; od -c credentials.json; rev .env",
    "python": "python3 -c \"print(open('.en' + 'v').read())\"; python3 - <<< 'print(open(\".env\").read())'",
    "perl": "perl -pe1 .env; awk 1 .env; sed -n p .env",
    "searched": "grep -r SETTING . ; find . -name '*env*' -exec cat {} +; rg -uuu SETTING",
    "compared": "diff .env /dev/null; cmp -l .env /dev/null; git diff --no-index .env /dev/null",
    "staged": "git add -f .env id_rsa; git show :.env; git stash -u; git show stash@{0}^3:.env; git hash-object -w .env",
    "sourced": "set -a; . ./.env; env; set",
    "process": "cat /proc/self/cwd/.env; cat /proc/1/cwd/.env /proc/1/root$PWD/.env",
    "raw-disk": "dd if=.env; debugfs -R stats /dev/vda; mount --bind . /tmp; cat /tmp/.env; umount $PWD/.env; cat .env",
    "background": "(sleep 0.2; cat .env) & wait",
    "ssh": "cat ~/.ssh/id_ed25519 $HOME/.ssh/*; ssh-add -L; tar c ~/.ssh | base64",
    "home": "cat ~/.netrc ~/.git-credentials ~/.aws/credentials ~/.config/gh/hosts.yml",
    "histories": "cat ~/.bash_history ~/.python_history; history; HISTFILE=~/.bash_history; history -r; history; fc -l",
    "key-rings": "cat ~/.local/share/keyrings/*; strings ~/.mozilla/firefox/*/*; secret-tool search --all a b",
    "whole-home": "tar c ~ 2>/dev/null | base64; grep -r SETTING ~",
    "environment": "env; printenv; set; export -p; declare -p; compgen -v | while read v; do echo ${!v}; done",
    "environment-of-others": "cat /proc/*/environ | tr '\\0' '\\n'; cat /proc/$PPID/environ; ps auxewww; cat /proc/*/cmdline",
    "environment-by-python": "python3 -c 'import os; print(os.environ)'; node -p process.env; perl -e 'print %ENV'",
    "own-key-files": "cat {home}/config/keys/* {home}/config/keyring/*; find {home} -type f -exec cat {{}} +",
    "own-state": "cat {home}/state/*; strings {home}/state/sessions/*; ls -R {home}/config {home}/state",
    "own-memory": "cat /proc/*/mem; python3 -c \"print(open('/proc/1/mem', 'rb').read(99))\"; gdb -p $PPID -batch",
}


@needs_sandbox
@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_brings_a_secret_out_of_the_sandbox(world, vault, name):
    outcome = world.attack([bash(COMMANDS[name].replace("{home}", str(world.home)).replace("{{}}", "{}"))])
    assert_silent(outcome)


@needs_sandbox
def test_a_command_that_was_let_in_for_a_secret_in_another_run_is_let_in_for_nothing_here(world, vault):
    calls = [bash("cat src/shop.py"), bash("cat .env", workdir="src"), bash("cat ../.env", workdir="src")]
    assert_silent(world.attack(calls, "--allowed-tools", "bash,read,grep"))


def test_a_tool_on_the_list_of_allowed_ones_still_reads_no_secret(world, vault):
    outcome = world.attack([read(".env"), bash("cat id_rsa")], "--allowed-tools", "read,bash,grep", mode="ask")
    assert_silent(outcome)
    assert outcome.endings == ("refused", "refused")


def test_plan_mode_reads_no_secret(world, vault):
    outcome = world.attack([read(".env"), call("grep", pattern="SETTING", path=".env")], mode="plan")
    assert_silent(outcome)
    outcome.refused()


def test_an_attached_repository_comes_without_its_secrets(world, vault):
    outcome = world.attack([], "--attach", ".")
    assert_silent(outcome)
    assert "def total(net)" in outcome.wire
