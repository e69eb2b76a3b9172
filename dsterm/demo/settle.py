"""A reply made definite for one request: texts at full length, calls with ids, the reason it ends with."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from dsterm.core.models import ThinkingMode
from dsterm.demo.chunks import fragments, pieces
from dsterm.demo.player import Answer
from dsterm.demo.reply import Reply, ReplyCall
from dsterm.demo.request import ChatRequest, SentCall


def settle(request: ChatRequest, reply: Reply, tokens_per_second: float, new_id: Callable[[], str]) -> Answer:
    """The answer that `reply` is to `request`; with thinking off nothing is left of its reasoning."""
    is_thinking = request.mode is not ThinkingMode.NON_THINK
    calls = tuple(
        SentCall(id=call.id or f"call_{index:02}_{new_id()}", name=call.name, arguments=call.text)
        for index, call in enumerate(reply.tool_calls)
    )
    return Answer(
        reply=reply,
        reasoning=reply.reasoning * reply.reasoning_repeat if is_thinking else "",
        text=reply.text * reply.repeat,
        calls=calls,
        finish_reason=reply.finish_reason or ("tool_calls" if calls else "stop"),
        tokens_per_second=tokens_per_second,
        is_thinking=is_thinking,
    )


def cut_to_limit(reply: Reply, limit: int, *, is_thinking: bool) -> Reply:
    """`reply` with at most `limit` tokens, roughly counted; the last tool call may be left half-written."""
    thought = pieces(reply.reasoning) if is_thinking else []
    said = pieces(reply.text)
    calls: list[ReplyCall] = []
    left = limit - len(thought) - len(said)
    for call in reply.tool_calls:
        written = list(fragments(call.text))
        if left < 1:
            break
        calls.append(msgspec.structs.replace(call, arguments="".join(written[: left - 1])))
        left -= 1 + len(written)
    if left >= 0:
        return reply
    return msgspec.structs.replace(
        reply,
        reasoning="".join(thought[:limit]),
        text="".join(said[: max(0, limit - len(thought))]),
        tool_calls=tuple(calls),
        finish_reason="length",
    )
