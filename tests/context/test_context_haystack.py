from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsterm.context.haystack import Haystack, build_haystack
from dsterm.context.needle_question import Verdict, answer_schema, judge, question
from dsterm.core.errors import UsageError
from dsterm.llm.tokens import V4Counter


def words(texts):
    return [len(text.split()) + 1 for text in texts]


def whole(haystack: Haystack) -> str:
    return "".join(haystack.chapters.values())


@settings(max_examples=25, deadline=None)
@given(st.integers(2_000, 60_000), st.integers(1, 20), st.integers(0, 1 << 30))
def test_every_needle_stands_once_and_at_its_depth(tokens: int, needles: int, seed: int) -> None:
    haystack = build_haystack(tokens, needles, seed, words)
    text = whole(haystack)
    assert [text.count(needle.sentence) for needle in haystack.needles] == [1] * needles
    for needle in haystack.needles:
        assert abs(text.index(needle.sentence) / len(text) - needle.depth) < 0.1
    assert build_haystack(tokens, needles, seed, words) == haystack


def test_it_has_as_many_tokens_as_were_asked_for_and_repeats_itself_little() -> None:
    counter = V4Counter()
    haystack = build_haystack(50_000, 11, 7, counter.count_exactly)
    text = whole(haystack)
    assert counter.count_exactly([text])[0] == pytest.approx(50_000, rel=0.01)
    sentences = text.replace("\n", " ").split(". ")
    assert len(set(sentences)) > 0.99 * len(sentences)
    assert whole(build_haystack(50_000, 11, 8, counter.count_exactly)) != text


@pytest.mark.parametrize(("tokens", "needles"), [(1_999, 1), (50_000, 0), (50_000, 101), (2_000, 40)])
def test_what_does_not_go_in_is_refused(tokens: int, needles: int) -> None:
    with pytest.raises(UsageError):
        build_haystack(tokens, needles, 0, words)


def test_an_answer_is_judged_by_exact_values() -> None:
    needles = build_haystack(5_000, 4, 0, words).needles
    right, unknown, other, absent = needles
    answer = {right.key: right.value, unknown.key: "unknown", other.key: "1"}
    assert judge(needles, answer) == [Verdict.FOUND, Verdict.MISSED, Verdict.WRONG, Verdict.MISSED]
    assert sorted(json.loads(answer_schema(needles))["required"]) == sorted(needle.key for needle in needles)
    assert absent.key in question(needles)
    assert absent.value not in question(needles)
