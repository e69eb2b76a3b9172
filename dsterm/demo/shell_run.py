"""Rules: run a command, or the tests, and say truly how it ended."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dsterm.demo.locate import known_texts, read_next
from dsterm.demo.outcome import was_refused
from dsterm.demo.steps import Step, bash, glob
from dsterm.demo.talk import Exchange, Talk, listed_paths

TEST_FILE = re.compile(r"(?:.*/)?(?:test_[^/]*|[^/]*_test)\.py")
_TEST_PACKAGE = re.compile(r"(?:.*/)?tests?/__init__\.py")
_USES_PYTEST = re.compile(r"^\s*(?:import|from)\s+pytest\b", re.MULTILINE)
_EXIT = re.compile(r"\[exit code: (?P<code>-?\d+)\]")
_NOT_OVER = ("[timed out", "[runs in the background", "[the user stopped")
_REMARK = "(What looks like "
_MOST_SHOWN = 30


def run_tests(talk: Talk) -> Step:
    """The next step of running the tests."""
    names = talk.last("glob")
    if names is None:
        return Step(
            thoughts=("Which tests there are tells how they are run, so I list the Python files first.",),
            calls=(glob("*.py"),),
        )
    paths = listed_paths(names.result)
    if not any(TEST_FILE.fullmatch(path) for path in paths):
        return Step(text="I found no test files here: no `test_*.py` and no `*_test.py`.")
    step = read_next(talk, test_sources(paths), "These files say which runner they are written for.")
    return step or run_command(talk, tests_command(paths, dict(known_texts(talk, ".py"))))


def run_command(talk: Talk, command: str) -> Step:
    """The next step of running `command`."""
    ran = last_run(talk, command)
    if ran is None:
        return Step(
            thoughts=(f"The request is to run `{command}`, so I ask for exactly that and change nothing in it.",),
            calls=(bash(command, "Run what was asked for"),),
        )
    return Step(thoughts=("It is over; what is left is to say how it ended.",), text=told(ran))


def test_sources(paths: Sequence[str]) -> list[str]:
    """The files that hold tests or say how they are found."""
    return [path for path in paths if TEST_FILE.fullmatch(path) or _TEST_PACKAGE.fullmatch(path)]


def tests_command(paths: Sequence[str], texts: Mapping[str, str]) -> str:
    """How these tests are run: by unittest where they are written for it and need no pytest."""
    known = [texts.get(path, "") for path in test_sources(paths)]
    if any(_USES_PYTEST.search(text) for text in known):
        return "python3 -m pytest -q"
    return "python3 -m unittest" if any("unittest" in text for text in known) else "python3 -m pytest -q"


def last_run(talk: Talk, command: str) -> Exchange | None:
    """The last call of `bash` with `command` in this turn."""
    runs = [exchange for exchange in talk.results("bash") if exchange.arguments.get("command") == command]
    return runs[-1] if runs else None


def exit_code(ran: Exchange) -> int | None:
    """The exit code as the tool tells it in its last line, where no word is 0; None where it did not run to its end."""
    lines = [line for line in ran.result.split("\n") if line.strip() and not line.startswith(_REMARK)]
    last = lines[-1] if lines else ""
    if was_refused(ran) or last.startswith(_NOT_OVER):
        return None
    found = _EXIT.fullmatch(last)
    return int(found["code"]) if found else 0


def told(ran: Exchange) -> str:
    """How a command ended, with the end of what it printed."""
    command = ran.arguments.get("command")
    if was_refused(ran):
        return f"`{command}` did not run: {' '.join(ran.result.split())[:300]}"
    code = exit_code(ran)
    ending = f"ended with exit code {code}" if code is not None else "did not run to its end"
    lines = ran.result.rstrip("\n").split("\n")
    cut = f"The last {_MOST_SHOWN} of {len(lines)} lines" if len(lines) > _MOST_SHOWN else "All of it"
    shown = "\n".join(lines[-_MOST_SHOWN:])
    longest = max((len(mark) for mark in re.findall(r"`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"`{command}` {ending}. {cut}:\n\n{fence}text\n{shown}\n{fence}"
