"""The prefix of a call that an "always allow" may keep: long enough that a reader knows what it lets run, or none."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dsterm.policy.name_sets import names
from dsterm.policy.network_programs import why_network
from dsterm.policy.program_arguments import (
    INTERPRETERS,
    PYTHON,
    RUNS_ANYTHING,
    SHELLS,
    has_running_option,
)
from dsterm.policy.shell_words import Word

_ONE_WORD = names(
    "pytest ruff mypy eslint prettier tsc black isort flake8 pylint pyright basedpyright jest vitest tox nox rubocop"
    " shellcheck pyflakes bandit mdformat markdownlint biome stylelint golangci-lint staticcheck gofmt rustfmt clang-format"
    " clang-tidy sphinx-build mkdir touch hadolint yamllint codespell typos rspec phpunit mocha lint-imports"
)
_TWO_WORDS = {
    "cargo": "test build check clippy fmt doc bench run tree metadata fetch update",
    "go": "test build vet fmt list doc",
    "npm": "test install ci start ls audit outdated",
    "pnpm": "test install start ls audit outdated",
    "pip": "install list show freeze check download",
    "pip3": "install list show freeze check download",
    "uv": "sync lock add tree",
    "poetry": "install lock add show check build",
    "bundle": "install",
    "composer": "install",
    "dotnet": "build test restore",
    "mix": "test compile format deps.get",
    "swift": "build test",
    "pre-commit": "run",
    "docker-compose": "ps",
    "git": "add commit status diff log show push pull fetch checkout switch restore branch merge stash tag blame describe"
    " ls-files ls-tree rev-parse rev-list show-ref for-each-ref cherry-pick revert mv rm init",
}
_RUNNERS = frozenset(
    {("uv", "run"), ("poetry", "run"), ("pipenv", "run"), ("pdm", "run"), ("hatch", "run"), ("rye", "run"), ("pixi", "run"),
     ("bundle", "exec")}
)  # fmt: skip
_SCRIPT_RUNNERS = frozenset({"npm", "pnpm", "yarn"})
_MANY_IN_ONE = frozenset({*_TWO_WORDS, *_SCRIPT_RUNNERS, "npx", "uvx", "pipenv", "pdm", "hatch", "rye", "pixi"})
_TARGETS = frozenset({"make", "gmake", "just", "rake", "task", "invoke"})
_TARGET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:%/-]*")
_TARGET_FLAGS = re.compile(r"-j\d*|-s|-k|-B|-n")
_NEVER = names(
    "rm rmdir mv cp dd chmod chown chgrp kill pkill killall mkfs shred truncate ln tee install unlink mount umount shutdown"
    " reboot curl wget ftp sftp telnet aws gcloud gsutil az terraform tofu ansible helm heroku vercel netlify fly flyctl doctl"
    " apt apt-get dnf yum pacman apk brew snap flatpak systemctl service iptables passwd useradd printf cd test [ [["
    " git-shell nmap rclone gh glab"
)
_WIDE_MODULES = names(
    "runpy timeit code pdb bdb cProfile profile trace coverage IPython ipykernel uv poetry pipenv pdm hatch invoke idlelib"
    " pyinstrument scalene debugpy asyncio site"
)
_MODULE = re.compile(r"[A-Za-z_][\w.]*")
_SCRIPT = re.compile(r"(?![-/~])(?!.*\.\.)\S*[/.]\S+")
_PLAIN_WORD = re.compile(r"[a-z][a-z0-9_:-]*")
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*::?(?://)?|[\w.-]+@[\w.-]+:|[/~]|\.\.?/", re.IGNORECASE)
_ADDRESS = re.compile(r"://|git\+|\w@[\w.-]+:")
_GIT_TALKS = frozenset({"push", "pull", "fetch"})
_MOST_EXACT_WORDS = 6


def may_be_ruled(words: Sequence[Word]) -> bool:
    """Whether the first words of this call tell what runs, whatever follows them."""
    if not words or words[0].source != words[0].text or not all(word.is_literal or word.is_fixed for word in words):
        return False
    texts = [word.text for word in words]
    program, rest = texts[0], texts[1:]
    name = program.rpartition("/")[2]
    if (
        not name
        or program.startswith("-")
        or name in RUNS_ANYTHING
        or "=" in program
        or name in SHELLS
        or has_running_option(_options(program, rest))
    ):
        return False
    if why_network(words) is not None and any(_ADDRESS.search(word) for word in rest):
        return False
    if PYTHON.fullmatch(name) or name in INTERPRETERS:
        return bool(_interpreter_rule(texts))
    if name in _TARGETS:
        return bool(rest) and all(_TARGET.fullmatch(word) or _TARGET_FLAGS.fullmatch(word) for word in rest)
    if name == "git":
        return _is_git_told(rest)
    if tuple(texts[:2]) in _RUNNERS:
        return may_be_ruled(words[2:])
    if name in _SCRIPT_RUNNERS and rest[:1] in (["exec"], ["x"], ["dlx"], ["node"], ["create"], ["init"]):
        return False
    return not (name == "go" and rest[:1] == ["tool"])


def offered_rule(words: Sequence[Word]) -> tuple[str, ...]:
    """The prefix to offer for calls like this one; empty where none says enough, or it had better be asked about each time."""
    return _rule([word.text for word in words]) if may_be_ruled(words) else ()


def _options(program: str, rest: Sequence[str]) -> list[str]:
    """The words of `rest` that may name something to run; a few programs mean something harmless by the same letters."""
    harmless = {"git": {"-c"}, "mypy": {"--config-file"}, "tox": {"-e", "-c"}, "ruff": {"--config"}, "pytest": {"-c"}}
    return [word for word in rest if word.partition("=")[0] not in harmless.get(program, set())]


def _is_git_told(rest: Sequence[str]) -> bool:
    """Whether the subcommand stands first, is git's own, and neither runs what it is given nor goes to a place it is given."""
    if not rest or rest[0] not in _TWO_WORDS["git"].split():
        return False
    if any(word.startswith(("-O", "--out")) for word in rest):
        return False
    return rest[0] not in _GIT_TALKS or not any(_REMOTE.match(word) for word in rest[1:])


