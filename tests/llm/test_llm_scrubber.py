from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_leaks import MARKS, OWN, READ, SPELLINGS, WHOLE_ANSWERS

from dsterm.core.provider import (
    Alive,
    Ended,
    LeakedMarkup,
    ReasoningPiece,
    StopReason,
    TextPiece,
    ToolCallPiece,
    WasReasoning,
)
from dsterm.llm.assemble import Assembler
from dsterm.llm.scrubber import MAX_MARKUP, Scrubber

KNOWN = frozenset({"read", "read_file"})
FRAGMENTS = st.sampled_from(
    [
        *SPELLINGS.values(),
        *WHOLE_ANSWERS.values(),
        "<｜DSML｜",
        "</｜DSML｜invoke>",
        "<tool_call>",
        "{",
        "<invoke ",
        "<invoke name='x'>",
        "<think>",
        "</think>",
        "`",
        "``",
        "```",
        "~~~",
        "```py\n",
        "\n",
        "\n\n",
        "    ",
        "> ",
        "- ",
        "1. ",
        "<div>",
        "[TOOL_CALL",
        "[a](b)",
        "text.",
        " ",
        "|",
        "<",
        "[",
        "é😀",
    ]
)
TEXTS = st.lists(FRAGMENTS | st.text(max_size=3), max_size=12).map("".join)
CUTS = st.lists(st.integers(min_value=0, max_value=2000), max_size=40)


def scrubbed(*pieces, known=KNOWN, stop=StopReason.STOP):
    scrubber = Scrubber(known)
    texts = [TextPiece(piece) if isinstance(piece, str) else piece for piece in pieces]
    return [delta for piece in texts for delta in scrubber.scrub([piece])] + list(scrubber.scrub([Ended(stop=stop)]))


def outcome(*pieces, known=KNOWN, stop=StopReason.STOP):
    """Answer, reasoning, calls, leaks and end, as they come out of the assembler."""
    assembler = Assembler()
    for delta in scrubbed(*pieces, known=known, stop=stop):
        assembler.feed(delta)
    calls = [(call.name, json.loads(call.arguments)) for call in assembler.tool_calls]
    return assembler.content, assembler.reasoning, calls, assembler.leaked, assembler.stop


def said(*pieces, **settings):
    return outcome(*pieces, **settings)[0]


def is_recovered(text, **settings) -> bool:
    return any(leak.recovered for leak in outcome(text, **settings)[3])


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_every_spelling_becomes_a_call_however_it_is_cut(spelling, size):
    text = f"Let me look.\n\n{SPELLINGS[spelling]}\n"
    content, _, calls, leaked, stop = outcome(*(text[at : at + size] for at in range(0, len(text), size)))
    ((name, arguments),) = calls
    assert (content.strip(), name, arguments["path"], stop) == ("Let me look.", "read", "a.py", StopReason.TOOL_CALLS)
    assert [leak.recovered for leak in leaked] == [True]


@pytest.mark.parametrize("spelling", WHOLE_ANSWERS)
def test_json_is_a_call_only_as_the_whole_answer(spelling):
    text = WHOLE_ANSWERS[spelling]
    assert outcome(*text)[2] == [("read", {"path": "a.py"})]
    for shown in (f"Look: {text}", f"{text}\nThat is how.", text.replace('"read"', '"person"')):
        assert outcome(*shown)[:3] == (shown, "", [])


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(
    "shield", ["```\n{}\n```\n", "~~~xml\n{}\n~~~", "- a\n\n  ```py\n  x\n{}\n  ```", "It is `{}` there."]
)
def test_in_code_it_is_text(spelling, shield):
    text = shield.format(SPELLINGS[spelling])
    assert scrubbed(text) == [TextPiece(text), Ended(stop=StopReason.STOP)]


@pytest.mark.parametrize("shield", ["> ", "  >", "    ", "\t"])
def test_in_quoted_and_indented_lines_it_is_text(shield):
    text = "As you said:\n\n" + "\n".join(shield + line for line in OWN.splitlines())
    assert said(text) == text


def test_behind_a_closed_fence_it_is_markup_again():
    assert outcome("```py\nx\n```\n" + OWN)[:3] == ("```py\nx\n```\n", "", [("read", {"path": "a.py", "n": 3})])
    assert is_recovered("```a``` and `b` and ``c ` d`` and ~~e~~\n" + OWN)
    assert is_recovered("A lone ` here.\n\n" + OWN)
    assert not is_recovered("````\n```\n" + OWN)


def test_in_reasoning_it_stays():
    assert scrubbed(ReasoningPiece(OWN)) == [ReasoningPiece(OWN), Ended(stop=StopReason.STOP)]
    assert outcome(f"<think>{OWN}</think>Done.")[:3] == ("Done.", OWN, [])


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_unknown_tool_is_dropped(spelling):
    content, _, calls, leaked, stop = outcome(SPELLINGS[spelling].replace("read", "remove"))
    assert (content.strip(), calls, stop) == ("", [], StopReason.STOP)
    assert {leak.recovered for leak in leaked} == {False}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_without_tools_nothing_is_recovered(spelling):
    content, _, calls, leaked, _ = outcome(SPELLINGS[spelling], known=frozenset())
    assert (content.strip(), calls, {leak.recovered for leak in leaked}) == ("", [], {False})


