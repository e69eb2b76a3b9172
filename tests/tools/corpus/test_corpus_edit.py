# ruff: noqa: E501
from __future__ import annotations

import pytest

from dsterm.core.errors import ToolError

TRAILING = "ignoring trailing whitespace"
INDENT = "ignoring the indent"
FORMS = "ignoring the form of punctuation"

# What the model sends and what becomes of the file: (name, file, old_string, new_string, file afterwards, words in the answer).
LANDS = [
    ("a word", "a b c\n", "b", "x", "a x c\n", ""),
    ("a line", "a\nb\nc\n", "b\n", "x\n", "a\nx\nc\n", ""),
    ("a line without its end", "a\nb\nc\n", "b", "x", "a\nx\nc\n", ""),
    ("several lines", "a\nb\nc\nd\n", "b\nc", "x", "a\nx\nd\n", ""),
    ("more lines than before", "a\nb\nc\n", "b", "x\ny\nz", "a\nx\ny\nz\nc\n", ""),
    ("the whole file", "a\nb\n", "a\nb\n", "x\n", "x\n", ""),
    ("to nothing", "a\nb\nc\n", "b\n", "", "a\nc\n", ""),
    ("the last line without an end", "a\nb", "b", "x", "a\nx", ""),
    ("an end is added", "a\nb", "b", "b\n", "a\nb\n", "final newline added"),
    ("an end is removed", "a\nb\n", "b\n", "b", "a\nb", "final newline removed"),
    ("an empty file", "", "", "x\n", "x\n", ""),
    ("two lines become one", "a\nb\n", "a\nb", "ab", "ab\n", ""),
    ("a line is split", "ab\n", "ab", "a\nb", "a\nb\n", ""),
    ("regular expression characters", "a.*(b)\n", ".*(b)", "\\1$&", "a\\1$&\n", ""),
    ("a backslash n that is meant", 'x = "a\\nb"\n', "a\\nb", "a\\tb", 'x = "a\\tb"\n', ""),
    ("lines far apart keep what is between", "a\nk\u00a0k\nb\n", "a\nk\u00a0k\nb", "x\nk\u00a0k\ny", "x\nk\u00a0k\ny\n", ""),
    ("only white space inside", "a  b\n", "a  b", "a b", "a b\n", ""),
    ("inside a long line", "x" * 5000 + "here" + "y" * 5000 + "\n", "here", "there", "x" * 5000 + "there" + "y" * 5000 + "\n", ""),
    ("text outside the first plane", "a 𝒳 b\n", "𝒳", "𝒴", "a 𝒴 b\n", ""),
    ("combining characters", "e\u0301te\n", "e\u0301", "e", "ete\n", ""),
    # Line endings stay as they are, line by line.
    ("crlf", b"a\r\nb\r\nc\r\n", "b", "x\ny", b"a\r\nx\r\ny\r\nc\r\n", ""),
    ("crlf asked with crlf", b"a\r\nb\r\nc\r\n", "a\r\nb", "x\r\ny\r\nz", b"x\r\ny\r\nz\r\nc\r\n", ""),
    ("crlf asked with lf", b"a\r\nb\r\nc\r\n", "a\nb\n", "x\n", b"x\r\nc\r\n", ""),
    ("mixed, the changed line keeps its own", b"a\nb\r\nc\n", "b\n", "x\n", b"a\nx\r\nc\n", ""),
    ("mixed, kept lines inside keep theirs", b"a\r\nk\nb\r\n", "a\nk\nb", "x\nk\ny", b"x\r\nk\ny\r\n", ""),
    ("mixed, a new line ends like the changed one", b"a\nb\r\nc\n", "b", "x\ny", b"a\nx\r\ny\r\nc\n", ""),
    ("mixed, a new line ends like the one before", b"a\r\nb\nc\n", "a\nb", "a\nnew\nb", b"a\r\nnew\r\nb\nc\n", ""),
    ("a lone cr is no line end", b"a\rb\nc\n", "b", "x", b"a\rx\nc\n", ""),
    ("form feed, U+2028 and U+0085 end no line", "a\fb\u2028c\x85d\ne\n", "c", "x", "a\fb\u2028x\x85d\ne\n", ""),
    # Encodings stay as they are.
    ("utf-8 with a mark", b"\xef\xbb\xbfa\nb\n", "b", "ü", b"\xef\xbb\xbfa\n\xc3\xbc\n", ""),
    ("the mark is no part of the text", b"\xef\xbb\xbfa\nb\n", "a\nb", "x", b"\xef\xbb\xbfx\n", ""),
    ("utf-16 little", "\ufeffa é\nb\n".encode("utf-16-le"), "b", "日", "\ufeffa é\n日\n".encode("utf-16-le"), ""),
    ("utf-16 big with crlf", "\ufeffa\r\nb\r\n".encode("utf-16-be"), "b", "x\ny", "\ufeffa\r\nx\r\ny\r\n".encode("utf-16-be"), ""),
    ("utf-32", "\ufeffa\nb\n".encode("utf-32-le"), "b", "é", "\ufeffa\né\n".encode("utf-32-le"), ""),
    ("latin-1", b"caf\xe9\nb\n", "b", "\u00fc", b"caf\xe9\n\xfc\n", ""),
    ("latin-1, the accent itself", b"caf\xe9\n", "café", "thé", b"th\xe9\n", ""),
    ("windows-1252", b"\x93a\x94 \x80 5\n", "5", "7 €", b"\x93a\x94 \x80 7 \x80\n", ""),
    ("bytes that windows-1252 lacks", b"\x81\xe9 a\n", "a", "b", b"\x81\xe9 b\n", ""),
    ("a damaged byte in utf-8", b"\xc3\xa9\xc3\xa8\n\xff\na\n", "a", "é", b"\xc3\xa9\xc3\xa8\n\xff\n\xc3\xa9\n", ""),
    # Trailing whitespace.
    ("the file has trailing spaces", "a  \nb\nc\n", "a\nb", "a\nx", "a  \nx\nc\n", f"matched at lines 1-2 {TRAILING}"),
    ("the request has trailing spaces", "a\nb\nc\n", "a  \nb\t", "a  \nx", "a\nx\nc\n", f"lines 1-2 {TRAILING}"),
    ("blank lines with spaces in them", "a\n   \nb\n", "a\n\nb", "a\n\nx", "a\n   \nx\n", TRAILING),
    ("trailing spaces, crlf", b"a  \r\nb\r\n", "a\nb", "a\nx\ny", b"a  \r\nx\r\ny\r\n", TRAILING),
    ("a line goes among trailing spaces", "a \nb \nc \n", "a\nb\nc", "a\nc", "a \nc \n", TRAILING),
    ("a line comes among trailing spaces", "a \nc \n", "a\nc", "a\nb\nc", "a \nb\nc \n", TRAILING),
    ("trailing tab after one line", "  x = 1\t\n  y = 2\n", "  x = 1\n  y = 2\n", "  x = 1\n  y = 3\n", "  x = 1\t\n  y = 3\n", TRAILING),
    ("no final newline where one is asked", "a\nb", "a\nb\n", "a\nx\n", "a\nx", TRAILING),
    # A uniform shift of the indent.
    ("no indent in the request", "def f():\n    a()\n    b()\n", "a()\nb()", "a()\nc()", "def f():\n    a()\n    c()\n", INDENT),
    ("the shift is told", "  a\n  b\n", "a\nb", "a\nc", "  a\n  c\n", "indented by 2 spaces"),
    ("shifted by a tab", "\ta\n\t\tb\n", "a\n\tb", "a\n\tc\n\t\td", "\ta\n\t\tc\n\t\t\td\n", "indented by 1 tab"),
    ("too much indent in the request", "a:\n  b\n", "    a:\n      b", "    a:\n      c\n        d", "a:\n  c\n    d\n", "moved left by 4 spaces"),
    ("blank lines are not shifted", "  a\n\n  b\n", "a\n\nb", "a\n\nc\n\nd", "  a\n\n  c\n\n  d\n", INDENT),
    ("one line with other indent and trailing space", "        return x \n", "    return x\n", "    return y\n", "        return y\n", INDENT),
    ("kept lines keep their bytes", "\tif x:  \n\t\tgo()\n", "if x:\n\tgo()", "if x:\n\tstop()", "\tif x:  \n\t\tstop()\n", INDENT),
    # Typographic forms.
    ("curly quotes in the file", "say(“hi”, x)\n", 'say("hi", x)', 'say("hi", y)', "say(“hi”, y)\n", FORMS),
    ("curly quotes in the request", 'say("hi", x)\n', "say(“hi”, x)", "say(“hi”, y)", 'say("hi", y)\n', FORMS),
    ("new curly quotes follow the file", "say('a')\n", "say(‘a’)", "say(‘b’, ‘c’)", "say('b', 'c')\n", FORMS),
    ("a dash", "1 – 2 apples\n", "1 - 2 apples", "1 - 2 pears", "1 – 2 pears\n", FORMS),
    ("a no-break space", "a\u00a0b c\n", "a b c", "a b d", "a\u00a0b d\n", FORMS),
    ("thin and ideographic spaces", "a\u2009b\u3000c x\n", "a b c x", "a b c y", "a\u2009b\u3000c y\n", FORMS),
    ("full-width forms", "f（ａ，b）\n", "f(a,b)", "f(a,c)", "f（ａ，c）\n", FORMS),
    ("a piece of a line", "x = “old”; y\n", '"old"', '"new"', "x = “new”; y\n", FORMS),
    ("quotes over lines with an indent", "    a = ‘x’\n    b\n", "a = 'x'\nb", "a = 'x'\nc", "    a = ‘x’\n    c\n", FORMS),
    ("decomposed letters in the file", "e\u0301te\u0301\nb\n", "été\nb", "été\nc", "e\u0301te\u0301\nc\n", FORMS),
]  # fmt: skip

