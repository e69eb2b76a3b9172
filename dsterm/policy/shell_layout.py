"""Do the grammar and the shell split a line alike? Every gap between tokens and every keyword is looked at in the text itself.

The grammar forgives what bash doesn't: it skips blanks that bash takes for letters, joins lines, and finds keywords where
bash sees words. Where that could make a difference the line counts as not understood.
"""

from __future__ import annotations

import re

from dsterm.policy.shell_tree import Syntax

_STATEMENTS = frozenset(
    {
        "program", "compound_statement", "subshell", "do_group", "if_statement", "elif_clause", "else_clause",
        "while_statement", "command_substitution", "process_substitution",
    }
)  # fmt: skip
_IN_LINE = frozenset(
    {
        "command", "redirected_statement", "file_redirect", "herestring_redirect", "test_command", "negated_command",
        "unary_expression", "binary_expression", "variable_assignments", "for_statement", "list", "pipeline",
    }
)  # fmt: skip
_GLUED = frozenset({"concatenation", "simple_expansion", "expansion", "variable_assignment", "ansi_c_string"})
_LOOKED_INTO = _STATEMENTS | _IN_LINE | _GLUED | {"string", "command_name"}
_REDIRECTS = frozenset({"file_redirect", "herestring_redirect"})
_OPENERS = frozenset({"if", "while", "until", "for", "!", "{", "[", "[["})
_CONNECTORS = frozenset({"then", "do", "done", "fi", "else", "elif", "}"})
_JOINTS = frozenset({"&&", "||", "|", "|&"})
_HEADED = frozenset({"do_group", "elif_clause", "else_clause"})
_BLANKS = re.compile(rb"[ \t]*")
_LINES = re.compile(rb"[ \t\n]*")
_BEFORE_WORD = frozenset(b" \t\n;&|(")
_AFTER_WORD = frozenset(b" \t\n;&|()<>")
_WHITE = frozenset(b" \t\n")
_MOST_BLANKS = 500


def is_laid_out_plainly(root: Syntax) -> bool:
    """Whether bash splits the text of this tree into the same words, commands and comments as the grammar did."""
    source = root.source
    outside = source[: root.start] + source[root.end :]
    return _LINES.fullmatch(outside) is not None and _is_plain(root, is_nested=False)


def _is_plain(node: Syntax, *, is_nested: bool) -> bool:
    if not node.children:
        return _is_plain_leaf(node, is_nested=is_nested)
    if node.type not in _LOOKED_INTO:
        # Such a node keeps the whole line from counting as harmless, so its insides decide nothing.
        return True
    if node.type in _REDIRECTS and node.source[node.start - 1 : node.start] == b"}":
        # To the shell `{name}>` sets a variable, to the grammar it is a word.
        return False
    if node.type == "command_substitution" and not _is_plain_substitution(node):
        return False
    is_nested = is_nested or node.type in {"command_substitution", "process_substitution"}
    if node.type != "string" and not all(
        _fits(node, before, after) for before, after in zip(node.children, node.children[1:], strict=False)
    ):
        return False
    # The braces of an expansion are no keywords.
    parts = (child for child in node.children if node.type != "expansion" or child.is_named)
    return all(_is_plain(child, is_nested=is_nested) for child in parts)


def _is_plain_substitution(node: Syntax) -> bool:
    """Backticks take their text apart before the grammar of the shell sees it."""
    inside = node.text[1:-1]
    return not node.text.startswith("`") or ("`" not in inside and "\\" not in inside)


def _is_plain_leaf(node: Syntax, *, is_nested: bool) -> bool:
    source = node.source
    before = source[node.start - 1 : node.start]
    after = source[node.end : node.end + 1]
    if node.type == "comment":
        is_free = not before or before[0] in _BEFORE_WORD
        return is_free and not is_nested and after in {b"", b"\n"} and b"\n" not in source[node.start : node.end]
    if node.type == "file_descriptor":
        return node.text.isdigit() and (not before or before[0] in _BEFORE_WORD)
    if node.is_named:
        return True
    if node.type in _OPENERS:
        return (not before or before[0] in _BEFORE_WORD) and bool(after) and after[0] in _WHITE
    if node.type in {"]", "]]", "in"}:
        return bool(before) and before[0] in _WHITE and (not after or after[0] in _AFTER_WORD)
    if node.type in _CONNECTORS:
        return _follows_separator(node) and (not after or after[0] in _AFTER_WORD)
    return True


def _follows_separator(node: Syntax) -> bool:
    before = node.source[max(0, node.start - _MOST_BLANKS) : node.start].rstrip(b" \t")
    return before.endswith((b";", b"&", b"\n")) and not before.endswith((b"\\;", b"\\&", b"\\\n"))


def _fits(parent: Syntax, before: Syntax, after: Syntax) -> bool:
    gap = parent.source[before.end : after.start]
    if parent.type in _GLUED:
        return not gap or parent.type == "expansion"
    if before.type == "comment":
        return parent.type in _STATEMENTS and gap.startswith(b"\n") and _LINES.fullmatch(gap) is not None
    joined = gap.replace(b"\\\n", b"")
    if joined != gap and not joined:
        return False
    if parent.type in _STATEMENTS:
        return _separates(parent, before, after, joined)
    if parent.type in _IN_LINE:
        if parent.type == "for_statement" and after.type == "do_group":
            return _LINES.fullmatch(joined) is not None
        return _keeps_line(parent, before, after, joined)
    return True


def _separates(parent: Syntax, before: Syntax, after: Syntax, gap: bytes) -> bool:
    if _LINES.fullmatch(gap) is None:
        return False
    if not (before.is_named and after.is_named) or after.type in _HEADED:
        return True
    return b"\n" in gap or (after.type == "comment" and bool(gap))


def _keeps_line(parent: Syntax, before: Syntax, after: Syntax, gap: bytes) -> bool:
    if before.type in _JOINTS and parent.type in {"list", "pipeline"}:
        return _LINES.fullmatch(gap) is not None
    if _BLANKS.fullmatch(gap) is None:
        return False
    if before.type == "file_descriptor":
        return not gap
    is_free = bool(gap) or not (before.is_named and after.is_named)
    return is_free or before.type in _REDIRECTS or after.type in _REDIRECTS