@pytest.mark.parametrize("spelling", [name for name in SPELLINGS if name != "bracket without end"])
def test_what_has_no_end_is_dropped(spelling):
    text = SPELLINGS[spelling]
    content, _, calls, leaked, _ = outcome("So.\n" + text[: len(text) - 5].rstrip())
    assert calls == [] or spelling == "wrapper that is only closed"
    assert leaked
    assert not any(mark in content for mark in MARKS)


@pytest.mark.parametrize("stop", [StopReason.LENGTH, StopReason.CUT, StopReason.FAILED, StopReason.CONTENT_FILTER])
def test_nothing_is_recovered_from_an_answer_that_was_cut(stop):
    assert outcome(OWN, stop=stop)[2:] == ([], (LeakedMarkup(text=OWN, recovered=False),), stop)


def test_a_leak_beside_real_calls_is_the_same_call_twice():
    real = ToolCallPiece(index=0, id="a", name="read", arguments='{"path": "a.py"}')
    assert outcome(OWN, real)[2] == [("read", {"path": "a.py"})]
    assert outcome(real, OWN)[2] == [("read", {"path": "a.py"})]


@pytest.mark.parametrize(
    "value", ["a < b", "</parameter>", "</invoke>\n</tool_calls>", "x\n```\n", "&lt;b&gt;", "", "\n a \n", OWN[20:60]]
)
def test_values_are_taken_as_they_stand(value):
    assert outcome(OWN.replace("a.py", value))[2] == [("read", {"path": value, "n": 3})]


def test_a_value_may_hold_the_closing_tags_of_the_block():
    text = OWN.replace("a.py", "before </｜DSML｜invoke>\n</｜DSML｜tool_calls> after")
    assert outcome(*text)[2][0][1]["path"] == "before </｜DSML｜invoke>\n</｜DSML｜tool_calls> after"
    text = SPELLINGS["tool_call"].replace("a.py", "a</tool_call>b")
    assert outcome(*text)[2] == [("read", {"path": "a</tool_call>b"})]


@pytest.mark.parametrize(
    "text",
    [
        OWN.replace('"false">3', '"false">three'),
        OWN.replace("</｜DSML｜parameter>", ""),
        OWN.replace(' name="read"', ""),
        OWN.replace("\n<｜DSML｜param", "\nwords\n<｜DSML｜param", 1),
        SPELLINGS["tool_call"].replace('"read", ', '"read" '),
        SPELLINGS["tool_call"].replace('"name"', '"nome"'),
        SPELLINGS["tool_call"].replace('{"path": "a.py"}', "[]"),
        SPELLINGS["V3.1"].replace("<｜tool▁sep｜>", ""),
    ],
)
def test_what_is_not_well_formed_is_dropped_and_the_rest_is_shown(text):
    content, _, calls, leaked, _ = outcome(f"{text}\nAfter.")
    assert calls == []
    assert leaked
    assert "DSML" not in content
    assert "After." in content or "</｜DSML｜parameter>" not in text


def test_several_calls_and_several_blocks_come_in_order():
    two = OWN.replace("</｜DSML｜tool_calls>", OWN.split("\n", 1)[1].replace("a.py", "b.py"))
    text = f"{two}\n\nAnd:\n\n{SPELLINGS['tool_call'].replace('a.py', 'c.py')}"
    content, _, calls, _, _ = outcome(text)
    assert [arguments["path"] for _, arguments in calls] == ["a.py", "b.py", "c.py"]
    assert content == "\n\nAnd:\n\n"


@pytest.mark.parametrize(
    "text",
    [
        "The <tool_call> tag holds JSON, [TOOL_CALL] too.",
        "<tool_calls> are many, <invoke name=x> and <invoke name='x'> are tags.",
        "Use `<｜DSML｜tool_calls>` and `</think>`; the tag </think> ends it.",
        'f <| tool_call |> g; a <b>, <input type="text">, <T>(x: T) => x, <tool>, <function>, <|im_end|>',
        '<Invoke name="a" onClick={() => <Foo/>}></Invoke>\n<tool_call attr="1">',
        "[TOOL](x) [T] [TOOL_CALL](y) [",
        "a <",
        "x <invoke",
        '{"name": "person", "arguments": 1}',
        '{"name": ',
        "   ",
        "",
        "Ends with <tool_call>",
    ],
)
def test_ordinary_text_is_left_alone(text):
    assert said(*text) == said(text) == text


@pytest.mark.parametrize("text", ["if a < b", "see [1", "the <table", "cost ~~", "a<i", "<|"])
def test_held_back_is_only_what_may_be_markup(text):
    scrubber = Scrubber(KNOWN)
    shown = "".join(piece.text for piece in scrubber.scrub([TextPiece("Word " + text)]))
    assert shown.startswith("Word ")
    shown += "".join(piece.text for piece in scrubber.scrub([TextPiece(" x")]))
    assert shown == f"Word {text} x"


