from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsterm.core.errors import ProviderError
from dsterm.llm.event_stream import EventSplitter

LINES = st.sampled_from(
    [
        b"data: a",
        b"data:b",
        b"data",
        b"data:",
        b"data:  two",
        b": ping",
        b":",
        b"event: x",
        b"id",
        b"",
        b"\xef\xbb\xbfdata: c",
        b"datax: 1",
    ]
)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])
STREAMS = st.lists(st.tuples(LINES | st.binary(max_size=5), ENDS)).map(
    lambda lines: b"".join(line + end for line, end in lines)
)


def events(*parts: bytes, cap: int = 10_000) -> list[bytes | None]:
    splitter = EventSplitter(cap)
    return [event for part in parts for event in splitter.feed(part)] + splitter.finish()


def reference(stream: bytes) -> list[bytes | None]:
    """The standard's own algorithm, a character at a time."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found: list[bytes | None] = []
    data: list[bytes] = []
    for line in [*text.split(b"\n"), b""]:
        name, colon, value = line.partition(b":")
        if not line:
            if data:
                found.append(b"\n".join(data))
            data = []
        elif not name and colon:
            found.append(None)
        elif name == b"data":
            data.append(value.removeprefix(b" "))
    return found


@settings(deadline=None)
@given(STREAMS, st.lists(st.integers(min_value=0, max_value=200)))
def test_any_cutting_of_the_bytes_gives_the_same_events(stream, cuts):
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    parts = [stream[begin:end] for begin, end in pairwise(places)]
    assert events(*parts) == events(stream) == reference(stream)


@settings(deadline=None)
@given(STREAMS)
def test_single_bytes_give_the_same_events(stream):
    assert events(*(bytes([byte]) for byte in stream)) == reference(stream)


def test_only_carriage_return_and_line_feed_end_a_line():
    text = "data: a\u2028b\x0bc\x0cd\x1ce\x85f\n\n".encode()
    assert events(text) == [text[6:-2]]


def test_several_data_lines_are_one_event():
    assert events(b"data: {\ndata: }\n\n") == [b"{\n}"]


def test_an_event_above_the_cap_is_given_up():
    with pytest.raises(ProviderError, match="larger than 1,000 bytes"):
        events(b"data: ", b"x" * 1001, cap=1000)
    with pytest.raises(ProviderError):
        events(*[b"data: xxxxxxxxxx\n"] * 100, cap=1000)


def test_many_events_below_the_cap_pass():
    assert len(events(*[b"data: xxxxxxxxxx\n\n: c\n"] * 1000, cap=100)) == 2000


def test_a_long_event_in_tiny_pieces_takes_linear_time():
    splitter = EventSplitter()
    begin = time.process_time()
    for _ in range(300_000):
        splitter.feed(b"xxxxxxxxxx")
    assert time.process_time() - begin < 3
