"""What a probe asks of a model, and the most that it can come to: all of it is settled before the first request."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dsterm.core.messages import AssistantMessage, RequestMessage, ToolCall, ToolMessage, UserMessage
from dsterm.core.models import ModelCard, ThinkingMode, Usage
from dsterm.core.tools import ToolSpec

SPARE = 2
"""Requests that may be sent once more, in all, where the server was overloaded."""

Body = dict[str, msgspec.Raw]

_BYTES_A_TOKEN = 5
_FRAME = 160
_TOOL_FRAME = 400
_WORDS = "river stone window garden paper silver morning letter bridge winter music table forest yellow market corner"
_SUM = (
    "How many of the numbers from 1 to 60 can be divided by 3 or by 7, but not by both? Answer with the number alone."
)
_LENGTHS = (1900, 2230, 2690)
_ADD = ToolSpec(
    name="add",
    description="Adds two numbers.",
    parameters=msgspec.Raw(
        b'{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["a","b"]}'
    ),
)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a request carries, whatever its mode."""

    messages: tuple[RequestMessage, ...]
    max_tokens: int
    tools: tuple[ToolSpec, ...] = ()

    @property
    def most(self) -> Usage:
        """What it can come to at most, estimated high: what a server adds for an effort and for tools is in it."""
        size = len(msgspec.json.encode((self.messages, self.tools)))
        frame = _TOOL_FRAME if self.tools else _FRAME
        return Usage(prompt_tokens=size // _BYTES_A_TOKEN + frame, completion_tokens=self.max_tokens)


SWITCH = Question(messages=(UserMessage(text=_SUM),), max_tokens=48)
"""Shows whether a mode reasons: a question that nobody answers off-hand, stopped soon after."""

COMPARE = Question(messages=(UserMessage(text=_SUM),), max_tokens=512)
"""Long enough for all of the reasoning."""

REPLAY = Question(
    messages=(
        UserMessage(text="What is 20 + 22? Use the tool, then answer with the number alone."),
        AssistantMessage(tool_calls=(ToolCall(id="call_probe_1", name="add", arguments='{"a": 20, "b": 22}'),)),
        ToolMessage(call_id="call_probe_1", content="42"),
    ),
    max_tokens=48,
    tools=(_ADD,),
)
"""A conversation with an earlier answer that has no reasoning, where servers are strictest: behind a tool call."""


class ModelPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What will be asked of `model`: the bodies to try for each mode, its own first, and prompts that grow, for the cache."""

    model: ModelCard
    candidates: dict[ThinkingMode, tuple[Body, ...]]
    cached: tuple[Question, ...]

    @property
    def questions(self) -> tuple[Question, ...]:
        """Everything that can be asked, with what may have to be asked again."""
        switches = sum(map(len, self.candidates.values()))
        first, *longer = self.cached
        asked = (*[SWITCH] * switches, *[COMPARE] * 2, *[first] * 3, *longer, *longer, *[REPLAY] * 2)
        dearest = sorted(asked, key=lambda question: question.most.total_tokens)[-SPARE:]
        return (*asked, *dearest)


def plan_model(model: ModelCard, nonce: str) -> ModelPlan:
    """The plan for `model`; `nonce` makes its long prompts such that no cache can have them already."""
    candidates = {
        mode: _different((model.mode_bodies.get(mode, {}), *model.mode_alternatives.get(mode, ())))
        for mode in ThinkingMode
    }
    return ModelPlan(model=model, candidates=candidates, cached=tuple(_long(nonce, words) for words in _LENGTHS))


def most_of(plan: ModelPlan) -> Usage:
    """The most tokens that all of `plan` can come to."""
    return sum((question.most for question in plan.questions), Usage())


def is_same_body(one: Body, other: Body) -> bool:
    """Whether both say the same."""
    first: object = msgspec.json.decode(msgspec.json.encode(one))
    second: object = msgspec.json.decode(msgspec.json.encode(other))
    return first == second


def _different(bodies: Sequence[Body]) -> tuple[Body, ...]:
    kept: list[Body] = []
    for body in bodies:
        if not any(is_same_body(body, other) for other in kept):
            kept.append(body)
    return tuple(kept)


def _long(nonce: str, words: int) -> Question:
    """A prompt of a few thousand tokens; a longer one begins with the shorter one, byte for byte."""
    known = _WORDS.split()
    text = " ".join(known[(number * number + number // 7) % len(known)] for number in range(words))
    prompt = f"{nonce}: answer with OK and nothing else, whatever words follow. {text}"
    return Question(messages=(UserMessage(text=prompt),), max_tokens=16)
