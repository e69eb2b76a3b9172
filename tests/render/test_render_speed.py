from __future__ import annotations

import time

import pytest
from render_turn import STEP, in_order, pieces

from dsterm.core import delta_events
from dsterm.render import markdown
from dsterm.render.markdown_parse import TopBlock, parse
from dsterm.render.transcript import Transcript

PAGE = (
    "## A heading\n\n"
    + "Some **bold** words about `code` and what it does to the reader of a long answer. " * 8
    + "\n\n"
    + "- an entry of a list with a few words\n" * 6
    + "\n```python\n"
    + "def square(number):\n    return number * number  # twice\n\n" * 12
    + "```\n\n"
)


def stream(tokens: int, frame: int) -> float:
    texts = pieces(PAGE * (tokens * 4 // len(PAGE) + 1), 4)[:tokens]
    envelopes = in_order([(0, STEP), *((1, delta_events.TextDelta(text)) for text in texts)])
    transcript = Transcript()
    began = time.thread_time()
    for at in range(0, len(envelopes), frame):
        for envelope in envelopes[at : at + frame]:
            transcript.show(envelope)
        if transcript.take_changed() and transcript.blocks:
            transcript.blocks[-1].lines(118, 0)
    return time.thread_time() - began


def test_a_flood_is_cheap_and_grows_with_its_length_only() -> None:
    stream(500, 100)
    short, long = stream(4_000, 200), stream(16_000, 200)
    assert long < 2.0
    assert long < 10 * short


def test_finished_blocks_are_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []

    def counting(text: str) -> list[TopBlock]:
        parsed.append(len(text))
        return parse(text)

    monkeypatch.setattr(markdown, "parse", counting)
    stream(16_000, 50)
    assert max(parsed) < 2 * len(PAGE)
