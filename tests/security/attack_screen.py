"""The real screen of the program in a real terminal, with every byte recorded that the program writes to it."""

from __future__ import annotations

import re
import subprocess
import time
import unicodedata
import uuid
from collections.abc import Sequence

from attack_world import Calls, World
from e2e_program import DSTERM, Done, finished
from terminal import Terminal

from dsterm.demo.reply import Reply

HIDING = {"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"}
"""Categories of characters that steer a terminal or that nobody sees."""

_SEQUENCE = re.compile(
    r"\x1b\[(?P<parameters>[0-?]*)(?P<middle>[ -/]*)(?P<last>[@-~])"
    r"|\x1b(?P<opener>[\]PX^_])(?P<text>.*?)(?:\x07|\x1b\\)"
    r"|\x1b.",
    re.DOTALL,
)
_OF_ANY_NUMBER = {"m", "H"}
"""Colours and places: their numbers differ from screen to screen."""


class Screen(Terminal):
    """dsterm in `world`, on a screen of its own, asked `prompt` at once."""

    def __init__(self, world: World, *words: str, size: tuple[int, int] = (100, 40)) -> None:
        self._record = world.folder / f"bytes-{uuid.uuid4().hex}"
        environment = world.environment | {"TERM": "xterm-256color"}
        command = [*DSTERM, "--base-url", world.recorder.url, *words]
        super().__init__(f"dsterm-attack-{uuid.uuid4().hex[:8]}", size, command, environment, world.repo)
        # The window itself keeps every byte that the program writes, before it obeys any.
        self._tmux("pipe-pane", f"cat > {self._record}")

    @property
    def written(self) -> str:
        """Everything that the program has written to its terminal."""
        return self._record.read_bytes().decode("utf-8", "surrogateescape") if self._record.exists() else ""

    def settled(self) -> str:
        """The screen once it does not change any more."""
        before, until = "", time.monotonic() + 20
        while time.monotonic() < until:
            now = self.screen()
            if now == before and now.strip():
                return now
            before = now
            time.sleep(0.4)
        return before


def ask(
    world: World, calls: Calls, *flags: str, replies: Sequence[Reply] = (), size: tuple[int, int] = (100, 40)
) -> Screen:
    """The screen, with a model that makes `calls` and then says `replies`."""
    mark = world.order(calls, *replies)
    return Screen(world, *flags, f"Do it. {mark}", size=size)


def run(world: World, *words: str) -> Done:
    """The program without a screen, with exactly these words."""
    process = subprocess.Popen(
        [*DSTERM, "--base-url", world.recorder.url, *words],
        cwd=world.repo,
        env=world.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        return finished(process)


def shapes(written: str) -> set[str]:
    """The kinds of sequences in what was written; colours and places count whatever their numbers are."""
    found = set()
    for match in _SEQUENCE.finditer(written):
        found.add(f"CSI {match['last']}" if _is_usual(match) else repr(match.group()))
    return found


def _is_usual(match: re.Match[str]) -> bool:
    """Whether it is a colour or a place; no number in one is as large as those that attacks use."""
    numbers = re.split("[;:]", match["parameters"] or "")
    is_small = all(number == "" or (number.isdecimal() and int(number) < 1000) for number in numbers)
    return match["last"] in _OF_ANY_NUMBER and not match["middle"] and is_small


def assert_plain(text: str) -> None:
    """Nothing in `text` steers or hides: visible characters, spaces and line feeds."""
    odd = {f"U+{ord(each):04X}" for each in text if unicodedata.category(each) in HIDING and each != "\n"}
    assert odd == set(), (odd, text[:2000])


def assert_only(written: str, known: set[str]) -> None:
    """What was written to the terminal is text and sequences of the `known` kinds."""
    assert shapes(written) <= known
    rest = _SEQUENCE.sub("", written)
    assert_plain(rest.replace("\r\n", "\n"))
