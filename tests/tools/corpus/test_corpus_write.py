from __future__ import annotations

import pytest

from dsterm.core.errors import ToolError

# (name, file before or None, content, file afterwards or None when it is refused, words in the answer).
CASES = [
    ("a new file", None, "a\nb\n", b"a\nb\n", "created f: +2"),
    ("a new empty file", None, "", b"", "created f: +0"),
    ("a new file without an end", None, "a", b"a", "created f: +1"),
    ("a new file with crlf", None, "a\r\nb\r\n", b"a\r\nb\r\n", "created f: +2"),
    ("a new file with a mark", None, "\ufeffa\n", b"\xef\xbb\xbfa\n", "created f"),
    ("a new file with form feeds", None, "a\f\u2028\n", "a\f\u2028\n".encode(), "created f: +1"),
    ("replaced", b"a\nb\n", "a\nc\n", b"a\nc\n", "edited f: +1 −1"),
    ("emptied", b"a\nb\n", "", b"", "edited f: +0 −2"),
    ("crlf is kept", b"a\r\nb\r\n", "a\nc\nd\n", b"a\r\nc\r\nd\r\n", ""),
    ("lf is kept", b"a\nb\n", "a\r\nc\r\n", b"a\nc\n", ""),
    ("mixed line ends are kept line by line", b"a\r\nb\nc\r\nd\n", "a\nb\nx\nc\nD\n", b"a\r\nb\nx\nc\r\nD\n", ""),
    ("a mark is kept", b"\xef\xbb\xbfa\n", "b\n", b"\xef\xbb\xbfb\n", ""),
    ("a mark sent along is not doubled", b"\xef\xbb\xbfa\n", "\ufeffb\n", b"\xef\xbb\xbfb\n", ""),
    ("utf-16 is kept", "\ufeffa\r\n".encode("utf-16-be"), "日\nb\n", "\ufeff日\r\nb\r\n".encode("utf-16-be"), ""),
    ("latin-1 is kept", b"\xe9\n", "\u00fc\n", b"\xfc\n", ""),
    ("the end goes", b"a\n", "a", b"a", "final newline removed"),
    ("the end comes", b"a", "a\n", b"a\n", "final newline added"),
    ("the same again", b"a\n", "a\n", None, "exactly this content"),
    ("the same again but for the line end", b"a\r\n", "a\n", None, "exactly this content"),
    ("what latin-1 lacks", b"\xe9\n", "日\n", None, "which has no '日'"),
    ("half a character", None, "a\ud800", None, "half a character"),
    ("a binary file", b"a\0", "b", None, "binary"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "content", "after", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
async def test_writing_a_whole_file(call, root, before, content, after, words):
    path = root / "f"
    if before is not None:
        path.write_bytes(before)
    if before is not None and b"\0" not in before[:2]:
        await call("read", file_path="f")
    arguments = {"file_path": "f", "content": content, "overwrite": before == b"a\0"}
    if after is not None:
        assert words in (await call("write", arguments)).content
        assert path.read_bytes() == after
        return
    with pytest.raises(ToolError) as refusal:
        await call("write", arguments)
    assert words in str(refusal.value)
    assert (path.read_bytes() if path.exists() else None) == before


async def test_a_file_that_was_not_read_is_replaced_only_when_asked_for(call, root):
    (root / "f").write_text("mine\n")
    for extra in ({}, {"overwrite": False}):
        with pytest.raises(ToolError, match="was not read yet"):
            await call("write", file_path="f", content="x\n", **extra)
    assert (root / "f").read_text() == "mine\n"
    await call("write", file_path="f", content="x\n", overwrite=True)
    assert (root / "f").read_text() == "x\n"
    (root / "f").write_text("mine again\n")
    with pytest.raises(ToolError, match="changed on disk since"):
        await call("write", file_path="f", content="y\n")


async def test_a_folder_is_no_file(call, root):
    for name, more in (("write", {"content": "x"}), ("edit", {"old_string": "a", "new_string": "b"})):
        with pytest.raises(ToolError, match="is a folder"):
            await call(name, file_path="src", **more)
