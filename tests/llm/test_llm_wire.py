from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.core.messages import AssistantMessage, ToolCall, ToolMessage, UserMessage
from dsterm.core.models import ThinkingMode
from dsterm.core.provider import Request, ResponseFormat
from dsterm.core.tools import ToolSpec
from dsterm.llm.catalog import load_catalog
from dsterm.llm.wire import request_body

CATALOG = load_catalog(base_url="http://localhost:1/v1")
READ = ToolSpec(name="read", description="Read.", parameters=msgspec.Raw(b'{"type":"object","properties":{"path":{}}}'))


def request(*messages, mode=ThinkingMode.THINK, provider="novita", **fields) -> Request:
    values = {"system": "S", "tools": (READ,), "max_tokens": 100} | fields
    return Request(model=CATALOG.model(provider, "flash"), mode=mode, messages=messages, **values)


def body(*messages, provider="novita", **fields):
    return json.loads(request_body(request(*messages, provider=provider, **fields), CATALOG.provider(provider)))


CONVERSATION = (
    UserMessage(text="u1"),
    AssistantMessage(reasoning=" r1\n", tool_calls=(ToolCall(id="c1", name="read", arguments='{"b":1, "a":2}'),)),
    ToolMessage(call_id="c1", content=""),
    AssistantMessage(content="a2"),
    UserMessage(text="u2"),
    AssistantMessage(content="half", is_cut=True),
    UserMessage(text="u3"),
)


def nulls(value):
    if isinstance(value, dict):
        return any(map(nulls, value.values()))
    return any(map(nulls, value)) if isinstance(value, list) else value is None


def test_the_fields_that_must_be_there_are_there_and_the_others_are_not():
    sent = body(*CONVERSATION)
    assert sent["stream"] is True
    assert sent["stream_options"] == {"include_usage": True}
    assert sent["max_tokens"] == 100
    assert sent["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "read",
                "description": "Read.",
                "parameters": {"type": "object", "properties": {"path": {}}},
            },
        }
    ]
    assert not sent.keys() & {"tool_choice", "temperature", "extra_body"}
    assert not nulls(sent)


def test_the_system_text_comes_first_and_once():
    assert [message["role"] for message in body(*CONVERSATION)["messages"]].count("system") == 1
    assert body(*CONVERSATION)["messages"][0] == {"role": "system", "content": "S"}
    assert body(UserMessage(text="u"), system="")["messages"] == [{"role": "user", "content": "u"}]


def test_no_tools_means_no_tools_key():
    assert "tools" not in body(UserMessage(text="u"), tools=())


def test_every_assistant_message_carries_its_reasoning_or_a_space():
    said = [message for message in body(*CONVERSATION)["messages"] if message["role"] == "assistant"]
    assert [message["reasoning_content"] for message in said] == [" r1\n", " ", " "]
    assert [message["content"] for message in said] == ["", "a2", "half"]
    assert ["tool_calls" in message for message in said] == [True, False, False]


def test_arguments_are_replayed_as_they_were_written():
    assert body(*CONVERSATION)["messages"][2]["tool_calls"][0]["function"]["arguments"] == '{"b":1, "a":2}'


def test_openrouter_gets_the_reasoning_back_under_its_own_name():
    said = body(*CONVERSATION, provider="openrouter")["messages"][2]
    assert said["reasoning"] == " r1\n"
    assert "reasoning_content" not in said


@pytest.mark.parametrize(
    ("mode", "fields"),
    [
        (ThinkingMode.NON_THINK, {"enable_thinking": False}),
        (ThinkingMode.THINK, {"enable_thinking": True, "reasoning": {"effort": "low"}}),
        (ThinkingMode.THINK_MAX, {"enable_thinking": True, "reasoning": {"effort": "high"}}),
    ],
)
def test_the_mode_is_at_the_top_level(mode, fields):
    sent = body(UserMessage(text="u"), mode=mode)
    assert {key: sent[key] for key in sent if key in ("enable_thinking", "reasoning")} == fields


@pytest.mark.parametrize(("asked", "sent"), [(0, 1), (10**9, 16_384), (5, 5)])
def test_max_tokens_stays_in_the_model_s_range(asked, sent):
    assert body(UserMessage(text="u"), max_tokens=asked, provider="deepinfra")["max_tokens"] == sent


def stable_part(body: bytes) -> bytes:
    """A body up to the end of its last message, checked to hold all but what may differ from request to request."""
    end = body.rindex(b'],"max_tokens":')
    assert set(json.loads(b"{" + body[end + 2 :])) == {"max_tokens", "stream", "stream_options"}
    return body[:end]


