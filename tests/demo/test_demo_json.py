from __future__ import annotations

import json

import pytest
from demo_tools import TOOLS

from dsterm.demo.schema_instance import instance

jsonschema = pytest.importorskip("jsonschema")

SCHEMAS = {
    "object": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]},
    "nested": {
        "type": "object",
        "properties": {
            "inner": {"type": "object", "properties": {"n": {"type": "number", "minimum": 3}}, "required": ["n"]}
        },
        "required": ["inner"],
        "additionalProperties": False,
    },
    "array": {"type": "array", "items": {"type": "integer", "minimum": 5, "maximum": 7}, "minItems": 3},
    "empty array": {"type": "array", "items": {"type": "integer"}, "maxItems": 0},
    "tuple": {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"type": "boolean"}],
        "minItems": 4,
        "items": {"type": "null"},
    },
    "enum": {"type": "string", "enum": ["low", "high"]},
    "const": {"const": {"a": [1]}},
    "bounds": {"type": "integer", "exclusiveMinimum": 10, "exclusiveMaximum": 12},
    "open bounds": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    "step": {"type": "integer", "minimum": 5, "multipleOf": 4},
    "below": {"type": "number", "maximum": -2.5},
    "short text": {"type": "string", "maxLength": 3},
    "long text": {"type": "string", "minLength": 400},
    "several types": {"type": ["null", "integer"]},
    "null": {"type": "null"},
    "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    "all of": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"b": {"type": "boolean"}}, "required": ["b"]},
        ]
    },
    "reference": {
        "$defs": {"city": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
        "type": "object",
        "properties": {"cities": {"type": "array", "items": {"$ref": "#/$defs/city"}, "minItems": 2}},
        "required": ["cities"],
    },
    "tree": {
        "$defs": {
            "node": {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}
        },
        "$ref": "#/$defs/node",
    },
    "required without properties": {"type": "object", "required": ["x"]},
    "anything": True,
    "empty": {},
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_guide_answers_with_an_instance_that_fits(shared_demo, name):
    schema = SCHEMAS[name]
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    chunks = shared_demo.stream(response_format=wanted, tools=TOOLS)
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    jsonschema.validate(json.loads(text), schema)


def test_a_text_says_that_it_is_no_model(shared_demo):
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMAS["nested"] | {"required": []}}}
    answer = json.loads(shared_demo.post(response_format=wanted)[2])["choices"][0]["message"]["content"]
    assert json.loads(answer) == {"inner": {"n": 3}}
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMAS["object"]}}
    answer = json.loads(shared_demo.post(response_format=wanted)[2])["choices"][0]["message"]["content"]
    assert "no model" in json.loads(answer)["a"]


def test_any_object_is_an_object(shared_demo):
    messages = [{"role": "user", "content": "as json please"}]
    answer = shared_demo.post(messages=messages, response_format={"type": "json_object"})
    assert "no model" in json.loads(json.loads(answer[2])["choices"][0]["message"]["content"])["note"]


def test_a_tool_is_called_before_the_answer_takes_its_form(shared_demo):
    messages = [{"role": "user", "content": "summarise README.md"}]
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMAS["object"]}}
    chunks = shared_demo.stream(messages=messages, response_format=wanted, tools=TOOLS)
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_schema_that_refers_to_itself_for_ever_ends():
    assert instance({"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, "x") == "x"
