"""Which calls the user's kept rules cover, and which rules an "always allow" would keep. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection

from dsterm.core.command_plan import CommandRule, Confinement, PlannedCommand, ProgramCall


def covers(call: ProgramCall, rule: CommandRule, confinement: Confinement) -> bool:
    """Whether `rule` lets `call` run there: its words are the first words of the call, whole, and it reaches as far.

    Nothing covers a call without a sandbox, nor one whose first words don't tell what runs.
    """
    if (
        confinement is Confinement.OPEN
        or rule.confinement is Confinement.OPEN
        or not call.can_be_ruled
        or not rule.words
    ):
        return False
    if confinement is Confinement.NETWORK and rule.confinement is not Confinement.NETWORK:
        return False
    return call.words[: len(rule.words)] == rule.words


def uncovered(command: PlannedCommand, rules: Collection[CommandRule]) -> tuple[ProgramCall, ...]:
    """The calls that neither only read nor are covered, in order; empty when the whole command may run by the rules alone.

    Never empty for a command that is not understood; without a sandbox no call counts as covered or only reading.
    """
    if not command.is_understood:
        return command.calls or (ProgramCall(words=(command.command,)),)
    if command.confinement is Confinement.OPEN:
        return command.calls or (ProgramCall(words=(command.command,)),)
    return tuple(
        call
        for call in command.calls
        if not call.inspects and not any(covers(call, rule, command.confinement) for rule in rules)
    )


def rules_for(command: PlannedCommand) -> tuple[CommandRule, ...]:
    """The rules that an "always" would keep, so that they cover the whole command; empty when no rules can do that."""
    rules: list[CommandRule] = []
    for call in uncovered(command, ()):
        rule = CommandRule(words=call.rule, confinement=command.confinement)
        if not command.is_understood or not covers(call, rule, command.confinement):
            return ()
        if rule not in rules:
            rules.append(rule)
    return tuple(rules)


def rule_words(rule: CommandRule) -> str:
    """A rule as the user reads it: `pytest …`, `pip install … (with network)`; words with blanks are quoted."""
    words = " ".join(shlex.quote(word) for word in rule.words)
    match rule.confinement:
        case Confinement.SANDBOX:
            return f"{words} …"
        case Confinement.NETWORK:
            return f"{words} … (with network)"
        case Confinement.OPEN:
            return f"{words} … (without a sandbox)"
