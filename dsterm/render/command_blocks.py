"""The blocks of commands that no model asked for: those of the user (`!command`), and checks after a turn that edited."""

from __future__ import annotations

from dsterm.core.command_events import CheckEnded, CheckStarted, UserCommandEnded, UserCommandStarted
from dsterm.render.ansi import plain_output
from dsterm.render.blocks import Block, BlockKind, text_height
from dsterm.render.clean import clean_code, clean_line
from dsterm.render.command_details import command_lines
from dsterm.render.output import TAIL, LiveOutput, output_ends, output_lines
from dsterm.render.style import Line, Span, Style, indented, spread
from dsterm.render.wording import format_count, format_seconds
from dsterm.render.wrap import fold, wrap

SHOWN_FOLDED = 12
"""Lines of the output of a user's command that are shown while it is folded."""

_INDENT = (Span("   "),)


class RunBlock(Block):
    """A command from its start to its end, with the last lines of its output while it runs."""

    is_foldable = True

    def __init__(self, key: int, changes: set[int], command: str, started: float) -> None:
        super().__init__(key, changes)
        self.command = command
        self.output = LiveOutput()
        self.is_over = False
        self._ended_output = ""
        self._started = started
        self._second = 0
        self._is_open = False

    @property
    def source(self) -> str:
        """The command and what it printed."""
        printed = plain_output(self._ended_output) if self._ended_output else self.output.source
        return "\n".join(filter(None, (clean_code(self.command), printed)))

    @property
    def is_folded(self) -> bool:
        """Whether there may be more to see."""
        return not self._is_open

    @property
    def is_live(self) -> bool:
        """Whether it runs."""
        return not self.is_over

    def toggle(self) -> None:
        """Show all, or the usual."""
        self.set_folded(is_folded=self._is_open)

    def set_folded(self, *, is_folded: bool) -> None:
        """Fold or unfold."""
        if is_folded == self._is_open:
            self._is_open = not is_folded
            self.touch()

    def progress(self, text: str) -> None:
        """More output."""
        if not self.is_over:
            self.output.feed(text)
            self.touch()

    def tick(self, now: float) -> None:
        """Draw again when another second is full."""
        if self.is_live and int(now - self._started) != self._second:
            self.touch()

    def stop(self) -> None:
        """Nothing more will be heard of it."""
        self.is_over = True
        self.touch()

    def guess_height(self, width: int) -> int:
        """A line, and what is shown of the output."""
        return 1 + TAIL if self.is_folded else text_height(self.source, width)

    def _close(self, output: str) -> None:
        self._ended_output = output
        self.stop()

    def _running(self, now: float) -> str:
        self._second = max(int(now - self._started), 0)
        return format_seconds(self._second, is_whole=True) if self._second else "…"

    def _output_lines(self, width: int, most: int) -> list[Line]:
        """What it printed: the last lines while it runs or is folded (none for `most` 0), else all."""
        inner = max(width - 4, 8)
        if self._is_open:
            lines = output_lines(self._ended_output, inner) if self._ended_output else self.output.all_lines(inner)
        elif self.is_live:
            lines = self.output.tail(inner)
        else:
            lines = output_ends(self._ended_output or self.output.source, inner, most) if most else []
        return indented(lines, _INDENT, _INDENT)


class UserCommandBlock(RunBlock):
    """`$ command`, its output, and whether the model will read it."""

    kind = BlockKind.COMMAND

    def __init__(self, key: int, changes: set[int], event: UserCommandStarted, started: float) -> None:
        super().__init__(key, changes, event.command, started)
        self._is_shared = event.is_shared
        self._is_released = False
        self._ended: UserCommandEnded | None = None

    def release(self) -> None:
        """It goes on in the background."""
        self._is_released = True

    def end(self, event: UserCommandEnded) -> None:
        """It is over."""
        self._ended = event
        self._close(event.output)

    def draw(self, width: int, now: float) -> list[Line]:
        """The command, the output, how it ended."""
        inner = max(width - 4, 8)
        rows = [
            row
            for part in clean_code(self.command).split("\n")
            for row in fold((Span(part.expandtabs(4), bold=True),) if part else (), inner)
        ]
        lines = indented(rows, (Span(" $ ", Style.ACCENT, bold=True),), _INDENT)
        lines += self._output_lines(width, SHOWN_FOLDED)
        return lines + indented(wrap(self._ending(now), inner), _INDENT, _INDENT)

    def _ending(self, now: float) -> tuple[Span, ...]:
        ended = self._ended
        kept = "" if self._is_shared else " · kept out of the context"
        if ended is None:
            words = "stopped" if self.is_over else self._running(now)
            return (Span(f"{words}{kept}", Style.DIM),)
        if self._is_shared:
            kept = f" · {format_count(ended.tokens, 'token')} {'goes' if ended.tokens == 1 else 'go'} into the context"
        has_failed = ended.exit_code != 0 and not self._is_released
        exit_words = f"exit {ended.exit_code}" if ended.exit_code is not None else "stopped"
        if self._is_released:
            exit_words = "goes on in the background"
        rest = f" · {format_seconds(ended.seconds)}{kept}"
        return (Span(exit_words, Style.WARNING if has_failed else Style.DIM), Span(rest, Style.DIM))


class CheckBlock(RunBlock):
    """A check: one line, and what it printed when it is opened."""

    kind = BlockKind.TOOL

    def __init__(self, key: int, changes: set[int], event: CheckStarted, started: float) -> None:
        super().__init__(key, changes, event.command, started)
        self._round = event.round
        self._ended: CheckEnded | None = None

    def end(self, event: CheckEnded) -> None:
        """It is over."""
        self._ended = event
        self._close(event.output)

    def draw(self, width: int, now: float) -> list[Line]:
        """Mark, command, how it went."""
        mark, style = ("◐", Style.ACCENT) if self._ended is None else ("●", Style.SUCCESS)
        if self._ended is not None and not self._ended.passed:
            mark, style = "✗", Style.ERROR
        command = Span(clean_code(clean_line(self.command)), Style.DIM)
        lines = [spread((Span(f" {mark} ", style), Span("check  "), command), self._right(now, style), width - 1)]
        if self._is_open:
            lines += command_lines(self.command, width)
            if self._ended is not None and self._ended.summary:
                lines += indented(wrap((Span(clean_line(self._ended.summary)),), max(width - 4, 8)), _INDENT, _INDENT)
        return lines + self._output_lines(width, 0)

    def _right(self, now: float, style: Style) -> tuple[Span, ...]:
        ended = self._ended
        if ended is None:
            return (Span("stopped" if self.is_over else self._running(now), Style.DIM),)
        word = "passed" if ended.passed else clean_line(ended.summary) or "failed"
        round_words = f", round {self._round}" if self._round > 1 else ""
        rest = f"{round_words}  {format_seconds(ended.seconds)}"
        return (Span(word, Style.DIM if ended.passed else style), Span(rest, Style.DIM))
