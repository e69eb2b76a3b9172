from __future__ import annotations

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.core.diff import ChangeKind, LineKind, diff_texts
from dsterm.core.errors import ToolError
from dsterm.core.tools import Effect
from dsterm.tools.changes import FileState, notes_between
from dsterm.tools.line_changes import replaced
from dsterm.tools.text_diff import diff_of
from dsterm.tools.text_file import Splice, decode, normalised, spliced


async def test_an_edit_lands_and_is_told_in_one_line(call, toolbox, root):
    await call("read", file_path="src/a.py")
    arguments = {"file_path": "src/a.py", "old_string": "two\n", "new_string": "2\nb2\n"}
    prepared = await toolbox.prepare("edit", arguments)
    assert prepared.plan.effects == (Effect.WRITE,) and prepared.plan.subject == "src/a.py"
    (diff,) = prepared.plan.diffs
    assert (diff.path, diff.kind, diff.added, diff.removed) == ("src/a.py", ChangeKind.MODIFIED, 2, 1)
    assert (root / "src" / "a.py").read_bytes() == b"one\ntwo\nthree\n"
    result = await prepared.run(lambda _text: None)
    assert (root / "src" / "a.py").read_bytes() == b"one\n2\nb2\nthree\n"
    assert result.content == "edited src/a.py: +2 −1" and result.summary == "+2 −1"
    assert result.diffs == prepared.plan.diffs


async def test_edits_follow_each_other_without_reading_again(call, root):
    await call("read", file_path="src/a.py", limit=1)
    await call("edit", file_path="src/a.py", old_string="one", new_string="1")
    await call("edit", file_path="src/a.py", old_string="three", new_string="3")
    assert (root / "src" / "a.py").read_bytes() == b"1\ntwo\n3\n"


@pytest.mark.parametrize(
    ("content", "old", "reason"),
    [
        (b"x = 1\ny = 2\nx = 1\n", "x = 1", "occurs 2 times, at lines 1, 3"),
        (b"aaa", "aa", "occurs 2 times"),
        (b"a\n", "", "old_string is empty"),
        (b"a\n", "b", "No line of the file is like it"),
        (b"if x:\n\tgo()\n", "if x:\n    go()", "nearest lines are 1-2:\n1\tif x:\n2\t\tgo"),
        (b"def f():\n", "1\tdef f():", "line number that read shows"),
        (b"a\n", "   ", "only white space"),
    ],
)
async def test_an_edit_that_fits_nowhere_or_twice_is_refused_with_the_way_on(call, root, content, old, reason):
    (root / "f").write_bytes(content)
    await call("read", file_path="f")
    with pytest.raises(ToolError, match=reason):
        await call("edit", file_path="f", old_string=old, new_string="z")
    assert (root / "f").read_bytes() == content


async def test_an_edit_that_changes_nothing_is_refused(call):
    await call("read", file_path="src/a.py")
    with pytest.raises(ToolError, match="the same"):
        await call("edit", file_path="src/a.py", old_string="two", new_string="two")


async def test_replace_all_replaces_every_place(call, root):
    (root / "f").write_bytes(b"aaaa b aa\n")
    await call("read", file_path="f")
    await call("edit", file_path="f", old_string="aa", new_string="x", replace_all=True)
    assert (root / "f").read_bytes() == b"xx b x\n"


async def test_a_file_must_be_read_before_and_unchanged_since(call, root):
    edit = {"file_path": "src/a.py", "old_string": "two", "new_string": "2"}
    with pytest.raises(ToolError, match="was not read yet"):
        await call("edit", edit)
    await call("read", file_path="src/a.py", limit=1)
    (root / "src" / "a.py").write_bytes(b"one\ntwo\nother\n")
    with pytest.raises(ToolError, match="changed on disk since it was read"):
        await call("edit", edit)
    await call("read", file_path="src/a.py")
    await call("edit", edit)
    assert (root / "src" / "a.py").read_bytes() == b"one\n2\nother\n"


async def test_a_file_that_changes_while_the_edit_waits_is_left_alone(call, toolbox, root):
    await call("read", file_path="src/a.py")
    prepared = await toolbox.prepare("edit", {"file_path": "src/a.py", "old_string": "two", "new_string": "2"})
    (root / "src" / "a.py").write_bytes(b"mine\n")
    with pytest.raises(ToolError, match="nothing was written"):
        await prepared.run(lambda _text: None)
    assert (root / "src" / "a.py").read_bytes() == b"mine\n"


async def test_a_new_file_that_appears_while_the_write_waits_is_left_alone(toolbox, root):
    prepared = await toolbox.prepare("write", {"file_path": "new", "content": "x"})
    (root / "new").write_bytes(b"mine\n")
    with pytest.raises(ToolError, match="nothing was written"):
        await prepared.run(lambda _text: None)
    assert (root / "new").read_bytes() == b"mine\n"


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        (b"a\r\nb\r\nc\r\n", "b\n", "x\ny\n", b"a\r\nx\r\ny\r\nc\r\n"),
        (b"\xef\xbb\xbfa\nb\n", "a", "x", b"\xef\xbb\xbfx\nb\n"),
        (b"a\r\nb\nc\r\n", "b", "x\ny", b"a\r\nx\ny\nc\r\n"),
        (b"a\nb", "b", "x", b"a\nx"),
        (b"a\r\nb\r\n", "a\r\nb", "a\nc", b"a\r\nc\r\n"),
        (b"a\x0cb\xe2\x80\xa8c\n", "b", "x", b"a\x0cx\xe2\x80\xa8c\n"),
        (b"a\r\nb\r\n", "a\nb\n", "", b""),
    ],
)
async def test_endings_and_marks_are_kept(call, root, before, old, new, after):
    (root / "f").write_bytes(before)
    await call("read", file_path="f")
    await call("edit", file_path="f", old_string=old, new_string=new)
    assert (root / "f").read_bytes() == after


