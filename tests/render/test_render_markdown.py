from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dsterm.render.markdown import LONG, Markdown
from dsterm.render.plain import plain_text
from dsterm.render.style import Line, Style

BITS = st.sampled_from(
    ["a", "b c", "\n", "\n\n", "- ", "* ", "1. ", "2) ", "# ", "```\n", "```py\n", "~~~\n", "> ", "    ", "  ", "\t", "|",
     "| a | b |\n", "|--|--|\n", "---", "===", "*", "**", "`", "[x] ", "[a](b)", "~~", "<b>", "\\", "&amp;", "&#x202e;", "word ",
     "def f():\n", "'''", "\r", "\r\n", "\x1b", "\u200d", "字", "-", "+", "_", "10. ", "![i](u)", " \n", "  \n", "<!--",
     "[a]: b\n"]
)  # fmt: skip
TEXTS = st.lists(BITS, max_size=40).map("".join)


def rendered(text: str, width: int = 40) -> list[Line]:
    markdown = Markdown()
    markdown.feed(text)
    markdown.finish()
    return list(markdown.lines(width))


def shown(text: str, width: int = 40) -> str:
    return plain_text(rendered(text, width))


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.lists(st.integers(1, 9), max_size=60), st.integers(20, 60))
def test_any_way_of_streaming_ends_as_the_whole_text_and_settled_lines_stay(
    text: str, sizes: list[int], width: int
) -> None:
    markdown = Markdown()
    at, settled = 0, list[Line]()
    for size in [*sizes, len(text)]:
        markdown.feed(text[at : at + size])
        at += size
        lines = markdown.lines(width)
        assert lines[: len(settled)] == settled
        settled = lines[: markdown.settled]
    markdown.finish()
    assert markdown.lines(width) == rendered(text, width)
    assert markdown.lines(width)[: len(settled)] == settled


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.integers(20, 60))
def test_lines_are_clean_and_never_too_wide(text: str, width: int) -> None:
    for line in rendered(text, width):
        assert line.width <= width
        assert line.text.isprintable() or set(line.text) & set("\u200d")


def test_another_width_lays_everything_out_again() -> None:
    markdown = Markdown()
    markdown.feed("one two three four five six seven\n\n```\ncode\n")
    narrow = list(markdown.lines(20))
    assert list(markdown.lines(60)) != narrow
    assert list(markdown.lines(20)) == narrow


def test_an_open_fence_shows_its_lines_but_not_its_half_written_end() -> None:
    markdown = Markdown()
    markdown.feed("```python\nx = 1\ny = ")
    assert plain_text(markdown.lines(40)) == "  x = 1\n  y =\n"
    markdown.feed("2\n``")
    assert plain_text(markdown.lines(40)) == "  x = 1\n  y = 2\n"
    markdown.feed("`\nafter\n")
    assert plain_text(markdown.lines(40)) == "  x = 1\n  y = 2\n\n after\n"


def test_a_dash_that_begins_a_list_does_not_flash_as_a_heading() -> None:
    markdown = Markdown()
    markdown.feed("Here:\n-")
    assert [span.style for line in markdown.lines(40) for span in line.spans if span.text.strip()] == [Style.TEXT]


def test_a_very_long_paragraph_is_all_there_while_it_grows() -> None:
    words = [f"w{number}" for number in range(LONG // 4)]
    markdown = Markdown()
    for at, word in enumerate(words):
        markdown.feed(word + " ")
        if at % 50 == 0:
            assert "".join(line.text for line in markdown.lines(80)).split()[-1].endswith(word)
    assert "".join(line.text for line in markdown.lines(80)).split() == words


def test_emphasis_code_links_and_strikethrough_have_their_looks() -> None:
    (line,) = rendered("**b** *i* `c` ~~s~~ [t](https://u.v) <https://a.b>", 80)
    looks = {span.text: span for span in line.spans}
    assert looks["b"].bold
    assert looks["i"].italic
    assert looks["c"].style is Style.CODE
    assert looks["s"].strike
    assert (looks["t"].style, looks["t"].underline) == (Style.LINK, True)
    assert looks[" (https://u.v)"].style is Style.DIM
    assert line.text == " b i c s t (https://u.v) https://a.b"


def test_lists_nest_and_tasks_have_boxes() -> None:
    text = "- one\n  1. in\n  2. in\n- [x] done\n- [ ] open\n"
    assert shown(text) == " • one\n   1. in\n   2. in\n ☑ done\n ☐ open\n"


def test_loose_lists_have_blank_lines() -> None:
    assert shown("1. a\n\n2. b\n") == " 1. a\n\n 2. b\n"


def test_quotes_have_a_bar_and_rules_a_line() -> None:
    assert shown("> said\n> twice\n\n---\n", 20) == " │ said twice\n\n ──────────────────\n"


def test_tables_align_their_columns() -> None:
    assert shown("| a | n |\n|---|--:|\n| xx | 10 |\n| y | 5 |\n") == " a    n\n ──  ──\n xx  10\n y    5\n"


def test_tables_that_do_not_fit_become_keys_and_values() -> None:
    text = "| name | what |\n|---|---|\n| one | a long explanation of it |\n| two | short |\n"
    assert shown(text, 24) == " name: one\n what: a long\n explanation of it\n\n name: two\n what: short\n"


def test_hard_breaks_hold_and_soft_ones_do_not() -> None:
    assert shown("a\nb  \nc") == " a b\n c\n"


def test_html_and_reference_definitions_are_plain_text() -> None:
    assert shown("<b>x</b>\n\n[a]: https://u.v\n\n[a]") == " <b>x</b>\n\n [a]: https://u.v\n\n [a]\n"


def test_headings_are_bold() -> None:
    lines = rendered("# One\n\n### Three `c`\n")
    assert [line.text for line in lines] == [" One", "", " Three c"]
    assert all(span.bold for line in lines for span in line.spans if span.text.strip() and span.style is Style.HEADING)


def test_entities_can_not_smuggle_controls() -> None:
    assert shown("a&#x202e;b &#27;[31m") == " a⟨U+202E⟩b \ufffd[31m\n"


def test_the_source_is_the_text_for_copying() -> None:
    markdown = Markdown()
    markdown.feed("**a**\x1b")
    assert markdown.source == "**a**␛"
