"""/permissions: the mode, what is allowed without asking and why, rules that go again, and rules worth having."""

from __future__ import annotations

import asyncio
import shlex

import msgspec

from dsterm.core.command_plan import CommandRule, PlannedCommand
from dsterm.core.errors import UsageError
from dsterm.core.events import NoticeLevel
from dsterm.core.models import PermissionMode
from dsterm.core.questions import Option, QuestionAsked
from dsterm.engine.asking import ask
from dsterm.engine.live import LiveSession
from dsterm.engine.questions import DENY
from dsterm.policy.permissions import decide
from dsterm.policy.rules import rule_words, uncovered

_YES = "yes"
_WORTH_A_RULE = 2
"""Times that the same was allowed before a rule for it is proposed."""

_WHAT_MODES_DO = {
    PermissionMode.ASK: "everything but reading asks",
    PermissionMode.ACCEPT_EDITS: "edits happen, commands ask",
    PermissionMode.AUTO: "edits and sandboxed commands happen, the rest asks",
    PermissionMode.PLAN: "nothing is changed or run; ends in a plan for you to accept",
    PermissionMode.YOLO: "nothing asks, not even what leaves the sandbox",
}
_USAGE = "/permissions [MODE | explain COMMAND | remove N | suggest | keep N]"


async def permissions(live: LiveSession, text: str) -> None:
    """Show, explain, remove, suggest, or choose a mode, as `text` says. UsageError for anything else."""
    match text.split(maxsplit=1):
        case []:
            live.notice(_standing(live))
        case ["explain", command]:
            live.notice(await _explained(live, command))
        case ["remove", number]:
            await _remove(live, number)
        case ["suggest"]:
            live.notice(_suggestions(live))
        case ["keep", number]:
            await _keep(live, number)
        case ["explain" | "remove" | "keep"]:
            raise UsageError(f"{_USAGE} is how it goes.")
        case [mode]:
            await choose_permission_mode(live, mode)
        case _:
            raise UsageError(f"{_USAGE}. The modes are {', '.join(PermissionMode)}.")


async def choose_permission_mode(live: LiveSession, word: str) -> None:
    """Change to the mode called `word`; yolo is confirmed first, once a session."""
    try:
        mode = PermissionMode(word)
    except ValueError as error:
        raise UsageError(f"{word} is not a permission mode. There are: {', '.join(PermissionMode)}") from error
    if mode is PermissionMode.YOLO and not live.has_yolo:
        if not live.parts.can_ask:
            raise UsageError("yolo is set by --permission-mode yolo here, as nobody can confirm it.")
        question = QuestionAsked(
            id=live.parts.new_id(),
            text="yolo asks nothing: the model may run anything as you, outside the sandbox too, and read your keys. Sure?",
            options=(
                Option(key="y", answer=_YES, label="yes, ask nothing"),
                Option(key="n", answer=DENY, label="no"),
            ),
        )
        if (await ask(live, question)).answer != _YES:
            live.notice(f"The permission mode is still {live.permission_mode}.")
            return
        live.has_yolo = True
    live.choose_permissions(mode)


def _standing(live: LiveSession) -> str:
    config, parts = live.parts.config, live.parts
    sandbox = live.parts.commands.sandbox
    confined = sandbox.name or f"none, so every command asks: {sandbox.trouble}"
    lines = [
        f"mode      {live.permission_mode}: {_WHAT_MODES_DO[live.permission_mode]}",
        f"sandbox   {confined}{', with the network' if config.sandbox_network and sandbox.name else ''}",
        f"folder    {'trusted' if parts.is_trusted else 'not trusted; /trust says that you do'}",
    ]
    if config.allowed_tools:
        lines.append(f"allowed   {', '.join(config.allowed_tools)} (--allowed-tools)")
    if config.disallowed_tools:
        lines.append(f"never     {', '.join(config.disallowed_tools)} (--disallowed-tools)")
    if live.granted:
        lines.append("session   all edits")
    if live.granted_calls:
        lines.append(f"session   {len(live.granted_calls)} single calls, exactly as they were asked")
    rules = parts.trust.rules(parts.folder)
    lines += [f"rule {number:<4} {rule_words(rule)}" for number, rule in enumerate(rules, 1)]
    if rules:
        lines.append("Rules are kept in your own state folder, for this project. /permissions remove N takes one back.")
    others = [f"{mode}: {words}" for mode, words in _WHAT_MODES_DO.items() if mode is not live.permission_mode]
    return "\n".join([*lines, "", *others, _USAGE])


