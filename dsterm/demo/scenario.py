"""Scripted answers from a TOML or JSON file, for tests, benchmarks and shows.

tokens_per_second = 0          # full speed
otherwise = "guide"            # who answers when no reply is left: "guide", or "error" (the default)

[[replies]]
match = "rename"
reasoning = "Looking at it."
tool_calls = [{ name = "read", arguments = { file_path = "a.py" } }]

[[replies]]
text = "lorem "
repeat = 20000
faults = [{ kind = "stall", after = 5, seconds = 2.0 }]
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

import msgspec

from dsterm.core.errors import UsageError
from dsterm.demo.reply import Reply
from dsterm.demo.request import BadRequest


class Otherwise(StrEnum):
    """Who answers when no reply of the scenario is left."""

    GUIDE = "guide"
    ERROR = "error"


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scenario file; `tokens_per_second` is for replies that name none, 0 is full speed."""

    replies: tuple[Reply, ...]
    tokens_per_second: float = 0.0
    otherwise: Otherwise = Otherwise.ERROR


def load_scenario(file: Path) -> Scenario:
    """The scenario in `file`; UsageError says what is wrong with it."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"The scenario {file} can't be read ({error.strerror}); name a TOML or JSON file.") from error
    try:
        decode = msgspec.json.decode if file.suffix == ".json" else msgspec.toml.decode
        scenario = decode(data, type=Scenario)
    except (msgspec.DecodeError, ValueError) as error:
        raise UsageError(f"The scenario {file} can't be used: {error}.") from error
    for number, reply in enumerate(scenario.replies):
        problem = _problem(reply)
        if problem:
            raise UsageError(f"The scenario {file} can't be used: {problem} - at `$.replies[{number}]`.")
    return scenario


def _problem(reply: Reply) -> str:
    try:
        re.compile(reply.match)
    except re.error as error:
        return f"`match` is no regular expression ({error})"
    if min(reply.times, reply.repeat, reply.reasoning_repeat, reply.tokens_per_second or 0) < 0:
        return "`times`, `repeat`, `reasoning_repeat` and `tokens_per_second` can't be below 0"
    if reply.refusal and not 400 <= reply.refusal.status <= 599:
        return "`refusal.status` must be an HTTP error, 400 to 599"
    return ""


class Script:
    """A scenario while it is played: the first reply that fits and is not used up answers."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._left = [reply.times or None for reply in scenario.replies]

    def next_reply(self, prompt: str) -> Reply | None:
        """The reply to a request whose newest user text is `prompt`, None where the guide is to answer.

        BadRequest when the scenario has nothing left to say.
        """
        for number, reply in enumerate(self.scenario.replies):
            left = self._left[number]
            if left == 0 or not re.search(reply.match, prompt):
                continue
            if left is not None:
                self._left[number] = left - 1
            return reply
        if self.scenario.otherwise is Otherwise.ERROR:
            raise BadRequest("The scenario has no reply left that fits this request.")
        return None
