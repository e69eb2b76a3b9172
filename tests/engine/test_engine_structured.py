from __future__ import annotations

import asyncio
import json
import time

import msgspec
import pytest

from dsterm.core.provider import ResponseFormat
from dsterm.engine.steps import structured
from dsterm.engine.steps.structured import asked_format, bare_json, format_note, misfit, read_value, schema_problem
from dsterm.engine.steps.structured_check import Question, judge
from dsterm.llm.catalog import load_catalog

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "pattern": "^[A-Z]"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}
BOMB: dict[str, object] = {f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}] * 8} for n in range(20)} | {"l20": {}}


def problem(schema: object, answer: object = ...) -> str:
    told = None if answer is ... else json.dumps(answer)
    return judge(Question(schema if isinstance(schema, str) else json.dumps(schema), told)).problem


def wanted(schema: object = None) -> ResponseFormat:
    return ResponseFormat(schema=None if schema is None else msgspec.Raw(json.dumps(schema).encode()))


def test_a_good_schema_has_no_problem() -> None:
    tree = {"$defs": {"node": {"properties": {"next": {"$ref": "#/$defs/node"}}}}, "$ref": "#/$defs/node"}
    named = {
        "$id": "https://a.example/s",
        "properties": {"a": {"$ref": "b"}},
        "$defs": {"b": {"$id": "b", "type": "null"}},
    }
    for schema in (PERSON, {}, tree, named, {"$anchor": "x", "properties": {"a": {"$ref": "#x"}}}):
        assert problem(schema) == ""


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("[]", "no JSON object"),
        ({"type": "text"}, "no valid JSON schema"),
        ({"properties": []}, "no valid JSON schema"),
        ({"$ref": "https://a.example/person.json"}, "nothing is fetched"),
        ({"items": {"$ref": "person.json#/a"}}, "nothing is fetched"),
        ({"properties": {"a": {"$ref": "#/$defs/gone"}}}, "nothing is fetched"),
        ({"$ref": "file:///etc/passwd"}, "nothing is fetched"),
        ({"$ref": "#"}, "without end"),
        ({"pattern": "("}, "is not a 'regex'"),
        ({"items": {"pattern": r"\p{Lu}"}}, "is not a 'regex'"),
        ({"patternProperties": {"[": {}}}, "is not a 'regex'"),
    ],
)
def test_a_schema_that_cant_be_used_is_named(schema: object, words: str) -> None:
    assert words in problem(schema)


def test_an_answer_is_told_where_it_does_not_fit() -> None:
    assert problem(PERSON, {"name": "Ada", "age": 3}) == ""
    assert problem(PERSON, {"name": "ada", "age": -1}).count("$.") == 2
    assert "'name' is a required property" in problem(PERSON, {})
    assert len(problem({"items": {"type": "null"}}, ["x" * 9_000] * 50)) < 2_000


def test_an_answer_deeper_than_can_be_followed_is_no_crash() -> None:
    tree = {"$defs": {"n": {"items": {"$ref": "#/$defs/n"}}}, "$ref": "#/$defs/n"}
    answer: list[object] = []
    for _ in range(90):
        answer = [answer]
    assert problem(tree, answer) in {"", "it refers to itself without end, or is nested too deeply"}


@pytest.mark.parametrize(
    "text", ['{"a": 1}', '  {"a": 1}\n', '```json\n{"a": 1}\n```', '```\n{"a": 1}\n```\n', '```JSON\n\n{"a": 1}\n\n```']
)
def test_a_fence_around_the_json_is_taken_off(text: str) -> None:
    assert bare_json(text) == '{"a": 1}'
    assert read_value(text) == {"a": 1}


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "yes",
        '{"a": 1} and more',
        'Here:\n```json\n{"a": 1}\n```',
        '{"a": NaN}',
        "{'a': 1}",
        '{"a": 1',
        "[" * 5_000,
        "[" * 200 + "]" * 200,
    ],
)
def test_what_is_not_exactly_json_is_no_value(text: str) -> None:
    with pytest.raises(ValueError, match=r"^it "):
        read_value(text)


async def test_the_check_runs_in_a_process_of_its_own() -> None:
    assert await misfit(wanted(PERSON), '{"name": "Ada"}') == ""
    assert "required" in await misfit(wanted(PERSON), "{}")
    assert await misfit(wanted(), "{}") == ""
    assert "no JSON object" in await misfit(wanted(), "[]")
    assert await schema_problem(json.dumps(PERSON)) == ""
    assert "not JSON" in await schema_problem('{"a": NaN}')
    assert "line 2" in await schema_problem("{\nx")


async def test_a_schema_or_a_pattern_that_takes_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structured, "_PATIENCE", 1.0)
    evil = wanted({"type": "string", "pattern": "^(a+)+$"})
    began = time.monotonic()
    slow = await asyncio.gather(
        misfit(evil, json.dumps("a" * 60 + "!")), schema_problem(json.dumps({"$defs": BOMB, "$ref": "#/$defs/l0"}))
    )
    assert all("takes longer than" in each for each in slow)
    assert time.monotonic() - began < 6


async def test_a_check_that_is_cancelled_leaves_no_process() -> None:
    task = asyncio.create_task(misfit(wanted({"pattern": "^(a+)+$"}), json.dumps("a" * 60 + "!")))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_the_provider_is_asked_for_what_it_has() -> None:
    card = load_catalog().provider("novita")
    having = lambda *formats: msgspec.structs.replace(card, response_formats=formats)  # noqa: E731
    schema, plain = wanted(PERSON), wanted()
    assert asked_format(schema, having("json_schema", "json_object")) == schema
    assert asked_format(schema, having("json_object")) == plain
    assert asked_format(plain, having("json_schema", "json_object")) == plain
    assert asked_format(schema, having()) is None
    assert asked_format(wanted({"type": "array"}), having("json_object")) is None


def test_the_note_says_json_and_the_schema() -> None:
    assert "JSON" in format_note(wanted())
    assert json.dumps(PERSON) in format_note(wanted(PERSON))
