from __future__ import annotations

import json
import sys

import msgspec
import pytest
from llm_leaks import OWN, SPELLINGS, WHOLE_ANSWERS
from llm_raw_server import DONE, END, HEAD, chunk, chunked, sse
from wire_client import CATALOG, KEY, chat_at, deltas_of, request_for

from dsterm.core.provider import Alive, FailureKind, Sent, ServedBy, StopReason, TextPiece, ToolCallPiece
from dsterm.core.tools import ToolSpec
from dsterm.llm.assemble import Assembler
from dsterm.llm.openai_chat import OpenAIChat

USAGE = {"prompt_tokens": 100, "completion_tokens": 48, "prompt_cache_hit_tokens": 64}
TOOLS = tuple(ToolSpec(name=name, description=name, parameters=msgspec.Raw(b"{}")) for name in ("read", "write"))
READ = {"index": 0, "id": "call_00_a", "type": "function", "function": {"name": "read", "arguments": ""}}


def chat_of(provider: str, url: str) -> OpenAIChat:
    return OpenAIChat(msgspec.structs.replace(CATALOG.provider(provider), base_url=url), KEY)


async def assembled(chat: OpenAIChat, **fields) -> Assembler:
    assembler = Assembler()
    async for delta in chat.stream(request_for(**fields)):
        assembler.feed(delta)
    await chat.close()
    return assembler


async def answer_to(server, *events: object, tools=TOOLS, pieces: int = 1, provider: str = "novita") -> Assembler:
    """What the assembler makes of `events`, played as a stream that is cut into `pieces` an event."""
    server.streams(*events, pieces=pieces)
    return await assembled(chat_of(provider, server.url), tools=tools)


def tool(index: object = None, call_id: object = None, name: object = None, arguments: object = None):
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    call = {"index": index, "id": call_id, "function": function}
    return chunk(tool_calls=[{key: value for key, value in call.items() if value is not None}])


def calls_of(answer: Assembler) -> list[tuple[str, str, str]]:
    return [(call.id, call.name, call.arguments) for call in answer.tool_calls]


async def test_the_request_streams_with_usage_and_without_nulls_or_empty_tools(server):
    server.streams(chunk("stop", content="a"), DONE)
    await assembled(chat_at(server.url))
    body = server.received[0].json
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    assert body["max_tokens"] == 1000
    assert None not in body.values()
    assert not {"tools", "tool_choice", "temperature", "top_p", "extra_body"} & body.keys()


async def test_the_first_chunk_of_a_thinking_answer_opens_no_reasoning(server):
    server.streams(chunk(role="assistant", content=None, reasoning_content=""), chunk("stop", content="a"), DONE)
    deltas = await deltas_of(chat_at(server.url))
    assert [delta for delta in deltas if not isinstance(delta, Alive | Sent)][:2] == [
        ServedBy("deepseek/deepseek-v4-pro", "x"),
        TextPiece("a"),
    ]


async def test_the_first_chunk_of_an_answer_without_thinking_has_no_reasoning_key(server):
    answer = await answer_to(server, chunk(role="assistant", content=""), chunk("stop", content="a"), DONE)
    assert (answer.content, answer.reasoning, answer.stop) == ("a", "", StopReason.STOP)


@pytest.mark.parametrize("nulls", [{}, {"content": None}])
async def test_reasoning_and_answer_are_kept_apart_with_and_without_null_keys(server, nulls):
    answer = await answer_to(
        server, chunk(reasoning_content="why", **nulls), chunk(content="Yes"), chunk("stop", content=""), DONE
    )
    assert (answer.reasoning, answer.content) == ("why", "Yes")


async def test_a_call_grows_by_fragments_that_carry_nothing_but_arguments(server):
    answer = await answer_to(
        server,
        chunk(tool_calls=[READ]),
        tool(0, arguments='{"pa'),
        tool(0, arguments='th":1}'),
        chunk("tool_calls"),
        DONE,
    )
    assert calls_of(answer) == [("call_00_a", "read", '{"path":1}')]
    assert answer.stop is StopReason.TOOL_CALLS


