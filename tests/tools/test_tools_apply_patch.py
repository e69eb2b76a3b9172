from __future__ import annotations

import difflib
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsterm.core.diff import ChangeKind
from dsterm.core.errors import ToolError
from dsterm.tools.hunk_splices import splices_of
from dsterm.tools.patch_format import parse_patch
from dsterm.tools.text_file import decode, spliced

NO_NEWLINE = "\\ No newline at end of file\n"


def unified(before: str, after: str, name: str = "f") -> str:
    def lines(text: str) -> list[str]:
        pieces = [f"{line}\n" for line in text.split("\n")]
        pieces[-1] = pieces[-1].removesuffix("\n")
        return [piece for piece in pieces if piece]

    parts = difflib.unified_diff(lines(before), lines(after), f"a/{name}", f"b/{name}")
    return "".join(part if part.endswith("\n") else f"{part}\n{NO_NEWLINE}" for part in parts)


def apply_hunks(data: bytes, patch) -> bytes:
    file = decode(data, patch.path)
    return spliced(file, splices_of(file, patch).splices)


def begin(*lines: str) -> str:
    return "\n".join(("*** Begin Patch", *lines, "*** End Patch", ""))


def all_bytes(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


LINES = st.lists(
    st.sampled_from(
        [
            "a",
            "b",
            "",
            " ",
            "-- x",
            "++ y",
            "-",
            "+",
            "@@ -1 +1 @@",
            "```",
            "*** End Patch",
            "--- a",
            "+++ b",
            "\\ x",
            "EOF",
        ]
    ),
    max_size=25,
)


@given(LINES, LINES, st.booleans(), st.booleans(), st.sampled_from(["\n", "\r\n"]), st.booleans())
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
def test_a_true_diff_gives_exactly_the_target(old, new, old_ends, new_ends, ending, fenced):
    before = "\n".join(old) + ("\n" if old_ends and old else "")
    after = "\n".join(new) + ("\n" if new_ends and new else "")
    if before == after:
        return
    text = unified(before, after)
    (patch,) = parse_patch(f"Here it is:\n```diff\n{text}```\n" if fenced else text)
    assert apply_hunks(before.replace("\n", ending).encode(), patch) == expected(before, after, ending)


def expected(before: str, after: str, ending: str) -> bytes:
    # A file that had no line ending has no style to keep.
    return after.replace("\n", ending if "\n" in before else "\n").encode()


@given(LINES, st.integers(0, 25), st.integers(0, 5), st.lists(st.sampled_from(["x", "y", ""]), max_size=4))
def test_a_begin_patch_with_unique_context_gives_exactly_the_target(old, start, removed, added):
    before = [f"{index} {line}" for index, line in enumerate(old)]
    start = min(start, len(before))
    after = before[:start] + added + before[start + removed :]
    if before == after or not before:
        return
    body = [f" {line}" for line in before[max(0, start - 2) : start]]
    body += [f"-{line}" for line in before[start : start + removed]] + [f"+{line}" for line in added]
    body += [f" {line}" for line in before[start + removed : start + removed + 2]]
    (patch,) = parse_patch(begin("*** Update File: f", "@@", *body))
    data = "".join(f"{line}\n" for line in before).encode()
    assert apply_hunks(data, patch) == "".join(f"{line}\n" for line in after).encode()


@given(st.text(alphabet="@ +-*\\\n`abEndPtchBgin/dFile: ", max_size=200), st.booleans())
def test_any_text_is_parsed_or_refused_in_words(text, wrapped):
    try:
        parse_patch(begin("*** Update File: f", text) if wrapped else f"--- a/f\n+++ b/f\n{text}")
    except ToolError as error:
        assert str(error)


async def test_a_patch_over_several_files_lands_whole(call, root):
    (root / "old.txt").write_text("x\ny\n")
    (root / "gone.txt").write_text("bye\n")
    result = await call(
        "apply_patch",
        patch=begin(
            "*** Update File: src/a.py",
            "@@",
            " one",
            "-two",
            "+2",
            "*** Add File: new/n.txt",
            "+hello",
            "+",
            "+end",
            "*** Delete File: gone.txt",
            "*** Update File: old.txt",
            "*** Move to: moved.txt",
            "@@",
            "-x",
            "+z",
        ),
    )
    assert (root / "src" / "a.py").read_text() == "one\n2\nthree\n"
    assert (root / "new" / "n.txt").read_text() == "hello\n\nend\n"
    assert not (root / "gone.txt").exists() and not (root / "old.txt").exists()
    assert (root / "moved.txt").read_text() == "z\ny\n"
    assert result.content.split("\n") == [
        "edited src/a.py: +1 −1",
        "created new/n.txt: +3",
        "deleted gone.txt: −1",
        "renamed old.txt to moved.txt: +1 −1",
    ]
    assert [diff.kind for diff in result.diffs] == [
        ChangeKind.MODIFIED,
        ChangeKind.CREATED,
        ChangeKind.DELETED,
        ChangeKind.RENAMED,
    ]
    assert result.summary == "+5 −3"


@pytest.mark.parametrize(
    "bad",
    [
        ["*** Update File: b.txt", "@@", "-nothing like this", "+x"],
        ["*** Update File: missing.txt", "@@", "-a", "+x"],
        ["*** Add File: b.txt", "+x"],
        ["*** Delete File: missing.txt"],
        ["*** Update File: ../outside", "@@", "-a", "+x"],
        ["*** Update File: .git/config", "@@", "-a", "+x"],
        ["*** Update File: b.txt", "@@", "-same", "+x"],
        ["*** Update File: b.txt", "@@", "no prefix"],
        ["*** Update File: b.txt", "*** Move to: src/a.py", "@@", "-b", "+x"],
        ["*** Update File: b.txt"],
        ["*** Update File: b.txt", "@@", "+only added"],
        ["*** Update File: binary", "@@", "-a", "+b"],
        ["*** Add File: b.txt/below/a/file", "+x"],
    ],
)
async def test_a_patch_with_one_bad_file_leaves_all_bytes_as_they_were(call, root, bad):
    (root / "b.txt").write_text("b\nsame\nc\nsame\n")
    (root / "binary").write_bytes(b"a\0")
    before = all_bytes(root)
    good = ["*** Update File: src/a.py", "@@", "-two", "+2", "*** Add File: new.txt", "+x"]
    for order in ([*good, *bad], [*bad, *good]):
        with pytest.raises(ToolError):
            await call("apply_patch", patch=begin(*order))
        assert all_bytes(root) == before


async def test_a_file_that_changed_while_the_patch_waits_stops_all_of_it(toolbox, root):
    text = begin("*** Update File: src/a.py", "@@", "-two", "+2", "*** Add File: new.txt", "+x")
    prepared = await toolbox.prepare("apply_patch", {"patch": text})
    (root / "src" / "a.py").write_text("mine\n")
    with pytest.raises(ToolError, match="nothing was written"):
        await prepared.run(lambda _text: None)
    assert not (root / "new.txt").exists()


@pytest.mark.parametrize(
    "options", [(), ("-U0",), ("-U1", "--no-prefix"), ("-M", "-C"), ("--no-renames",)], ids=" ".join
)
async def test_what_git_writes_is_read(call, root, options):
    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "gc.auto=0")
        return subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True).stdout.decode()

    (root / "src" / "a.py").write_text("".join(f"line {number}\n" for number in range(40)))
    (root / "with space é.txt").write_text("s\n")
    (root / "gone").write_text("g\nh\n")
    (root / "empty").write_text("")
    (root / "move me").write_text("".join(f"m {number}\n" for number in range(9)))
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "x")
    edited = (root / "src" / "a.py").read_text().replace("line 3\n", "three\n").replace("line 30\n", "thirty\nmore\n")
    (root / "src" / "a.py").write_text(edited.removesuffix("\n"))
    (root / "with space é.txt").write_text("t\n")
    (root / "gone").unlink()
    (root / "empty").unlink()
    (root / "new").write_text("n\n")
    (root / "new empty").write_text("")
    (root / "move me").rename(root / "moved é")
    (root / "moved é").write_text((root / "moved é").read_text().replace("m 4\n", "four\n"))
    git("add", "-A")
    git("commit", "-qm", "y")
    wanted = {path.name: path.read_bytes() for path in root.rglob("*") if path.is_file() and ".git" not in path.parts}
    text = git("diff", *options, "HEAD~1", "HEAD")
    git("reset", "-q", "--hard", "HEAD~1")
    if "-U0" in options:
        # Without any context nothing proves the place of added lines.
        with pytest.raises(ToolError, match="context"):
            await call("apply_patch", patch=text.replace("-line 3\n", ""))
    await call("apply_patch", patch=text)
    found = {path.name: path.read_bytes() for path in root.rglob("*") if path.is_file() and ".git" not in path.parts}
    assert found == wanted


