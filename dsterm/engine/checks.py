"""The user's checks (lint, types, tests) after a turn that edited: run in the sandbox, and what failed goes back to the model."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256

import msgspec

from dsterm.context.data_marks import mark_data
from dsterm.core.command_events import CheckEnded, CheckStarted
from dsterm.core.command_plan import Confinement
from dsterm.core.commands import CommandLaunch, JobOutput, JobState
from dsterm.core.delta_events import ToolProgress
from dsterm.core.errors import WorkspaceError
from dsterm.core.events import NoticeLevel
from dsterm.core.tools import Effect, Lack, Outcome, Plan, PreparedCall, Progress, ToolResult
from dsterm.engine.calls.saved_run import run_saved
from dsterm.engine.live import LiveSession
from dsterm.render.wording import format_seconds

MayRun = Callable[[str], Awaitable[bool]]
"""Whether a command may run without a sandbox: the user is asked, or the rules say so."""

_HEAD = 2_000
_TAIL = 6_000
"""Characters of a check's output that the model is told, from its beginning and its end."""

_CHANGING = re.compile(r"0x[0-9a-f]+|\d+", re.IGNORECASE)
"""What differs between two runs that fail the same way: times, addresses, counts."""

_LACKS = {
    Lack.NETWORK: "The sandbox has no network, and that may be why.",
    Lack.RIGHTS: "The sandbox forbids writing outside the workspace, and that may be why.",
}


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a check went: `has_failed` only where it ran to its end, or its time was over. `words` say how it ended."""

    command: str
    passed: bool = False
    has_failed: bool = False
    words: str = ""
    output: str = ""

    @property
    def way(self) -> str:
        """The same for two failures that differ in nothing but times and numbers."""
        plain = _CHANGING.sub("0", f"{self.words}\n{self.output}")
        return sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


async def run_checks(live: LiveSession, commands: Sequence[str], round_: int, may_run: MayRun) -> str | None:
    """Run `commands` one after the other. None when none failed, else what the model is to know, outputs marked as data."""
    return failure_words(await check_all(live, commands, round_, may_run))


async def check_all(live: LiveSession, commands: Sequence[str], round_: int, may_run: MayRun) -> list[CheckResult]:
    """Run `commands` one after the other, with CheckStarted and CheckEnded for each; what they change can be undone."""
    results: list[CheckResult] = []

    async def run(_progress: Progress) -> ToolResult:
        results.extend([await _check(live, command, round_, may_run) for command in commands])
        return ToolResult(outcome=Outcome.DONE, content="")

    call = PreparedCall(plan=Plan(effects=(Effect.EXECUTE,), subject="checks"), run=run)
    await run_saved(live, live.parts.new_id(), call, lambda _text: None)
    return results


def failure_words(results: Sequence[CheckResult]) -> str | None:
    """What the model is told of the checks that failed; None when none did."""
    failed = [result for result in results if result.has_failed]
    if not failed:
        return None
    parts = []
    for result in failed:
        shown = mark_data("output of a check", result.output) if result.output.strip() else "It printed nothing."
        parts.append(f"{mark_data('check', result.command)}\nIt failed: {result.words}\n{shown}")
    return "\n\n".join(parts)


async def _check(live: LiveSession, command: str, round_: int, may_run: MayRun) -> CheckResult:
    """Run one; CheckEnded is emitted also when it is stopped."""
    parts = live.parts
    id_, started = parts.new_id(), parts.clock.monotonic()
    live.emit(CheckStarted(id=id_, command=command, round=round_))
    result = CheckResult(command=command, words="stopped")
    try:
        result = await _outcome(live, command, id_, may_run)
    finally:
        live.emit(
            CheckEnded(
                id=id_,
                command=command,
                round=round_,
                passed=result.passed,
                output=result.output if result.has_failed else "",
                summary="" if result.passed else result.words,
                seconds=round(parts.clock.monotonic() - started, 3),
            )
        )
    return result


async def _outcome(live: LiveSession, command: str, id_: str, may_run: MayRun) -> CheckResult:
    parts = live.parts
    facts = await asyncio.to_thread(lambda: parts.commands.sandbox)
    if not facts.name and not await may_run(command):
        return CheckResult(
            command=command, words="not run: nothing confines commands here, and running it was not allowed"
        )
    launch = CommandLaunch(
        command=command,
        folder=parts.folder,
        confinement=Confinement.SANDBOX if facts.name else Confinement.OPEN,
        seconds=parts.config.command_timeout,
        description="a check",
    )
    try:
        done = await parts.commands.run(launch, lambda text: live.emit(ToolProgress(id=id_, text=text)))
    except WorkspaceError as error:
        return CheckResult(command=command, words=f"not run: {error}")
    return _judged(live, command, done)


def _judged(live: LiveSession, command: str, done: JobOutput) -> CheckResult:
    job = done.job
    output = shortened(live.parts.redact(done.text) if live.parts.config.mask_secrets else done.text)
    match job.state:
        case JobState.RUNNING:
            return CheckResult(
                command=command, words=f"moved to the background as job {job.id}; its result is not known"
            )
        case JobState.STOPPED:
            return CheckResult(command=command, words="stopped")
        case JobState.TIMED_OUT:
            words = f"stopped after {format_seconds(live.parts.config.command_timeout)}"
            return CheckResult(command=command, has_failed=True, words=words, output=output)
        case JobState.ENDED if job.exit_code == 0:
            return CheckResult(command=command, passed=True)
        case JobState.ENDED:
            lack = f". {_LACKS[done.lack]}" if done.lack else ""
            words = f"exit {job.exit_code}{lack}"
            return CheckResult(command=command, has_failed=True, words=words, output=output)


def shortened(text: str) -> str:
    """Head and tail of `text`, cut between lines where that is near, with a line that says what is missing."""
    if len(text) <= _HEAD + _TAIL:
        return text
    head, tail = text[:_HEAD], text[-_TAIL:]
    head = head[: head.rfind("\n") + 1] or head
    tail = tail[tail.find("\n") + 1 :] if "\n" in tail[: _TAIL // 4] else tail
    missing = len(text) - len(head) - len(tail)
    return f"{head.removesuffix(chr(10))}\n… {missing:,} characters left out …\n{tail}"


async def run_by_hand(live: LiveSession, commands: Sequence[str], may_run: MayRun) -> None:
    """Run `commands` for the user alone: the model hears nothing of it."""
    results = await check_all(live, commands, 1, may_run)
    live.notice(standing(results), NoticeLevel.INFO if all(each.passed for each in results) else NoticeLevel.WARNING)


def standing(results: Sequence[CheckResult]) -> str:
    """How the checks stand: `All 3 checks pass.`, or which don't."""
    failed = [result for result in results if result.has_failed]
    unknown = [result for result in results if not result.has_failed and not result.passed]
    if not failed and not unknown:
        return "The check passes." if len(results) == 1 else f"All {len(results)} checks pass."
    told = [f"{len(failed)} of {len(results)} checks failed: {_names(failed)}."] if failed else []
    told += [f"No result of {_names([result])}: {result.words}." for result in unknown]
    return " ".join(told)


def _names(results: Sequence[CheckResult]) -> str:
    return ", ".join(f"`{' '.join(result.command.split())}`" for result in results)
