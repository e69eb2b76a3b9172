"""What a line is made of: the programs it calls, one by one wherever they stand, and what else it does to shell and disk."""

from __future__ import annotations

import re

import msgspec

from dsterm.policy.name_sets import names
from dsterm.policy.shell_layout import is_laid_out_plainly
from dsterm.policy.shell_tree import Syntax, parse
from dsterm.policy.shell_words import Word, is_simple_expansion, read_word


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One program called with `words`. `is_bare`: no variables are set for it, it writes to no file and is fed no text.

    `reason` says in words why it isn't; `opened` are the files that it is fed from or writes to.
    """

    words: tuple[Word, ...]
    is_bare: bool = True
    reason: str = ""
    opened: tuple[str, ...] = ()


class Remainder(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a line that calls no program and yet matters: `reason` says why; `opened` are files it opens."""

    source: str
    reason: str
    opened: tuple[str, ...] = ()


Piece = Command | Remainder


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """A line in pieces, in the order they stand; not `is_plain` where the shell may see something else in it."""

    pieces: tuple[Piece, ...] = ()
    is_plain: bool = True


_TRANSPARENT = frozenset(
    {
        "program", "list", "pipeline", "subshell", "compound_statement", "do_group", "if_statement", "elif_clause",
        "else_clause", "while_statement", "negated_command", "command_substitution", "process_substitution", "word",
        "number", "string", "string_content", "raw_string", "ansi_c_string", "concatenation", "simple_expansion",
        "variable_name", "special_variable_name", "comment", "file_descriptor", "command_name", "test_operator",
        "variable_assignments",
    }
)  # fmt: skip
_ODD = {
    "function_definition": "it defines a function",
    "case_statement": "it chooses between commands by patterns",
    "c_style_for_statement": "it calculates",
    "arithmetic_expansion": "it calculates",
    "declaration_command": "it changes variables of the shell",
    "unset_command": "it changes variables of the shell",
    "array": "it sets an array",
    "subscript": "it uses an array",
    "heredoc_redirect": "it feeds text to a program",
    "herestring_redirect": "it feeds text to a program",
    "brace_expression": "it builds words from braces",
    "extglob_pattern": "it matches patterns",
    "regex": "it matches patterns",
    "translated_string": "it looks up a translation",
}
_INSIDES = frozenset(
    {
        "case_item", "heredoc_start", "heredoc_body", "heredoc_content", "heredoc_end", "binary_expression",
        "unary_expression", "parenthesized_expression", "postfix_expression", "ternary_expression",
    }
)  # fmt: skip
_TOKENS = frozenset(
    {
        ";", "&", "\n", "&&", "||", "|", "|&", "(", ")", "{", "}", "$(", "`", "<(", ">(", '"', "$", "${", "=", "+=", "#",
        "if", "then", "elif", "else", "fi", "while", "until", "do", "done", "for", "in", "!", "[", "]", "[[", "]]",
    }
)  # fmt: skip
_HARMLESS_NAME = re.compile(r"[a-z_][a-z0-9_]*")
"""Variables that programs and the shell itself take orders from (PATH, IFS, GIT_DIR) have capitals in their names."""
_RESERVED = names("if then else elif fi do done case esac while until for select in function { } ! [[ ]] coproc")
_READS = frozenset({"<"})
_WRITES = frozenset({">", ">>", ">|", "&>", "&>>", "<>", ">&", "<&", "<&-", ">&-"})


def read_pieces(command: str) -> Script:
    """`command` in pieces; not plain and without any where its grammar doesn't hold at all."""
    root = parse(command)
    if root is None:
        return Script(is_plain=False)
    walk = _Walk()
    walk.visit(root)
    is_plain = walk.is_plain and (walk.has_text or is_laid_out_plainly(root))
    return Script(pieces=tuple(walk.pieces), is_plain=is_plain)