async def test_parallel_calls_are_told_apart_by_their_index(server):
    answer = await answer_to(
        server,
        tool(0, "call_00_a", "read"),
        tool(1, "call_01_b", "write"),
        tool(0, arguments='{"a":1}'),
        tool(1, arguments='{"b":2}'),
        chunk("tool_calls"),
        DONE,
    )
    assert calls_of(answer) == [("call_00_a", "read", '{"a":1}'), ("call_01_b", "write", '{"b":2}')]


async def test_a_call_without_arguments_is_one_fragment_of_braces(server):
    answer = await answer_to(server, chunk(tool_calls=[READ]), tool(0, arguments="{}"), chunk("tool_calls"), DONE)
    assert calls_of(answer) == [("call_00_a", "read", "{}")]


@pytest.mark.parametrize("place", ["finish", "trailing", "both", "every chunk", "before the finish"])
async def test_usage_is_found_wherever_it_stands(server, place):
    early = USAGE | {"completion_tokens": 1}
    trailing = {"choices": [], "usage": USAGE}
    events = {
        "finish": [chunk(content="a"), chunk("stop", USAGE, content="")],
        "trailing": [chunk("stop", content="a"), trailing],
        "both": [chunk("stop", early, content="a"), trailing],
        "every chunk": [chunk(None, early, content="a"), chunk("stop", USAGE, content="")],
        "before the finish": [chunk(None, USAGE, content="a"), chunk("stop", content="")],
    }[place]
    answer = await answer_to(server, *events, DONE)
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (100, 48, 64)
    assert answer.content == "a"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, None),
        ({}, None),
        ({"prompt_tokens": None}, None),
        ({"prompt_tokens": 0, "completion_tokens": 0}, None),
        ({"prompt_tokens": "many"}, None),
        ({"prompt_tokens": 10}, (10, 0, 0)),
        ({"prompt_tokens": 10.0, "completion_tokens": "7"}, (10, 7, 0)),
        ({"prompt_tokens": 10, "completion_tokens": -3}, (10, 0, 0)),
        ({"prompt_tokens": 10, "completion_tokens": 1e300}, (10, 0, 0)),
        ({"prompt_tokens": 10, "completion_tokens": 10**40}, (10, 0, 0)),
        ({"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 99}}, (10, 0, 10)),
        ({"prompt_tokens": 10, "prompt_tokens_details": None, "prompt_cache_hit_tokens": 4}, (10, 0, 4)),
        ({"prompt_tokens": 10, "cost": 0.1, "cost_details": {"x": 1}, "is_byok": False}, (10, 0, 0)),
        ([1], None),
        ("none", None),
    ],
)
async def test_usage_in_any_state_breaks_nothing(server, usage, expected):
    answer = await answer_to(server, chunk(content="a"), chunk("stop", usage, content=""), DONE)
    counted = answer.usage and (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.cached_tokens)
    assert (counted, answer.stop) == (expected, StopReason.STOP)


@pytest.mark.parametrize(
    "strange",
    [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": [None]},
        {"choices": [{"delta": None}]},
        {"choices": [{"delta": {"tool_calls": None, "content": None}}]},
        {"choices": [{"delta": {"tool_calls": [None], "content": []}}]},
        {"choices": [{"index": 1, "delta": {"content": "of another choice"}, "finish_reason": "length"}]},
        {"new_field": {"a": [1, {"b": None}]}, "x" * 10_000: "y" * 100_000},
    ],
)
async def test_a_chunk_that_says_nothing_changes_nothing(server, strange):
    answer = await answer_to(server, chunk(content="a"), strange, chunk("stop", content="b"), DONE)
    assert (answer.content, answer.stop) == ("ab", StopReason.STOP)


async def test_the_answering_model_and_the_id_of_the_answer_are_known(server):
    answer = await answer_to(server, chunk("stop", content="a") | {"model": "deepseek-flash", "id": "r-1"}, DONE)
    assert (answer.served_by, answer.response_id) == ("deepseek-flash", "r-1")


