from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.context.repo_pack import BuiltPack, build_pack
from dsterm.core.attachments import LeftOut
from dsterm.core.errors import UsageError
from dsterm.core.workspace import RepoSnapshot, SnapshotFile


class Counter:
    def __init__(self) -> None:
        self.batches: list[int] = []

    @property
    def is_exact(self) -> bool:
        return True

    def count(self, text: str) -> int:
        return len(text)

    def count_exactly(self, texts: Sequence[str]) -> list[int]:
        self.batches.append(sum(map(len, texts)))
        return [len(text) for text in texts]


def snapshot(files: dict[str, bytes], source: str = "/home/ada/repo", **more: object) -> RepoSnapshot:
    left_out = more.get("left_out", ())
    assert isinstance(left_out, tuple)
    return RepoSnapshot(
        source=source,
        commit=str(more.get("commit", "")),
        is_dirty=bool(more.get("is_dirty", False)),
        files=tuple(SnapshotFile(path=path, data=data) for path, data in files.items()),
        left_out=left_out,
    )


def build(files: dict[str, bytes], source: str = "/home/ada/repo", **more: object) -> BuiltPack:
    return build_pack(snapshot(files, source, **more), Counter())


def parse(text: str) -> dict[str, str]:
    """Read the files back by the rule that the pack states: a path, then what stands between two equal fences."""
    files = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line.startswith("### "):
            continue
        fence = next(lines)
        assert re.fullmatch("`{3,}", fence)
        content = []
        while (inner := next(lines)) != fence:
            content.append(inner)
        files[line.removeprefix("### ")] = "\n".join(content)
    return files


def test_a_pack_holds_each_file_after_its_path_and_the_table_after_all_files() -> None:
    built = build({"src/a.py": b"print(1)\n", "README.md": b"# Hi"}, commit="abc123", is_dirty=True)
    assert parse(built.text) == {"src/a.py": "print(1)", "README.md": "# Hi"}
    after = built.text[built.text.rindex("```") :]
    assert "- src/a.py " in after
    assert '"repo" at commit abc123 with uncommitted changes' in after
    assert "abc123" not in built.text[: built.text.rindex("```")]
    assert "No newline at end of file" in after


def test_the_figures_of_a_pack_are_those_of_its_text() -> None:
    built = build({"a": "naïve\n".encode(), "b": b"", "c": b"x\r\ny"})
    data = built.text.encode()
    assert built.pack.digest == hashlib.sha256(data).hexdigest()
    assert (built.pack.size, built.pack.files, built.pack.tokens) == (len(data), 3, len(built.text))


def test_the_same_repository_gives_the_same_bytes_wherever_it_lies() -> None:
    files = {"a.py": b"1\n", "b.py": b"2\n"}
    here, there = build(files, "/home/ada/repo"), build(files, "/srv/work/repo/")
    address = build(files, "https://example.org/ada/repo.git")
    windows = build(files, "C:\\work\\repo")
    assert here.text == there.text == address.text == windows.text


def test_nothing_that_varies_stands_before_the_files() -> None:
    short = build({"a.py": b"1\n"}, "/x/one", commit="aaa")
    long = build({"a.py": b"1\n", "b.py": b"2\n"}, "/x/two", commit="bbb", is_dirty=True)
    shared = short.text[: short.text.rindex("\nEnd of the files")]
    assert long.text.startswith(shared)


def test_binary_files_are_left_out_with_the_reason() -> None:
    earlier = LeftOut(path="big.bin", reason="larger than 1,000,000 bytes")
    built = build({"a": b"text\n", "b": b"\xff\xfe", "c": b"nul\0"}, left_out=(earlier,))
    assert [file.path for file in built.left_out] == ["big.bin", "b", "c"]
    assert "- big.bin (larger than 1,000,000 bytes)\n- b (not UTF-8 text)" in built.text


def test_a_long_list_of_what_is_left_out_is_cut() -> None:
    built = build({"a": b"x", **{f"bin{number}": b"\0" for number in range(70)}})
    assert "- and 20 more\n" in built.text
    assert len(built.left_out) == 70


def test_nothing_to_attach_is_said() -> None:
    with pytest.raises(UsageError, match="no text files"):
        build({"a": b"\0"})


def test_tokens_are_counted_in_batches() -> None:
    counter = Counter()
    build_pack(snapshot({str(number): b"x" * 3_000_000 for number in range(7)}), counter)
    assert max(counter.batches) < 16_000_000
    assert len(counter.batches) > 2


paths = st.text(min_size=1, max_size=12)
contents = st.one_of(st.text(max_size=60), st.text(alphabet="`#\n a", max_size=40)).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


@given(files=st.dictionaries(paths, contents, max_size=5))
def test_no_path_or_content_forges_a_file_and_the_same_input_gives_the_same_bytes(files: dict[str, bytes]) -> None:
    try:
        built = build(files)
    except UsageError:
        return
    assert build(files).text == built.text
    found = parse(built.text)
    texts = [file.data for file in snapshot(files).files if file.path not in {each.path for each in built.left_out}]
    assert len(found) == len(texts) == built.pack.files
    assert [content.encode() for content in found.values()] == [data.removesuffix(b"\n") for data in texts]
