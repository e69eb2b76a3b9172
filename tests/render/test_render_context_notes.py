from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from dsterm.core.context_events import Compacted, OriginalsRestored, ResultsPruned
from dsterm.core.events import Envelope, Event
from dsterm.render.blocks import NoteBlock
from dsterm.render.transcript import Transcript


def shown(*events: Event) -> list[str]:
    transcript = Transcript()
    for number, event in enumerate(events, 1):
        at = datetime(2026, 11, 22, tzinfo=UTC)
        transcript.show(Envelope(id=f"e{number}", parent="", seq=number, at=at, event=event))
    return [block.source for block in transcript.blocks if isinstance(block, NoteBlock)]


def test_a_compaction_is_one_note_with_its_figures_and_the_way_back():
    event = Compacted(summary="s", keeps=1, tokens_before=61_000, tokens_after=8_000, dollars=Decimal("0.0012"))
    assert shown(event) == ["compacted 61k → 8k tokens · $0.0012 · /compact undo brings the originals back"]


def test_an_unknown_price_is_no_price():
    event = Compacted(summary="s", keeps=1, tokens_before=61_000, tokens_after=8_000, dollars=None)
    assert "· cost unknown ·" in shown(event)[0]


def test_results_that_were_taken_out_are_counted_and_the_edge_is_named():
    assert shown(ResultsPruned(call_ids=("a", "b"), tokens=7_300)) == [
        "took out 2 tool results · 7.3k tokens less · /compact undo brings the originals back"
    ]
    assert shown(ResultsPruned(call_ids=("a",), tokens=7_300, is_automatic=True))[0].startswith(
        "the window is full: took"
    )


def test_that_the_originals_are_back_is_said_by_a_notice_alone():
    assert shown(OriginalsRestored()) == []