async def test_a_legacy_function_call_is_a_tool_call(server):
    events = [chunk(function_call={"name": "read", "arguments": "{"}), chunk(function_call={"arguments": "}"})]
    answer = await answer_to(server, *events, chunk("function_call"), DONE)
    assert (calls_of(answer), answer.stop) == ([("call_1", "read", "{}")], StopReason.TOOL_CALLS)


@pytest.mark.parametrize("provider", ["novita", "deepseek", "openrouter", "vllm", "sglang", "deepinfra", "siliconflow"])
async def test_reasoning_is_read_once_under_every_name(server, provider):
    deltas = (
        {"reasoning_content": "why"},
        {"reasoning": "why"},
        {"reasoning_content": "why", "reasoning": "why"},
        {"reasoning_content": "", "reasoning": "why"},
        {"reasoning": "why", "reasoning_details": [{"type": "reasoning.text", "text": "why"}]},
        {
            "reasoning_details": [
                {"type": "reasoning.text", "text": "w"},
                {"type": "reasoning.summary", "summary": "hy"},
            ]
        },
        {"reasoning_details": ["why", None, {"type": "reasoning.encrypted", "data": "zzz"}]},
    )
    for delta in deltas:
        answer = await answer_to(server, chunk(**delta), chunk("stop", content="a"), DONE, provider=provider)
        assert (answer.reasoning, answer.content) == ("why", "a"), delta


@pytest.mark.parametrize("comment", [": keep-alive\n\n", ": OPENROUTER PROCESSING\n\n", ": ping\n", ":\n\n"])
async def test_comments_are_life_and_nothing_else(server, comment):
    server.streams(comment, chunk(content="a"), comment, chunk("stop", content="b"), DONE)
    deltas = await deltas_of(chat_at(server.url))
    assert deltas.count(Alive()) >= 2
    assert "".join(delta.text for delta in deltas if isinstance(delta, TextPiece)) == "ab"


def stream(end: str = "\n", *, bom: bool = False, space: str = " ") -> bytes:
    lines = [": hi", f"data:{space}" + json.dumps(chunk(content="é😀\u2028\x85"), ensure_ascii=False), ""]
    lines += [
        "event: message",
        "id: 7",
        "retry: 10",
        "data: {",
        "data:" + json.dumps(chunk("stop", content="b"))[1:],
        "",
    ]
    lines += ["data", "", f"data:{space}[DONE]", "", ""]
    return (b"\xef\xbb\xbf" if bom else b"") + end.join(lines).encode()


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 10_000])
@pytest.mark.parametrize("form", [{}, {"bom": True, "space": ""}])
async def test_line_ends_marks_fields_and_cut_characters_are_those_of_the_standard(server, end, size, form):
    body = stream(end, **form)
    server.plays(HEAD, *(chunked(body[at : at + size]) for at in range(0, len(body), size)), END)
    answer = await assembled(chat_at(server.url))
    assert (answer.content, answer.stop) == ("é😀\u2028\x85b", StopReason.STOP)


@pytest.mark.parametrize("size", [1, 50_000])
async def test_a_line_of_ten_megabytes_passes_and_one_byte_more_is_given_up(server, size):
    frame = len(sse(chunk("stop", content=""))) - len(b"data: \n\n")
    for length, stop in (
        (10 * 1024 * 1024 - frame, StopReason.STOP),
        (10 * 1024 * 1024 - frame + 1, StopReason.FAILED),
    ):
        body = sse(chunk("stop", content="x" * length))
        # The first part in small reads, the rest at once: a byte a read would take minutes of nothing but sockets.
        server.plays(
            HEAD, *(chunked(body[at : at + size]) for at in range(0, size * 20, size)), chunked(body[size * 20 :])
        )
        server.scripts[-1] = (*server.scripts[-1], chunked(DONE.encode()), END)
        answer = await assembled(chat_at(server.url))
        assert answer.stop is stop
        assert len(answer.content) == (length if stop is StopReason.STOP else 0)
    assert answer.failure.kind is FailureKind.PROTOCOL


