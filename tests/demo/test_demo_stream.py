from __future__ import annotations

import json
import time

import pytest
from demo_tools import TOOLS
from hypothesis import given
from hypothesis import strategies as st

from dsterm.demo.chunks import fragments, pieces
from dsterm.demo.guide import FIRST_LINE

NON_THINK = {"enable_thinking": False}
THINK_MAX = {"enable_thinking": True, "reasoning": {"effort": "high"}}


def deltas(chunks: list[dict]) -> list[dict]:
    return [choice["delta"] for chunk in chunks for choice in chunk["choices"]]


def text_of(chunks: list[dict], field: str) -> str:
    return "".join(delta.get(field) or "" for delta in deltas(chunks))


def test_thinking_stream_opens_with_an_empty_reasoning_and_ends_with_reason_and_usage(demo):
    chunks = demo.stream()
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": None, "reasoning_content": ""}
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    last = chunks[-1]
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["choices"][0]["delta"] == {"content": "", "reasoning_content": None}
    assert last["usage"]["total_tokens"] == last["usage"]["prompt_tokens"] + last["usage"]["completion_tokens"]


def test_reasoning_comes_before_the_answer_and_the_answer_says_it_is_no_model(demo):
    chunks = demo.stream()
    kinds = ["reasoning" if delta.get("reasoning_content") else "text" for delta in deltas(chunks)[1:-1]]
    assert kinds == sorted(kinds)
    assert text_of(chunks, "content").split("\n")[0] == FIRST_LINE


def test_non_think_sends_no_reasoning_at_all(demo):
    chunks = demo.stream(**NON_THINK)
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert not any("reasoning_content" in delta for delta in deltas(chunks))
    assert chunks[-1]["usage"]["completion_tokens_details"] == {"reasoning_tokens": 0}


def test_think_max_reasons_longer(demo):
    lengths = [len(text_of(demo.stream(**mode), "reasoning_content")) for mode in ({}, THINK_MAX)]
    assert lengths[0] < lengths[1]


def test_tool_calls_come_in_fragments_keyed_by_index(demo):
    chunks = demo.stream(messages=[{"role": "user", "content": "fix the failing test"}], tools=TOOLS)
    sent = [call for delta in deltas(chunks) for call in delta.get("tool_calls", [])]
    assert {call["index"] for call in sent} == {0, 1}
    starts = [call for call in sent if "id" in call]
    assert [call["function"]["name"] for call in starts] == ["todo_write", "glob"]
    assert all(set(call) == {"index", "function"} for call in sent if call not in starts)
    arguments = "".join(call["function"]["arguments"] for call in sent if call["index"] == 1)
    assert json.loads(arguments) == {"pattern": "*.py"}
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_usage_is_left_out_when_it_is_not_asked_for(demo):
    assert not any("usage" in chunk for chunk in demo.stream(stream_options=None))


def test_request_without_stream_gets_one_object(demo):
    status, _, data = demo.post()
    answer = json.loads(data)
    assert (status, answer["object"]) == (200, "chat.completion")
    assert answer["choices"][0]["message"]["content"].startswith(FIRST_LINE)
    assert answer["choices"][0]["message"]["reasoning_content"]
    assert answer["usage"]["prompt_tokens"] > 0


def test_answer_ends_with_length_when_it_reaches_max_tokens(demo):
    chunks = demo.stream(max_tokens=5)
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"
    assert len(chunks) == 1 + 5 + 1


def test_pace_is_kept(start):
    demo = start("[[replies]]\ntext = 'one two three four five six seven eight nine ten'\ntokens_per_second = 50")
    began = time.monotonic()
    demo.stream()
    assert 0.18 < time.monotonic() - began < 1.5


def test_model_list_has_prices_as_integers(demo):
    models = {model["id"]: model for model in demo.get("/v1/models")["data"]}
    pro, flash = models["deepseek/deepseek-v4-pro"], models["deepseek/deepseek-v4-flash"]
    assert (pro["input_token_price_per_m"], pro["output_token_price_per_m"]) == (16_000, 32_000)
    assert (flash["input_token_price_per_m"], flash["output_token_price_per_m"]) == (1_400, 2_800)
    assert pro["context_size"] == 1_048_576


def test_other_host_names_are_turned_away(demo):
    status, _, _ = demo.request("GET", "/ledger", headers={"Host": "evil.example"})
    assert status == 400


def test_body_beyond_the_limit_is_refused(demo, monkeypatch):
    monkeypatch.setattr("dsterm.demo.server._LARGEST_BODY", 100)
    assert demo.post(messages=[{"role": "user", "content": "x" * 200}])[0] == 413


def test_ledger_agrees_with_what_clients_were_told(demo):
    told = [demo.stream(**mode)[-1]["usage"] for mode in ({}, {}, NON_THINK, THINK_MAX)]
    told.append(json.loads(demo.post(model="deepseek/deepseek-v4-flash")[2])["usage"])
    ledger = demo.get("/ledger")
    for field in ("prompt_tokens", "completion_tokens"):
        assert ledger["usage"][field] == sum(usage[field] for usage in told)
    assert ledger["usage"]["cached_tokens"] == sum(usage["prompt_cache_hit_tokens"] for usage in told)
    assert {(total["model"].rpartition("-")[2], total["mode"], total["requests"]) for total in ledger["totals"]} == {
        ("pro", "think", 2),
        ("pro", "non-think", 1),
        ("pro", "think-max", 1),
        ("flash", "think", 1),
    }
    assert all(entry["is_complete"] for entry in ledger["requests"])


async def test_openai_client_reads_the_stream(demo):
    openai = pytest.importorskip("openai")
    async with openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{demo.port}/v1", api_key="none", max_retries=0) as client:
        stream = await client.chat.completions.create(
            model="deepseek/deepseek-v4-pro",
            messages=[{"role": "user", "content": "hello"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks).startswith(FIRST_LINE)
    assert chunks[-1].usage.total_tokens > 0


@given(st.text())
def test_pieces_and_fragments_lose_nothing(text):
    assert "".join(pieces(text)) == text
    assert "".join(fragments(text)) == text