def _interpreter_rule(texts: Sequence[str]) -> tuple[str, ...]:
    program, rest = texts[0], texts[1:]
    if PYTHON.fullmatch(program.rpartition("/")[2]) and rest[:1] == ["-m"] and len(rest) > 1:
        if not _MODULE.fullmatch(rest[1]) or rest[1].partition(".")[0] in _WIDE_MODULES:
            return ()
        if rest[1] == "pip":
            return (program, "-m", "pip", rest[2]) if len(rest) > 2 and not rest[2].startswith("-") else ()
        return (program, "-m", rest[1])
    return _script_rule(texts, 2) if rest and _SCRIPT.fullmatch(rest[0]) else ()


def _script_rule(texts: Sequence[str], count: int) -> tuple[str, ...]:
    """The first `count` words and what looks like a subcommand behind them: `manage.py test` is not `manage.py shell`."""
    has_subcommand = len(texts) > count and _PLAIN_WORD.fullmatch(texts[count])
    return tuple(texts[: count + 1 if has_subcommand else count])


def _rule(texts: list[str]) -> tuple[str, ...]:
    program, rest = texts[0], texts[1:]
    name = program.rpartition("/")[2]
    if name in _NEVER:
        return ()
    if PYTHON.fullmatch(name) or name in INTERPRETERS:
        return _interpreter_rule(texts)
    if "/" in program:
        return _path_rule(program, name, texts)
    if program in _ONE_WORD:
        return (program,)
    if tuple(texts[:2]) in _RUNNERS:
        inner = (rest[1],) if _is_script(rest[1:]) else _rule(rest[1:])
        return (program, rest[0], *inner) if inner else ()
    if rest and not rest[0].startswith("-"):
        return _subcommand_rule(program, texts)
    return _exact_rule(texts) if program not in _MANY_IN_ONE | _TARGETS else ()


def _is_script(words: Sequence[str]) -> bool:
    return bool(words) and words[0].endswith(".py") and _SCRIPT.fullmatch(words[0]) is not None


def _subcommand_rule(program: str, texts: list[str]) -> tuple[str, ...]:
    rest = texts[1:]
    if program in _SCRIPT_RUNNERS and rest[0] in {"run", "run-script"}:
        return (program, rest[0], rest[1]) if len(rest) > 1 and not rest[1].startswith("-") else ()
    if program == "uv" and rest[0] == "pip":
        return ("uv", "pip", rest[1]) if len(rest) > 1 and not rest[1].startswith("-") else ()
    if program in {"npx", "uvx", "yarn"} and _TARGET.fullmatch(rest[0]):
        return (program, rest[0])
    if program in _TARGETS:
        return (program, rest[0]) if _TARGET.fullmatch(rest[0]) else ()
    if program in _TWO_WORDS:
        return (program, rest[0]) if rest[0] in _TWO_WORDS[program].split() else ()
    return _exact_rule(texts)


def _path_rule(program: str, name: str, texts: list[str]) -> tuple[str, ...]:
    """A program named by its place: a script of the project by its path, any other word for word."""
    if name in _MANY_IN_ONE or not _SCRIPT.fullmatch(program):
        return _exact_rule(texts)
    return (program,) if name in _ONE_WORD else _script_rule(texts, 1)


def _exact_rule(texts: Sequence[str]) -> tuple[str, ...]:
    """A program that isn't known may be an interpreter: only all its words say what it does, if there are any and not many."""
    return tuple(texts) if 1 < len(texts) <= _MOST_EXACT_WORDS else ()
