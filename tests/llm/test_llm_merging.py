from __future__ import annotations

from dsterm.core.provider import Alive, Delta, ReasoningPiece, TextPiece, ToolCallPiece
from dsterm.llm.merging import merged


def test_neighbouring_pieces_of_one_text_are_joined_in_order() -> None:
    call = ToolCallPiece(index=0, arguments="{")
    deltas: list[Delta] = [
        ReasoningPiece("a"),
        ReasoningPiece("b"),
        TextPiece("c"),
        TextPiece("d"),
        call,
        call,
        TextPiece("e"),
    ]
    assert list(merged(deltas)) == [ReasoningPiece("ab"), TextPiece("cd"), call, call, TextPiece("e")]


def test_a_sign_of_life_stays_between() -> None:
    deltas: list[Delta] = [TextPiece("a"), Alive(), TextPiece("b")]
    assert list(merged(deltas)) == deltas
