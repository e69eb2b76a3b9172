"""A command line as the syntax tree of the bash grammar, in plain values; the one place that knows tree-sitter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from tree_sitter import Node, TreeCursor

_MOST_CHARACTERS = 20_000
_MOST_OPERATORS = 3_000
_MOST_DEPTH = 120
_OPERATORS = re.compile(r"[|&;<>(){}$`=]")
# Tab and newline aside, a control character is nothing that a command needs; a lone surrogate is no text at all.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

_SHOWN_BYTES = bytes(byte if byte < 128 else ord("x") for byte in range(256))


class Syntax(msgspec.Struct, frozen=True, kw_only=True):
    """A node of the tree: its type in the grammar, and the text it spans as `source[start:end]`, both in UTF-8 bytes."""

    type: str
    source: bytes
    start: int
    end: int
    is_named: bool
    children: tuple[Syntax, ...] = ()

    @property
    def text(self) -> str:
        """The text it spans."""
        return self.source[self.start : self.end].decode("utf-8", "replace")


def parse(command: str) -> Syntax | None:
    """The tree of `command`; None where the grammar doesn't hold, or it is too long or too deep to be looked at."""
    if len(command) > _MOST_CHARACTERS or _UNFIT.search(command) or len(_OPERATORS.findall(command)) > _MOST_OPERATORS:
        return None
    # Loading the grammar takes time that a session without commands need not spend.
    import tree_sitter  # noqa: PLC0415
    import tree_sitter_bash  # noqa: PLC0415

    source = command.encode()
    # The scanner of the grammar looks up characters in tables that end at 255 and may crash beyond. All syntax is ASCII, so
    # it is shown a letter for each other byte: two or more in a row, which are no keyword's, and places stay the same.
    shown = source.translate(_SHOWN_BYTES)
    tree = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language())).parse(shown)
    if tree.root_node.has_error:
        return None
    return _copied(tree.walk(), source)


def _copied(cursor: TreeCursor, source: bytes) -> Syntax | None:
    """The tree under `cursor` in plain values, without recursion; None when it is too deep."""
    families: list[list[Syntax]] = [[]]
    while True:
        if cursor.goto_first_child():
            families.append([])
            if len(families) > _MOST_DEPTH:
                return None
            continue
        _finish(cursor.node, families, (), source)
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return families[0][0]
            _finish(cursor.node, families, tuple(families.pop()), source)


def _finish(node: Node | None, families: list[list[Syntax]], children: tuple[Syntax, ...], source: bytes) -> None:
    if node is not None:
        families[-1].append(
            Syntax(
                type=node.type,
                source=source,
                start=node.start_byte,
                end=node.end_byte,
                is_named=node.is_named,
                children=children,
            )
        )
