"""A cheap look at a file that was written: does it still parse? Only what newly fails is said, in one line.

Files that templates or other programs fill in, and those that did not parse before, are left in peace.
"""

from __future__ import annotations

import ast
import json
import threading
import tomllib
import warnings
from collections.abc import Callable
from pathlib import Path

from dsterm.core.errors import ToolError
from dsterm.tools.text_file import decode

_MOST_BYTES = 300_000
"""A tenth of a second or two; nothing else runs meanwhile."""
_MOST_YAML_BYTES = 100_000
"""The parser for YAML is slow: this is about a third of a second."""
_DEEPEST_YAML = 100
"""Every further level makes each step of that parser slower."""
_MOST_DOTS = 100
_WITH_COMMENTS = ("tsconfig", "jsconfig", "devcontainer", ".eslintrc", "babel.config", "settings", "launch", "tasks")
"""Beginnings of the names of JSON files in which comments are usual."""
_WARNINGS = threading.Lock()

Check = Callable[[str], str]


def new_problem(path: Path, before: bytes | None, after: bytes | None) -> str:
    """Why the new content does not parse, where the old one did or there was none; nothing when all is well."""
    check = _CHECKS.get(path.suffix.casefold())
    if check is None or after is None:
        return ""
    problem = _problem(path, check, after)
    if not problem or (before is not None and before.strip() and _problem(path, check, before)):
        return ""
    return f"it {'no longer parses' if before else 'does not parse'}: {problem}"


def _problem(path: Path, check: Check, data: bytes) -> str:
    if len(data) > (_MOST_YAML_BYTES if check is _yaml_problem else _MOST_BYTES):
        return ""
    if check is _json_problem and path.name.casefold().startswith(_WITH_COMMENTS):
        return ""
    try:
        return check(decode(data, path.name).text)
    except ToolError:
        return ""
    except (RecursionError, MemoryError):
        return "it is nested too deeply"


def _python_problem(text: str) -> str:
    # Warnings are a setting of the whole process; no other check may change it meanwhile.
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(text)
        except SyntaxError as error:
            return f"line {error.lineno or 1}: {error.msg}"
        except ValueError as error:
            return str(error)
    return ""


def _json_problem(text: str) -> str:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"line {error.lineno}: {error.msg}"
    except ValueError as error:
        return str(error)
    return ""


def _toml_problem(text: str) -> str:
    # A key of n parts takes the parser n * n of time and memory.
    if any(line.count(".") > _MOST_DOTS for line in text.split("\n")):
        return ""
    try:
        tomllib.loads(text)
    except ValueError as error:
        return str(error)
    return ""


def _yaml_problem(text: str) -> str:
    # Most sessions write no YAML, and this import takes longer than all the others here.
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415
    from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent  # noqa: PLC0415

    depth = 0
    try:
        # Events only: no tag is looked up, no alias followed, nothing built.
        for event in YAML(typ="safe", pure=True).parse(text):
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > _DEEPEST_YAML:
                return "it is nested too deeply"
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        return f"{line}{error.problem}"
    except YAMLError as error:
        return str(error).split("\n", 1)[0]
    return ""


_CHECKS: dict[str, Check] = {
    ".py": _python_problem,
    ".pyi": _python_problem,
    ".json": _json_problem,
    ".ipynb": _json_problem,
    ".geojson": _json_problem,
    ".webmanifest": _json_problem,
    ".toml": _toml_problem,
    ".yaml": _yaml_problem,
    ".yml": _yaml_problem,
}
