from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dsterm.context.prompt_count import count_prompt
from dsterm.context.window import WindowParts
from dsterm.context.window_share import WindowFacts, WindowShare, window_shares
from dsterm.core.messages import AssistantMessage, Message, Pack, ToolCall, ToolMessage, UserMessage
from dsterm.core.models import ModelCard, ThinkingMode
from dsterm.core.report_events import Role
from dsterm.core.tools import ToolSpec

CARD = ModelCard(id="m", provider="p", title="M", context_window=1_048_576, max_output=393_216)
TOOL = ToolSpec(name="read", description="reads", parameters=msgspec.Raw(b"{}"))


class Counter:
    is_exact = True

    def count(self, text: str) -> int:
        return -(-len(text) // 4)

    def count_exactly(self, texts: Sequence[str]) -> list[int]:
        return [self.count(text) for text in texts]


COUNTER = Counter()
TEXTS = st.text(max_size=40)
IDS = st.sampled_from(["a", "b", "c"])
CALLS = st.builds(ToolCall, id=IDS, name=st.sampled_from(["read", "grep"]), arguments=st.just('{"path": "x"}'))
MESSAGES = st.lists(
    st.one_of(
        st.builds(UserMessage, text=TEXTS, repo=st.sampled_from(["", "d"])),
        st.builds(AssistantMessage, content=TEXTS, reasoning=TEXTS, tool_calls=st.lists(CALLS, max_size=2).map(tuple)),
        st.builds(ToolMessage, call_id=IDS, content=TEXTS),
        st.builds(
            Pack, digest=st.sampled_from(["d", "e"]), source=TEXTS, files=st.just(2), tokens=st.integers(0, 9_999)
        ),
    ),
    max_size=12,
).map(tuple)


def window(messages: tuple[Message, ...], mode: ThinkingMode, *, has_tools: bool) -> WindowParts:
    tools = (TOOL,) if has_tools else ()
    return WindowParts(system="s" * 50, tools=tools, messages=messages, model=CARD, mode=mode, max_output=1_000)


def of(shares: list[WindowShare], role: Role, name: str = "") -> int:
    return sum(share.tokens for share in shares if share.role is role and share.name == name)


@given(MESSAGES, st.sampled_from(ThinkingMode), st.booleans(), st.integers(0, 20_000))
def test_whatever_was_said_the_categories_add_up_to_the_count_of_the_prompt(
    messages: tuple[Message, ...], mode: ThinkingMode, has_tools: bool, cached: int
) -> None:
    parts = window(messages, mode, has_tools=has_tools)
    whole = count_prompt(parts, COUNTER)
    shares = window_shares(parts, COUNTER, WindowFacts(system="s" * 20), cached)
    assert sum(share.tokens for share in shares) == whole
    assert all(share.tokens > 0 and 0 <= share.cached <= share.tokens for share in shares)
    assert sum(share.cached for share in shares) == min(cached, whole)


def test_each_part_has_its_category() -> None:
    call = ToolCall(id="a", name="grep", arguments='{"pattern": "x"}')
    mention = "m" * 80
    messages: tuple[Message, ...] = (
        Pack(digest="d", source=".", files=7, tokens=5_000),
        UserMessage(text=mention + "why?"),
        AssistantMessage(content="I look.", reasoning="r" * 400, tool_calls=(call,)),
        ToolMessage(call_id="a", content="t" * 800),
        UserMessage(text="diff" * 20, repo="d"),
    )
    facts = WindowFacts(system="s" * 10, mentions={mention + "why?": 20})
    shares = window_shares(window(messages, ThinkingMode.THINK, has_tools=True), COUNTER, facts)
    assert of(shares, Role.PACK, "d") == 5_000
    assert of(shares, Role.MENTIONS) == 20
    assert of(shares, Role.CHANGES) == 20
    assert of(shares, Role.RESULTS, "grep") == 200
    assert of(shares, Role.REASONING) == 101
    assert of(shares, Role.INSTRUCTIONS) == 10
    assert of(shares, Role.TOOLS) > 200
    assert (
        of(window_shares(window(messages, ThinkingMode.NON_THINK, has_tools=True), COUNTER, facts), Role.REASONING) == 0
    )
