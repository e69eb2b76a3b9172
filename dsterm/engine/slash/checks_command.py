"""/checks: which checks run after a turn that edited, where each comes from, and how to add, drop, run and switch them off."""

from __future__ import annotations

import asyncio

from dsterm.core.errors import UsageError
from dsterm.core.events import NoticeLevel
from dsterm.core.questions import Option, QuestionAsked
from dsterm.engine.asking import ask
from dsterm.engine.check_loop import chosen_checks
from dsterm.engine.checks import MayRun, run_by_hand
from dsterm.engine.live import LiveSession
from dsterm.engine.questions import DENY, ONCE

_USAGE = "/checks [add COMMAND | drop N | run | accept | on | off]"
_SETTINGS, _PROJECT, _PROPOSED = "your settings", "kept for this project", "proposed by the project"


async def checks_command(live: LiveSession, text: str, may_run: MayRun) -> None:
    """Do what `text`, the line behind /checks as it was typed, asks for. UsageError for what it can't be."""
    word, _, rest = text.strip().partition(" ")
    command = rest.strip()
    match word, command:
        case "", "":
            live.notice(check_list(live))
        case "add", command if command:
            await _add(live, command)
        case "drop", number if number:
            await _drop(live, number)
        case "run", "":
            await _run(live, may_run)
        case "accept", "":
            await _accept(live)
        case "on" | "off", "":
            live.are_checks_off = word == "off"
            live.notice(f"The checks are {word} for this session.")
        case _:
            raise UsageError(f"{_USAGE} is how it goes.")


def check_list(live: LiveSession) -> str:
    """All checks, numbered, with where each comes from; what the project proposes stands behind them."""
    rows = _rows(live)
    proposed = _proposed(live)
    if not rows and not proposed:
        return f"No checks run after a turn that edits files. {_USAGE}"
    lines = [f"{number:>3}  {_line(command)}  ({source})" for number, (command, source) in enumerate(rows, 1)]
    lines += [f"  -  {_line(command)}  ({_PROPOSED}, does not run; /checks accept)" for command in proposed]
    facts = "They are off for this session." if live.are_checks_off else "They run after a turn that edited files."
    return "\n".join([*lines, f"{facts} {_USAGE}"])


def proposal_note(live: LiveSession) -> str:
    """One line for the start of a session about checks that the project proposes; empty when there are none."""
    count = len(_proposed(live))
    if not count:
        return ""
    return (
        f"This project proposes {count} check{'s' if count > 1 else ''}. /checks shows them, /checks accept takes them."
    )


def _rows(live: LiveSession) -> list[tuple[str, str]]:
    kept = live.parts.trust.checks(live.parts.folder)
    settings = live.parts.config.checks
    return [(command, _SETTINGS if command in settings else _PROJECT) for command in dict.fromkeys((*settings, *kept))]


def _proposed(live: LiveSession) -> tuple[str, ...]:
    """What a trusted project proposes and the user has not taken."""
    if not live.parts.is_trusted:
        return ()
    chosen = set(chosen_checks(live))
    return tuple(dict.fromkeys(command for command in live.parts.proposed_checks if command not in chosen))


async def _add(live: LiveSession, command: str) -> None:
    if not command.isprintable():
        raise UsageError("A check is one line of printable characters.")
    if command in chosen_checks(live):
        raise UsageError(f"`{command}` is a check already.")
    await _keep(live, (*live.parts.trust.checks(live.parts.folder), command))
    live.notice(f"Kept for this project: `{command}` runs in the sandbox after a turn that edits files.")


async def _drop(live: LiveSession, number: str) -> None:
    rows = _rows(live)
    if not number.isdecimal() or not 0 < int(number) <= len(rows):
        raise UsageError(
            f"/checks drop takes a number from 1 to {len(rows)}." if rows else "There are no checks to drop."
        )
    command, source = rows[int(number) - 1]
    if source == _SETTINGS:
        raise UsageError(f"`{command}` stands in your settings; take it out of `checks` there, or switch /checks off.")
    await _keep(live, tuple(each for each in live.parts.trust.checks(live.parts.folder) if each != command))
    live.notice(f"Dropped: `{command}`.")


async def _run(live: LiveSession, may_run: MayRun) -> None:
    commands = chosen_checks(live)
    if not commands:
        raise UsageError("There are no checks to run. /checks add COMMAND makes one.")
    await run_by_hand(live, commands, may_run)


async def _accept(live: LiveSession) -> None:
    """Show what the project proposes, one command at a time, and keep those that the user takes."""
    proposed = _proposed(live)
    if not proposed:
        why = "" if live.parts.is_trusted else " This folder is not trusted, so its settings are not read; see /trust."
        raise UsageError(f"The project proposes no checks that you don't have.{why}")
    if not live.parts.can_ask:
        raise UsageError("/checks accept asks about each command, and nobody can answer here.")
    taken: list[str] = []
    for number, command in enumerate(proposed, 1):
        answer = await ask(live, _question(live, command, f"{number} of {len(proposed)}"))
        if answer.answer == ONCE:
            taken.append(command)
            await _keep(live, (*live.parts.trust.checks(live.parts.folder), command))
    level = NoticeLevel.INFO if taken else NoticeLevel.WARNING
    live.notice(f"Kept {len(taken)} of {len(proposed)} checks for this project. {_USAGE}", level)


def _question(live: LiveSession, command: str, place: str) -> QuestionAsked:
    return QuestionAsked(
        id=live.parts.new_id(),
        text=f"Check {place}, proposed by the project. Run this after every turn that edits files?\n{command}",
        options=(Option(key="y", answer=ONCE, label="yes, keep it"), Option(key="n", answer=DENY, label="no")),
    )


async def _keep(live: LiveSession, commands: tuple[str, ...]) -> None:
    await asyncio.to_thread(live.parts.trust.set_checks, live.parts.folder, commands)


def _line(command: str) -> str:
    return " ".join(command.split())
