from __future__ import annotations

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


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_event_of_exactly_the_cap_passes_and_one_more_byte_does_not(size):
    def cut(length: int) -> list[bytes]:
        stream = b"data: " + b"x" * length + b"\n\n"
        return [stream[at : at + size] for at in range(0, len(stream), size)]

    assert events(*cut(1000), cap=1000) == [b"x" * 1000]
    with pytest.raises(ProviderError):
        events(*cut(1001), cap=1000)


@pytest.mark.parametrize("beginning", [b"data: ", b": ", b"event: ", b"unknown", b""])
def test_a_line_that_never_ends_is_given_up(beginning):
    splitter = EventSplitter(cap=1000)
    splitter.feed(beginning)
    with pytest.raises(ProviderError):
        for _ in range(100):
            splitter.feed(b"x" * 50)


@pytest.mark.parametrize("line", [b"data\n", b"data:\n", b"data: \n"])
def test_an_event_of_endless_empty_lines_is_given_up(line):
    with pytest.raises(ProviderError):
        events(*[line] * 2000, cap=1000)


def test_other_fields_of_any_length_are_passed_over():
    stream = b"id: 1\nretry: 10\nevent: x\nfoo: " + b"y" * 900 + b"\nid\ndata: a\n\n"
    assert events(stream, cap=1000) == [b"a"]
