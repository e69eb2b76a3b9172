from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.core.messages import ToolCall
from dsterm.llm.answer_tokens import answer_tokens
from dsterm.llm.tokens import V4Counter


@pytest.fixture(scope="module")
def counter() -> V4Counter:
    made = V4Counter()
    made.load()
    return made


def call(arguments: str) -> ToolCall:
    return ToolCall(id="c", name="edit", arguments=arguments)


def test_reasoning_is_part_of_the_output(counter: V4Counter) -> None:
    tokens = answer_tokens(counter, "Let me think.", "Yes, it is.", ())
    assert tokens.reasoning == counter.count("Let me think.")
    assert tokens.output == tokens.reasoning + counter.count("Yes, it is.")
    assert answer_tokens(counter, "", "", ()).output == 0


def test_a_call_counts_as_the_model_writes_it(counter: V4Counter) -> None:
    written = (
        '\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name="edit">\n'
        '<｜DSML｜parameter name="path" string="true">a.py</｜DSML｜parameter>\n'
        '<｜DSML｜parameter name="text" string="true">say "hi"\n</｜DSML｜parameter>\n'
        '<｜DSML｜parameter name="lines" string="false">[1, 2]</｜DSML｜parameter>\n'
        "</｜DSML｜invoke>\n</｜DSML｜tool_calls>"
    )
    arguments = '{"path": "a.py", "text": "say \\"hi\\"\\n", "lines": [1, 2]}'
    assert answer_tokens(counter, "", "", [call(arguments)]).output == counter.count_rendered(written)


def test_a_cut_call_counts_as_far_as_it_came(counter: V4Counter) -> None:
    whole = '{"path": "a.py", "text": "' + "one two three " * 20 + '"}'
    sizes = [answer_tokens(counter, "", "", [call(whole[:end])]).output for end in (0, 12, 60, 200, len(whole))]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == len(sizes)


@given(st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_whatever_came_is_counted(reasoning: str, content: str, arguments: list[str]) -> None:
    tokens = answer_tokens(V4Counter(), reasoning, content, [call(text) for text in arguments])
    assert 0 <= tokens.reasoning <= tokens.output


def test_a_text_without_end_takes_no_longer(counter: V4Counter) -> None:
    line = "return sum(price for price in prices if price > limit)\n"
    long = line * 40_000
    began = time.perf_counter()
    tokens = answer_tokens(counter, long, long, [call('{"text": "' + long)])
    assert time.perf_counter() - began < 1.0
    assert abs(tokens.reasoning - counter.count(line * 1_000) * 40) < tokens.reasoning / 100
