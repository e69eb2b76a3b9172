"""The form that a request wants its answer in: read from `response_format`, checked, and kept to by the guide."""

from __future__ import annotations

import msgspec

from dsterm.demo.request import BadRequest, ChatRequest
from dsterm.demo.schema_instance import instance

_KINDS = ("json_object", "json_schema", "regex", "text")
_WHERE = "response_format"


class AnswerForm(msgspec.Struct, frozen=True):
    """One JSON value; `schema` is what it must fit, an empty one for any object."""

    schema: object


def answer_form(request: ChatRequest) -> AnswerForm | None:
    """The form that `request` wants, None where it wants plain text; BadRequest where it says it wrongly."""
    wanted = request.parameters.get("response_format")
    if wanted is None:
        return None
    if not isinstance(wanted, dict):
        raise _malformed("invalid type, expected internally tagged enum ChatCompletionResponseFormat")
    if "type" not in wanted:
        raise _malformed("missing field `type`")
    match wanted["type"]:
        case "text":
            return None
        case "json_object":
            _check_word(request)
            return AnswerForm({"type": "object"})
        case "json_schema":
            return AnswerForm(_schema(wanted))
        case "regex":
            raise BadRequest("dsterm's demo has no answers of the type `regex`.")
        case kind:
            choices = ", ".join(f"`{choice}`" for choice in _KINDS)
            raise _malformed(f"unknown variant `{kind}`, expected one of {choices}")


def formed(form: AnswerForm, words: str) -> str:
    """An answer in `form` that says `words` wherever there is a text."""
    value = instance(form.schema, words)
    return msgspec.json.encode({"note": words} if value == {} else value).decode()


def _schema(wanted: dict[str, object]) -> object:
    named = wanted.get("json_schema")
    if named is None:
        raise _malformed("missing field `json_schema`")
    if not isinstance(named, dict) or "schema" not in named:
        raise _malformed("missing field `schema`")
    schema: object = named["schema"]
    if not isinstance(schema, dict | bool):
        shown = msgspec.json.encode(schema).decode()
        raise BadRequest(f'Invalid json schema: {shown} is not of types "boolean", "object"')
    return schema


def _check_word(request: ChatRequest) -> None:
    texts = " ".join(message.text or "" for message in request.messages)
    if "json" not in texts.lower():
        raise BadRequest(
            "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'."
        )


def _malformed(problem: str) -> BadRequest:
    return BadRequest(f"Failed to deserialize the JSON body into the target type: {_WHERE}: {problem}")
