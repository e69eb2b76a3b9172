"""Arguments as models send them, to one checked value per tool; and the JSON schema of that value.

What is plainly meant is understood (a wrapper too many, another assistant's name for an argument, a number as text)
and said in a note, so that the next call has it right; anything else is refused in words.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from dsterm.core.errors import ToolError

T = TypeVar("T", bound=msgspec.Struct)

_WRAPPERS = frozenset({"arguments", "parameters", "args", "input"})
_ALIASES: dict[str, tuple[str, ...]] = {
    "file_path": ("path", "file", "filename", "target_file"),
    "path": ("folder", "directory", "dir", "dir_path"),
    "old_string": ("old_str", "old_text", "old", "search"),
    "new_string": ("new_str", "new_text", "new", "replace"),
    "content": ("contents", "text", "file_text"),
    "pattern": ("query", "regex", "glob"),
    "include": ("glob", "file_pattern"),
    "patch": ("diff", "input", "patch_text"),
    "todos": ("tasks", "items"),
    "offset": ("start_line", "line_offset"),
    "replace_all": ("all",),
    "command": ("cmd", "script"),
    "workdir": ("cwd", "working_directory", "dir", "path"),
    "timeout_ms": ("timeout", "timeout_milliseconds"),
    "run_in_background": ("background", "is_background", "in_background"),
    "id": ("job_id", "job"),
}


class Checked(msgspec.Struct, typing.Generic[T], frozen=True, kw_only=True):
    """Arguments that hold, and what to tell the model about how it wrote them (nothing when it was right)."""

    values: T
    note: str


def check_arguments(tool: str, kind: type[T], arguments: Mapping[str, object]) -> Checked[T]:
    """The `arguments` of a call to `tool` as a `kind`; ToolError says what is missing or wrong, and what there is."""
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    given = _unwrap(arguments, set(fields))
    named, notes = _with_proper_names(given, list(fields))
    if unknown := sorted(set(named) - set(fields)):
        notes.append(f"{tool} has no {', '.join(unknown)}: ignored")
    known = {name: _decoded(value, fields[name].type) for name, value in named.items() if name in fields}
    try:
        values = msgspec.convert(known, kind, strict=False)
    except msgspec.ValidationError as error:
        missing = [field.encode_name for name, field in fields.items() if field.required and name not in known]
        problem = (
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing" if missing else _plain(error)
        )
        raise ToolError(f"{tool}: {problem}. Its arguments are: {_usage(list(fields.values()))}.") from error
    return Checked(values=values, note=f"(Note: {'; '.join(notes)}.)" if notes else "")


def schema_of(kind: type[msgspec.Struct]) -> msgspec.Raw:
    """The JSON schema of `kind` for the wire: compact, without titles, defaults and references."""
    (schema,), definitions = msgspec.json.schema_components([kind])
    plain = _compact(schema, definitions)
    if isinstance(plain, dict):
        plain.pop("description", None)
    return msgspec.Raw(msgspec.json.encode(plain))


def _unwrap(arguments: Mapping[str, object], fields: set[str]) -> Mapping[str, object]:
    """What is inside `{"arguments": {...}}`, be it an object or its JSON text."""
    if len(arguments) != 1:
        return arguments
    ((name, value),) = arguments.items()
    if name not in _WRAPPERS or name in fields:
        return arguments
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError:
            return arguments
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return value
    return arguments


def _with_proper_names(given: Mapping[str, object], fields: list[str]) -> tuple[dict[str, object], list[str]]:
    """`given` with each name that is only spelled differently set right, and a note for each."""
    folded = {_folded(name): name for name in reversed(fields)}
    for name in fields:
        for alias in _ALIASES.get(name, ()):
            folded.setdefault(_folded(alias), name)
    named: dict[str, object] = {name: value for name, value in given.items() if name in fields}
    notes = []
    for name, value in given.items():
        proper = folded.get(_folded(name), name)
        if name in fields:
            continue
        if proper in named:
            proper = name
        named[proper] = value
        if proper != name:
            notes.append(f"the argument is called {proper}, not {name}")
    return named, notes


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


def _decoded(value: object, kind: object) -> object:
    """The list in a text that was encoded once more, where a list is wanted; a number as text where text is."""
    plain = typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind
    if plain is str and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    wants_list = typing.get_origin(plain) in {tuple, list}
    if not (wants_list and isinstance(value, str)):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value


def _plain(error: msgspec.ValidationError) -> str:
    """The words of msgspec without its path notation: `offset: expected int, got str`."""
    problem, _, place = str(error).replace("`", "").partition(" - at ")
    place = place.removeprefix("$").removeprefix(".")
    problem = problem[:1].casefold() + problem[1:]
    return f"{place}: {problem}" if place else problem


def _usage(fields: list[msgspec.structs.FieldInfo]) -> str:
    return ", ".join(field.encode_name if field.required else f"{field.encode_name}?" for field in fields)


def _compact(node: object, definitions: Mapping[str, object]) -> object:
    match node:
        case {"$ref": str(reference)}:
            # Docstrings of the definitions are for us, not for the model.
            definition = _as_dict(definitions[reference.rpartition("/")[2]])
            return _compact({key: value for key, value in definition.items() if key != "description"}, definitions)
        case {"anyOf": [first, {"type": "null"}], **rest}:
            return _compact(_as_dict(first) | _as_dict(rest), definitions)
        case dict():
            dropped = {"title", "default"} if "type" in node or "enum" in node else set[str]()
            kept: dict[str, object] = _as_dict(node)
            return {key: _compact(value, definitions) for key, value in kept.items() if key not in dropped}
        case list():
            return [_compact(value, definitions) for value in node]
        case _:
            return node


def _as_dict(node: object) -> dict[str, object]:
    return {str(key): value for key, value in node.items()} if isinstance(node, dict) else {}