async def test_writing_creates_with_parents_and_replaces_only_what_was_read(call, root):
    created = await call("write", file_path="new/deep/f.py", content="a\nb\n")
    assert created.content == "created new/deep/f.py: +2"
    assert (root / "new" / "deep" / "f.py").read_bytes() == b"a\nb\n"
    await call("write", file_path="new/deep/f.py", content="a\nc\n")
    with pytest.raises(ToolError, match="was not read yet"):
        await call("write", file_path="src/a.py", content="x")
    (root / "src" / "a.py").write_bytes(b"one\r\ntwo\r\n")
    (root / "src" / "a.py").chmod(0o755)
    await call("read", file_path="src/a.py")
    result = await call("write", file_path="src/a.py", content="one\n2\n")
    assert (root / "src" / "a.py").read_bytes() == b"one\r\n2\r\n"
    assert stat.S_IMODE((root / "src" / "a.py").stat().st_mode) == 0o755
    assert result.content == "edited src/a.py: +1 −1"
    with pytest.raises(ToolError, match="exactly this content"):
        await call("write", file_path="src/a.py", content="one\n2\n")


async def test_half_a_character_is_refused(call, root):
    with pytest.raises(ToolError, match="half a character"):
        await call("write", file_path="f", content="a\ud800")
    assert not (root / "f").exists()


async def test_a_link_out_of_the_workspace_is_never_written(call, root, tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("secret")
    (root / "link").symlink_to(outside)
    for name, arguments in [
        ("read", {}),
        ("write", {"content": "x"}),
        ("edit", {"old_string": "secret", "new_string": "x"}),
    ]:
        with pytest.raises(ToolError, match="leads outside"):
            await call(name, file_path="link", **arguments)
    with pytest.raises(ToolError, match="leads outside"):
        await call("apply_patch", patch="*** Begin Patch\n*** Delete File: link\n*** End Patch")
    assert outside.read_text() == "secret"


async def test_a_binary_file_is_never_edited(call, root):
    (root / "b").write_bytes(b"a\0b")
    with pytest.raises(ToolError, match="binary"):
        await call("edit", file_path="b", old_string="a", new_string="c")


texts = st.text(alphabet="ab \n\r\u2028é", max_size=40)


@given(texts, st.data())
def test_splices_change_exactly_what_they_cover(raw, data):
    file = decode(raw.encode(), "f")
    start = data.draw(st.integers(0, len(file.text)))
    end = data.draw(st.integers(start, len(file.text)))
    new = data.draw(st.text(alphabet="xy\n", max_size=10))
    result = spliced(file, [Splice(start, end, new)]).decode()
    before, after = file.text[:start], file.text[end:]
    raw_before = next(raw[:cut] for cut in range(len(raw) + 1) if normalised(raw[:cut]) == before)
    assert result.startswith(raw_before.removesuffix("\r") if "\r" in raw else raw_before)
    if "\r" not in raw.replace("\r\n", ""):
        assert normalised(result) == before + new + after


@given(texts)
def test_writing_back_the_same_text_changes_no_byte_of_a_uniform_file(text):
    plain = text.replace("\r", "")
    for raw in (plain, plain.replace("\n", "\r\n"), "\ufeff" + plain):
        file = decode(raw.encode(), "f")
        assert replaced(file, file.text) == raw.encode()


@given(texts, texts)
def test_a_diff_tells_exactly_what_changed(before, after):
    before, after = before.replace("\r", ""), after.replace("\r", "")
    diff = diff_of("f", before, after)
    lines = before.split("\n")
    if lines[-1] == "":
        lines.pop()
    for hunk in reversed(diff.hunks):
        old = [line.text for line in hunk.lines if line.kind is not LineKind.ADDED]
        new = [line.text for line in hunk.lines if line.kind is not LineKind.REMOVED]
        start = hunk.old_start - 1
        assert lines[start : start + len(old)] == old
        lines[start : start + len(old)] = new
    wanted = after.split("\n")
    if wanted[-1] == "":
        wanted.pop()
    assert lines == wanted


def test_the_diff_of_a_long_file_is_quick_and_has_true_line_numbers():
    before = "".join(f"{number % 7}\n" for number in range(200_000))
    after = before[:200_001] + "x" + before[200_001:]
    (hunk,) = diff_of("f", before, after).hunks
    assert hunk.old_start == 100_000 - 2 and len(hunk.lines) == 8
    huge = diff_of("f", before, before.replace("3", "x"))
    assert huge.added == huge.removed > 100_000


def test_new_and_deleted_files_are_marked():
    assert diff_of("f", None, "a\n").kind is ChangeKind.CREATED
    assert diff_of("f", "a\n", None).removed == 1
    assert diff_of("g", "a\n", "a\n", old_path="f").kind is ChangeKind.RENAMED


def test_a_new_file_without_a_final_newline_says_so() -> None:
    before = FileState(data=None, mode=None)
    after = FileState(data=b"x", mode=0o644)
    assert notes_between(before, after, diff_texts("f", None, "x")) == "no final newline"
    whole = FileState(data=b"x\n", mode=0o755)
    assert notes_between(before, whole, diff_texts("f", None, "x\n")) == "executable"