def test_the_next_request_is_this_one_and_a_suffix():
    card = CATALOG.provider("novita")
    for length in range(1, len(CONVERSATION)):
        before = request_body(request(*CONVERSATION[:length]), card)
        after = request_body(request(*CONVERSATION[: length + 1], max_tokens=7), card)
        assert after.startswith(stable_part(before) + b",")


texts = st.text(max_size=20)
calls = st.builds(ToolCall, id=texts, name=texts, arguments=texts)
messages = st.lists(
    st.one_of(
        st.builds(UserMessage, text=texts),
        st.builds(AssistantMessage, content=texts, reasoning=texts, tool_calls=st.lists(calls, max_size=2).map(tuple)),
        st.builds(ToolMessage, call_id=texts, content=texts),
    ),
    min_size=1,
    max_size=6,
)
FORMATS = (None, ResponseFormat(), ResponseFormat(schema=msgspec.Raw(b'{"type":"object"}')))


@given(
    before=messages,
    more=messages,
    caps=st.tuples(st.integers(), st.integers()),
    mode=st.sampled_from(ThinkingMode),
    wanted=st.sampled_from(FORMATS),
    provider=st.sampled_from(["novita", "deepseek", "openrouter", "deepinfra", "siliconflow"]),
    placeholder=st.sampled_from(["", " "]),
)
def test_whatever_is_said_the_next_request_is_this_one_and_a_suffix(
    before, more, caps, mode, wanted, provider, placeholder
):
    card = CATALOG.provider(provider)
    fields = {"mode": mode, "provider": provider, "response_format": wanted, "placeholder": placeholder}
    first = request_body(request(*before, max_tokens=caps[0], **fields), card)
    second = request_body(request(*before, *more, max_tokens=caps[1], **fields), card)
    assert second.startswith(stable_part(first) + b",")
    assert stable_part(request_body(request(*before, max_tokens=caps[1], **fields), card)) == stable_part(first)
    assert not nulls(json.loads(first))
    sent = json.loads(first)["messages"]
    assert [message["role"] for message in sent].count("system") == 1
    assert all(isinstance(message["content"], str) for message in sent)
    assert not any(message.get("tool_calls") == [] for message in sent)


@pytest.mark.parametrize(
    ("wanted", "kinds", "sent"),
    [
        (None, ("json_object", "json_schema"), None),
        (ResponseFormat(), ("json_object",), {"type": "json_object"}),
        (ResponseFormat(), (), None),
        (ResponseFormat(), ("json_schema",), None),
        (
            ResponseFormat(schema=msgspec.Raw(b'{"type":"object"}')),
            ("json_schema",),
            {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}},
        ),
        (ResponseFormat(schema=msgspec.Raw(b'{"type":"object"}')), ("json_object",), None),
    ],
)
def test_a_format_is_asked_for_only_where_it_is_known(wanted, kinds, sent):
    card = msgspec.structs.replace(CATALOG.provider("novita"), response_formats=kinds)
    body = json.loads(request_body(request(UserMessage(text="u"), response_format=wanted), card))
    assert body.get("response_format") == sent


def test_a_placeholder_that_overrides_goes_under_both_names():
    said = AssistantMessage(content="a"), AssistantMessage(content="b", reasoning="because")
    sent = body(*said, provider="openrouter", placeholder="(none)")["messages"][1:]
    assert [(message["reasoning_content"], message["reasoning"]) for message in sent] == [
        ("(none)", "(none)"),
        ("because", "because"),
    ]
    sent = body(*said, placeholder="(none)")["messages"][1:]
    assert [message["reasoning_content"] for message in sent] == ["(none)", "because"]
    assert "reasoning" not in sent[0]


@pytest.mark.parametrize(("accepts", "sent"), [(True, ""), (False, " ")])
def test_an_empty_placeholder_is_sent_only_where_it_is_taken(accepts, sent):
    card = msgspec.structs.replace(
        CATALOG.provider("novita"), reasoning_placeholder="", accepts_empty_reasoning=accepts
    )
    body = json.loads(request_body(request(AssistantMessage(content="a")), card))
    assert body["messages"][1]["reasoning_content"] == sent


def test_half_a_surrogate_pair_does_not_stop_the_request():
    sent = body(UserMessage(text="a\ud83db 🙂"), UserMessage(text="plain"))
    assert sent["messages"][1]["content"] == "a\ufffdb 🙂"
    assert sent["tools"][0]["function"]["name"] == "read"