@pytest.mark.parametrize(
    "text",
    [
        "--- a/f\n+++ b/f\n@@ -7,9 +1,2 @@\n b\n-c\n+C\n d\n",
        "--- a/f\n+++ b/f\n@@\n b\n-c\n+C\n d\n",
        "--- f\n+++ f\n@@ -2,3 +2,3 @@\n b\n-c\n+C\n d",
        "--- f\t2026-01-01\n+++ f\t2026-01-02\n@@ -2,3 +2,3 @@\n b\n-c\n+C\n d\n",
        "```diff\n--- a/f\n+++ b/f\n@@ -2,3 +2,3 @@\n b\n-c\n+C\n d\n```\nThat is all.",
        "apply_patch <<'EOF'\n*** Begin Patch\n*** Update File: f\n b\n-c\n+C\n d\n*** End Patch\nEOF\n",
        "--- a/f\r\n+++ b/f\r\n@@ -2,3 +2,3 @@\r\n b\r\n-c\r\n+C\r\n d\r\n",
        "From 123 Mon\nSubject: x\n\n---\n f | 2 +-\n\ndiff --git a/f b/f\nindex 1..2 100644\n--- a/f\n+++ b/f\n"
        "@@ -2,3 +2,3 @@ a\n b\n-c\n+C\n d\n-- \n2.39.5\n\n",
        "*** Begin Patch\n*** Update File: f\n@@ -2,3 +2,3 @@\n b\n-c\n+C\n d\n\n*** End of File\n*** End Patch\n",
        "Index: f\n=====\n--- f\n+++ f\n@@ -2,3 +2,3 @@\n b\n-c\n+C\n d\n",
    ],
)
async def test_the_forms_that_models_write_are_read(call, root, text):
    (root / "f").write_text("a\nb\nc\nd\n" + ("\n" if "End of File" in text else ""))
    await call("apply_patch", patch=text)
    assert (root / "f").read_text().rstrip("\n") == "a\nb\nC\nd"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no patch here", "There is no patch"),
        ("*** Begin Patch\n*** Update File: f\n@@\n-a\n+b\n", "cut off"),
        ("*** Begin Patch\n*** End Patch", "names no file"),
        ("--- a/f\n+++ b/f\n", "changes nothing in f"),
        ("--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\n+b\nno prefix\n", "Line 6"),
        ("--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n```\n```\n--- a/g\n+++ b/g\n@@ -1 +1 @@\n-a\n+b\n", "two patches"),
        (begin("*** Update File: f", "-a", "+b") + begin("*** Update File: f", "-a", "+b"), "two patches"),
        ("diff --git a/f b/f\nold mode 100644\nnew mode 120000\n", "a link"),
        ("diff --git a/f b/f\nindex 1..2\nGIT binary patch\nliteral 3\n", "binary"),
        (begin("*** Update File: f", "@@", "-a", "+b", "@@", "-a", "+c"), "two hunks change the same place, line 1"),
    ],
)
async def test_what_cannot_be_read_is_refused_in_words(call, root, text, reason):
    (root / "f").write_text("a\nb\n")
    with pytest.raises(ToolError, match=reason):
        await call("apply_patch", patch=text)
    assert (root / "f").read_text() == "a\nb\n"


