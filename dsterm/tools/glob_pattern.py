"""Glob patterns as ripgrep and git read them, for paths with `/` between parts: `*`, `**`, `?`, `[...]`, `{a,b}`."""

from __future__ import annotations

import re

from dsterm.core.errors import ToolError

_MOST_ALTERNATIVES = 200


def compile_glob(pattern: str) -> re.Pattern[str]:
    """What matches whole relative paths; a pattern without `/` matches the name at any depth. ToolError when malformed."""
    pattern = pattern.removeprefix("./")
    if not pattern.strip("/"):
        raise ToolError("The pattern is empty. Use one such as *.py or src/**/*.ts.")
    pattern = pattern.removeprefix("/") if "/" in pattern else f"**/{pattern}"
    if pattern.endswith("/"):
        pattern += "**"
    return re.compile("|".join(f"(?:{_expression(one)})" for one in expand_braces(pattern)), re.DOTALL)


def expand_braces(pattern: str) -> list[str]:
    """`a.{b,c}` as `a.b` and `a.c`, nested too; a brace without its partner stands for itself."""
    done: list[str] = []
    waiting = [pattern]
    while waiting:
        if len(done) + len(waiting) > _MOST_ALTERNATIVES:
            raise ToolError("The pattern has too many alternatives in braces. Use a simpler one.")
        one = waiting.pop()
        match = re.search(r"\{([^{}]*,[^{}]*)\}", one)
        if match is None:
            done.append(one)
            continue
        waiting += [one[: match.start()] + choice + one[match.end() :] for choice in match[1].split(",")]
    return sorted(set(done))


def _expression(pattern: str) -> str:
    parts = pattern.split("/")
    pieces = []
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        if part == "**":
            pieces.append(".+" if is_last else "(?:[^/]+/)*")
        else:
            pieces.append(_part_expression(part) + ("" if is_last else "/"))
    return "".join(pieces)


def _part_expression(part: str) -> str:
    """One part between slashes. All but the last `*` stop for good at the first place where the rest fits, so that
    many stars in a pattern can't make the search try every combination.
    """
    first, *others = _between_stars(part)
    if not others:
        return first
    middle = "".join(f"(?>[^/]*?{fixed})" for fixed in others[:-1])
    return f"{first}{middle}[^/]*{others[-1]}"


def _between_stars(part: str) -> list[str]:
    """The expressions of what stands before, between and after the stars of `part`."""
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
                pieces[-1] += _set_expression(part[position:end])
                position = end + 1
            case "\\" if position < len(part):
                pieces[-1] += re.escape(part[position])
                position += 1
            case _:
                pieces[-1] += re.escape(character)
    return pieces


def _set_expression(members: str) -> str:
    negated = members[:1] in ("!", "^")
    inside = members[1:] if negated else members
    safe = re.sub(r"([\\\[\]^&~|])", r"\\\1", inside)
    expression = f"[{'^/' if negated else ''}{safe}]"
    try:
        re.compile(expression)
    except re.error as error:
        raise ToolError(
            f"[{members}] is no set of characters. Write ranges from low to high, such as [a-z]."
        ) from error
    return expression
