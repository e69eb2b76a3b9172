"""What a command line would do, read from its grammar without running anything: see core.commands.CommandReading."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dsterm.core.command_plan import ProgramCall
from dsterm.core.commands import CommandReading
from dsterm.core.tools import Effect
from dsterm.policy.inspecting import objection
from dsterm.policy.network_programs import why_network
from dsterm.policy.program_arguments import named_commands, named_script, unwrapped
from dsterm.policy.program_rules import may_be_ruled, offered_rule
from dsterm.policy.secret_words import secret_paths
from dsterm.policy.shell_pieces import Command, Remainder, read_pieces
from dsterm.policy.shell_words import Word

_NOT_PLAIN = "part of it is not plain shell, so what runs is unknown"
_MOST_CONCERNS = 8
_MOST_IN_CONCERN = 200
_MOST_NESTED = 4
_CONNECTIONS = ("/dev/tcp/", "/dev/udp/")


def read_command(command: str) -> CommandReading:
    """What `command` would do when bash runs it: READ and INSPECT only if every program in it is known to only read.

    Anything that the grammar, or this reading of it, leaves open counts as running unknown programs.
    """
    return _Sheet(command, 0).reading()


class _Sheet:
    """What the pieces of one line come to."""

    def __init__(self, command: str, depth: int) -> None:
        script = read_pieces(command)
        self.networking: list[str] = []
        self.secret: list[str] = []
        self._calls: list[ProgramCall] = []
        self._executing: list[str] = []
        self._is_plain = script.is_plain
        self._depth = depth
        for piece in script.pieces:
            match piece:
                case Command():
                    self._take_command(piece)
                case Remainder():
                    self._take_remainder(piece)
        if not script.is_plain and not script.pieces:
            self._calls.append(ProgramCall(words=(command,)))

    def reading(self) -> CommandReading:
        is_inspecting = self._is_plain and not self._executing
        effects = [Effect.READ, Effect.INSPECT if is_inspecting else Effect.EXECUTE]
        effects += [Effect.NETWORK] if self.networking else []
        effects += [Effect.SECRETS] if self.secret else []
        concerns = [] if self._is_plain else [_NOT_PLAIN]
        concerns += [
            *self.networking,
            *(f"{path} looks like it holds secrets" for path in self.secret),
            *self._executing,
        ]
        return CommandReading(
            effects=tuple(effects),
            calls=tuple(self._calls),
            concerns=tuple(dict.fromkeys(_shortened(concern) for concern in concerns))[:_MOST_CONCERNS],
            is_understood=self._is_plain,
        )

    def _take_remainder(self, piece: Remainder) -> None:
        self._note_opened(piece.opened)
        if piece.reason:
            self._calls.append(ProgramCall(words=(piece.source,)))
            self._executing.append(piece.reason)

    def _take_command(self, piece: Command) -> None:
        words = unwrapped(piece.words)
        self._note_opened(piece.opened)
        self._look_into(words, self._depth)
        trouble = piece.reason or objection(words)
        is_sure = piece.is_bare and self._is_plain
        inspects = is_sure and trouble is None
        if trouble is not None:
            self._executing.append(trouble)
        self._calls.append(
            ProgramCall(
                words=tuple(word.text for word in words) or (piece.reason,),
                can_be_ruled=is_sure and may_be_ruled(words),
                inspects=inspects,
                rule=offered_rule(words) if is_sure and not inspects else (),
            )
        )

    def _look_into(self, words: Sequence[Word], depth: int) -> None:
        """Note what a call, and what its arguments name to be run, needs of the network and of secrets."""
        if not words or depth > _MOST_NESTED:
            return
        network = why_network(words)
        self.networking += [network] if network is not None else []
        self.secret += secret_paths(words)
        named = named_script(words)
        if named is not None:
            inner = _Sheet(named, depth + 1)
            self.networking += inner.networking
            self.secret += inner.secret
        for inner_words in named_commands(words):
            self._look_into(inner_words, depth + 1)

    def _note_opened(self, paths: Iterable[str]) -> None:
        for path in paths:
            self.networking += [f"{path} is a network connection"] if path.startswith(_CONNECTIONS) else []
        self.secret += secret_paths((), tuple(paths))


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_IN_CONCERN else text[:_MOST_IN_CONCERN] + "…"
