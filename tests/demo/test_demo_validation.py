from __future__ import annotations

import json

import pytest

USER = {"role": "user", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def call(call_id: str) -> dict:
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}


def assistant(*calls: dict, **fields: object) -> dict:
    return {"role": "assistant", "content": "", "reasoning_content": "r", "tool_calls": list(calls), **fields}


def result(call_id: str, content: object = "x") -> dict:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


INSUFFICIENT = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
    "(insufficient tool messages following tool_calls message)"
)
REASONING = "The `reasoning_content` in the thinking mode must be passed back to the API."

REFUSED = {
    "no messages": ({"messages": []}, "Empty input messages"),
    "missing messages": ({"messages": ...}, "missing field `messages`"),
    "missing model": ({"model": ...}, "missing field `model`"),
    "options without stream": (
        {"stream_options": {"include_usage": True}},
        "stream_options should be set along with stream = true",
    ),
    "no result": ({"messages": [USER, assistant(call("a"))]}, INSUFFICIENT),
    "one result of two": ({"messages": [USER, assistant(call("a"), call("b")), result("a")]}, INSUFFICIENT),
    "user before the result": ({"messages": [USER, assistant(call("a")), USER]}, INSUFFICIENT),
    "unknown id": (
        {"messages": [USER, assistant(call("a")), result("zz")]},
        "The following tool_call_ids did not have response messages: zz",
    ),
    "result without a call": (
        {"messages": [USER, result("a")]},
        "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'",
    ),
    "two results for one call": (
        {"messages": [USER, assistant(call("a")), result("a"), result("a")]},
        "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'",
    ),
    "same id twice": (
        {"messages": [USER, assistant(call("c1"), call("c1")), result("c1"), result("c1")]},
        "Duplicate value for 'tool_call_id' of c1 in message[1]",
    ),
    "empty calls": (
        {"messages": [USER, assistant()]},
        "Invalid 'messages[1].tool_calls': empty array. Expected an array with minimum length 1",
    ),
    "developer": (
        {"messages": [{"role": "developer", "content": "x"}, USER]},
        "unknown variant `developer`, expected one of `system`, `user`, `assistant`, `tool`, `latest_reminder`",
    ),
    "null tool content": (
        {"messages": [USER, assistant(call("a")), result("a", None)]},
        "content should be a string or a list",
    ),
    "missing content": ({"messages": [{"role": "user"}]}, "missing field `content`"),
    "null assistant": (
        {"messages": [USER, {"role": "assistant", "content": None, "reasoning_content": "x"}, USER]},
        "Invalid assistant message: content or tool_calls must be set",
    ),
    "missing reasoning": (
        {"messages": [USER, {"role": "assistant", "content": "", "tool_calls": [call("a")]}, result("a")]},
        REASONING,
    ),
    "null reasoning": ({"messages": [USER, assistant(call("a"), reasoning_content=None), result("a")]}, REASONING),
    "bad tool name": (
        {"tools": [{"type": "function", "function": {"name": "a b"}}]},
        "Invalid 'tools[0].function.name': string does not match pattern.",
    ),
    "tool name twice": ({"tools": [TOOL, TOOL]}, "Tool names must be unique."),
    "tool type": ({"tools": [{"type": "x", "function": {"name": "a"}}]}, "unknown variant `x`, expected `function`"),
    "no output": ({"max_tokens": 0}, "Invalid max_tokens value, the valid range of max_tokens is [1, 393216]"),
    "much output": ({"max_tokens": 400_000}, "Invalid max_tokens value, the valid range of max_tokens is [1, 393216]"),
    "output as text": ({"max_tokens": "9"}, 'invalid type: string "9", expected u32'),
    "negative output": ({"max_tokens": -1}, "invalid value: integer `-1`, expected u32"),
    "temperature": ({"temperature": 3}, "Invalid temperature value, the valid range of temperature is [0, 2]"),
    "top_p": ({"top_p": 0}, "Invalid top_p value, the valid range of top_p is (0, 1.0]"),
    "n": ({"n": 2}, "Invalid n value (currently only n = 1 is supported)"),
    "stops": ({"stop": ["x"] * 17}, "Stop string array too long: 17"),
    "empty stop": ({"stop": [""]}, "Invalid 'stop[0]': empty string."),
    "required tool": ({"tools": [TOOL], "tool_choice": "required"}, "Thinking mode does not support this tool_choice"),
    "named tool": (
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
        "Thinking mode does not support this tool_choice",
    ),
    "json without the word": (
        {"response_format": {"type": "json_object"}},
        "Prompt must contain the word 'json' in some form",
    ),
    "json of no type": ({"response_format": {}}, "missing field `type`"),
    "json of another type": (
        {"response_format": {"type": "xml"}},
        "unknown variant `xml`, expected one of `json_object`, `json_schema`, `regex`, `text`",
    ),
    "no schema": ({"response_format": {"type": "json_schema"}}, "missing field `json_schema`"),
    "empty schema": ({"response_format": {"type": "json_schema", "json_schema": {}}}, "missing field `schema`"),
    "schema that is none": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": 5}}},
        'Invalid json schema: 5 is not of types "boolean", "object"',
    ),
    "empty tool name": (
        {"tools": [{"type": "function", "function": {"name": ""}}]},
        "Invalid 'tools[0].function.name': empty string.",
    ),
    "arguments as object": (
        {"messages": [USER, assistant({"id": "a", "function": {"name": "f", "arguments": {}}}), result("a")]},
        "invalid type: map, expected a string",
    ),
    "stream as text": ({"stream": "yes"}, 'invalid type: string "yes", expected a boolean'),
}