def test_pieces_without_anything_special_go_through_as_they_are():
    scrubber = Scrubber(KNOWN)
    list(scrubber.scrub([TextPiece("Hello")]))
    assert list(scrubber.scrub([TextPiece(" world,\nagain"), Alive(), TextPiece(".")])) == [
        TextPiece(" world,\nagain"),
        Alive(),
        TextPiece("."),
    ]


@pytest.mark.parametrize(
    ("text", "content", "reasoning"),
    [
        ("<think>why</think>\n\nBecause.", "Because.", "why"),
        ("\n <think>\nwhy\n</think>Because.", "Because.", "\nwhy\n"),
        ("<think></think>Because.", "Because.", ""),
        ("</think>\n\nBecause.", "Because.", ""),
        ("<think>a</think><think>b</think>c", "c", "ab"),
        ("<think>never ended </thin", "", "never ended </thin"),
        ("Hm, so.</think>Because.", "Because.", "Hm, so."),
        ("Hm, so.\n</think>\n\nBecause.", "Because.", "Hm, so.\n"),
        ("Hm, so.</think>", "", "Hm, so."),
        ("A <think> tag and its </think> are words.", "A <think> tag and its </think> are words.", ""),
        ("Say `</think>`.", "Say `</think>`.", ""),
        ("```\na</think>\n```", "```\na</think>\n```", ""),
        ("<think>a</think>b.</think>c", "b.</think>c", "a"),
        ("<thinking> is a word", "<thinking> is a word", ""),
        ("x" * 30_000 + ".</think>c", "x" * 30_000 + ".</think>c", ""),
    ],
)
def test_reasoning_in_the_answer_goes_where_it_belongs(text, content, reasoning):
    for size in (1, 3, 100_000):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert outcome(*pieces)[:2] == (content, reasoning)


def test_what_was_reasoning_is_said_once_its_end_comes():
    deltas = scrubbed("Hm.</think>", "\n\nYes.")
    assert deltas[:3] == [TextPiece("Hm."), WasReasoning(), TextPiece("Yes.")]


def test_behind_real_reasoning_a_closing_tag_is_a_word():
    assert outcome(ReasoningPiece("r"), "Hm.</think>Yes.")[:2] == ("Hm.</think>Yes.", "r")


def test_markup_in_what_turned_out_to_be_reasoning_is_not_run():
    assert outcome(f"Hm:\n{OWN}\nSo.</think>Yes.")[2] == []


def test_a_huge_leak_is_dropped_and_not_kept():
    text = OWN.replace("a.py", "x" * (2 * MAX_MARKUP))
    content, _, calls, (leaked,), _ = outcome(*(text[at : at + 9999] for at in range(0, len(text), 9999)), " After.")
    assert (content, calls) == (" After.", [])
    assert len(leaked.text) <= MAX_MARKUP
    assert not is_recovered(READ.replace("a.py", "x" * (2 * MAX_MARKUP)))


def test_countless_stray_tags_are_dropped_and_not_kept():
    content, _, _, leaked, _ = outcome("</｜DSML｜invoke>a" * 70_000)
    assert content == "a" * 70_000
    assert sum(len(leak.text) for leak in leaked) <= MAX_MARKUP + 100


@settings(deadline=None, max_examples=300)
@given(TEXTS, CUTS)
def test_any_cutting_of_the_text_gives_the_same(text, cuts):
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    assert outcome(*(text[begin:end] for begin, end in pairwise(places))) == outcome(text) == outcome(*text)


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_what_is_recovered_is_a_known_tool_with_a_json_object(text):
    for name, arguments in outcome(text)[2]:
        assert name in KNOWN
        assert isinstance(arguments, dict)


MARKDOWN = st.lists(
    st.sampled_from(
        [
            "# Title\n",
            "Some *words* with `code` and ``co`de``.\n",
            "\n",
            "```html\n<div class='a'>\n```\n",
            "~~~\nx < y\n~~~\n",
            "- [ ] item <br>\n",
            "> quote <b>x</b>\n",
            "    indented <i>\n",
            "<details><summary>a</summary>\n",
            '<Invoke name="x" />\n',
            "const f = <T,>(x: T) => <Foo bar={[1]} />;\n",
            "| a | b |\n|---|:-:|\n",
            "[link](http://x) ![T](i) [TODO]\n",
            '{"name": "Ann", "age": 3}\n',
            "a << b, a <- b, 1 < 2 ~ 3\n",
            "<tool> <function> <parameter> </invoke> </tool_call>\n",
            "<|endoftext|> <|im_start|>\n",
            "<thinking>no</thinking>\n",
        ]
    )
    | st.text(alphabet=st.characters(exclude_characters="｜‖∣￨", exclude_categories=["Cs"]), max_size=20),
    max_size=20,
).map("".join)


@settings(deadline=None, max_examples=300)
@given(MARKDOWN, CUTS)
def test_normal_answers_pass_to_the_byte(text, cuts):
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    assert said(*(text[begin:end] for begin, end in pairwise(places))) == text
