from __future__ import annotations

import os
import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.core.errors import ToolError
from dsterm.tools.glob_pattern import compile_glob
from dsterm.tools.toolbox import build_toolbox
from dsterm.workspace.files.local import LocalWorkspace


async def test_reading_numbers_lines_and_says_how_to_go_on(call):
    whole = await call("read", file_path="src/a.py")
    assert whole.content == "1\tone\n2\ttwo\n3\tthree\n(End of the file: 3 lines.)"
    assert whole.summary == "1-3"
    part = await call("read", file_path="src/a.py", offset=2, limit=1)
    assert part.content == "2\ttwo\n(Lines 2-2 of 3. Go on with offset 3.)"
    assert part.summary == "2-2"


async def test_reading_is_capped_in_lines_characters_and_bytes(call, root):
    (root / "long").write_text("".join(f"{number}\n" for number in range(1, 5001)))
    result = await call("read", file_path="long")
    assert result.content.endswith("(Lines 1-2000 of 5000. Go on with offset 2001.)")
    assert (await call("read", file_path="long", limit=9999)).summary == "1-2000"
    (root / "wide").write_text("x" * 5000 + "\n")
    assert "(+3,000 characters)" in (await call("read", file_path="wide")).content
    (root / "heavy").write_text(("é" * 1000 + "\n") * 100)
    heavy = await call("read", file_path="heavy")
    assert len(heavy.content.encode()) < 51_000 and "Go on with offset 25" in heavy.content


async def test_only_line_feeds_end_a_line(call, root):
    (root / "odd").write_bytes("a\x0cb\u2028c\x85d\re\r\nf".encode())
    assert (await call("read", file_path="odd")).content.startswith("1\ta\x0cb\u2028c\x85d\re\n2\tf\n")


async def test_reading_what_is_no_text_is_refused(call, root):
    (root / "image").write_bytes(b"\x89PNG\0\0")
    (root / "torn").write_bytes("x".encode("utf-16") + b"y")
    with pytest.raises(ToolError, match="binary"):
        await call("read", file_path="image")
    with pytest.raises(ToolError, match="UTF-16"):
        await call("read", file_path="torn")
    with pytest.raises(ToolError, match=r"no file nope\.py"):
        await call("read", file_path="nope.py")


async def test_bad_windows_and_empty_files_are_said(call, root):
    (root / "empty").write_text("")
    assert (await call("read", file_path="empty")).content == "(The file is empty.)"
    with pytest.raises(ToolError, match="past its end"):
        await call("read", file_path="src/a.py", offset=4)
    with pytest.raises(ToolError, match="from 1"):
        await call("read", file_path="src/a.py", offset=0)
    with pytest.raises(ToolError, match="at least 1"):
        await call("read", file_path="src/a.py", limit=0)


async def test_reading_a_folder_lists_it(call, root):
    (root / "README.md").write_text("x")
    assert (await call("read", file_path=".")).content == "README.md\nsrc/\n(A folder with 2 entries.)"


async def test_glob_finds_names_newest_first(call, root):
    for age, name in enumerate(["new.py", "deep/er/old.py", "oldest.txt"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
        os.utime(root / name, (2e9 - age, 2e9 - age))
    assert (await call("glob", pattern="*.py")).content == "new.py\ndeep/er/old.py\nsrc/a.py\n(3 files.)"
    assert (await call("glob", pattern="deep/**")).content == "deep/er/old.py\n(1 file.)"
    assert (await call("glob", pattern="*.py", path="src")).content == "src/a.py\n(1 file.)"
    assert (await call("glob", pattern=f"{root}/*.{{txt,md}}")).content == "oldest.txt\n(1 file.)"
    assert (await call("glob", pattern="*.rs")).content == "(No file matches.)"
    with pytest.raises(ToolError, match="is a file"):
        await call("glob", pattern="*", path="src/a.py")
    with pytest.raises(ToolError, match="no folder nope"):
        await call("glob", pattern="*", path="nope")


async def test_glob_shows_a_hundred_and_says_how_many_there_are(call, root):
    for number in range(120):
        (root / f"{number}.txt").write_text("x")
    result = await call("glob", pattern="*.txt")
    assert result.content.count("\n") == 100 and "(100 of 120 files" in result.content
    assert result.summary == "120 files"


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.py", ["a.py", "x/y/a.py", ".py"], ["a.pyc", "a.py/b"]),
        ("src/*.py", ["src/a.py"], ["src/x/a.py", "a.py"]),
        ("src/**/*.py", ["src/a.py", "src/x/y/a.py"], ["a.py", "srcx/a.py"]),
        ("**/test_*", ["test_a", "x/test_b"], ["x/test_b/c"]),
        ("src/**", ["src/a", "src/a/b"], ["src"]),
        ("a?c", ["abc", "x/abc"], ["ac", "a/c"]),
        ("[a-c]x", ["ax", "d/bx"], ["dx"]),
        ("[!a]x", ["bx"], ["ax"]),
        ("*.{ts,tsx}", ["a.ts", "a.tsx"], ["a.js"]),
        ("{a,b/{c,d}}", ["a", "b/c", "b/d"], ["b", "c"]),
        ("[", ["["], ["a"]),
        ("a\\*", ["a*"], ["ab"]),
        ("./src/*", ["src/a"], ["a"]),
        ("*a*b*c", ["aabbcc", "xayybzzc"], ["cba", "ab"]),
    ],
)
def test_globs_match_as_ripgrep_reads_them(pattern, yes, no):
    expression = compile_glob(pattern)
    assert [path for path in yes if not expression.fullmatch(path)] == []
    assert [path for path in no if expression.fullmatch(path)] == []


