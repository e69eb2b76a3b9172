"""Globs as in `.gitignore`, with braces besides, over paths with `/` between parts; all of a list in one expression.

A pattern without `/` fits a file or a folder of that name at any depth; one with `/` begins at the source's folder; one that ends
in `/` fits folders only; a folder that fits takes all in it along. `!` takes back what the patterns before it took.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from dsterm.core.errors import UsageError

_MOST_ALTERNATIVES = 200
_SPECIAL = re.compile(r"[*?\[\]{}\\!]")


def compile_globs(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a path fits; the last pattern that fits decides. UsageError for one that can't be read."""
    runs: list[tuple[bool, list[str]]] = []
    for pattern in patterns:
        takes = not pattern.startswith("!")
        if not runs or runs[-1][0] is not takes:
            runs.append((takes, []))
        runs[-1][1].extend(_expressions(pattern.removeprefix("!")))
    steps = [(takes, re.compile("|".join(expressions), re.DOTALL).fullmatch) for takes, expressions in runs]
    if len(steps) == 1 and steps[0][0]:
        fits = steps[0][1]
        return lambda path: fits(path) is not None

    def decide(path: str) -> bool:
        return next((takes for takes, fits in reversed(steps) if fits(path) is not None), False)

    return decide


def idle_globs(patterns: Sequence[str], paths: Sequence[str]) -> list[str]:
    """Those of `patterns` that fit none of `paths`: mistyped, most likely. UsageError for one that can't be read."""
    return [one for one in patterns if not any(map(compile_globs([one.removeprefix("!")]), paths))]


def exact_path(pattern: str) -> str:
    """The one file that `pattern` names from the source's folder on; empty when it could fit others."""
    if _SPECIAL.search(pattern) or pattern.endswith("/"):
        return ""
    return pattern.removeprefix("./").removeprefix("/")


def _expressions(pattern: str) -> list[str]:
    plain = pattern.removeprefix("./")
    if not plain.strip("/ "):
        raise UsageError(f"{pattern!r} is no pattern. Write one such as '*.py', 'src/' or 'docs/**/*.md'.")
    return [f"(?:{_expression(one)})" for one in _alternatives(plain)]


def _alternatives(pattern: str) -> list[str]:
    """`a.{b,c}` as `a.b` and `a.c`, nested too; a brace without its partner stands for itself."""
    done: list[str] = []
    waiting = [pattern]
    while waiting:
        if len(done) + len(waiting) > _MOST_ALTERNATIVES:
            raise UsageError(f"{pattern!r} has too many alternatives in braces. Give several patterns instead.")
        one = waiting.pop()
        found = re.search(r"\{([^{}]*,[^{}]*)\}", one)
        if found is None:
            done.append(one)
        else:
            waiting += [one[: found.start()] + choice + one[found.end() :] for choice in found[1].split(",")]
    return sorted(set(done))


def _expression(pattern: str) -> str:
    is_folder = pattern.endswith("/")
    body = pattern.rstrip("/")
    parts = body.removeprefix("/").split("/")
    if "/" not in body:
        parts.insert(0, "**")
    pieces = []
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        if part == "**":
            pieces.append(".+" if is_last else "(?:[^/]+/)*")
        else:
            pieces.append(_part(part, pattern) + ("" if is_last else "/"))
    return "".join(pieces) + ("/.*" if is_folder else "(?:/.*)?")


def _part(part: str, pattern: str) -> str:
    """One part between slashes. All but the last `*` stop for good at the first place where the rest fits, so that many stars
    can't make the search try every combination.
    """
    first, *others = _between_stars(part, pattern)
    if not others:
        return first
    middle = "".join(f"(?>[^/]*?{fixed})" for fixed in others[:-1])
    return f"{first}{middle}[^/]*{others[-1]}"


def _between_stars(part: str, pattern: str) -> list[str]:
    pieces = [""]
    position = 0
    while position < len(part):
        character = part[position]
        position += 1
        match character:
            case "*":
                pieces.append("")
            case "?":
                pieces[-1] += "[^/]"
            case "[" if (end := part.find("]", position + (part[position : position + 1] in {"!", "^"}) + 1)) != -1:
                pieces[-1] += _set(part[position:end], pattern)
                position = end + 1
            case "\\" if position < len(part):
                pieces[-1] += re.escape(part[position])
                position += 1
            case _:
                pieces[-1] += re.escape(character)
    return pieces


def _set(members: str, pattern: str) -> str:
    negated = members[:1] in ("!", "^")
    inside = members[1:] if negated else members
    safe = re.sub(r"([\\\[\]^&~|])", r"\\\1", inside)
    expression = f"[{'^/' if negated else ''}{safe}]"
    try:
        re.compile(expression)
    except re.error as error:
        raise UsageError(f"{pattern!r} can't be read: [{members}] is no set of characters. Write [a-z].") from error
    return expression
