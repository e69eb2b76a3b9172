from __future__ import annotations

import msgspec
import pytest
from llm_raw_server import DONE, RawServer, chunk
from wire_client import CATALOG, KEY, deltas_of, request_for

from dsterm.core.messages import AssistantMessage, ToolCall, ToolMessage, UserMessage
from dsterm.core.models import ThinkingMode
from dsterm.core.provider import ResponseFormat
from dsterm.core.tools import ToolSpec
from dsterm.llm.openai_chat import OpenAIChat

ALWAYS = {"model", "messages", "max_tokens", "stream", "stream_options"}
OFF, ON, MAX = ThinkingMode.NON_THINK, ThinkingMode.THINK, ThinkingMode.THINK_MAX
TEMPLATE = {
    OFF: {"chat_template_kwargs": {"thinking": False}},
    ON: {"chat_template_kwargs": {"thinking": True}},
    MAX: {"chat_template_kwargs": {"thinking": True, "reasoning_effort": "max"}},
}

# What asks for a mode, and the name under which reasoning goes back.
PROVIDERS = {
    "novita": (
        {
            OFF: {"enable_thinking": False},
            ON: {"enable_thinking": True, "reasoning": {"effort": "low"}},
            MAX: {"enable_thinking": True, "reasoning": {"effort": "high"}},
        },
        "reasoning_content",
    ),
    "deepseek": (
        {
            OFF: {"thinking": {"type": "disabled"}},
            ON: {"thinking": {"type": "enabled"}, "reasoning_effort": "high"},
            MAX: {"thinking": {"type": "enabled"}, "reasoning_effort": "max"},
        },
        "reasoning_content",
    ),
    "openrouter": (
        {
            OFF: {"reasoning": {"enabled": False}},
            ON: {"reasoning": {"effort": "high"}},
            MAX: {"reasoning": {"effort": "xhigh"}},
        },
        "reasoning",
    ),
    "deepinfra": (
        {OFF: {"reasoning_effort": "none"}, ON: {"reasoning_effort": "high"}, MAX: {"reasoning_effort": "xhigh"}},
        "reasoning_content",
    ),
    "siliconflow": (
        {
            OFF: {"enable_thinking": False},
            ON: {"enable_thinking": True, "thinking_budget": 8192},
            MAX: {"enable_thinking": True, "thinking_budget": 32768},
        },
        "reasoning_content",
    ),
    "vllm": (TEMPLATE, "reasoning_content"),
    "sglang": (TEMPLATE, "reasoning_content"),
}
READ = ToolSpec(name="read", description="Read.", parameters=msgspec.Raw(b'{"type":"object","properties":{"path":{}}}'))
ASKED = '{"b":1, "a":2}'
HISTORY = (
    UserMessage(text="u1"),
    AssistantMessage(reasoning=" r1\n", tool_calls=(ToolCall(id="c1", name="read", arguments=ASKED),)),
    ToolMessage(call_id="c1", content=""),
    AssistantMessage(content="half", is_cut=True),
    UserMessage(text="u2"),
)


async def sent_to(server: RawServer, provider: str, *messages: object, **fields: object) -> dict:
    """What `provider` is sent."""
    server.streams(chunk("stop", content="a"), DONE)
    card = msgspec.structs.replace(CATALOG.provider(provider), base_url=server.url)
    request = request_for(*messages, model=CATALOG.model(provider, "pro"), **fields)
    await deltas_of(OpenAIChat(card, KEY), request)
    return server.received[-1].json


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_each_mode_is_asked_for_in_the_provider_s_own_words_and_nothing_else_is_sent(
    server: RawServer, provider: str
) -> None:
    modes, _ = PROVIDERS[provider]
    for mode, fragment in modes.items():
        body = await sent_to(server, provider, mode=mode)
        assert {name: value for name, value in body.items() if name not in ALWAYS} == fragment
        assert body.keys() >= ALWAYS
        assert body["model"] == CATALOG.model(provider, "pro").id


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_reasoning_goes_back_as_it_came_under_the_provider_s_own_name(server: RawServer, provider: str) -> None:
    _, field = PROVIDERS[provider]
    body = await sent_to(server, provider, *HISTORY, tools=(READ,))
    (asked, cut) = [message for message in body["messages"] if message["role"] == "assistant"]
    assert asked[field] == " r1\n"
    assert cut[field] == " "
    for message in (asked, cut):
        assert {"reasoning", "reasoning_content", "reasoning_details"} & message.keys() == {field}
    assert asked["content"] == ""
    assert "tool_calls" not in cut
    assert asked["tool_calls"][0]["function"]["arguments"] == ASKED


@pytest.mark.parametrize("mode", ThinkingMode)
async def test_tools_are_plain_functions_and_none_of_them_is_forced(server: RawServer, mode: ThinkingMode) -> None:
    bare = ToolSpec(name="look", description="Look.", parameters=msgspec.Raw(b""))
    body = await sent_to(server, "deepseek", mode=mode, tools=(READ, bare))
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "read",
                "description": "Read.",
                "parameters": {"type": "object", "properties": {"path": {}}},
            },
        },
        {"type": "function", "function": {"name": "look", "description": "Look."}},
    ]
    forced = {"tool_choice", "parallel_tool_calls", "temperature", "top_p", "stop", "n", "logprobs", "response_format"}
    assert not forced & body.keys()


async def test_a_conversation_is_text_in_four_roles_that_ends_with_the_user_or_a_tool(server: RawServer) -> None:
    for length in (1, 3, 5):
        messages = (await sent_to(server, "novita", *HISTORY[:length], tools=(READ,)))["messages"]
        assert [message["role"] for message in messages[1:]] == ["user", "assistant", "tool", "assistant", "user"][
            :length
        ]
        assert messages[0] == {"role": "system", "content": "S"}
        assert all(isinstance(message["content"], str) for message in messages)
        assert not any("prefix" in message for message in messages)


@pytest.mark.parametrize(
    ("provider", "schema", "sent"),
    [
        ("novita", None, {"type": "json_object"}),
        ("novita", b'{"a":1}', {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"a": 1}}}),
        ("deepseek", None, {"type": "json_object"}),
        ("deepseek", b'{"a":1}', None),
    ],
)
async def test_json_is_asked_for_in_the_form_that_the_provider_has(
    server: RawServer, provider: str, schema: bytes | None, sent: dict | None
) -> None:
    wanted = ResponseFormat(schema=None if schema is None else msgspec.Raw(schema))
    assert (await sent_to(server, provider, response_format=wanted)).get("response_format") == sent


async def test_a_request_begins_with_the_bytes_of_the_one_before_it(server: RawServer) -> None:
    for length in (1, 3, 5):
        await sent_to(server, "novita", *HISTORY[:length], tools=(READ,), max_tokens=1000 - length)
    first, second, third = (received.body for received in server.received)
    for earlier, later in ((first, second), (second, third)):
        assert later.startswith(earlier[: earlier.rindex(b'],"max_tokens":')])