@given(st.text(alphabet="ab*?[]!^{},/\\-.", min_size=1, max_size=30), st.text(alphabet="ab/", max_size=60))
def test_any_glob_compiles_and_is_quick_or_is_refused(pattern, path):
    try:
        compile_glob(pattern).fullmatch(path * 4)
    except ToolError as error:
        assert str(error)


@pytest.mark.parametrize("pattern", ["*a" * 40 + "b", "**/" * 20 + "b", "{" + "a,b}{" * 20])
def test_hostile_globs_take_no_time(pattern):
    try:
        compile_glob(pattern).fullmatch("a" * 250)
    except ToolError as error:
        assert "braces" in str(error)


class WithoutRipgrep(LocalWorkspace):
    async def run(self, arguments, *, timeout, cap):
        name = "no-such-program" if arguments[0] == "rg" else arguments[0]
        return await super().run([name, *arguments[1:]], timeout=timeout, cap=cap)


@pytest.fixture(params=["ripgrep", "git", "git-repository"])
def search(request, workspace, root, call):
    if request.param == "ripgrep":
        return call
    if request.param == "git-repository":
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    other = WithoutRipgrep(
        root, program_folders=[type(root)(folder) for folder in os.get_exec_path()], environment=os.environ
    )
    toolbox = build_toolbox(other)

    async def run(name, **arguments):
        prepared = await toolbox.prepare(name, arguments)
        return await prepared.run(lambda _text: None)

    return run


async def test_grep_groups_by_file(search, root):
    (root / "b.txt").write_text("two\r\nnothing\ntwo: [2]\n")
    (root / ".hidden").write_text("two\n")
    (root / "image").write_bytes(b"two\0\n")
    result = await search("grep", pattern="tw[o]")
    assert result.content == (
        ".hidden\n1: two\n\nb.txt\n1: two\n3: two: [2]\n\nsrc/a.py\n2: two\n\n(4 hits in 3 files.)"
    )
    assert result.summary == "4 hits"


async def test_grep_can_be_narrowed(search, root):
    (root / "src" / "b.txt").write_text("two\n")
    (root / "c.py").write_text("two\n")
    assert (await search("grep", pattern="two", path="src", include="*.py")).summary == "1 hit"
    assert (await search("grep", pattern="two", include="*.{py,txt}")).summary == "3 hits"
    assert (await search("grep", pattern="two", path="src/b.txt")).content.startswith("src/b.txt\n1: two\n")
    assert (await search("grep", pattern="^nothing$")).content == "(No match.)"


async def test_grep_leaves_out_what_git_ignores(search, root):
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    (root / ".gitignore").write_text("build/\n")
    (root / "build").mkdir()
    (root / "build" / "x.py").write_text("two\n")
    assert (await search("grep", pattern="two")).summary == "1 hit"


@pytest.mark.parametrize("pattern", ["--files", "-e", "--pre=touch x", "-f/etc/passwd"])
async def test_a_pattern_is_never_a_flag(search, root, pattern):
    (root / "flags").write_text(f"{pattern}\n")
    assert (await search("grep", pattern=re.escape(pattern).replace("\\-", "-"))).summary == "1 hit"


async def test_grep_says_what_is_wrong(search):
    with pytest.raises(ToolError, match="The search failed"):
        await search("grep", pattern="fo(")
    with pytest.raises(ToolError, match="no nope"):
        await search("grep", pattern="x", path="nope")
    with pytest.raises(ToolError, match="include"):
        await search("grep", pattern="x", include="!*.py")
    with pytest.raises(ToolError, match="empty"):
        await search("grep", pattern="")


async def test_grep_shows_250_matches_and_short_lines(search, root):
    (root / "many").write_text("two\n" * 300)
    result = await search("grep", pattern="two", path="many")
    assert result.content.count("\n") == 252 and result.summary == "300 hits"
    assert "Only the first of 300 hits in 1 file" in result.content
    (root / "wide").write_text("two" + "x" * 1000 + "\n")
    assert "(+603 characters)" in (await search("grep", pattern="two", path="wide")).content


async def test_grep_without_any_program_says_so(root):
    toolbox = build_toolbox(LocalWorkspace(root, program_folders=()))
    prepared = await toolbox.prepare("grep", {"pattern": "x"})
    with pytest.raises(ToolError, match="Use glob and read"):
        await prepared.run(lambda _text: None)
