"""The block of a tool call: one line from its first fragment to its result, open to arguments and output."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from dsterm.core.diff import FileDiff
from dsterm.core.messages import ToolCall
from dsterm.core.tools import Outcome, Plan, ToolResult
from dsterm.render.ansi import plain_output
from dsterm.render.blocks import Block, BlockKind, text_height
from dsterm.render.clean import clean, clean_code, clean_line
from dsterm.render.command_details import command_lines, description_lines, place_lines, reason_lines
from dsterm.render.diff import change_counts
from dsterm.render.output import TAIL, LiveOutput, output_ends, output_lines
from dsterm.render.style import Line, Span, Style, indented, spread
from dsterm.render.wording import format_count, format_seconds, format_tokens
from dsterm.render.wrap import fold

SHOWN_RESULT = 200
"""Screen lines of an argument or a result that an open call shows, about."""

_INDENT = (Span("   "),)
_COMMAND_TOOLS = frozenset({"bash", "job"})
_TELLING = ("path", "file_path", "pattern", "query", "command", "url")
_STATES = {
    Outcome.DONE: ("●", Style.SUCCESS, "done"),
    Outcome.FAILED: ("✗", Style.ERROR, "failed"),
    Outcome.REFUSED: ("○", Style.WARNING, "refused"),
    Outcome.CANCELLED: ("○", Style.WARNING, "stopped"),
    Outcome.UNKNOWN: ("✗", Style.ERROR, "outcome unknown"),
}


class ToolBlock(Block):
    """A tool call from its first fragment to its result."""

    kind = BlockKind.TOOL
    is_foldable = True

    def __init__(self, key: int, changes: set[int], name: str, count: Callable[[str], int]) -> None:
        super().__init__(key, changes)
        self.call: ToolCall | None = None
        self.result: ToolResult | None = None
        self.name = name
        self.tokens = 0
        self._count = count
        self._plan: Plan | None = None
        self._written = 0
        self._progress: LiveOutput | None = None
        self._started: float | None = None
        self._second = 0
        self._is_asking = False
        self._is_open = False

    @property
    def source(self) -> str:
        """The call, its arguments and its result."""
        parts = [f"{clean_line(self.name)} {self.subject}".strip()]
        if self.call:
            parts.append(clean(self.call.arguments))
        if self.result:
            content = self.result.content
            parts.append(plain_output(content) if self._is_of_command else clean(content))
        elif self._progress:
            parts.append(self._progress.source)
        return "\n".join(filter(None, parts))

    @property
    def is_folded(self) -> bool:
        """Whether only the line is shown."""
        return not self._is_open

    @property
    def is_live(self) -> bool:
        """Whether the tool runs."""
        return self._started is not None and self.result is None and not self._is_asking

    @property
    def is_done_read(self) -> bool:
        """Whether this is a finished read that may be gathered with its neighbours."""
        return (
            self.name == "read" and self.is_folded and self.result is not None and self.result.outcome is Outcome.DONE
        )

    @property
    def subject(self) -> str:
        """The one argument that matters."""
        if self._plan and self._plan.subject:
            return clean_code(clean_line(self._plan.subject))
        arguments = _arguments(self.call.arguments) if self.call else {}
        for name in (*_TELLING, *arguments):
            value = arguments.get(name)
            if isinstance(value, str) and value:
                return clean_code(clean_line(value))
        return ""

    def toggle(self) -> None:
        """Show arguments and result, or the line alone."""
        self.set_folded(is_folded=self._is_open)

    def set_folded(self, *, is_folded: bool) -> None:
        """Fold or unfold."""
        if is_folded == self._is_open:
            self._is_open = not is_folded
            self.touch()

    def write(self, name: str, characters: int) -> None:
        """The model is writing the call: so many characters of arguments."""
        self.name = name or self.name
        self._written = characters
        self.touch()

    def adopt(self, call: ToolCall) -> None:
        """The call is written."""
        self.call, self.name = call, call.name
        self.touch()

    def start(self, plan: Plan | None, now: float) -> None:
        """The call is decided on, then run."""
        self._plan, self._started = plan, now
        self.touch()

    def ask(self) -> None:
        """The call waits for the user."""
        self._is_asking = True
        self.touch()

    def answered(self, now: float) -> None:
        """The user has answered."""
        self._is_asking, self._started = False, now
        self.touch()

    def progress(self, text: str) -> None:
        """Output while it runs."""
        if self._progress is None:
            self._progress = LiveOutput()
        self._progress.feed(text)
        self.touch()

    def tick(self, now: float) -> None:
        """Draw again when another second is full."""
        if self.is_live and self._started is not None and int(now - self._started) != self._second:
            self.touch()

    def end(self, result: ToolResult) -> None:
        """The call has its answer."""
        self.result = result
        self.tokens = self._count(result.content)
        self._progress = None
        self._is_asking = False
        self.touch()

    def stop(self) -> None:
        """The turn is over and the call has no answer."""
        printed = self._progress
        self.end(ToolResult(outcome=Outcome.CANCELLED, content=printed.source if printed else ""))
        self._progress = printed

    def draw(self, width: int, now: float) -> list[Line]:
        """The line; below it the last lines of a running command; open, what it does and all that came of it."""
        line = self.line(width, now)
        inner = max(width - 4, 8)
        if not self._is_open:
            return [line, *indented(self._last_lines(inner), _INDENT, _INDENT)]
        details = [*self._what_lines(width), *indented(self._output_lines(inner), _INDENT, _INDENT)]
        return [line, *details]

    def _last_lines(self, width: int) -> list[Line]:
        """What a command printed last, while it runs and where it was stopped: that is what the user was looking at."""
        if self._progress:
            return self._progress.tail(width)
        if self.result is None or self.result.outcome is not Outcome.CANCELLED or not self._has_run:
            return []
        return output_ends(self.result.content, width, TAIL)

    def _what_lines(self, width: int) -> list[Line]:
        command = self._plan.command if self._plan else None
        if self._plan is None or command is None:
            return indented(self._argument_lines(max(width - 4, 8)), _INDENT, _INDENT)
        facts = [*place_lines(command, width), *reason_lines(self._plan.concerns, width)]
        return [*command_lines(command.command, width), *facts, *description_lines(command.description, width)]

    def _output_lines(self, width: int) -> list[Line]:
        if self.result is None:
            return self._progress.all_lines(width) if self._progress else []
        content = self.result.content.strip("\n")
        if self._is_of_command:
            return output_lines(content, width)
        return _text_lines(content, width, Style.CODE) if content.strip() else []

    def line(self, width: int, now: float) -> Line:
        """State, name and subject at the left, what it brought and cost at the right."""
        mark, style, _ = _STATES[self.result.outcome] if self.result else ("◐", Style.ACCENT, "")
        name = clean_line(self.name) or "tool"
        left = (Span(f" {mark} ", style), Span(f"{name:<6} "), Span(self.subject, Style.DIM))
        return spread(left, self._right(now), width - 1)

    def guess_height(self, width: int) -> int:
        """One line unless it is open or shows what it prints."""
        if self.is_folded:
            return TAIL + 1 if self._progress else 1
        return text_height(self.source, width)

    def _right(self, now: float) -> tuple[Span, ...]:
        if self.result is None:
            return (*self._counts(self._plan.diffs if self._plan else ()), Span(self._waiting(now), Style.DIM))
        _, style, word = _STATES[self.result.outcome]
        summary = clean_line(self.result.summary)
        if self.result.outcome is not Outcome.DONE:
            cost = f"  {format_seconds(self.result.seconds)}  {format_tokens(self.tokens)} tok"
            return (Span(summary or word, style), *((Span(cost, Style.DIM),) if self._has_run else ()))
        parts = [summary] if summary and not self.result.diffs else []
        if self.result.seconds >= 0.1 or not summary:
            parts.append(format_seconds(self.result.seconds))
        parts.append(f"{format_tokens(self.tokens)} tok")
        return (*self._counts(self.result.diffs), Span("  ".join(parts), Style.DIM))

    @property
    def _is_of_command(self) -> bool:
        """Whether its result is what a command printed, colours and all."""
        return self.name in _COMMAND_TOOLS or (self._plan is not None and self._plan.command is not None)

    @property
    def _has_run(self) -> bool:
        """Whether a command ran, however it ended."""
        return (
            self.result is not None and self.result.seconds > 0 and self._plan is not None and bool(self._plan.command)
        )

    def _waiting(self, now: float) -> str:
        if self._is_asking:
            return "waits for you"
        if self._started is None:
            return (
                f"writing, {format_count(self._written, 'character')}" if self.call is None and self._written else "…"
            )
        self._second = max(int(now - self._started), 0)
        return format_seconds(self._second, is_whole=True) if self._second else "…"

    def _counts(self, diffs: Sequence[FileDiff]) -> tuple[Span, ...]:
        if not diffs:
            return ()
        return (*change_counts(sum(diff.added for diff in diffs), sum(diff.removed for diff in diffs)), Span("   "))

    def _argument_lines(self, width: int) -> list[Line]:
        if self.call is None:
            return []
        arguments = _arguments(self.call.arguments)
        if not arguments:
            return _text_lines(self.call.arguments, width, Style.DIM)
        lines: list[Line] = []
        for name, value in arguments.items():
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            separator = "\n" if "\n" in text else " "
            lines.extend(_text_lines(f"{name}:{separator}{text}", width, Style.DIM))
        return lines


def _arguments(text: str) -> dict[str, object]:
    """The arguments of a call; empty where they are no JSON object, which is then shown as it is."""
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeEncodeError):
        return {}


def _text_lines(text: str, width: int, style: Style) -> list[Line]:
    lines: list[Line] = []
    parts = clean_code(text).split("\n")
    for number, part in enumerate(parts):
        if len(lines) >= SHOWN_RESULT:
            lines = lines[:SHOWN_RESULT]
            lines.append(Line((Span(f"… {format_count(len(parts) - number, 'more line')}", Style.DIM),)))
            break
        shown = part[: SHOWN_RESULT * width].expandtabs(4)
        lines.extend(fold((Span(shown, style),) if shown else (), width))
    return lines