async def test_a_line_that_never_ends_is_given_up(server):
    server.plays(HEAD, *[chunked(b": " + b"x" * 1_000_000)] * 12, 5.0)
    assert (await assembled(chat_at(server.url))).failure.kind is FailureKind.PROTOCOL


async def test_fifty_thousand_deltas_are_one_answer(server):
    body = sse(chunk(content="word ")) * 50_000 + sse(chunk("stop", USAGE)) + DONE.encode()
    server.plays(HEAD, *(chunked(body[at : at + 100_000]) for at in range(0, len(body), 100_000)), END)
    answer = await assembled(chat_at(server.url))
    assert answer.content == "word " * 50_000
    assert sys.getsizeof(answer.content) < 300_000


async def test_an_end_without_done_is_a_cut_where_done_always_comes(server):
    answer = await answer_to(server, chunk(content="a"), chunk("stop", content="b"), provider="deepseek")
    assert (answer.stop, answer.failure.kind, answer.failure.is_retryable) == (
        StopReason.CUT,
        FailureKind.CONNECTION,
        True,
    )
    assert (await answer_to(server, chunk("stop", content="b"), DONE, provider="deepseek")).stop is StopReason.STOP


async def test_an_end_without_done_is_an_end_elsewhere_if_the_reason_was_given(server):
    answer = await answer_to(server, chunk(content="a"), chunk("stop", content="b"))
    assert (answer.content, answer.stop) == ("ab", StopReason.STOP)


@pytest.mark.parametrize("ending", [[], [DONE], ['data: {"choices":[{"del']])
async def test_an_end_without_a_reason_is_a_cut(server, ending):
    answer = await answer_to(server, chunk(content="a"), *ending)
    assert (answer.content, answer.stop, answer.failure.is_retryable) == ("a", StopReason.CUT, True)


@pytest.mark.parametrize(
    "line", ["data: {oops}\n\n", "data: null\n\n", 'data: {"choices":[{"delta":{"content":7}}]}\n\n']
)
async def test_a_line_that_is_no_chunk_is_a_failure_and_no_crash(server, line):
    answer = await answer_to(server, chunk(content="a"), line, chunk("stop"), DONE)
    assert (answer.stop, answer.failure.kind) == (StopReason.FAILED, FailureKind.PROTOCOL)


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("stop", StopReason.STOP),
        ("length", StopReason.LENGTH),
        ("tool_calls", StopReason.TOOL_CALLS),
        ("content_filter", StopReason.CONTENT_FILTER),
        ("insufficient_system_resource", StopReason.INSUFFICIENT_RESOURCE),
        ("error", StopReason.FAILED),
        ("a_new_one", StopReason.FAILED),
        (None, StopReason.CUT),
    ],
)
async def test_every_finish_reason_has_an_outcome_of_its_own(server, reason, stop):
    answer = await answer_to(server, chunk(content="a"), chunk(reason, content=""), DONE)
    assert answer.stop is stop
    assert (answer.failure is not None) == (stop in {StopReason.FAILED, StopReason.CUT})
    if reason == "a_new_one":
        assert "a_new_one" in answer.failure.message


@pytest.mark.parametrize("reason", ["length", "tool_calls"])
async def test_arguments_cut_in_the_middle_come_as_they_are_with_either_reason(server, reason):
    answer = await answer_to(server, chunk(tool_calls=[READ]), tool(0, arguments='{"pa'), chunk(reason), DONE)
    assert (calls_of(answer), answer.stop) == ([("call_00_a", "read", '{"pa')], StopReason(reason))


async def test_a_call_made_while_thinking_is_a_call(server):
    answer = await answer_to(server, chunk(reasoning_content="hm"), chunk(tool_calls=[READ]), chunk("stop"), DONE)
    assert (answer.reasoning, len(answer.tool_calls), answer.stop) == ("hm", 1, StopReason.TOOL_CALLS)


async def test_garbage_arguments_are_kept_as_they_came(server):
    garbage = '{"path">a</parameter>'
    answer = await answer_to(server, tool(0, "a", "read", garbage), chunk("tool_calls"), DONE)
    assert calls_of(answer) == [("a", "read", garbage)]


