"""Words of a command: what is left when the quotes are gone, and how much of that is known before it runs."""

from __future__ import annotations

import re

import msgspec

from dsterm.policy.shell_tree import Syntax


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """One word: `text` is its value where it is literal, else its source.

    `is_fixed`: whatever it expands to begins with a known character and not with a dash (`src/*.py`, `~/x`).
    `is_one`: it expands to exactly one word. A literal word is both but for the dash.
    """

    text: str
    source: str
    is_literal: bool = False
    is_fixed: bool = False
    is_one: bool = False


_PLAIN = re.compile(r"(?:[A-Za-z0-9_@%+=:,./~^*?!#\[\]{}-]|[^\x00-\x9f]|\\[^\n])+")
_RAW = re.compile(r"'[^']*'")
_ANSI = re.compile(r"\$'(?:[^'\\]|\\.)*'", re.DOTALL)
_NAME = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*|\$[0-9?#@*!$-]")
# Within quotes the grammar counts blanks before an expansion as part of it.
_BRACED = re.compile(r"[ \t\n]*\$\{#?[A-Za-z_][A-Za-z0-9_]*\}|[ \t\n]*\$\{[0-9]+\}")
_MANY = re.compile(r"\$[@*]")
# A dollar sign stands for itself before what no expansion begins with.
_QUOTED = re.compile(r'(?:[^"`$\\]|\\[\s\S]|\$(?=[ |)/\\.,:;%+=<>&~^\]}"\n\t]))*')
_ESCAPED = re.compile(r'\\([$`"\\])|\\\n')
_END = frozenset(b" \t\n;|&)")

EXPANSIONS = frozenset({"simple_expansion", "expansion", "command_substitution", "arithmetic_expansion"})


def is_simple_expansion(node: Syntax) -> bool:
    """Whether it only looks up a variable: nothing in it is evaluated, indirect, assigned or cut out."""
    return (_NAME if node.type == "simple_expansion" else _BRACED).fullmatch(node.text) is not None


def read_word(node: Syntax) -> Word | None:
    """The word that `node` is; None where the grammar and the shell may not agree about it."""
    letters: list[tuple[str, bool]] = []
    verdict = _Verdict()
    if not _collect(node, letters, verdict):
        return None
    bare = "".join(letter for letter, is_quoted in letters if not is_quoted)
    has_braces = "{" in bare and ("," in bare or ".." in bare)
    if verdict.is_computed or has_braces or not bare.isascii():
        return Word(text=node.text, source=node.text, is_one=verdict.is_one and not has_braces and bare.isascii())
    text = "".join(letter for letter, _ in letters)
    if verdict.is_file:
        return Word(text=node.text, source=node.text, is_fixed=True, is_one=True)
    if any(sign in bare for sign in "*?[~"):
        starts = bool(letters) and (letters[0][1] or letters[0][0] not in "*?[-") and letters[0][0] != "-"
        return Word(text=text, source=node.text, is_fixed=starts)
    return Word(text=text, source=node.text, is_literal=True, is_fixed=not text.startswith("-"), is_one=True)


class _Verdict:
    """What turned up while a word was collected."""

    def __init__(self) -> None:
        self.is_computed = False
        self.is_one = True
        self.is_file = False


def _collect(node: Syntax, letters: list[tuple[str, bool]], verdict: _Verdict) -> bool:
    match node.type:
        case "word" | "number" | "variable_name" if not node.children:
            return _collect_bare(node.text, letters)
        case "raw_string":
            letters.extend((letter, True) for letter in node.text[1:-1])
            return _RAW.fullmatch(node.text) is not None
        case "ansi_c_string":
            verdict.is_computed = verdict.is_computed or "\\" in node.text
            letters.extend((letter, True) for letter in node.text[2:-1])
            return _ANSI.fullmatch(node.text) is not None
        case "string":
            return _collect_string(node, letters, verdict)
        case "concatenation":
            return all(_collect_part(part, letters, verdict) for part in node.children)
        case "process_substitution":
            verdict.is_file = True
            return not letters
        case "command_name" if len(node.children) == 1:
            return _collect(node.children[0], letters, verdict)
        case kind if kind in EXPANSIONS or kind == "brace_expression":
            verdict.is_computed = True
            verdict.is_one = False
            return True
    return False


def _collect_part(part: Syntax, letters: list[tuple[str, bool]], verdict: _Verdict) -> bool:
    if part.type == "$" and (part.end == len(part.source) or part.source[part.end] in _END):
        letters.append(("$", True))
        return True
    return part.type != "process_substitution" and _collect(part, letters, verdict)


def _collect_bare(text: str, letters: list[tuple[str, bool]]) -> bool:
    if not _PLAIN.fullmatch(text):
        return False
    rest = iter(text)
    letters.extend((next(rest), True) if letter == "\\" else (letter, False) for letter in rest)
    return True


def _collect_string(node: Syntax, letters: list[tuple[str, bool]], verdict: _Verdict) -> bool:
    if len(node.children) < 2 or node.children[0].type != '"' or node.children[-1].type != '"':
        return False
    here = node.children[0].end
    for part in (*(child for child in node.children if child.type in EXPANSIONS), node.children[-1]):
        # What lies between expansions must be text for the shell too; the closing sign tells what a last $ stands before.
        piece = node.source[here : part.start].decode("utf-8", "replace")
        following = '"' if part is node.children[-1] else " "
        if piece.endswith("$") and following != '"':
            return False
        found = _QUOTED.match(piece + '"')
        if found is None or found.end() != len(piece):
            return False
        letters.extend((letter, True) for letter in _ESCAPED.sub(lambda escape: escape[1] or "", piece))
        here = part.end
        if part.type in EXPANSIONS:
            verdict.is_computed = True
            verdict.is_one = verdict.is_one and not (part.type == "simple_expansion" and _MANY.fullmatch(part.text))
            verdict.is_one = verdict.is_one and (part.type != "expansion" or is_simple_expansion(part))
    return all(child.type in EXPANSIONS or child.type in {'"', "string_content", "$"} for child in node.children)
