"""A program of its own: a JSON schema, and perhaps an answer, on standard input; what is wrong with them on standard output.

A schema can be made to take for ever: by references, or by a pattern that no thread can be stopped in. A process can.
"""

from __future__ import annotations

import json
import sys
from itertools import islice

import msgspec
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, SchemaRegistry, SchemaResource

_MOST_ERRORS = 5
_MOST_CHARACTERS = 300
_MOST_MEMORY = 1 << 30
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


class Question(msgspec.Struct, frozen=True):
    """The text of a schema, and of an answer to be checked against it; without one the schema itself is checked."""

    schema: str
    answer: str | None = None


class Verdict(msgspec.Struct, frozen=True):
    """What is wrong; empty where nothing is."""

    problem: str


def judge(question: Question) -> Verdict:
    """What is wrong with the schema, or else with the answer."""
    try:
        schema = json.loads(question.schema)
        if not isinstance(schema, dict):
            return Verdict("it is no JSON object")
        if question.answer is None:
            return Verdict(_schema_problem(schema))
        return Verdict(_misfits(schema, question.answer))
    except ValueError as error:
        return Verdict(f"it is no JSON ({error})")
    except RecursionError:
        return Verdict("it refers to itself without end, or is nested too deeply")


def _schema_problem(schema: dict[str, object]) -> str:
    try:
        validator_for(schema, Draft202012Validator).check_schema(schema)
        resource: SchemaResource = Resource.from_contents(schema, default_specification=DRAFT202012)
        _check_references(resource)
    except SchemaError as error:
        return f"it is no valid JSON schema: {_told(error)}"
    except Unresolvable as error:
        return f"it refers to {error.ref[:_MOST_CHARACTERS]}, which is not in it, and nothing is fetched"
    _misfits(schema, "null")
    return ""


def _check_references(resource: SchemaResource) -> None:
    """Unresolvable for a reference to what is not in the schema."""
    base = resource.id() or ""
    registry = _registry(resource)
    waiting = [(resource, registry.resolver(base))]
    while waiting:
        here, resolver = waiting.pop()
        if isinstance(here.contents, bool):
            continue
        for name in _REFERENCES:
            if isinstance(reference := here.contents.get(name), str):
                resolver.lookup(reference)
        waiting += [(inner, resolver.in_subresource(inner)) for inner in here.subresources()]


def _registry(resource: SchemaResource) -> SchemaRegistry:
    """What references can lead to: the schema itself. Nothing is fetched."""
    empty: SchemaRegistry = Registry()
    registry: SchemaRegistry = empty.with_resource(resource.id() or "", resource).crawl()
    return registry


def _misfits(schema: dict[str, object], answer: str) -> str:
    """Where the JSON `answer` does not fit, the first few places."""
    resource: SchemaResource = Resource.from_contents(schema, default_specification=DRAFT202012)
    validator = validator_for(schema, Draft202012Validator)(schema, registry=_registry(resource))
    errors = islice(validator.iter_errors(json.loads(answer)), _MOST_ERRORS)
    return "; ".join(f"{error.json_path[:_MOST_CHARACTERS]}: {_told(error)}" for error in errors)


def _told(error: SchemaError | ValidationError) -> str:
    return error.message if len(error.message) <= _MOST_CHARACTERS else error.message[:_MOST_CHARACTERS] + "…"


def _limit_memory() -> None:
    """A schema that multiplies its errors is not to take the machine's memory while it is waited for."""
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 - not on every system

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))


def main() -> None:
    """Answer the one question on standard input."""
    _limit_memory()
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    sys.stdout.buffer.write(msgspec.json.encode(judge(question)))


if __name__ == "__main__":
    main()