# What is refused, byte for byte as it was: (name, file, old_string, new_string, words in the error).
REFUSED = [
    ("twice", "x\ny\nx\n", "x", "z", "occurs 2 times, at lines 1, 3"),
    ("many times", "x\n" * 50, "x", "z", "at lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 …"),
    ("very many times", "x" * 5000, "x", "z", "occurs 1,000 or more times"),
    ("overlapping", "aaa\n", "aa", "b", "occurs 2 times"),
    ("the same", "a\n", "a", "a", "are the same"),
    ("the same but for the line end", b"a\r\nb\r\n", "a\r\nb", "a\nb", "are the same"),
    ("empty on a file with text", "a\n", "", "b", "old_string is empty"),
    ("only white space that is not there", "a\n", "   ", "b", "only white space"),
    ("nothing like it", "abc\n", "zzzzz", "b", "No line of the file is like it"),
    ("from an empty file", "", "a", "b", "No line of the file is like it"),
    ("twice with trailing whitespace", "a \nb\na\t\nb\n", "a\nb\n", "c\n", "it fits 2 places, at lines 1, 3"),
    ("twice with a shift", "  a\n  b\n    a\n    b\n", "      a\n      b", "x", "fits 2 places, at lines 1, 3"),
    ("twice in plain forms", "“a”\n„a‟\n", '"a"', "b", "it fits 2 places, at lines 1, 2"),
    ("a piece twice in plain forms", "x “a”;\nx „a‟;\n", 'x "a"', "b", "it occurs 2 times, at lines 1, 2"),
    ("an indent that is not uniform", "  a\n   b\n", "a\nb", "x\ny", "The nearest lines are 1-2:\n1\t  a\n2\t   b"),
    ("tabs where the request has spaces", "if x:\n\tgo()\n", "if x:\n    go()", "x", "nearest lines are 1-2:\n1\tif x:\n2\t\tgo()"),
    ("spaces where the request has tabs", "if x:\n    go()\n", "if x:\n\tgo()", "x", "nearest lines are 1-2"),
    ("new lines that can't move left", "a\n", "  a", "  a\nb", "too little indent"),
    ("a drifted line", "def f(x):\n    return x + 1\n", "def f(x):\n    return x + 2", "x", "1\tdef f(x):\n2\t    return x + 1"),
    ("a misspelt word", "    total = compute_total(items)\n", "total = compute_totals(items)", "x", "The nearest line is 1"),
    ("other letters", "Hello\n", "hello", "x", "The nearest line is 1:\n1\tHello"),
    ("a line left out", "a1\nb1\nc1\n", "a1\nc1", "x", "The nearest lines are 1-2"),
    ("lines joined", "foo(a,\n    b)\n", "foo(a, b)", "x", "The nearest line is 1:\n1\tfoo(a,"),
    ("white space inside a line", "a = 1\n", "a  =  1", "x", "No line of the file is like it"),
    ("line numbers from read", "one\ntwo\n", "1\tone\n2\ttwo", "x", "line number that read shows"),
    ("a line number from read", "one\n", "1\tone", "x", "line number that read shows"),
    ("line ends written out", "a\nb\n", "a\\nb", "x", "written out as two characters; as plain text it stands at line 1"),
    ("quotes escaped once too often", 'say("a")\n', 'say(\\"a\\")', "x", "written out as two characters"),
    ("entities", "if a < b:\n", "if a &lt; b:", "x", "entities such as &lt;"),
    ("done already", "new text\n", "old text", "new text", "the change may be done already"),
    ("an ellipsis for left-out lines", "a1\nb1\nc1\n", "a1\n...\nc1", "x", "The nearest lines are 1-3"),
    ("lines that a form feed does not part", "a\fb\n", "a\nb", "x", "No line"),
    ("lines that U+2028 does not part", "a\u2028b\n", "a\nb", "x", "No line"),
    ("latin-1 has no such letter", b"caf\xe9\n", "caf", "日", "Latin-1 text, which has no '日' (U+65E5, line 1"),
    ("half a character", "a\n", "a", "\ud83d", "half a character"),
    ("a file with NUL", b"a\0b", "a", "x", "binary"),
    ("a file with NUL far in", b"a\n" * 9000 + b"\0", "a", "x", "binary"),
    ("a picture without NUL", b"\x89PNG\r\n\x1a\n\x01\x02\xff\xfe", "PNG", "x", "binary"),
    ("torn utf-16", b"\xff\xfea\0b", "a", "x", "UTF-16 text but is broken"),
    ("a block marker", "a1\n", "<<<<<<< SEARCH\na1\n=======", "x", "The nearest line"),
]  # fmt: skip


