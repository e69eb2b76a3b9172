from __future__ import annotations

import msgspec
import pytest
from scripted import World
from wire_client import CATALOG, MODEL, chat_at, ended_of, failure_of, request_for

from dsterm.context.window import WindowParts, build_request
from dsterm.core.messages import AssistantMessage, ToolCall, ToolMessage, UserMessage
from dsterm.core.models import ThinkingMode
from dsterm.core.tools import ToolSpec
from dsterm.llm.wire import request_body

USER = UserMessage(text="hello")
SCHEMA = msgspec.Raw(b'{"type":"object","properties":{"path":{"type":"string"}}}')
READ = ToolSpec(name="read", description="Read.", parameters=SCHEMA)


def asks(
    *ids: str, reasoning: str = "because", name: str = "read", arguments: str = '{"path": "a"}'
) -> AssistantMessage:
    calls = tuple(ToolCall(id=id_, name=name, arguments=arguments) for id_ in ids)
    return AssistantMessage(reasoning=reasoning, tool_calls=calls)


def answer(id_: str) -> ToolMessage:
    return ToolMessage(call_id=id_, content="text")


# What a history may look like after Esc, a crash, a cut or a switch; and how the server refuses it as it is.
BROKEN = {
    "no result at all": ((USER, asks("c1")), "must be followed by tool messages"),
    "one result of two": ((USER, asks("c1", "c2"), answer("c1"), USER), "must be followed by tool messages"),
    "a result with an unknown id": ((USER, asks("c1"), answer("zz"), USER), "did not have response messages: zz"),
    "a result without a call": ((USER, answer("c1"), USER), "must be a response to a preceding message"),
    "a result that came behind the next prompt": (
        (USER, asks("c1"), USER, answer("c1")),
        "must be followed by tool messages",
    ),
    "the same id twice": ((USER, asks("c1", "c1"), answer("c1"), answer("c1"), USER), "Duplicate value for"),
}


def repaired(*messages, mode=ThinkingMode.THINK, tools=(READ,)):
    parts = WindowParts(system="S", tools=tools, messages=messages, model=MODEL, mode=mode, max_output=1000)
    return build_request(parts, 100, lambda _: "")


@pytest.mark.parametrize("case", BROKEN)
async def test_what_the_server_refuses_is_made_valid_before_it_is_sent(demo_url, case):
    messages, refusal = BROKEN[case]
    failure = await failure_of(chat_at(demo_url), request_for(*messages, tools=(READ,)))
    assert refusal in failure.message
    ended = await ended_of(chat_at(demo_url), repaired(*messages))
    assert ended.failure is None


async def test_an_answer_without_reasoning_goes_with_a_space_and_is_taken(demo_url):
    history = (USER, asks("c1", reasoning=""), answer("c1"))
    assert (await ended_of(chat_at(demo_url), repaired(*history))).failure is None


# What the server takes without a word; dsterm makes no use of that, or keeps it as it is.
TAKEN = {
    "results out of order": (USER, asks("c1", "c2"), answer("c2"), answer("c1")),
    "a tool that is not offered any more": (USER, asks("c1", name="gone"), answer("c1")),
    "an empty id": (USER, asks(""), answer("")),
    "two prompts in a row": (USER, UserMessage(text="and")),
    "an empty result": (USER, asks("c1"), ToolMessage(call_id="c1", content="")),
    "arguments that are no JSON": (USER, asks("c1", arguments='{"path": "a'), answer("c1")),
}


@pytest.mark.parametrize("case", TAKEN)
async def test_what_the_server_takes_silently_is_sent_in_order_and_with_names(demo_url, case):
    request = repaired(*TAKEN[case])
    assert (await ended_of(chat_at(demo_url), request)).failure is None
    sent = msgspec.json.decode(request_body(request, CATALOG.provider("novita")))["messages"][1:]
    calls = [call for message in sent for call in message.get("tool_calls", ())]
    assert [call["id"] for call in calls] == [m["tool_call_id"] for m in sent if m["role"] == "tool"]
    assert all(call["id"] for call in calls)
    assert [call["function"]["arguments"] for call in calls] == [
        call.arguments for message in TAKEN[case] for call in getattr(message, "tool_calls", ())
    ]
    assert len(sent) == len(TAKEN[case])


async def test_a_history_of_non_think_goes_on_in_think(demo_url):
    history = (
        USER,
        AssistantMessage(content="a", mode=ThinkingMode.NON_THINK),
        USER,
        asks("c1", reasoning=""),
        answer("c1"),
    )
    assert (await ended_of(chat_at(demo_url), repaired(*history, mode=ThinkingMode.THINK_MAX))).failure is None


@pytest.mark.parametrize("content", ["", "said"])
async def test_nothing_is_ever_null_and_no_list_of_calls_is_empty(demo_url, content):
    history = (USER, AssistantMessage(content=content), USER, ToolMessage(call_id="gone", content=""), USER)
    request = repaired(*history)
    body = msgspec.json.decode(request_body(request, CATALOG.provider("novita")))
    assert all(isinstance(message["content"], str) for message in body["messages"])
    assert not any("tool_calls" in message for message in body["messages"])
    assert {message["role"] for message in body["messages"]} <= {"system", "user", "assistant", "tool"}
    assert (await ended_of(chat_at(demo_url), request)).failure is None


@pytest.mark.parametrize(
    ("names", "refusal"),
    [(("bad name",), "does not match pattern"), (("read", "read"), "Tool names must be unique")],
)
async def test_the_server_s_rules_for_tool_names_reach_the_user(demo_url, names, refusal):
    tools = tuple(ToolSpec(name=name, description="d", parameters=SCHEMA) for name in names)
    assert refusal in (await failure_of(chat_at(demo_url), request_for(tools=tools))).message


async def test_the_tools_of_dsterm_have_names_that_are_taken(demo_url, tmp_path):
    specs = World(tmp_path).engine(None)._parts.toolbox.specs
    assert len(specs) == 9
    assert (await ended_of(chat_at(demo_url), request_for(tools=specs))).failure is None


async def test_a_model_that_is_not_there_is_told_with_the_list(demo_url):
    request = msgspec.structs.replace(request_for(), model=msgspec.structs.replace(MODEL, id="foo"))
    failure = await failure_of(chat_at(demo_url), request)
    assert "but you passed foo" in failure.message
    assert "dsterm models" in failure.hint
