"""The tool `bash`: a command line, read before it runs, confined where it can be, waited for or left in the background.

That a command ended with an error is said by the call's outcome too: a test that fails is what its reader looks for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Annotated

import msgspec

from dsterm.core.command_plan import Confinement, PlannedCommand
from dsterm.core.commands import CommandLaunch, CommandReader, CommandReading, CommandRunner
from dsterm.core.errors import ToolError
from dsterm.core.tools import Effect, Lack, Plan, PreparedCall, Progress, Tool, ToolResult
from dsterm.core.workspace import Workspace
from dsterm.tools.checked_tool import CheckedTool
from dsterm.tools.command_result import command_result, started_result

_LONGEST_COMMAND = 100_000
_LEAST_MILLISECONDS = 1_000
_MOST_MILLISECONDS = 600_000
_LINE_BREAK = re.compile(r"\s*\n\s*")


class BashArguments(msgspec.Struct, frozen=True):
    """What `bash` takes."""

    command: str
    description: Annotated[str, msgspec.Meta(description="what it is for, in a few words, for the user")]
    workdir: Annotated[str, msgspec.Meta(description="folder in the workspace, instead of cd")] = ""
    timeout_ms: Annotated[int, msgspec.Meta(description="milliseconds, at most 600000")] | None = None
    run_in_background: bool = False


class _Case(msgspec.Struct, frozen=True, kw_only=True):
    """One call, checked and read: everything its plans are made of."""

    launch: CommandLaunch
    reading: CommandReading
    folder: str
    is_background: bool
    effects: tuple[Effect, ...]
    concerns: tuple[str, ...]


def bash_tool(
    workspace: Workspace,
    runner: CommandRunner,
    reader: CommandReader,
    *,
    timeout_seconds: int = 120,
    has_network: Callable[[], bool] = bool,
) -> Tool:
    """`bash` in `workspace`; `timeout_seconds` where a call names none, `has_network`: the sandbox has the network by setting."""

    async def plan(arguments: BashArguments) -> PreparedCall:
        command = _checked(arguments.command)
        folder = workspace.resolve(arguments.workdir or ".")
        facts = await asyncio.to_thread(workspace.facts, folder)
        if facts is None or not facts.is_folder:
            raise ToolError(
                f"workdir: {workspace.display(folder)} is no folder in the workspace. Leave it out for the top."
            )
        # The first look for a sandbox runs something in it.
        sandbox = await asyncio.to_thread(lambda: runner.sandbox)
        reading = reader(command)
        effects = set(reading.effects)
        if has_network() and Effect.EXECUTE in effects and sandbox.name:
            effects.add(Effect.NETWORK)
        concerns = list(reading.concerns)
        if not sandbox.name:
            effects.add(Effect.OUTSIDE)
            concerns.append(f"there is no sandbox here: {sandbox.trouble.removesuffix('.')}")
        seconds = _seconds(arguments, timeout_seconds)
        launch = CommandLaunch(
            command=command,
            folder=folder,
            confinement=_confinement(effects),
            seconds=seconds,
            description=arguments.description.strip(),
            shows_secrets=Effect.SECRETS in effects,
        )
        case = _Case(
            launch=launch,
            reading=reading,
            folder=workspace.display(folder),
            is_background=arguments.run_in_background,
            effects=_in_order(effects),
            concerns=tuple(concerns),
        )
        return _prepared(case, runner)

    return CheckedTool("bash", BashArguments, plan)


def _prepared(case: _Case, runner: CommandRunner) -> PreparedCall:
    launch = case.launch

    async def run(progress: Progress) -> ToolResult:
        if case.is_background:
            return started_result(await runner.start(launch))
        return command_result(await runner.run(launch, progress), launch.seconds)

    def wider(lack: Lack) -> PreparedCall:
        return _prepared(_widened(case, lack), runner)

    plan = Plan(
        effects=case.effects,
        subject=_LINE_BREAK.sub(" ⏎ ", launch.command),
        concerns=case.concerns,
        command=PlannedCommand(
            command=launch.command,
            folder=case.folder,
            confinement=launch.confinement,
            description=launch.description,
            calls=case.reading.calls,
            is_understood=case.reading.is_understood,
            is_background=case.is_background,
        ),
    )
    can_widen = launch.confinement is not Confinement.OPEN and not case.is_background
    return PreparedCall(plan=plan, run=run, wider=wider if can_widen else None)


def _widened(case: _Case, lack: Lack) -> _Case:
    """The same command with the network, or, where rights are missing or the network was not enough, without the sandbox."""
    before = set(case.effects) - {Effect.INSPECT}
    if lack is Lack.NETWORK and case.launch.confinement is Confinement.SANDBOX:
        effects = before | {Effect.EXECUTE, Effect.NETWORK}
        concern = "it seems to have failed because the sandbox has no network"
    else:
        effects = before | {Effect.EXECUTE, Effect.OUTSIDE}
        concern = (
            "it seems to have failed for the network even with it allowed, so it would run without the sandbox"
            if lack is Lack.NETWORK
            else "it seems to have failed for rights that the sandbox does not give, so it would run without it"
        )
    return msgspec.structs.replace(
        case,
        launch=msgspec.structs.replace(case.launch, confinement=_confinement(effects)),
        effects=_in_order(effects),
        concerns=(concern, *case.concerns),
    )


def _confinement(effects: set[Effect]) -> Confinement:
    if Effect.OUTSIDE in effects:
        return Confinement.OPEN
    return Confinement.NETWORK if Effect.NETWORK in effects else Confinement.SANDBOX


def _in_order(effects: set[Effect]) -> tuple[Effect, ...]:
    return tuple(effect for effect in Effect if effect in effects)


def _checked(command: str) -> str:
    if not command.strip():
        raise ToolError("The command is empty. Say what to run.")
    if "\0" in command:
        raise ToolError(
            "The command has a NUL byte in it, which no shell takes. Write it as $'\\x00' where it is meant."
        )
    try:
        size = len(command.encode())
    except UnicodeEncodeError as error:
        raise ToolError("The command has half a character in it. Write it again.") from error
    if size > _LONGEST_COMMAND:
        raise ToolError("The command is too long. Write it to a file with write, then run that.")
    return command


def _seconds(arguments: BashArguments, usual: int) -> float | None:
    """The time limit: none for a command in the background that names none."""
    wanted = arguments.timeout_ms
    if wanted is None:
        return None if arguments.run_in_background else float(usual)
    if wanted < _LEAST_MILLISECONDS:
        raise ToolError(f"timeout_ms counts milliseconds, at least {_LEAST_MILLISECONDS}; {wanted} is too short.")
    if wanted > _MOST_MILLISECONDS and not arguments.run_in_background:
        raise ToolError(f"timeout_ms is at most {_MOST_MILLISECONDS}. What takes longer goes to run_in_background.")
    return wanted / 1000