class _Walk:
    """Collects the pieces of one tree. Its recursion is bounded by the depth that `parse` lets through."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.is_plain = True
        self.has_text = False
        self._redirects: dict[int, tuple[Syntax, ...]] = {}

    def visit(self, node: Syntax) -> None:
        match node.type:
            case "command":
                self._command(node, self._redirects.get(node.start, ()))
            case "redirected_statement":
                self._redirected(node)
            case "test_command":
                self._test(node)
            case "variable_assignment":
                self._assignment(node)
            case "for_statement":
                self._loop(node)
            case "file_redirect":
                self._lone_redirects((node,))
            case "expansion" if is_simple_expansion(node):
                pass
            case "expansion":
                self._odd(node, "it computes a word")
            case "compound_statement" if node.children[0].type == "((":
                self._odd(node, "it calculates")
            case kind if kind in _ODD:
                self._odd(node, _ODD[kind])
            case kind if kind in _TRANSPARENT:
                self._children(node)
            case _:
                self.is_plain = self.is_plain and not node.is_named and node.type in _TOKENS

    def _children(self, node: Syntax) -> None:
        for child in node.children:
            self.visit(child)

    def _odd(self, node: Syntax, reason: str) -> None:
        self.has_text = self.has_text or node.type == "heredoc_redirect"
        self.pieces.append(Remainder(source=node.text, reason=reason))
        self._inside(node)

    def _inside(self, node: Syntax) -> None:
        """Visit what runs inside an odd node; its own words and signs are of no account."""
        for child in node.children:
            if not child.is_named:
                continue
            if child.type in _INSIDES or child.type in {"word", "regex", "extglob_pattern"}:
                self._inside(child)
            else:
                self.visit(child)

    def _assignment(self, node: Syntax) -> None:
        name = node.children[0]
        if name.type != "variable_name" or not _HARMLESS_NAME.fullmatch(name.text):
            self.pieces.append(Remainder(source=node.text, reason=f"it sets {name.text}"))
        for child in node.children[1:]:
            if child.is_named and child.type != "array" and read_word(child) is None:
                self.is_plain = False
            self.visit(child)

    def _loop(self, node: Syntax) -> None:
        values = [child for child in node.children if child.is_named]
        if node.children[0].type != "for" or not values or not _HARMLESS_NAME.fullmatch(values[0].text):
            self.pieces.append(
                Remainder(source=node.text, reason=f"it sets {values[0].text if values else 'variables'}")
            )
        for value in values[1:]:
            if value.type not in {"do_group", "compound_statement", "comment"} and read_word(value) is None:
                self.is_plain = False
            self.visit(value)

    def _test(self, node: Syntax) -> None:
        words: list[Word] = []
        at = len(self.pieces)
        for part in _flat(node):
            if not part.is_named or part.type == "test_operator":
                words.append(Word(text=part.text, source=part.text, is_literal=True, is_one=True))
                continue
            word = read_word(part)
            words.append(word or Word(text=part.text, source=part.text))
            self.visit(part)
        self.pieces.insert(at, Command(words=tuple(words)))

    def _redirected(self, node: Syntax) -> None:
        body = [child for child in node.children if child.is_named and not child.type.endswith("_redirect")]
        redirects = tuple(child for child in node.children if child.type.endswith("_redirect"))
        last = _last_command(body[0]) if len(body) == 1 else None
        if last is not None:
            # The grammar hangs a redirection on the whole line; the shell gives it to the last command.
            self._redirects[last.start] = (*redirects, *self._redirects.get(last.start, ()))
            self.visit(body[0])
            return
        self._lone_redirects(redirects)
        for child in body:
            self.visit(child)

    def _lone_redirects(self, redirects: tuple[Syntax, ...]) -> None:
        for redirect in redirects:
            found = self._redirect(redirect)
            if found.extra:
                self.is_plain = False
            if found.reason or found.opened:
                self.pieces.append(Remainder(source=redirect.text, reason=found.reason, opened=found.opened))

    def _command(self, node: Syntax, redirects: tuple[Syntax, ...]) -> None:
        at = len(self.pieces)
        words: list[Word] = []
        reasons: list[str] = []
        opened: list[str] = []
        for child in (*node.children, *redirects):
            if child.type == "variable_assignment":
                reasons.append(f"{child.children[0].text} is set for it")
                self._inside(child)
            elif child.type.endswith("_redirect"):
                found = self._redirect(child)
                words.extend(found.extra)
                opened.extend(found.opened)
                reasons.extend([found.reason] if found.reason else [])
            else:
                words.append(self._word(child))
        if words and (not words[0].is_literal or words[0].text in _RESERVED):
            self.is_plain = False
        reason = reasons[0] if reasons else ""
        self.pieces.insert(at, Command(words=tuple(words), is_bare=not reasons, reason=reason, opened=tuple(opened)))

    def _word(self, node: Syntax) -> Word:
        word = read_word(node)
        if word is None:
            self.is_plain = False
            word = Word(text=node.text, source=node.text)
        self.visit(node)
        return word

    def _redirect(self, node: Syntax) -> _Redirect:
        if node.type != "file_redirect":
            self.has_text = self.has_text or node.type == "heredoc_redirect"
            self._inside(node)
            return _Redirect(reason=_ODD.get(node.type, "it redirects"))
        signs = [child.type for child in node.children if not child.is_named]
        targets = [self._word(child) for child in node.children if child.is_named and child.type != "file_descriptor"]
        if len(signs) != 1 or signs[0] not in _READS | _WRITES or not targets:
            return _Redirect(reason="it redirects", extra=tuple(targets))
        target, extra = targets[0], tuple(targets[1:])
        if signs[0] in {">&", "<&"} and re.fullmatch(r"[0-9]+|-", target.source):
            return _Redirect(extra=extra)
        if target.text.startswith(("/dev/tcp/", "/dev/udp/")):
            return _Redirect(reason=f"it opens {target.text}", opened=(target.text,), extra=extra)
        if signs[0] in _READS:
            return _Redirect(opened=(target.text,), extra=extra)
        if target.is_literal and target.text == "/dev/null" and signs[0] in {">", ">>", "&>", "&>>"}:
            return _Redirect(extra=extra)
        return _Redirect(reason=f"it writes to {target.text}", opened=(target.text,), extra=extra)


class _Redirect(msgspec.Struct, frozen=True, kw_only=True):
    """What a redirection does: why it isn't harmless, the file it opens, words behind it that belong to the command."""

    reason: str = ""
    opened: tuple[str, ...] = ()
    extra: tuple[Word, ...] = ()


def _last_command(node: Syntax) -> Syntax | None:
    """The command at the end of a chain of commands; None where something else is there."""
    while node.type in {"list", "pipeline", "redirected_statement"} and node.children:
        named = [child for child in node.children if child.is_named and not child.type.endswith("_redirect")]
        if not named:
            return None
        node = named[-1]
    return node if node.type == "command" else None


def _flat(node: Syntax) -> list[Syntax]:
    """The words of a test in their order, its own brackets among them."""
    if node.type in {"test_command", "unary_expression", "binary_expression", "parenthesized_expression"}:
        return [part for child in node.children for part in _flat(child)]
    return [node]
