from __future__ import annotations

import subprocess
import sys
import time

import pytest

from dsterm.core.tools import Effect
from dsterm.policy.shell import read_command

NOT_PLAIN = "part of it is not plain shell, so what runs is unknown"


def programs(line: str) -> list[str]:
    return [call.words[0] for call in read_command(line).calls]


def test_calls_come_in_the_order_they_stand_with_substitutions_behind_the_call_they_are_part_of() -> None:
    line = 'cd src && grep "$(head -1 a)" b | sort; if [ -f x ]; then cat <(ls); else wc x; fi'
    assert programs(line) == ["cd", "grep", "head", "sort", "[", "cat", "ls", "wc"]


def test_words_are_told_without_their_quotes_and_computed_ones_as_they_stand() -> None:
    call = read_command("""grep 'a b' "c\\"d" e\\ f $x "$(ls)" *.py""").calls[0]
    assert call.words == ("grep", "a b", 'c"d', "e f", "$x", '"$(ls)"', "*.py")


def test_wrappers_are_taken_off() -> None:
    assert read_command("timeout -k 1 5 nice -n 3 nohup time pytest -q").calls[0].words == ("pytest", "-q")
    assert read_command("timeout 5 ls").effects == (Effect.READ, Effect.INSPECT)


@pytest.mark.parametrize(
    "line",
    [
        "ls $(",
        "ls 'a",
        'ls "a',
        "if ls",
        "ls )",
        "ls\x00a",
        "ls\x1b[2J",
        "$x a",
        "${x} a",
        "`x` a",
        "a=(",
        "]]) x",
        "exec 3<>a",
    ],
)
def test_what_the_grammar_does_not_hold_is_not_understood(line: str) -> None:
    reading = read_command(line)
    assert not reading.is_understood
    assert reading.effects[:2] == (Effect.READ, Effect.EXECUTE)
    assert reading.concerns[0] == NOT_PLAIN
    assert reading.calls
    assert not any(call.can_be_ruled or call.inspects or call.rule for call in reading.calls)


@pytest.mark.parametrize(
    "line",
    ["python - <<'EOF'\nprint('hi')\nEOF", "cat > a.py <<EOF\nx = (1)\nEOF", "f() { ls; }; f", "echo $((1 + 2))",
    "a=(1 2); echo ${a[0]}",
     "case $x in a|b) ls;; *) pwd;; esac", "[[ $x == *.py && -n $y ]] && ls", "export A=1; make",
     "for ((i=0; i<3; i++)); do ls; done",
     'git commit -m "$(cat <<EOF\nhi\nEOF\n)"', "pytest 2>&1 | tee out", 'echo "${x:-y}" ${x%.py}',
     "set -euo pipefail; make", "x+=1; (( x ))"],
)  # fmt: skip
def test_ordinary_shell_that_runs_things_is_understood(line: str) -> None:
    reading = read_command(line)
    assert reading.is_understood
    assert Effect.EXECUTE in reading.effects


@pytest.mark.parametrize(
    "line",
    ["curl https://x.example", "wget x.example", "ssh x", "git fetch", "git -C a push", "git clone x",
    "git submodule update", "pip install x",
     "pip3.11 install x", "python3 -m pip install x", "npm ci", "npm install", "yarn", "yarn add x", "pnpm add x", "uv sync",
     "uv pip install x",
     "cargo install x", "go get x", "go mod tidy", "apt-get update", "brew install x", "docker pull x", "gh pr list",
     "nc x 1", "ping x", "dig x",
     "rsync a host:b", "scp a b:c", "python x.py https://x.example", "x git@github.com:a/b", "env A=1 curl x",
     "sudo -u a wget x", "/usr/bin/curl x",
     "find . -exec curl {} \\;", "xargs -n1 curl", "bash -c 'ls; curl x'", "eval 'curl x'", "timeout 5 curl x",
     "ls | curl x", "echo $(curl x)",
     "sh -ec 'bash -c \"curl x\"'", "cat < /dev/tcp/x/80", "exec 3>/dev/tcp/x/80", "curl http://localhost@x.example",
     "curl http://localhost:1@x.example/",
     "if curl x; then ls; fi", "npx eslint", "curl http://127.0.0.1 https://x.example"],
)  # fmt: skip
def test_what_is_known_to_need_the_network_says_so(line: str) -> None:
    reading = read_command(line)
    assert Effect.NETWORK in reading.effects
    assert any("network" in concern or "URL" in concern for concern in reading.concerns)


