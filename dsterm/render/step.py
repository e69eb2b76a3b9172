"""The blocks of the running step: reasoning, answer and the calls being written, until the message is complete."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from dsterm.core import delta_events, events
from dsterm.core.config import ReasoningFold
from dsterm.core.messages import AssistantMessage, ToolCall
from dsterm.core.models import Price
from dsterm.render.answer import AnswerBlock
from dsterm.render.block_list import BlockList
from dsterm.render.clean import clean_line
from dsterm.render.reasoning import ReasoningBlock, Terms, Toll
from dsterm.render.tool_blocks import ToolBlock


class StepView:
    """What one request streams, as blocks."""

    def __init__(
        self, blocks: BlockList, count: Callable[[str], int], title: Callable[[str], str], fold: ReasoningFold
    ) -> None:
        self.reasoning: ReasoningBlock | None = None
        self._blocks = blocks
        self._count = count
        self._title = title
        self._fold = fold
        self._price: Price | None = None
        self._answer: AnswerBlock | None = None
        self._writing: dict[int, ToolBlock] = {}
        self._step: events.StepStarted | None = None
        self._started: datetime | None = None
        self._has_deltas = False

    def set_price(self, price: Price | None) -> None:
        """The price of running estimates."""
        self._price = price
        if self.reasoning and self.reasoning.is_live:
            self.reasoning.set_price(price)

    def start(self, step: events.StepStarted, at: datetime) -> None:
        """A request is sent."""
        self._forget()
        self._step, self._started = step, at

    def text(self, text: str, at: datetime) -> None:
        """More of the answer."""
        self._has_deltas = True
        self._feed_answer(text, at)

    def think(self, text: str, at: datetime) -> None:
        """More of the reasoning."""
        self._has_deltas = True
        self._feed_reasoning(text, at)

    def progress(self, event: delta_events.MessageProgress, at: datetime) -> None:
        """What streamed, as the log has it; nothing new where the deltas themselves were seen."""
        if self._has_deltas:
            return
        if event.reasoning:
            self._feed_reasoning(event.reasoning, at)
        if event.content:
            self._feed_answer(event.content, at)

    def write_call(self, delta: delta_events.ToolCallDelta, at: datetime) -> None:
        """A tool call is being written."""
        self._has_deltas = True
        self._stop_reasoning(at)
        block = self._writing.get(delta.index)
        if block is None:
            block = self._writing[delta.index] = self._new_call(delta.name)
        block.write(delta.name, delta.characters)

    def message(self, message: AssistantMessage, at: datetime) -> dict[str, ToolBlock]:
        """The message is complete: the blocks of its tool calls by their ids."""
        if message.reasoning.strip():
            self._reasoning_block(at).finish(message.reasoning, at.timestamp())
        elif self.reasoning:
            self._blocks.remove(self.reasoning)
            self.reasoning = None
        if message.content.strip():
            self._answer_block().finish(message.content)
        elif self._answer:
            self._blocks.remove(self._answer)
        self._answer = None
        calls: dict[str, ToolBlock] = {}
        for index, call in enumerate(message.tool_calls):
            block = self._writing.pop(index, None) or self._new_call(call.name)
            block.adopt(call)
            calls[call.id] = block
        self._drop_writing()
        return calls

    def add_call(self, call: ToolCall) -> ToolBlock:
        """A call that no message announced."""
        block = self._new_call(call.name)
        block.adopt(call)
        return block

    def end(self, event: events.StepEnded, at: datetime) -> None:
        """The request is over, and this is what it took."""
        if self.reasoning:
            timings, usage = event.timings, event.usage
            if timings.first_token is not None:
                until = timings.total if timings.first_answer is None else timings.first_answer
                seconds = max(until - timings.first_token, 0.0)
            else:
                seconds = (at - self._started).total_seconds() if self._started else 0.0
            tokens = usage.reasoning_tokens if usage else 0
            is_estimate = usage is None or usage.is_estimate
            self.reasoning.settle(Toll(seconds=seconds, tokens=tokens, price=event.price, is_estimate=is_estimate))
        self.close(at)

    def close(self, at: datetime) -> None:
        """Nothing more comes, whether the step ended well or not."""
        self._stop_reasoning(at)
        if self._answer:
            self._answer.finish(self._answer.raw)
        self._drop_writing()
        self._forget()

    def void(self) -> None:
        """What was streamed doesn't count: take it away; the step goes on."""
        for block in (self.reasoning, self._answer):
            if block:
                self._blocks.remove(block)
        self._drop_writing()
        self.reasoning = self._answer = None
        self._has_deltas = False

    def _forget(self) -> None:
        self.reasoning = self._answer = None
        self._writing.clear()
        self._has_deltas = False

    def _feed_reasoning(self, text: str, at: datetime) -> None:
        if self.reasoning or text.strip():
            self._reasoning_block(at).feed(text)

    def _feed_answer(self, text: str, at: datetime) -> None:
        if self._answer is None:
            if not text.strip():
                return
            self._stop_reasoning(at)
        self._answer_block().feed(text)

    def _stop_reasoning(self, at: datetime) -> None:
        if self.reasoning and self.reasoning.is_live:
            self.reasoning.stop(at.timestamp())

    def _reasoning_block(self, at: datetime) -> ReasoningBlock:
        if self.reasoning is None:
            terms = Terms(
                title=clean_line(self._title(self._step.model)) if self._step else "",
                mode=self._step.mode.label if self._step else "",
                price=self._price,
                count=self._count,
                fold=self._fold,
            )
            before = self._answer or self._first_writing()
            started = at.timestamp()
            self.reasoning = self._blocks.add(
                lambda key, changes: ReasoningBlock(key, changes, terms, started), before=before
            )
        return self.reasoning

    def _answer_block(self) -> AnswerBlock:
        if self._answer is None:
            self._answer = self._blocks.add(AnswerBlock, before=self._first_writing())
        return self._answer

    def _new_call(self, name: str) -> ToolBlock:
        return self._blocks.add(lambda key, changes: ToolBlock(key, changes, name, self._count))

    def _first_writing(self) -> ToolBlock | None:
        return next(iter(self._writing.values()), None)

    def _drop_writing(self) -> None:
        for block in self._writing.values():
            self._blocks.remove(block)
        self._writing.clear()