async def _explained(live: LiveSession, command: str) -> str:
    """What the rules say to a command line, and how it was read; it is planned as it would be for the model."""
    prepared = await live.parts.toolbox.prepare("bash", {"command": command, "description": ""})
    plan, rules = prepared.plan, live.rules()
    decision = decide("bash", plan, rules)
    lines = [f"{decision.verdict}: {decision.reason}", f"effects: {', '.join(plan.effects)}"]
    lines += _call_lines(plan.command, rules.kept) if plan.command else []
    return "\n".join([*lines, *(f"because {concern}" for concern in plan.concerns)])


def _call_lines(command: PlannedCommand, kept: tuple[CommandRule, ...]) -> list[str]:
    """The programs that it calls, one by one, and what lets each run or doesn't."""
    lines = []
    for call in command.calls:
        left = uncovered(msgspec.structs.replace(command, calls=(call,)), kept)
        how = "reads only" if call.inspects else "no rule covers it" if left else "covered by a rule"
        lines.append(f"  {shlex.join(call.words)}  ({how})")
    return lines


async def _remove(live: LiveSession, number: str) -> None:
    parts = live.parts
    rules = parts.trust.rules(parts.folder)
    rule = _numbered(number, rules, "There are no rules for this project.")
    await asyncio.to_thread(parts.trust.drop_rule, parts.folder, rule)
    live.notice(f"Removed: {rule_words(rule)} asks again.")


def _suggested(live: LiveSession) -> list[tuple[CommandRule, int]]:
    """Rules for what was allowed again and again, the most frequent first."""
    parts = live.parts
    kept = set(parts.trust.rules(parts.folder))
    tallies = [
        (CommandRule(words=words, confinement=confinement), count)
        for words, confinement, count in parts.trust.approved(parts.folder)
    ]
    worth = [(rule, count) for rule, count in tallies if count >= _WORTH_A_RULE and rule not in kept]
    return sorted(worth, key=lambda each: -each[1])


def _suggestions(live: LiveSession) -> str:
    found = _suggested(live)
    live.suggested = tuple(rule for rule, _ in found)
    if not found:
        return f"Nothing was allowed {_WORTH_A_RULE} times or more in this project without a rule for it."
    lines = [
        f"{number:>3}  {rule_words(rule)}  (allowed {count} times)" for number, (rule, count) in enumerate(found, 1)
    ]
    return "\n".join(["Rules that would have spared you questions:", *lines, "/permissions keep N keeps one."])


async def _keep(live: LiveSession, number: str) -> None:
    parts = live.parts
    # By the list that was shown: a newer one could have another rule in this place.
    rule = _numbered(number, live.suggested, "/permissions suggest shows what there is to keep.")
    await asyncio.to_thread(parts.trust.keep_rule, parts.folder, rule)
    live.notice(f"Kept for this project: {rule_words(rule)}.", NoticeLevel.INFO)


def _numbered(number: str, rules: tuple[CommandRule, ...], nothing: str) -> CommandRule:
    if not rules:
        raise UsageError(nothing)
    if not number.isdecimal() or not 1 <= int(number) <= len(rules):
        raise UsageError(f"Say which by its number, 1 to {len(rules)}.")
    return rules[int(number) - 1]
