"""One long-context check: the text in a folder, attached by a dsterm of its own, asked about, and its answer judged."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import msgspec

from dsterm.boot.needles_report import Outcome
from dsterm.context.haystack import Haystack
from dsterm.context.needle_question import Verdict, answer_schema, judge, question

_MOST_REQUESTS = 3
"""An answer that does not fit the schema is asked for again."""

_PROGRAM = ("-P", "-m", "dsterm", "-p", "--no-save", "--no-instructions", "--output-format=json")


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask: `tokens` were wanted of the `haystack`; `words` say whom; `folder` is an empty one to work in."""

    tokens: int
    haystack: Haystack
    words: tuple[str, ...]
    folder: Path


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


class _Result(msgspec.Struct):
    """What of the program's result is read here."""

    result: str = ""
    usage: _Usage = msgspec.field(default_factory=_Usage)
    cost_usd: Decimal | None = None
    is_error: bool = False
    error: str = ""


def run_check(check: Check) -> Outcome:
    """Ask and judge. KeyboardInterrupt ends the program that asks first."""
    # Tools see the work folder only, so the text can't be searched with them.
    text, work = check.folder / "haystack", check.folder / "work"
    for folder in (text, work):
        folder.mkdir()
    for name, chapter in check.haystack.chapters.items():
        (text / name).write_text(chapter)
    needles = check.haystack.needles
    schema = check.folder / "schema.json"
    schema.write_text(answer_schema(needles))
    words = (
        f"--cwd={work}",
        f"--attach={text}",
        f"--json-schema={schema}",
        f"--max-turns={_MOST_REQUESTS}",
        *check.words,
    )
    started = time.monotonic()
    output, complaints = _output((*_PROGRAM, *words, question(needles)))
    seconds = time.monotonic() - started
    try:
        found = msgspec.json.decode(output, type=_Result)
    except msgspec.DecodeError:
        last = complaints.decode("utf-8", "replace").strip().rpartition("\n")[2]
        found = _Result(is_error=True, error=last or "It ended without a result.")
    verdicts = _judged(check, found)
    return Outcome(
        wanted=check.tokens,
        needles=needles,
        verdicts=tuple(verdicts),
        sent=found.usage.prompt_tokens,
        cached=found.usage.cached_tokens,
        answered=found.usage.completion_tokens,
        seconds=seconds,
        dollars=found.cost_usd or Decimal(0),
        problem=(found.error or "It failed.") if found.is_error else "",
    )


def _judged(check: Check, found: _Result) -> list[Verdict]:
    try:
        value = json.loads(found.result)
    except ValueError:
        value = None
    return judge(check.haystack.needles, value if isinstance(value, dict) else {})


def _output(words: tuple[str, ...]) -> tuple[bytes, bytes]:
    with subprocess.Popen(  # noqa: S603  this very program
        (sys.executable, *words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        try:
            return program.communicate()
        except KeyboardInterrupt:
            # The terminal told it as well; anything else that interrupts did not.
            program.send_signal(signal.SIGINT)
            program.communicate()
            raise
