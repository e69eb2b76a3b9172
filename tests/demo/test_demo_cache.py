from __future__ import annotations

import time
from itertools import takewhile

from demo_tools import TOOLS
from hypothesis import given
from hypothesis import strategies as st

from dsterm.demo.cache import CacheRule, PromptCache, common_length, whole_units

LONG = "All of this is said once and then stays the same. " * 40
THINK_MAX = {"enable_thinking": True, "reasoning": {"effort": "high"}}
NON_THINK = {"enable_thinking": False}


def talk(*turns: str, reasoning: str = "r") -> list[dict]:
    messages: list[dict] = [{"role": "system", "content": LONG}]
    for number, turn in enumerate(turns):
        messages.append(
            {"role": "assistant", "content": turn, "reasoning_content": reasoning}
            if number % 2
            else {"role": "user", "content": turn}
        )
    return messages


def usage_of(demo, messages: list[dict], **fields: object) -> dict:
    usage = demo.stream(messages=messages, tools=TOOLS, **fields)[-1]["usage"]
    assert usage["prompt_cache_hit_tokens"] + usage["prompt_cache_miss_tokens"] == usage["prompt_tokens"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == usage["prompt_cache_hit_tokens"]
    return usage


def test_first_request_misses_and_the_same_again_hits_all_whole_units(demo):
    first, second = usage_of(demo, talk("one")), usage_of(demo, talk("one"))
    assert first["prompt_cache_hit_tokens"] == 0
    assert second["prompt_cache_hit_tokens"] == whole_units(second["prompt_tokens"]) > 0


def test_next_turn_hits_the_prompt_and_the_answer_before_it(demo):
    chunks = demo.stream(messages=talk("hello"), tools=TOOLS)
    before = chunks[-1]["usage"]
    parts = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    text = "".join(part.get("content") or "" for part in parts)
    reasoning = "".join(part.get("reasoning_content") or "" for part in parts)
    usage = usage_of(demo, talk("hello", text, "and now?", reasoning=reasoning))
    assert usage["prompt_cache_hit_tokens"] >= whole_units(before["total_tokens"])


def test_another_model_knows_nothing(demo):
    usage_of(demo, talk("one"))
    assert usage_of(demo, talk("one"), model="deepseek/deepseek-v4-flash")["prompt_cache_hit_tokens"] == 0


def test_think_max_misses_everything_and_so_does_the_way_back(demo):
    usage_of(demo, talk("one"))
    assert usage_of(demo, talk("one"), **THINK_MAX)["prompt_cache_hit_tokens"] == 0
    assert usage_of(demo, talk("one"), **THINK_MAX)["prompt_cache_hit_tokens"] > 0


def test_non_think_keeps_what_stands_before_the_first_answer(demo):
    history = talk("one", "an answer", "two")
    whole = usage_of(demo, history)["prompt_tokens"]
    hit = usage_of(demo, history, **NON_THINK)["prompt_cache_hit_tokens"]
    start = usage_of(demo, talk("one"), model="deepseek/deepseek-v4-flash")["prompt_tokens"]
    assert whole_units(start - 8) <= hit <= start < whole


def test_another_tool_keeps_only_the_system_text(demo):
    usage_of(demo, talk("one"))
    usage = demo.stream(messages=talk("one"), tools=TOOLS[1:])[-1]["usage"]
    assert 0 < usage["prompt_cache_hit_tokens"] < usage["prompt_tokens"] - 64


def test_late_system_message_would_cost_the_history_and_is_refused(demo):
    history = talk("one", "an answer " * 100, "two")
    usage_of(demo, history)
    refused = demo.error(messages=[*history, {"role": "system", "content": "a note"}], tools=TOOLS)
    assert "only as the first one" in refused


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=200))
def test_common_length_counts_the_bytes_that_are_alike(start, first, second):
    pairs = zip(start + first, start + second, strict=False)
    expected = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    assert common_length(start + first, start + second) == expected


def test_common_length_works_across_blocks():
    text = b"x" * 200_000
    assert common_length(text + b"a", text + b"b") == 200_000
    assert common_length(text, text) == 200_000
    assert common_length(b"", text) == 0


def test_prefix_never_ends_inside_a_character():
    cache = PromptCache()
    cache.remember("m", "größer".encode())
    assert cache.common_prefix("m", "gräßer".encode()) == "gr"


def test_old_texts_are_forgotten_when_the_cache_is_full():
    cache = PromptCache(capacity=100)
    cache.remember("m", b"a" * 60)
    cache.remember("m", b"b" * 60)
    assert cache.common_prefix("m", b"a" * 60) == ""
    assert cache.common_prefix("m", b"b" * 60) == "b" * 60


def test_prompts_of_a_million_tokens_are_compared_quickly():
    cache = PromptCache()
    for number in range(10):
        cache.remember("m", b"word " * 800_000 + str(number).encode())
    began = time.process_time()
    assert len(cache.common_prefix("m", b"word " * 800_000 + b"z")) == 4_000_000
    assert time.process_time() - began < 1.0


def test_by_units_only_what_was_sent_or_answered_whole_is_hit():
    cache = PromptCache(CacheRule.UNITS)
    cache.remember("m", b"system, question")
    cache.remember("m", b"system, question, answer")
    assert cache.common_prefix("m", b"system, question, answer, more") == "system, question, answer"
    assert cache.common_prefix("m", b"system, question, ANSWER") == "system, question"


def test_by_units_a_beginning_that_two_share_is_hit_from_the_third_on():
    cache = PromptCache(CacheRule.UNITS)
    cache.remember("m", b"pack, one")
    assert cache.common_prefix("m", b"pack, two") == ""
    cache.remember("m", b"pack, two")
    assert cache.common_prefix("m", b"pack, three") == "pack, "


def test_by_units_a_long_text_is_stored_at_intervals_too():
    cache = PromptCache(CacheRule.UNITS)
    cache.remember("m", b"x" * 100_000)
    assert len(cache.common_prefix("m", b"x" * 90_000 + b"y")) == 65_536


@given(st.lists(st.text(alphabet="ab", max_size=6), min_size=1, max_size=12))
def test_units_never_give_more_than_the_prefix_does(texts):
    whole, units = PromptCache(), PromptCache(CacheRule.UNITS)
    for text in texts:
        assert len(units.common_prefix("m", text.encode())) <= len(whole.common_prefix("m", text.encode()))
        whole.remember("m", text.encode())
        units.remember("m", text.encode())