@pytest.mark.parametrize("events", [[], [chunk(reasoning_content="hm")]])
async def test_an_empty_answer_ends_as_stop_with_nothing_in_it(server, events):
    answer = await answer_to(server, *events, chunk("stop", USAGE, content=""), DONE)
    assert (answer.stop, answer.content, answer.tool_calls) == (StopReason.STOP, "", ())


@pytest.mark.parametrize(
    ("code", "kind", "is_retryable"),
    [
        ("rate_limit_exceeded", FailureKind.RATE_LIMIT, True),
        (429, FailureKind.RATE_LIMIT, True),
        ("429", FailureKind.RATE_LIMIT, True),
        ("server_error", FailureKind.SERVER, True),
        ("api_error", FailureKind.SERVER, True),
        ("internal_server_error", FailureKind.SERVER, True),
        ("overloaded_error", FailureKind.SERVER, True),
        ("service_unavailable", FailureKind.SERVER, True),
        (503, FailureKind.SERVER, True),
        ("timeout_error", FailureKind.TIMEOUT, True),
        ("insufficient_quota", FailureKind.BALANCE, False),
        ("invalid_request_error", FailureKind.BAD_REQUEST, False),
        ("context_length_exceeded", FailureKind.CONTEXT_OVERFLOW, False),
        ("bad_request", FailureKind.BAD_REQUEST, False),
    ],
)
@pytest.mark.parametrize(("choices", "ending"), [({}, []), ({"choices": [{"delta": {"content": ""}}]}, [DONE])])
async def test_an_error_in_the_stream_is_read_by_its_words(server, code, kind, is_retryable, choices, ending):
    error = {"message": "it broke", "type": None, "param": None, "code": code}
    answer = await answer_to(server, chunk(content="a"), {"error": error, **choices}, *ending)
    assert (answer.stop, answer.failure.kind, answer.failure.is_retryable) == (StopReason.FAILED, kind, is_retryable)
    assert "it broke" in answer.failure.sentence
    assert answer.content == "a"


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([tool(0, None, "read", "{}")], [("call_1", "read", "{}")]),
        ([tool(0, None, "read"), tool(0, None, None, "{}"), tool(0, "late")], [("late", "read", "{}")]),
        ([tool(0, "a", "read", "{"), tool(0, "a", "read", "}")], [("a", "read", "{}")]),
        ([tool(0, "a", "read", "{}"), tool(0, "b", "read", "{}")], [("a", "read", "{}"), ("b", "read", "{}")]),
        ([tool(None, "a", "read", "{"), tool(None, None, None, "}")], [("a", "read", "{}")]),
        (
            [tool(None, "a", "read"), tool(None, "b", "write"), tool(None, "a", None, "{}")],
            [("a", "read", "{}"), ("b", "write", "")],
        ),
        ([tool(0, "a", "re"), tool(0, None, "ad"), tool(0, None, None, "{}")], [("a", "read", "{}")]),
        ([tool(0, "a", "read"), tool(0, "a", "read"), tool(0, None, "read", "{}")], [("a", "read", "{}")]),
        ([tool(0, "a", "read", {"path": "x"})], [("a", "read", '{"path":"x"}')]),
        ([tool("0", "a", "read"), tool(0.0, None, None, "{}")], [("a", "read", "{}")]),
        ([tool(0, "a", None, "{}")], [("a", "", "{}")]),
        ([tool(0, "a", "read"), tool(1, "a", "read")], [("a", "read", ""), ("call_1", "read", "")]),
    ],
)
async def test_calls_are_told_apart_whatever_is_missing_or_sent_again(server, pieces, expected):
    assert calls_of(await answer_to(server, *pieces, chunk("tool_calls"), DONE)) == expected


async def test_a_long_argument_that_comes_at_once_is_whole(server):
    text = "x" * 500_000
    arguments = json.dumps({"content": text})
    quiet = [": keep-alive\n\n"] * 3
    answer = await answer_to(
        server, chunk(tool_calls=[READ]), *quiet, tool(0, arguments=arguments), chunk("tool_calls"), DONE
    )
    assert calls_of(answer) == [("call_00_a", "read", arguments)]