TWICE = "def f():\n    x = 1\n    return x\n\n\ndef g():\n    x = 1\n    return x\n"


async def test_a_hunk_that_fits_twice_goes_where_its_anchor_or_its_line_says_or_nowhere(call, root):
    change = ["     x = 1", "-    return x", "+    return 2"]
    wanted = TWICE[: TWICE.index("def g")] + "def g():\n    x = 1\n    return 2\n"
    (root / "f").write_text(TWICE)
    with pytest.raises(ToolError, match="stand 2 times, at lines 2, 7"):
        await call("apply_patch", patch=begin("*** Update File: f", "@@", *change))
    with pytest.raises(ToolError, match="stand 2 times"):
        await call("apply_patch", patch="\n".join(["--- a/f", "+++ b/f", "@@ -4,2 +4,2 @@", *change]))
    with pytest.raises(ToolError, match=r"no line 'def h\(\):'"):
        await call("apply_patch", patch=begin("*** Update File: f", "@@ def h():", *change))
    for patch in (
        begin("*** Update File: f", "@@ def g():", *change),
        begin("*** Update File: f", "@@", *change, "*** End of File"),
        "\n".join(["--- a/f", "+++ b/f", "@@ -7,2 +7,2 @@", *change]),
    ):
        (root / "f").write_text(TWICE)
        await call("apply_patch", patch=patch)
        assert (root / "f").read_text() == wanted


