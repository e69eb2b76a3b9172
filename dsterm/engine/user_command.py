"""`!command`: a command of the user's own, outside the sandbox; `!!command` keeps its output out of the conversation."""

from __future__ import annotations

import shlex

from dsterm.core.command_events import UserCommandEnded, UserCommandStarted
from dsterm.core.command_plan import Confinement
from dsterm.core.commands import CommandLaunch, JobState
from dsterm.core.errors import UsageError
from dsterm.core.events import ToolProgress
from dsterm.engine.live import LiveSession
from dsterm.engine.requests import context_tokens
from dsterm.render.wording import format_money, format_tokens


async def run_user_command(live: LiveSession, line: str) -> None:
    """Run what follows `!` or `!!` in `line`; `&` at its end sends it to the background. UsageError when nothing follows."""
    is_shared = not line.startswith("!!")
    command = line.lstrip("!").strip()
    if not command:
        raise UsageError("! takes a command: !git status. !! keeps its output out of the conversation.")
    if command.endswith("&") and not command.endswith("&&"):
        await _start_in_background(live, command.removesuffix("&").strip())
        return
    parts = live.parts
    started = parts.clock.monotonic()
    id_ = parts.new_id()
    live.emit(UserCommandStarted(id=id_, command=command, is_shared=is_shared))
    text, exit_code = "", None
    try:
        done = await parts.commands.run(_launch(live, command), lambda text: live.emit(ToolProgress(id=id_, text=text)))
        text, exit_code = done.text, done.job.exit_code
        if done.job.state is JobState.RUNNING:
            text = f"{text}\n(It goes on in the background as job {done.job.id}.)"
    finally:
        text = parts.redact(text) if parts.config.mask_secrets else text
        live.emit(
            UserCommandEnded(
                id=id_,
                command=command,
                output=text,
                exit_code=exit_code,
                is_shared=is_shared,
                tokens=parts.counter.count(text) if is_shared else 0,
                seconds=round(parts.clock.monotonic() - started, 3),
            )
        )
    if is_shared:
        _tell_price(live, parts.counter.count(text))


async def _start_in_background(live: LiveSession, command: str) -> None:
    if not command:
        raise UsageError("! takes a command before the &.")
    job = await live.parts.commands.start(_launch(live, command))
    goes_on = "goes on when dsterm ends" if job.survives else "ends with dsterm"
    live.notice(f"Job {job.id} runs in the background and {goes_on}. /jobs {job.id} shows its output.")


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
    """What the output adds to the next request."""
    price = live.model.price
    cost = (
        f", {format_money(price.input * tokens / 1_000_000, is_estimate=True)} with the next request" if price else ""
    )
    used, _ = context_tokens(live)
    live.notice(
        f"The output stands in the conversation: {format_tokens(tokens)} tokens{cost}; "
        f"{format_tokens(used)} in the window now. !! keeps an output out."
    )