def as_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


@pytest.mark.parametrize(
    ("before", "old", "new", "after", "words"), [case[1:] for case in LANDS], ids=[case[0] for case in LANDS]
)
async def test_an_edit_lands_exactly(call, root, before, old, new, after, words):
    (root / "f").write_bytes(as_bytes(before))
    await call("read", file_path="f")
    result = await call("edit", file_path="f", old_string=old, new_string=new)
    assert (root / "f").read_bytes() == as_bytes(after)
    assert words in result.content
    assert words or result.content.count("\n") == 0


@pytest.mark.parametrize(
    ("before", "old", "new", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
async def test_an_edit_is_refused_with_the_way_on(call, toolbox, root, before, old, new, words):
    (root / "f").write_bytes(as_bytes(before))
    if b"\0" not in as_bytes(before) and b"PNG" not in as_bytes(before):
        await call("read", file_path="f")
    with pytest.raises(ToolError) as refusal:
        await toolbox.prepare("edit", {"file_path": "f", "old_string": old, "new_string": new})
    assert words in str(refusal.value)
    assert (root / "f").read_bytes() == as_bytes(before)


async def test_replacing_all_takes_every_exact_place_and_only_those(call, root):
    (root / "f").write_bytes(b"x 1\r\nx 2\ny\nx")
    await call("read", file_path="f")
    await call("edit", file_path="f", old_string="x", new_string="z\nz", replace_all=True)
    assert (root / "f").read_bytes() == b"z\r\nz 1\r\nz\nz 2\ny\nz\nz"
    (root / "g").write_text("a \nb\na\t\nb\n")
    await call("read", file_path="g")
    with pytest.raises(ToolError, match="fits 2 places"):
        await call("edit", file_path="g", old_string="a\nb\n", new_string="c\n", replace_all=True)