async def test_nothing_of_a_call_is_an_ended_answer_before_the_end(server):
    server.plays(HEAD, chunked(sse(tool(0, "a", "read", "{}"))), 5.0)
    chat = chat_at(server.url)
    assembler = Assembler()
    async for delta in chat.stream(request_for(tools=TOOLS)):
        assembler.feed(delta)
        if isinstance(delta, ToolCallPiece):
            break
    await chat.close()
    assert (calls_of(assembler), assembler.stop) == ([("a", "read", "{}")], StopReason.CUT)


@pytest.mark.parametrize("spelling", [*SPELLINGS, *WHOLE_ANSWERS])
@pytest.mark.parametrize("size", [1, 10_000])
async def test_a_leaked_call_becomes_a_call_in_every_spelling_and_cut(server, spelling, size):
    text = SPELLINGS.get(spelling) or WHOLE_ANSWERS[spelling]
    body = b"".join(sse(chunk(content=text[at : at + size])) for at in range(0, len(text), size))
    server.plays(HEAD, *(chunked(body[at : at + 997]) for at in range(0, len(body), 997)))
    server.scripts[-1] = (*server.scripts[-1], chunked(sse(chunk("stop", USAGE)) + DONE.encode()), END)
    answer = await assembled(chat_at(server.url), tools=TOOLS)
    assert (answer.content.strip(), answer.stop) == ("", StopReason.TOOL_CALLS)
    ((_, name, arguments),) = calls_of(answer)
    assert (name, json.loads(arguments)["path"]) == ("read", "a.py")
    assert [leak.recovered for leak in answer.leaked] == [True]


@pytest.mark.parametrize(("text", "tools"), [(OWN[:-4], TOOLS), (OWN.replace("read", "format_disk"), TOOLS), (OWN, ())])
async def test_a_leak_that_is_not_complete_not_known_or_not_wanted_is_dropped(server, text, tools):
    answer = await answer_to(server, chunk(content="So.\n\n" + text), chunk("stop"), DONE, tools=tools)
    assert (answer.content, answer.tool_calls, answer.stop) == ("So.\n\n", (), StopReason.STOP)
    assert [leak.recovered for leak in answer.leaked] == [False]


@pytest.mark.parametrize("shield", ["```\n{}\n```", "`{}`"])
async def test_markup_in_code_is_shown_as_it_is(server, shield):
    text = shield.format(OWN)
    answer = await answer_to(server, *(chunk(content=letter) for letter in text), chunk("stop"), DONE)
    assert (answer.content, answer.leaked) == (text, ())


async def test_markup_in_reasoning_is_left_where_it_is(server):
    answer = await answer_to(server, chunk(reasoning_content=OWN), chunk("stop", content="Yes."), DONE)
    assert (answer.reasoning, answer.content, answer.tool_calls) == (OWN, "Yes.", ())


async def test_a_cut_stream_recovers_nothing(server):
    answer = await answer_to(server, chunk(content=OWN))
    assert (answer.tool_calls, answer.stop) == ((), StopReason.CUT)


@pytest.mark.parametrize("text", ["<think>why</think>\n\nYes.", "why</think>Yes.", "<think>why</think>Yes."])
@pytest.mark.parametrize("size", [1, 4, 100])
async def test_reasoning_in_the_content_is_reasoning(server, text, size):
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    answer = await answer_to(server, *(chunk(content=part) for part in parts), chunk("stop"), DONE)
    assert (answer.reasoning, answer.content) == ("why", "Yes.")


async def test_a_stream_that_falls_silent_in_mid_reasoning_keeps_what_came_and_is_no_answer(server):
    server.plays(HEAD, chunked(sse(chunk(reasoning_content="hm"))), 0.01, b"")
    answer = await assembled(chat_at(server.url))
    assert (answer.reasoning, answer.content, answer.stop) == ("hm", "", StopReason.FAILED)
    assert answer.failure.is_retryable
