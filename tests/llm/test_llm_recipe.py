from __future__ import annotations

import json
from itertools import pairwise

import msgspec
import pytest

from dsterm.core.messages import AssistantMessage, ToolCall, ToolMessage, UserMessage
from dsterm.core.models import ThinkingMode
from dsterm.core.provider import Request, StopReason
from dsterm.core.tools import ToolSpec
from dsterm.llm.assemble import Assembler
from dsterm.llm.catalog import load_catalog
from dsterm.llm.chunks import ChunkReader
from dsterm.llm.event_stream import EventSplitter
from dsterm.llm.failures import Origin, from_status
from dsterm.llm.wire import request_body

recipe = pytest.importorskip(
    "deepseek_recipe", reason="deepseek-recipe is not installed: it has no wheel for this machine"
)

CATALOG = load_catalog()
TOOLS = tuple(
    ToolSpec(
        name=name,
        description=name,
        parameters=msgspec.Raw(b'{"type":"object","properties":{"path":{"type":"string"}}}'),
    )
    for name in ("edit", "read")
)


def call(number: int, name: str = "read", arguments: str = '{"path": "a.py"}') -> ToolCall:
    return ToolCall(id=f"c{number}", name=name, arguments=arguments)


TOOL_LOOP = (
    UserMessage(text="fix it"),
    AssistantMessage(
        reasoning="look first", content="I look.", tool_calls=(call(1), call(2, arguments='{"z":1,"path":"b"}'))
    ),
    ToolMessage(call_id="c1", content="text"),
    ToolMessage(call_id="c2", content=""),
    AssistantMessage(reasoning="", tool_calls=(call(3, "edit"),)),
    ToolMessage(call_id="c3", content="refused by the user"),
    AssistantMessage(reasoning="so\nbe it ", content="Done."),
    UserMessage(text="thanks"),
    AssistantMessage(content="You're welcome."),
    UserMessage(text="now the rest"),
)
INTERRUPTED = (
    UserMessage(text="one"),
    AssistantMessage(content="", reasoning="hm", is_cut=True),
    UserMessage(text="two"),
    AssistantMessage(content="half an ans", is_cut=True),
    UserMessage(text="three"),
    AssistantMessage(tool_calls=(call(1, arguments='{"path": "half'), call(2, "nothing_known", ""))),
    ToolMessage(call_id="c1", content="cancelled by the user"),
    ToolMessage(call_id="c2", content="unknown tool"),
    UserMessage(text="four"),
)
PROVIDERS = ("novita", "deepseek")


def body_of(messages, provider="novita", mode=ThinkingMode.THINK) -> bytes:
    request = Request(
        model=CATALOG.model(provider, "pro"),
        mode=mode,
        system="You help.",
        tools=TOOLS,
        messages=messages,
        max_tokens=1000,
    )
    return request_body(request, CATALOG.provider(provider))


def converted(body: bytes):
    options = recipe.ConversionOptions(reasoning_content_behavior=recipe.ReasoningContentBehavior.Reject)
    for provider in PROVIDERS:
        options = options.with_model_alias(CATALOG.model(provider, "pro").id, recipe.ModelVersion.DeepseekV4Pro)
    return recipe.ChatCompletionRequest(json.loads(body)).convert(options)


def prompt_of(body: bytes) -> str:
    return recipe.DeepseekV4Encoding().render_conversation(converted(body).conversation).prompt


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("mode", list(ThinkingMode))
@pytest.mark.parametrize("messages", [TOOL_LOOP, INTERRUPTED])
def test_each_step_is_accepted_and_begins_with_the_prompt_of_the_step_before(provider, mode, messages):
    ends = [i + 1 for i, message in enumerate(messages) if not isinstance(message, AssistantMessage)]
    steps = [end for end in ends if end == len(messages) or isinstance(messages[end], AssistantMessage)]
    prompts = [prompt_of(body_of(messages[:end], provider, mode)) for end in steps]
    assert len(prompts) >= 3
    for before, after in pairwise(prompts):
        assert after.startswith(before)


def test_what_the_official_library_refuses_we_name_rightly():
    broken = json.loads(body_of(TOOL_LOOP[:3]))
    del broken["messages"][2]["reasoning_content"]
    broken["messages"].append({"role": "tool", "tool_call_id": "c2", "content": ""})
    with pytest.raises(recipe.ConversionError) as caught:
        converted(json.dumps(broken).encode())
    origin = Origin(card=CATALOG.provider("novita"))
    failure = from_status(origin, caught.value.status_code, {}, caught.value.body.encode())
    assert failure.kind == "reasoning-missing"


def official_chunks(text: str, finish) -> bytes:
    request = converted(body_of(TOOL_LOOP[:1]))
    options = request.parsing_options
    generator = recipe.ChatCompletionRequest.chunk_generator(request, "id", "deepseek-v4-pro")
    processor = recipe.StreamProcessor(generator, options)
    chunks = processor.push(
        recipe.InferenceChunk.ready(prompt_usage=recipe.PromptUsage(prompt_tokens=100, prompt_cache_hit_tokens=64))
    )
    for start in range(0, len(text), 3):
        chunks += processor.push(recipe.InferenceChunk.text(text[start : start + 3], 1))
    chunks += processor.push(recipe.InferenceChunk.finish(finish)) + processor.finish()
    return "".join(f"data: {chunk.to_json()}\n\n" for chunk in chunks).encode() + b"data: [DONE]\n\n"


def test_the_official_chunks_become_the_message_the_model_wrote():
    text = (
        "I think.</think>Reading.\n\n<｜DSML｜tool_calls>\n"
        '<｜DSML｜invoke name="read">\n'
        '<｜DSML｜parameter name="path" string="true">a "b".py</｜DSML｜parameter>\n</｜DSML｜invoke>\n'
        '<｜DSML｜invoke name="edit">\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>'
    )
    reader, assembler = (
        ChunkReader(Origin(card=CATALOG.provider("novita")), ("reasoning_content", "reasoning")),
        Assembler(),
    )
    for event in EventSplitter().feed(official_chunks(text, recipe.InferenceFinishReason.Stop)):
        for delta in reader.read(event):
            assembler.feed(delta)
    assembler.feed(reader.end())
    assert assembler.stop is StopReason.TOOL_CALLS
    assert assembler.reasoning == "I think."
    assert assembler.content.strip() == "Reading."
    assert [(c.name, json.loads(c.arguments)) for c in assembler.tool_calls] == [
        ("read", {"path": 'a "b".py'}),
        ("edit", {}),
    ]
    assert (assembler.usage.prompt_tokens, assembler.usage.cached_tokens) == (100, 64)