ACCEPTED = {
    "plain": {},
    "no tools": {"tools": []},
    "empty result": {"messages": [USER, assistant(call("a")), result("a", "")]},
    "results out of order": {"messages": [USER, assistant(call("a"), call("b")), result("b"), result("a")]},
    "bad arguments": {
        "messages": [
            USER,
            assistant({"id": "a", "type": "function", "function": {"name": "g", "arguments": "{"}}),
            result("a"),
        ]
    },
    "old answer without reasoning": {"messages": [USER, {"role": "assistant", "content": "x"}, USER]},
    "two user messages": {"messages": [USER, USER]},
    "unknown fields": {"colour": "blue"},
    "system text first": {"messages": [{"role": "system", "content": "s"}, USER]},
    "empty ids": {"messages": [USER, assistant(call("")), result("")]},
    "reminder": {"messages": [{"role": "latest_reminder", "content": "x"}, USER]},
    "plain answer": {"response_format": {"type": "text"}},
    "answer with a schema": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    },
    "text parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]},
}


def given_fields(fields: dict) -> dict:
    body = {"model": "deepseek/deepseek-v4-pro", "messages": [USER], "max_tokens": 100, **fields}
    return {name: value for name, value in body.items() if value is not ...}


@pytest.fixture
def demo(shared_demo):
    return shared_demo


@pytest.fixture(scope="module")
def judge():
    """The official library's word on a request: its message, empty when it accepts."""
    recipe = pytest.importorskip("deepseek_recipe")
    options = recipe.ConversionOptions(reasoning_content_behavior=recipe.ReasoningContentBehavior.Reject)
    options = options.with_model_alias("deepseek/deepseek-v4-pro", recipe.ModelVersion.DeepseekV4Pro)

    def judged(fields: dict) -> str:
        try:
            recipe.ChatCompletionRequest(given_fields(fields)).convert(options)
        except recipe.ConversionError as error:
            assert error.status_code == 400
            return str(error.body)
        except ValueError as error:
            return str(error).removeprefix("invalid request body: ")
        return ""

    return judged


def ours(demo, fields: dict) -> tuple[int, str]:
    status, _, data = demo.request("POST", "/v1/chat/completions", json.dumps(given_fields(fields)).encode())
    return status, json.loads(data)["error"]["message"] if status != 200 else ""


@pytest.mark.parametrize("name", REFUSED)
def test_broken_rule_is_refused_in_the_official_words(demo, name):
    fields, expected = REFUSED[name]
    status, message = ours(demo, fields)
    assert status == 400
    assert expected in message


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_the_api_accepts_is_accepted(demo, name):
    assert ours(demo, ACCEPTED[name]) == (200, "")


@pytest.mark.parametrize("name", REFUSED)
def test_official_library_refuses_the_same_with_the_same_words(judge, demo, name):
    fields, _ = REFUSED[name]
    official = judge(fields)
    _, message = ours(demo, fields)
    if official.startswith("{"):
        assert json.loads(official)["error"]["message"] == message
    else:
        assert message.endswith(official)


@pytest.mark.parametrize("name", ACCEPTED)
def test_official_library_accepts_the_same(judge, name):
    assert judge(ACCEPTED[name]) == ""


def test_unknown_model_is_refused_with_the_choices(demo):
    message = demo.error(model="foo")
    assert message == (
        "The supported API model names are deepseek/deepseek-v4-pro, deepseek/deepseek-v4-flash, but you passed foo."
    )


def test_empty_reasoning_counts_as_missing_and_a_space_does_not(demo):
    messages = [USER, assistant(call("a"), reasoning_content=""), result("a")]
    assert demo.error(messages=messages) == REASONING
    messages[1]["reasoning_content"] = " "
    assert demo.post(messages=messages)[0] == 200


def test_with_tools_every_answer_must_bring_its_reasoning(demo):
    messages = [USER, {"role": "assistant", "content": "x"}, USER]
    assert demo.post(messages=messages)[0] == 200
    assert demo.error(messages=messages, tools=[TOOL]) == REASONING
    messages[1]["reasoning_content"] = " "
    assert demo.post(messages=messages, tools=[TOOL])[0] == 200


@pytest.mark.parametrize("place", [1, 2])
def test_system_text_stands_at_the_front_and_nowhere_else(demo, place):
    messages = [{"role": "system", "content": "s"}, USER]
    messages.insert(place, {"role": "system", "content": "t"})
    assert "only as the first one" in demo.error(messages=messages)


def test_reasoning_is_not_asked_for_in_non_think(demo):
    messages = [USER, {"role": "assistant", "content": "", "tool_calls": [call("a")]}, result("a")]
    assert demo.post(messages=messages, enable_thinking=False)[0] == 200


def test_enable_thinking_must_be_a_boolean(demo):
    assert "expected a boolean" in demo.error(enable_thinking="false")


def test_prompt_and_output_must_fit_the_window_together(demo):
    words = 700_000
    message = demo.error(messages=[{"role": "user", "content": "word " * words}], max_tokens=393_216)
    assert message.startswith("This model's maximum context length is 1048576 tokens. However, you requested 10932")
    assert message.endswith("Please reduce the length of the messages or completion.")


def test_body_that_is_no_json_is_refused(demo):
    assert demo.request("POST", "/v1/chat/completions", b"{")[0] == 400
    assert demo.request("POST", "/v1/chat/completions", b"[]")[0] == 400
    assert demo.request("POST", "/v1/chat/completions", b"\xff")[0] == 400