@pytest.mark.parametrize(
    "line",
    ["git status", "git commit -m 'see https://x.example'", "git remote add o https://x.example/a", "echo https://x.example",
    "npm test", "cargo test",
     "curl http://localhost:8000/a", "curl -s http://127.0.0.1/", "curl 'http://[::1]:80/'", "grep https://x.example a",
     "rsync -a b c", "uv run pytest",
     "go test ./...", "pip list", "python -m pytest"],
)  # fmt: skip
def test_what_is_not_known_to_need_the_network_is_left_without(line: str) -> None:
    assert Effect.NETWORK not in read_command(line).effects


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("cat .env", ".env"),
        ("cat a/.env.local", "a/.env.local"),
        ("cat ~/.ssh/id_rsa", "~/.ssh/id_rsa"),
        ('cat "$HOME/.aws/config"', "$HOME/.aws/config"),
        ("grep x .env", ".env"),
        ("grep -e x .env", ".env"),
        ("wc < .env", ".env"),
        ("cp a.pem b", "a.pem"),
        ("git show HEAD:.env", ".env"),
        ("curl -d @.env x", ".env"),
        ("x --file=server.key", "server.key"),
        ("cat .e*", ".e*"),
        ("cat .en''v", ".env"),
        ("cat .en\\v", ".env"),
        ("cat '.env'", ".env"),
        ("echo $(cat .env)", ".env"),
        ("bash -c 'cat .env'", ".env"),
        ("find . -name .env -exec cat {} ;", ".env"),
        ("xargs cat .env", ".env"),
        ("source .env", ".env"),
        ("echo x > .env", ".env"),
    ],
)
def test_files_that_look_secret_are_named(line: str, path: str) -> None:
    reading = read_command(line)
    assert Effect.SECRETS in reading.effects
    assert f"{path} looks like it holds secrets" in reading.concerns


@pytest.mark.parametrize(
    "line",
    ["cat .env.example", "ls .env", "test -f .env && echo yes", "find . -name '*.pem'", "grep -rn credentials src",
    "cat a.pub", "cat *.py", "cat *",
     "git commit -m 'load .env first'", "echo .env", "python -c 'open(1)'"],
)  # fmt: skip
def test_what_shows_no_secret_file_is_not_held_up(line: str) -> None:
    assert Effect.SECRETS not in read_command(line).effects


def test_reading_a_secret_file_is_still_only_reading() -> None:
    assert read_command("cat .env").effects == (Effect.READ, Effect.INSPECT, Effect.SECRETS)


@pytest.mark.parametrize("line", ["", "   ", "\n\n", "# nothing"])
def test_nothing_at_all_only_reads(line: str) -> None:
    reading = read_command(line)
    assert reading.effects == (Effect.READ, Effect.INSPECT)
    assert reading.calls == ()


@pytest.mark.parametrize(
    "line",
    ["(" * 19_000, "$(" * 9_000, "echo " + "`" * 15_000, "a|" * 9_900, "x+=(" * 4_900, "<>|&;()" * 2_800, "env " * 4_900,
     "timeout 5 " * 1_900, "nice " * 3_900 + "ls",
     "ls;" * 6_000, "ls " + "'" * 19_000, "echo " + "a=" * 9_000, "{ " * 9_000, "cat <<A\n" * 2_400, "sudo " * 2_000 + "ls",
     "bash -c 'bash -c \"eval ls\"'" * 300, "ls " + "*" * 19_000, "s" * 300_000, "echo " + "secret." * 2_800,
     "sed -n '" + "1p;" * 2_900 + "'",
     "if ls; then " * 1_500, "printf '" + "%" * 19_000 + "'", "ls && " * 90 + "ls", "cat " + "a," * 9_000],
    ids=lambda line: line[:12],
)  # fmt: skip
def test_long_and_deep_lines_are_read_in_bounded_time_without_an_error(line: str) -> None:
    began = time.perf_counter()
    read_command(line)
    assert time.perf_counter() - began < 2.5


def test_the_grammar_is_loaded_with_the_first_command_only() -> None:
    code = (
        "import sys, dsterm.policy.shell as shell; assert not [n for n in sys.modules if 'tree_sitter' in n];"
        "shell.read_command('ls'); assert 'tree_sitter_bash' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "line",
    ["{\U00031860", "{\U000f2bf0b", "(;^+{\U000b0cae\u01cf+b^b<", "\n;\x81/{\U000cf1de\xe3{\U000843d3(\xc3\U000cfb19~",
     "${\U00092477\u016e!",
     "ls {\U0010ffff,a}", "cat <<\U000cf1de\nx\n\U000cf1de", "a\U000cf1de=1", "$\U000cf1de", "[[ a =~ \U000cf1de ]]"],
)  # fmt: skip
def test_no_text_crashes_the_native_parser(line: str) -> None:
    code = "import sys; from dsterm.policy.shell import read_command; [read_command(sys.argv[1] * n) for n in range(1, 40)]"
    assert subprocess.run([sys.executable, "-c", code, line], check=False).returncode == 0


def test_letters_beyond_ascii_are_read_as_they_stand() -> None:
    assert read_command("grep 'größe' \"naïve 語\"").calls[0].words == ("grep", "größe", "naïve 語")
    assert read_command("grep 'größe' \"naïve 語\"").effects == (Effect.READ, Effect.INSPECT)
