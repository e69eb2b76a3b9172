from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsterm.core.errors import ToolError
from dsterm.llm.repair import parse_arguments

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("raw", "arguments"),
    [
        ("", {}),
        (" \n", {}),
        ('""', {}),
        ("{}", {}),
        ('{"a": "x\ny\tz"}', {"a": "x\ny\tz"}),
        ('{"arguments": {"a": 1}}', {"a": 1}),
        ('{"arguments": "{\\"a\\": 1}"}', {"a": 1}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ('{"arguments": [1]}', {"arguments": [1]}),
        ('{"arguments": {"a": 1}, "b": 2}', {"arguments": {"a": 1}, "b": 2}),
    ],
)
def test_what_was_meant_is_understood(raw, arguments):
    assert parse_arguments(raw) == arguments


@pytest.mark.parametrize(
    ("raw", "arguments"),
    [
        ('{"a": [1, 2,], }', {"a": [1, 2]}),
        ('{"a": ",]}",}', {"a": ",]}"}),
        ('{"a": "\\",}",}', {"a": '",}'}),
        ('{"a": 1', {"a": 1}),
        ('{"a": [{"b": "x"}, ', {"a": [{"b": "x"}]}),
        ('{"a": {"b": [1', {"a": {"b": [1]}}),
    ],
)
def test_small_repairs_are_for_calls_that_only_read(raw, arguments):
    assert parse_arguments(raw, only_reads=True) == arguments
    with pytest.raises(ToolError, match="not valid JSON"):
        parse_arguments(raw)


@pytest.mark.parametrize("raw", ['{"a": "x', '{"a":', '{"a": 1}}', "[1", '{"a" 1}'])
def test_what_is_lost_is_not_made_up_for_calls_that_only_read_either(raw):
    with pytest.raises(ToolError):
        parse_arguments(raw, only_reads=True)


@pytest.mark.parametrize(
    "raw",
    [
        '{"a": 1',
        '{"a": "x',
        '{"path">a</parameter>',
        "[1]",
        "3",
        "null",
        '{"a": NaN}',
        '{"a": "C:\\Users"}',
        "[" * 100_000,
        '{"a": ' + "9" * 5000 + "}",
    ],
)
def test_what_can_not_be_known_is_refused_in_words_for_the_model(raw):
    with pytest.raises(ToolError, match="Send the call again"):
        parse_arguments(raw)


def test_the_words_say_where_and_stay_short():
    with pytest.raises(ToolError, match="at character 6") as caught:
        parse_arguments('{"a": x' + "y" * 10_000)
    assert len(str(caught.value)) < 600


def test_half_a_surrogate_pair_is_refused():
    with pytest.raises(ToolError, match="surrogate"):
        parse_arguments('{"a": "\\ud83d"}')
    assert parse_arguments('{"a": "\\ud83d\\ude00"}') == {"a": "😀"}


@settings(deadline=None)
@given(st.dictionaries(st.text(), JSON).filter(lambda value: set(value) != {"arguments"}), st.sampled_from([None, 2]))
def test_valid_json_comes_back_unchanged(value, indent):
    assert parse_arguments(json.dumps(value, indent=indent)) == value


@settings(deadline=None)
@given(st.text())
def test_any_text_gives_an_object_or_a_tool_error(raw):
    try:
        assert isinstance(parse_arguments(raw, only_reads=len(raw) % 2 == 0), dict)
    except ToolError as error:
        assert str(error)
