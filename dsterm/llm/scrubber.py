"""Keeps markup that leaked into an answer off the screen: reasoning goes where it belongs, spelled-out tool calls become calls.

Text flows on at once; held back is only what may be the beginning of markup. Markup is none in code, in quoted lines and in
reasoning. Wherever the text was cut on its way, the outcome is the same. What was found is told at the end of the stream,
when it is known whether the answer is complete and whether the server sent the calls as calls after all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from dsterm.core.provider import (
    Delta,
    Ended,
    LeakedMarkup,
    ReasoningPiece,
    StopReason,
    TextPiece,
    ToolCallPiece,
    WasReasoning,
)
from dsterm.llm.markup import Form, Opening, find_opening, is_own_format
from dsterm.llm.markup_calls import Call
from dsterm.llm.scrubber_block import BareJson, Block, Found
from dsterm.llm.scrubber_place import Place
from dsterm.llm.think_tags import CLOSE, ThinkTags

MAX_MARKUP = 1024 * 1024
"""The most characters of markup that are kept of one stream; what is above it is dropped."""

_FIRST_PART = 20_000
_BLOCK = 4096
_COMPLETE = frozenset({StopReason.STOP, StopReason.TOOL_CALLS})
_NO_BORDER = frozenset(" \t([{<'\"`*_/\\\u2018\u201c")
_NO_BEGINNING = frozenset(" \t)]}>'\"`*_/\\.,;:!?\u2019\u201d")


class Scrubber:
    """Takes the Deltas of one stream and gives them without what leaked.

    `known` are the tools that were offered; markup that `is_echo` is only repeated from elsewhere, and never a call.
    """

    def __init__(self, known: frozenset[str], is_echo: Callable[[str], bool] = lambda _: False) -> None:
        self._known = known
        self._is_echo = is_echo
        self._thoughts = ThinkTags()
        self._json: BareJson | None = BareJson(known, MAX_MARKUP) if known else None
        self._place = Place()
        self._held = ""
        self._block: Block | None = None
        self._found: list[Found] = []
        self._kept = 0
        self._shown = 0
        self._last = "\n"
        self._follows_markup = False
        self._has_reasoning = False
        self._has_calls = False

    def scrub(self, deltas: Iterable[Delta]) -> Iterator[Delta]:
        """The Deltas that come of `deltas`; Ended brings whatever was held back before itself."""
        for delta in deltas:
            match delta:
                case TextPiece(text=text):
                    yield from self._take(text)
                case Ended():
                    yield from self._end(delta)
                case ReasoningPiece():
                    self._has_reasoning = True
                    yield delta
                case ToolCallPiece():
                    self._has_calls = True
                    yield delta
                case _:
                    yield delta

    def _take(self, text: str) -> list[Delta]:
        out: list[Delta] = []
        shown: list[str] = []
        for begin in range(0, len(text), _BLOCK):
            rest = text if len(text) <= _BLOCK else text[begin : begin + _BLOCK]
            while rest:
                rest = self._step(rest, shown, out)
        _flush(shown, out)
        return out

    def _step(self, text: str, shown: list[str], out: list[Delta]) -> str:
        """Take in `text` as far as one rule goes; what is left of it."""
        if not self._thoughts.is_past:
            reasoning, text = self._thoughts.feed(text)
            if reasoning:
                self._has_reasoning = True
                out.append(ReasoningPiece(reasoning))
        elif self._json is not None:
            released = self._json.feed(text)
            if released is None:
                return ""
            self._json = None
            return self._find(released, shown, out)
        elif self._block is not None:
            rest = self._block.feed(text)
            if rest is None:
                return ""
            self._close(self._block.found())
            return rest
        else:
            return self._find(text, shown, out)
        return text

    def _find(self, text: str, shown: list[str], out: list[Delta]) -> str:
        """Show `text` up to the next markup; what stands behind the tag that opens it."""
        if self._held:
            text, self._held = self._held + text, ""
        at = self._place.walk(text, 0)
        while at < len(text):
            opening = find_opening(text, at)
            if opening is not None and opening.form is Form.THOUGHT_END:
                opening = self._thought_end(text, at, opening)
            if opening is None:
                self._place.skip()
                at = self._place.walk(text, at + 1)
                continue
            self._show(text[:at], shown)
            if opening.form is Form.UNDECIDED:
                self._held = text[at:]
                return ""
            self._open(opening, text[at : opening.end], shown, out)
            return text[opening.end :]
        self._show(text, shown)
        return ""

    def _show(self, text: str, shown: list[str]) -> None:
        if text:
            shown.append(text)
            self._shown += len(text)
            self._follows_markup = self._follows_markup and text.isspace()
            self._last = text[-1]

    def _open(self, opening: Opening, tag: str, shown: list[str], out: list[Delta]) -> None:
        if opening.form is Form.THOUGHT_END:
            self._turn(shown, out)
        elif opening.closer is None:
            self._close(Found(tag))
        else:
            self._block = Block(opening.form, opening.closer, tag, MAX_MARKUP - self._kept)

    def _close(self, found: Found) -> None:
        self._block = None
        self._place.begin_block()
        self._kept += len(found.text)
        if found.text.startswith("</") and self._follows_markup:
            # The closing tag of a wrapper whose opening tag the server kept for itself.
            before = self._found.pop()
            self._found.append(Found(before.text + found.text, before.calls))
            self._follows_markup = False
        elif self._kept <= MAX_MARKUP:
            self._found.append(found)
            self._follows_markup = True

    def _thought_end(self, text: str, at: int, opening: Opening) -> Opening | None:
        """A `</think>` that ends what was reasoning from the beginning, told from a mention of the tag by what stands beside."""
        before = text[at - 1] if at else self._last
        begin = self._shown + at
        if self._has_reasoning or begin > _FIRST_PART or before in _NO_BORDER:
            return None
        if opening.end == len(text):
            return Opening(Form.UNDECIDED)
        after = text[opening.end]
        return opening if after not in _NO_BEGINNING or (after == " " and before == "\n") else None

    def _end(self, ended: Ended) -> list[Delta]:
        out: list[Delta] = []
        shown: list[str] = []
        reasoning, text = self._thoughts.end()
        if reasoning:
            out.append(ReasoningPiece(reasoning))
        self._show(text, shown)
        self._end_json(shown, out)
        if self._block is not None:
            self._close(self._block.end())
        if is_own_format(self._held):
            self._close(Found(self._held))
        elif self._held == CLOSE:
            self._turn(shown, out)
        else:
            self._show(self._held, shown)
        _flush(shown, out)
        can_recover = ended.stop in _COMPLETE and not self._has_calls
        return [*out, *self._told(ended, can_recover=can_recover)]

    def _end_json(self, shown: list[str], out: list[Delta]) -> None:
        found = self._json.end() if self._json is not None else ""
        self._json = None
        if isinstance(found, Found):
            self._close(found)
            return
        while found:
            found = self._step(found, shown, out)

    def _turn(self, shown: list[str], out: list[Delta]) -> None:
        """The answer so far was reasoning, and begins only now."""
        _flush(shown, out)
        out.append(WasReasoning())
        self._has_reasoning = True
        self._found = [found.lost() for found in self._found]
        self._thoughts.begin_again()
        self._place = Place()

    def _told(self, ended: Ended, *, can_recover: bool) -> Iterator[Delta]:
        index = 0
        for found in self._found:
            calls: tuple[Call, ...] = found.calls if can_recover else ()
            if not all(call.name in self._known for call in calls) or (calls and self._is_echo(found.text)):
                calls = ()
            yield LeakedMarkup(text=found.text, recovered=bool(calls))
            for call in calls:
                yield ToolCallPiece(index=index, name=call.name, arguments=call.arguments)
                index += 1
        yield msgspec.structs.replace(ended, stop=StopReason.TOOL_CALLS) if index else ended


def _flush(shown: list[str], out: list[Delta]) -> None:
    if shown:
        out.append(TextPiece("".join(shown)))
        shown.clear()
