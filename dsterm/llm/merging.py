"""Deltas that arrived together, made fewer: neighbouring pieces of the same text become one piece.

At full speed a single read holds a hundred events; everything after this costs per piece, not per event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from dsterm.core.provider import Delta, ReasoningPiece, TextPiece


def merged(deltas: Iterable[Delta]) -> Iterator[Delta]:
    """`deltas` in their order, with runs of answer text and runs of reasoning joined."""
    for kind, run in groupby(deltas, type):
        if kind is TextPiece:
            yield TextPiece("".join(piece.text for piece in run if isinstance(piece, TextPiece)))
        elif kind is ReasoningPiece:
            yield ReasoningPiece("".join(piece.text for piece in run if isinstance(piece, ReasoningPiece)))
        else:
            yield from run
