from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.render.ansi import LONGEST, AnsiText, parse_output, plain_output
from dsterm.render.style import Span, Style

PIECES = st.sampled_from(
    [
        "\x1b", "[", "]", "31", ";", "m", "K", "2K", "\r", "\n", "\b", "\t", "a", "字", "\x07", "\x9b", "\x9d", "\x90",
        "\x9c", "\\", "P", "(", "B", "\x1b[1m", "\x1b]0;x\x07", "\u202e", "\x00", "\x7f", "52;c;", "é", "\x85",
    ]
)  # fmt: skip
HOSTILE = st.one_of(st.lists(PIECES, max_size=40).map("".join), st.text())


def rows(text: str) -> list[str]:
    return ["".join(span.text for span in line) for line in parse_output(text)]


def spans(text: str) -> list[Span]:
    return [span for line in parse_output(text) for span in line]


@given(HOSTILE)
def test_nothing_that_a_terminal_acts_on_is_left(text: str) -> None:
    for row in [*rows(text), plain_output(text).replace("\n", "")]:
        assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in row)
        assert not set(row) & set("\u202a\u202e\u2066\u200b\u200d\ufeff")


@given(HOSTILE, st.lists(st.integers(1, 5)))
def test_pieces_read_as_the_whole(text: str, sizes: list[int]) -> None:
    streamed, at = AnsiText(), 0
    for size in [*sizes, len(text) + 1]:
        streamed.feed(text[at : at + size])
        at += size
    streamed.finish()
    assert streamed.lines == parse_output(text)
    assert streamed.total == len(streamed.lines)


@pytest.mark.parametrize(
    ("codes", "style"),
    [
        ("31", Style.RED),
        ("92", Style.GREEN),
        ("90", Style.DIM),
        ("2", Style.DIM),
        ("38;5;9", Style.RED),
        ("38;5;33", Style.BLUE),
        ("38;5;240", Style.DIM),
        ("38;2;255;200;0", Style.YELLOW),
        ("38:2::0:200:200", Style.CYAN),
        ("38;2;230;230;230", Style.TEXT),
        ("31;39", Style.TEXT),
        ("31;0", Style.TEXT),
        ("1;38;5;5", Style.MAGENTA),
        ("99;;31", Style.RED),
    ],
)
def test_colours_become_roles(codes: str, style: Style) -> None:
    (span,) = spans(f"\x1b[{codes}mx")
    assert (span.text, span.style) == ("x", style)


def test_attributes_come_and_go() -> None:
    assert spans("\x1b[1;3;4;9mx") == [Span("x", Style.TEXT, bold=True, italic=True, underline=True, strike=True)]
    assert spans("\x1b[1;3;4;9;7m\x1b[22;23;24;29;27mx") == [Span("x", Style.TEXT)]
    assert spans("\x1b[4:3mx\x1b[4:0my") == [Span("x", Style.TEXT, underline=True), Span("y", Style.TEXT)]


def test_letters_can_not_be_hidden() -> None:
    for codes in ("8", "30;40", "37;47", "31;41", "38;2;22;24;29;48;2;22;24;29", "7;30;40"):
        assert [span.text for span in spans(f"\x1b[{codes}mseen")] == ["seen"]
    assert spans("\x1b[37;41mx") == [Span("x", Style.RED, reverse=True)]
    assert spans("\x1b[30;40mx") == [Span("x", Style.DIM)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10 %\r20 %\rdone", ["done"]),
        ("long line\rnew", ["newg line"]),
        ("long line\r\x1b[Knew", ["new"]),
        ("long line\x1b[2Knew", ["new"]),
        ("abc\b\bX", ["aXc"]),
        ("a\tb", ["a       b"]),
        ("abcdefghij\r\tX", ["abcdefghXj"]),
        ("one\r\ntwo\n", ["one", "two"]),
        ("\x1b]0;title\x07a\x1b]52;c;QUFB\x1b\\b\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", ["ablink"]),
        ("\x1bP1;2|data\x1b\\a\x1b_app\x1b\\b\x1b^pm\x9cc\x9d0;t\x9cd", ["abcd"]),
        ("\x1b(Ba\x1b#8b\x1bcc\x1b[2Jd\x1b[1;1He\x1b[?1049hf\x1b[6ng", ["abcdefg"]),
        ("\x9b31mred\x9b0m", ["red"]),
        ("bell\x07 null\x00 del\x7f", ["bell␇ null␀ del␡"]),
        ("never ends \x1b]52;c;AAAA", ["never ends ␛]52;c;AAAA"]),
        ("broken \x1b]0;a\nb", ["broken ␛]0;a", "b"]),
        ("\x1b[31é \x1b[999;", ["␛[31é ␛[999;"]),
        ("right\u202eleft zero\u200bwidth", ["right⟨U+202E⟩left zero⟨U+200B⟩width"]),
    ],
)
def test_output_reads_as_a_terminal_would_have_left_it(text: str, shown: list[str]) -> None:
    assert rows(text) == shown


def test_an_unfinished_sequence_waits_and_never_shows_its_parts() -> None:
    live = AnsiText()
    live.feed("a\x1b[3")
    assert [span.text for line in live.lines for span in line] == ["a"]
    live.feed("1mb")
    assert [(span.text, span.style) for line in live.lines for span in line] == [("a", Style.TEXT), ("b", Style.RED)]
    live.feed("\x1b]0;ti")
    live.feed("tle\x1b")
    live.feed("\\c")
    assert "".join(span.text for line in live.lines for span in line) == "abc"


def test_only_the_last_lines_are_kept_and_all_are_counted() -> None:
    live = AnsiText(3)
    live.feed("".join(f"{number}\n" for number in range(100)))
    assert [line[0].text for line in live.lines] == ["97", "98", "99"]
    assert live.total == 100


def test_a_line_has_an_end() -> None:
    assert [len(row) for row in rows("x" * 1_000_000 + "\ny")] == [LONGEST, 1]


@pytest.mark.parametrize(
    "part",
    [
        "\x1b[",
        "\x9d",
        "\x1b]",
        "\x1b]" + "a" * 4000,
        "\x1bP",
        "a\b",
        "\r",
        "\x1b[K",
        "x" * 5000 + "\r\x1b[1K\x1b[2K",
        "\t\r",
    ],
    ids=repr,
)
def test_a_hostile_megabyte_takes_no_more_than_its_share(part: str) -> None:
    text = (part * (1_000_000 // len(part) + 1))[:1_000_000]
    began = time.process_time()
    live = AnsiText(200)
    for at in range(0, len(text), 4096):
        live.feed(text[at : at + 4096])
    assert len(live.lines) <= 200
    assert time.process_time() - began < 5
