"""`!command`: a command of the user's own, outside the sandbox; `!!command` keeps its output out of the conversation."""

from __future__ import annotations

import asyncio
import re
import shlex

from msgspec.structs import replace

from dsterm.context.shared_output import shared_output
from dsterm.core.command_events import UserCommandEnded, UserCommandStarted
from dsterm.core.command_plan import Confinement
from dsterm.core.commands import CommandLaunch, CommandRunner, Job, JobState
from dsterm.core.delta_events import ToolProgress
from dsterm.core.errors import UsageError, WorkspaceError
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.requests import context_tokens
from dsterm.render.wording import format_money, format_tokens

_TO_BACKGROUND = re.compile(r"(?<![\\&|<>])&$")
"""An `&` that ends the line, and is not part of `&&`, of a redirection or of a word."""


async def run_user_command(live: LiveSession, line: str) -> None:
    """Run what follows `!` or `!!` in `line`; `&` at its end sends it to the background. UsageError when nothing follows."""
    is_shared = not line.startswith("!!")
    command = line.lstrip("!").strip()
    if not command:
        raise UsageError("! takes a command: !git status. !! keeps its output out of the conversation.")
    if _TO_BACKGROUND.search(command):
        await _start_in_background(live, command.removesuffix("&").strip())
        return
    parts = live.parts
    started = parts.clock.monotonic()
    former = parts.commands.jobs()
    # What runs is what was typed; what is kept and sent of it holds no key.
    ended = UserCommandEnded(id=parts.new_id(), command=parts.redact(command), output="", is_shared=is_shared)
    live.emit(UserCommandStarted(id=ended.id, command=ended.command, is_shared=is_shared))
    try:
        ended = await _outcome(live, command, ended)
    except WorkspaceError as error:
        ended = replace(ended, output=f"({error})")
        raise
    except asyncio.CancelledError:
        ended = replace(ended, output=await _printed_so_far(parts.commands, former))
        raise
    finally:
        ended = _settled(live, replace(ended, seconds=round(parts.clock.monotonic() - started, 3)))
        live.emit(ended)
    if is_shared:
        _tell_price(live, ended.tokens)


async def _outcome(live: LiveSession, command: str, started: UserCommandEnded) -> UserCommandEnded:
    def show(text: str) -> None:
        live.emit(ToolProgress(id=started.id, text=text))

    done = await live.parts.commands.run(_launch(live, command), show)
    job = done.job.id if done.job.state is JobState.RUNNING else ""
    return replace(started, output=done.text, exit_code=done.job.exit_code, job=job)


async def _printed_so_far(runner: CommandRunner, former: tuple[Job, ...]) -> str:
    """What the user's command that was just stopped had printed; it is none of the `former` ones."""
    known = {job.id for job in former}
    mine = [job.id for job in runner.jobs() if job.is_of_user and not job.is_background and job.id not in known]
    return (await runner.read(mine[-1])).text if mine else ""


def _settled(live: LiveSession, ended: UserCommandEnded) -> UserCommandEnded:
    """With its output masked, and counted as the model will read it."""
    parts = live.parts
    if parts.config.mask_secrets:
        ended = replace(ended, output=parts.redact(ended.output))
    return replace(ended, tokens=parts.counter.count(shared_output(ended)) if ended.is_shared else 0)


async def _start_in_background(live: LiveSession, command: str) -> None:
    if not command:
        raise UsageError("! takes a command before the &.")
    await live.parts.commands.start(_launch(live, command))


def _launch(live: LiveSession, command: str) -> CommandLaunch:
    """The user's own command: as the user, without a time limit; one under nohup was asked to survive."""
    return CommandLaunch(
        command=command,
        folder=live.parts.folder,
        confinement=Confinement.OPEN,
        is_of_user=True,
        survives=_first_word(command) == "nohup",
    )


def _first_word(command: str) -> str:
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    return words[0] if words else ""


def _tell_price(live: LiveSession, tokens: int) -> None:
    """What the output adds to the next request; how many tokens that are stands with the command."""
    price = live.card(live.model).price
    cost = format_money(price.input * tokens / 1_000_000, is_estimate=True) if price else "an unknown price"
    demo = " (demo, owed to nobody)" if live.provider.is_demo else ""
    used, _ = context_tokens(live)
    live.notice(
        f"The next request carries that output for {cost}{demo}; {format_tokens(used)} tokens in the window now. "
        "!! keeps an output out."
    )
