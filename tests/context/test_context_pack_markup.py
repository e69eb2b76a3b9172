from __future__ import annotations

import base64
import json
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pack_maker import source_of

from dsterm.context.pack_content import arrange
from dsterm.context.pack_markup import write_markdown, write_xml
from dsterm.core.attachments import LeftOut, Level, PackChoice

paths = st.text(min_size=1, max_size=12) | st.sampled_from(["a`b", "a|b.py", "]]>", '"', "a (outline)", "a/b.py"])
contents = st.one_of(st.text(max_size=60), st.text(alphabet="`#\n a\r]>&<\0~", max_size=40)).map(
    lambda text: text.encode("utf-8", "replace").decode()
)
files_of = st.dictionaries(paths, contents, min_size=1, max_size=5)


def decoded(element: ElementTree.Element) -> tuple[str, str]:
    path = element.get("path")
    if path is None:
        path = base64.b64decode(element.get("path-base64") or "").decode("utf-8", "surrogateescape")
    text = element.text or ""
    return path, base64.b64decode(text).decode() if element.get("encoding") == "base64" else text


@given(files_of)
def test_an_xml_parser_gives_back_every_byte(files: dict[str, str]) -> None:
    named = (LeftOut(path="<deep>", reason='a "submodule" & more'),)
    root = ElementTree.fromstring(write_xml([arrange(source_of(files, named=named))]))
    assert dict(decoded(element) for element in root.iter("file")) == files
    assert [decoded(element)[0] for element in root.iter("row")] == sorted(
        files, key=lambda path: path.encode("utf-8", "surrogateescape")
    )
    assert [element.get("path") for element in root.iter("left-out")] == ["<deep>"]


@given(files_of)
def test_a_markdown_parser_gives_back_every_text(files: dict[str, str]) -> None:
    plain = {path: text.replace("\r", "").replace("\0", "") for path, text in files.items()}
    tokens = MarkdownIt("commonmark").parse(write_markdown(arrange(source_of(plain))))
    found: dict[str, str] = {}
    path = ""
    for token, inline in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        if token.type == "heading_open" and token.tag == "h2":
            assert inline.children is not None
            shown = inline.children[0].content
            path = json.loads(shown) if re.match(r'"', shown) else shown
        if token.type == "fence":
            found[path] = token.content
    assert found == {path: text if not text or text.endswith("\n") else text + "\n" for path, text in plain.items()}


@pytest.mark.parametrize("write", [write_markdown, lambda content: write_xml([content])])
def test_outlines_names_and_what_is_left_out_are_told(write) -> None:  # type: ignore[no-untyped-def]
    choice = PackChoice(levels={"a.py": Level.OUTLINE, "b.py": Level.LISTED, "c.py": Level.OUT})
    written = write(
        arrange(
            source_of(dict.fromkeys(("a.py", "b.py", "c.py"), "x\n"), choice=choice, outlines={"a.py": "def f()\n"})
        )
    )
    assert "outline" in written
    assert "def f()" in written
    assert "not chosen" in written
