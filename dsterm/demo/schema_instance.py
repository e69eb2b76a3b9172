"""A value that fits a JSON schema, for ordinary schemas: what the guide answers when a request wants a certain form.

Patterns, formats, conditions and dependencies are not understood; a schema that needs them gets a value that may not fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_DEEPEST = 12

Schema = object
"""A schema as it was decoded: true, false, or an object."""


def instance(schema: Schema, words: str) -> object:
    """A value for `schema`; `words` stand in every text that has room for them."""
    return _Maker(schema, words).value(schema, 0)


class _Maker:
    """Makes values; `root` is where references begin."""

    def __init__(self, root: Schema, words: str) -> None:
        self._root = root
        self._words = words

    def value(self, schema: Schema, depth: int) -> object:
        """A value for `schema`, `depth` levels down; below the deepest level only what must be there is made."""
        fields = self._resolved(schema)
        if "const" in fields:
            return fields["const"]
        choices = _list(fields.get("enum"))
        if choices:
            return choices[0]
        match _type_of(fields):
            case "object":
                return self._object(fields, depth)
            case "array":
                return self._array(fields, depth)
            case "integer" | "number" as kind:
                return _number(fields, is_whole=kind == "integer")
            case "boolean":
                return False
            case "null":
                return None
            case _:
                return self._text(fields)

    def _resolved(self, schema: Schema) -> dict[str, object]:
        """The schema with its references followed, its parts put together, and the first of its alternatives taken."""
        merged: dict[str, object] = {}
        waiting, seen = [schema], 0
        while waiting and seen < 64:
            fields = _object_of(waiting.pop(0))
            seen += 1
            merged = _joined(merged, {key: value for key, value in fields.items() if key not in _COMBINING})
            reference = fields.get("$ref")
            waiting += [self._referred(reference)] if isinstance(reference, str) else []
            waiting += _list(fields.get("allOf"))
            for name in ("anyOf", "oneOf"):
                waiting += _list(fields.get(name))[:1]
        return merged

    def _referred(self, reference: str) -> Schema:
        """What `#/$defs/name` stands for; nothing of other documents is known."""
        found: object = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            found = _object_of(found).get(step.replace("~1", "/").replace("~0", "~"))
        return found

    def _object(self, fields: dict[str, object], depth: int) -> dict[str, object]:
        properties = _object_of(fields.get("properties"))
        required = [name for name in _list(fields.get("required")) if isinstance(name, str)]
        wanted = [*properties, *(name for name in required if name not in properties)] if depth < _DEEPEST else required
        return {name: self.value(properties.get(name, {"type": "string"}), depth + 1) for name in wanted}

    def _array(self, fields: dict[str, object], depth: int) -> list[object]:
        first = _list(fields.get("prefixItems"))
        least, most = _whole(fields.get("minItems"), 0), _whole(fields.get("maxItems"), 1_000)
        wanted = min(most, max(least, len(first) or 1)) if depth < _DEEPEST else least
        return [
            self.value(first[place] if place < len(first) else fields.get("items", {}), depth + 1)
            for place in range(wanted)
        ]

    def _text(self, fields: dict[str, object]) -> str:
        least, most = _whole(fields.get("minLength"), 0), fields.get("maxLength")
        text = self._words.ljust(least, ".")
        return text[:most] if isinstance(most, int) else text


_COMBINING = frozenset({"$ref", "allOf", "anyOf", "oneOf"})


def _type_of(fields: dict[str, object]) -> object:
    named = fields.get("type")
    if isinstance(named, list):
        return next((kind for kind in named if kind != "null"), "null")
    if named is not None:
        return named
    if "properties" in fields or "required" in fields:
        return "object"
    if "items" in fields or "prefixItems" in fields:
        return "array"
    return "number" if {"minimum", "maximum", "multipleOf"} & fields.keys() else "string"


def _number(fields: dict[str, object], *, is_whole: bool) -> float:
    """The number nearest to 1 that keeps to the bounds and the step."""
    step = _figure(fields.get("multipleOf")) or (1.0 if is_whole else None)
    grain = step or 0.5
    least = max(_bounds(fields, "minimum", "exclusiveMinimum", grain), default=-math.inf)
    most = min(_bounds(fields, "maximum", "exclusiveMaximum", -grain), default=math.inf)
    value = min(max(1.0, least), most)
    if step:
        value = math.ceil(value / step) * step
        value -= step if value > most else 0
    return int(value) if value == int(value) else value


def _bounds(fields: dict[str, object], name: str, exclusive: str, grain: float) -> list[float]:
    own, beyond = _figure(fields.get(name)), _figure(fields.get(exclusive))
    return [*([] if own is None else [own]), *([] if beyond is None else [beyond + grain])]


def _joined(first: dict[str, object], second: dict[str, object]) -> dict[str, object]:
    """Both schemas as one: their properties and what they require add up, of the rest the first counts."""
    joined = second | first
    if "properties" in first and "properties" in second:
        joined["properties"] = _object_of(second["properties"]) | _object_of(first["properties"])
    if "required" in first and "required" in second:
        joined["required"] = [*_list(first["required"]), *_list(second["required"])]
    return joined


def _object_of(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else []


def _figure(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
