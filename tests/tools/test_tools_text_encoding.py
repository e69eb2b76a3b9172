from __future__ import annotations

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsterm.core.errors import ToolError
from dsterm.tools.text_file import Splice, TextFile, decode, spliced

MARKS = [b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE]


@pytest.mark.parametrize(
    ("data", "codec", "raw"),
    [
        (b"", "utf-8", ""),
        ("é€\n".encode(), "utf-8", "é€\n"),
        (codecs.BOM_UTF8 + b"a", "utf-8", "a"),
        (codecs.BOM_UTF8 + b"a\xe9", "utf-8", "a\udce9"),
        ("a\n".encode("utf-16"), "utf-16-le", "a\n"),
        ("a\n".encode("utf-32"), "utf-32-le", "a\n"),
        (b"caf\xe9", "latin-1", "café"),
        (b"\x93caf\xe9\x94", "cp1252", "“café”"),
        (b"\x81caf\xe9", "latin-1", "\x81café"),
        ("été à la €".encode() + b"\xe9", "utf-8", "été à la €\udce9"),
        (b"\x1b[31mred\x1b[0m \x08\n", "utf-8", "\x1b[31mred\x1b[0m \x08\n"),
    ],
)
def test_the_encoding_is_told(data, codec, raw):
    file = decode(data, "f")
    assert (file.encoding.codec, file.raw) == (codec, raw)


@given(st.sampled_from(MARKS), st.one_of(st.binary(max_size=40), st.text(max_size=20).map(str.encode)))
@settings(max_examples=1000)
def test_what_is_text_goes_back_byte_for_byte(mark, body):
    try:
        file = decode(mark + body, "f")
    except ToolError:
        return
    assert spliced(file, []) == mark + body
    assert file.text == file.raw.replace("\r\n", "\n")


@given(
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"]),
    st.text(alphabet="aé€\n\r\f\x85", max_size=30),
    st.data(),
)
@settings(max_examples=500)
def test_a_splice_changes_no_byte_outside_it(codec, text, data):
    raw = "é€" + text.replace("\x85", "" if codec == "cp1252" else "\x85")
    file: TextFile = decode(raw.encode(codec), "f")
    # Bytes of one encoding can be good text in another, too.
    raw = file.raw
    start = data.draw(st.integers(0, len(file.text)))
    end = data.draw(st.integers(start, len(file.text)))
    after = file.encoding.decode(spliced(file, [Splice(start, end, "x")])) if end - start < len(file.text) - 2 else None
    if after is None:
        return
    head = next(cut for cut in range(len(raw) + 1) if normalised_length(raw[:cut], raw[cut:]) == start)
    tail = next(cut for cut in range(len(raw), -1, -1) if len(raw[cut:].replace("\r\n", "\n")) == len(file.text) - end)
    assert after.startswith(raw[:head]) and after.endswith(raw[tail:])


def normalised_length(before: str, after: str) -> int:
    # Half a line end is no place.
    return -1 if before.endswith("\r") and after.startswith("\n") else len(before.replace("\r\n", "\n"))


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"a\0b",
        b"\x89PNG\r\n\x1a\n\x01\xff",
        bytes(range(256)),
        b"\x1f\x8b\x08\xff\xfa",
        b"\xff\xfea",
        b"\xfe\xff\xd8\x00",
    ],
)
def test_what_is_no_text_is_refused(data):
    with pytest.raises(ToolError, match="Leave it as it is"):
        decode(data, "f")


def test_new_text_that_the_encoding_lacks_is_refused_by_name_and_line():
    with pytest.raises(ToolError, match=r"f is Latin-1 text, which has no '日' \(U\+65E5, line 2"):
        spliced(decode(b"caf\xe9\nb\n", "f"), [Splice(5, 6, "日")])
    with pytest.raises(ToolError, match="half a character"):
        spliced(decode("été à la".encode() + b"\xe9", "f"), [Splice(0, 1, "\udce9")])