async def test_a_hunk_that_is_not_there_says_what_stands_there(call):
    text = begin("*** Update File: src/a.py", "@@", " one", "-zwei", "+2", " three")
    with pytest.raises(ToolError, match=r"^src/a.py: line 2 should be 'zwei', but there stands 'two'\. Read there"):
        await call("apply_patch", patch=text)


async def test_lines_can_be_added_after_an_anchor_and_at_the_end(call, root):
    (root / "f").write_text(TWICE)
    await call(
        "apply_patch",
        patch=begin("*** Update File: f", "@@ def g():", "+    y = 2", "@@", "+# end", "*** End of File"),
    )
    assert (root / "f").read_text() == TWICE.replace("def g():\n", "def g():\n    y = 2\n") + "# end\n"


async def test_a_patched_file_that_was_read_may_be_edited_next(call, root):
    await call("read", file_path="src/a.py")
    await call("apply_patch", patch=begin("*** Update File: src/a.py", "-two", "+2"))
    await call("edit", file_path="src/a.py", old_string="2", new_string="zwei")
    assert (root / "src" / "a.py").read_text() == "one\nzwei\nthree\n"


async def test_the_same_file_may_come_twice_in_a_patch(call, root):
    await call(
        "apply_patch",
        patch=begin("*** Update File: src/a.py", "-one", "+1", "*** Update File: src/a.py", "-1", "+eins"),
    )
    assert (root / "src" / "a.py").read_text() == "eins\ntwo\nthree\n"


def test_a_large_patch_of_a_large_file_is_quick():
    lines = [f"{number % 50}" for number in range(100_000)]
    hunks = "".join(
        f"@@ -{n},3 +{n},3 @@\n {lines[n - 1]}\n-{lines[n]}\n+x\n {lines[n + 1]}\n" for n in range(10, 99_000, 200)
    )
    (patch,) = parse_patch(f"--- a/f\n+++ b/f\n{hunks}")
    result = apply_hunks("".join(f"{line}\n" for line in lines).encode(), patch)
    assert result.count(b"x") == len(patch.hunks) > 400
