"""Rule: find the Python file that does not parse, and the small change that makes it parse."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from dsterm.demo.changes import unique_replacement
from dsterm.demo.locate import find_one, known_texts, list_files, read_next
from dsterm.demo.outcome import unhappy_end
from dsterm.demo.parsing import parse_python
from dsterm.demo.steps import Step, count, edit, read
from dsterm.demo.talk import Talk, listed_paths

_COMPOUND = re.compile(r"\s*(?:async\s+)?(?:def|class|if|elif|else|for|while|try|except|finally|with|match|case)\b")
_LINES_BACK = 3
_MOST_REPAIRS = 3


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """A text that parses again, and what was done to it."""

    text: str
    what: str


def repair_syntax(talk: Talk, name: str) -> Step:
    """The next step of finding and repairing a syntax error, in the file `name` or in any."""
    change = talk.last("edit")
    if change:
        return unhappy_end(change) or _checked(talk, change.path)
    if name:
        found = find_one(talk, name)
        if isinstance(found, Step):
            return found
    else:
        names = talk.last("glob")
        if names is None:
            why = "A syntax error stops Python from reading a file at all. I list the Python files and parse each of them."
            return list_files("*.py", why)
        step = read_next(talk, listed_paths(names.result), "I have the list.")
        if step:
            return step
    for path, text in known_texts(talk, ".py"):
        problem = syntax_error(text)
        if problem:
            return _repair_file(path, text, problem)
    checked = count(len(list(known_texts(talk, ".py"))), "Python file")
    return Step(
        thoughts=("Everything that I read parses.",),
        text=f"I parsed {checked} and found no syntax error in what I read.",
    )


def syntax_error(text: str) -> str:
    """Where and why Python can't parse `text`, empty when it can."""
    error = _parse_error(text)
    return f"line {error.lineno}: {error.msg}" if error else ""


def repair_text(text: str) -> Repair | None:
    """`text` with the fewest small changes that make it parse, None when none of them does."""
    done: list[str] = []
    for _ in range(_MOST_REPAIRS):
        error = _parse_error(text)
        if error is None:
            return Repair(text=text, what=" and ".join(done)) if done else None
        best: tuple[int, str, str] | None = None
        for candidate, what in _candidates(text, error.lineno or 1):
            left = _parse_error(candidate)
            reached = 10**9 if left is None else left.lineno or 0
            if best is None or reached > best[0]:
                best = (reached, candidate, what)
            if left is None:
                break
        if best is None or best[0] <= (error.lineno or 0):
            return None
        text = best[1]
        done.append(best[2])
    return None if _parse_error(text) else Repair(text=text, what=" and ".join(done))


def _parse_error(text: str) -> SyntaxError | None:
    parsed = parse_python(text)
    return parsed if isinstance(parsed, SyntaxError) else None


def _candidates(text: str, number: int) -> Iterator[tuple[str, str]]:
    """Changes of the line that the parser complains about, then of the lines above: often the cause is there."""
    lines = text.split("\n")
    for place in range(min(number, len(lines)), max(0, number - 1 - _LINES_BACK), -1):
        line = lines[place - 1]
        if not line.strip():
            continue
        for changed, what in _changed_lines(line):
            candidate = "\n".join([*lines[: place - 1], changed, *lines[place:]])
            yield candidate, f"{what} in line {place}"


def _changed_lines(line: str) -> Iterator[tuple[str, str]]:
    code, comment = _without_comment(line)
    end = f"  {comment}" if comment else ""
    if _COMPOUND.match(code) and not code.endswith(":"):
        yield f"{code}:{end}", "added the missing `:`"
    for bracket in ")]}":
        yield f"{code}{bracket}{end}", f"added the missing `{bracket}`"
        if code.endswith((":", ",")):
            yield f"{code[:-1]}{bracket}{code[-1]}{end}", f"added the missing `{bracket}`"
            if not code.endswith(":") or not _COMPOUND.match(code):
                continue
        elif _COMPOUND.match(code):
            yield f"{code}{bracket}:{end}", f"added the missing `{bracket}:`"
    for quote in "\"'":
        if code.count(quote) % 2:
            yield f"{code}{quote}{end}", "closed the string"
            for tail in ("):", ")", "]", ","):
                if code.endswith(tail):
                    yield f"{code[: -len(tail)]}{quote}{tail}{end}", "closed the string"
    for place, character in enumerate(code):
        if character in ")]}:,(":
            yield f"{code[:place]}{code[place + 1 :]}{end}", f"removed a `{character}` too many"
    for match in re.finditer(r"(?<![=!<>:+*/%&|^-])=(?!=)", code):
        yield f"{code[: match.start()]}=={code[match.end() :]}{end}", "made `=` a comparison"
    if not code.endswith(","):
        yield f"{code},{end}", "added the missing `,`"


def _without_comment(line: str) -> tuple[str, str]:
    place = line.rfind("#")
    if place < 0 or line[:place].count('"') % 2 or line[:place].count("'") % 2:
        return line.rstrip(), ""
    return line[:place].rstrip(), line[place:]


def _repair_file(path: str, text: str, problem: str) -> Step:
    repair = repair_text(text)
    if repair is None:
        return Step(
            thoughts=(f"`{path}` does not parse ({problem}). None of the small repairs I know makes it parse.",),
            text=f"`{path}` does not parse: {problem}. None of the small repairs that I know helps, so I leave it to you.",
        )
    old, new = unique_replacement(text, repair.text)
    return Step(
        thoughts=(
            f"`{path}` does not parse: {problem}.",
            "I try small changes on that line and on the few above it, and parse the whole file after each.",
            f"One works: I {repair.what}.",
        ),
        doubts=("Parsing says nothing of what the code means, so I keep the change as small as it can be.",),
        text=f"`{path}`, {problem}. I {repair.what}; then the whole file parses.",
        calls=(edit(path, old, new),),
    )


def _checked(talk: Talk, path: str) -> Step:
    """Read the file once more before anything is claimed."""
    after = talk.after_last("edit")
    if not after.has_read(path):
        return Step(
            thoughts=("The edit is in. I read the file once more and parse what is there now.",), calls=(read(path),)
        )
    text = dict(known_texts(after, ".py")).get(path)
    problem = "I can't read it to its end" if text is None else syntax_error(text)
    if problem:
        return Step(text=f"`{path}` is changed, but I can't say that it parses: {problem}.")
    return Step(
        thoughts=("It parses.",),
        text=f"Repaired: `{path}` parses now. I did not run it: say `run the tests`.",
    )
