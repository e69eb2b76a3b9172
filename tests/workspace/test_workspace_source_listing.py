from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsterm.core.secret_names import _HARMLESS, _NAMES, is_secret_name
from dsterm.workspace.sources import reasons
from dsterm.workspace.sources.git_listing import parse_history, parse_index, parse_status, parse_tree
from dsterm.workspace.sources.ignore_rules import ignore_rules, source_rules
from dsterm.workspace.sources.reading import blob_name, cut_objects
from dsterm.workspace.sources.reasons import content_reason, name_reason

part = st.binary(min_size=1, max_size=12).map(lambda raw: raw.replace(b"\0", b"n").replace(b"/", b"s"))
path = st.lists(part, min_size=1, max_size=3).map(b"/".join)
paths = st.lists(path, unique=True, max_size=8)
sha = st.text("0123456789abcdef", min_size=40, max_size=40)


def text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


@given(
    st.lists(st.tuples(path, sha, st.sampled_from(["100644", "100755", "120000", "160000"])), unique_by=lambda x: x[0])
)
def test_every_entry_of_an_index_comes_out_once(entries: list[tuple[bytes, str, str]]) -> None:
    listing = b"".join(f"H {mode} {blob} 0\t".encode() + name + b"\0" for name, blob, mode in entries)
    index = parse_index(listing)
    assert index.blobs == {text(name): blob for name, blob, mode in entries if mode.startswith("100")}
    assert index.links == tuple(text(name) for name, _, mode in entries if mode == "120000")
    assert index.submodules == tuple(text(name) for name, _, mode in entries if mode == "160000")
    assert index.doubtful == ()


@given(path, sha)
def test_a_conflict_or_a_file_not_looked_at_is_there_once_and_unknown(name: bytes, blob: str) -> None:
    conflict = b"".join(f"M 100644 {blob} {stage}\t".encode() + name + b"\0" for stage in (1, 2, 3))
    for listing in (
        conflict,
        f"h 100644 {blob} 0\t".encode() + name + b"\0",
        f"S 120000 {blob} 0\t".encode() + name + b"\0",
    ):
        index = parse_index(listing)
        assert index.blobs == {text(name): ""} and index.doubtful == (text(name),)


@given(paths, paths, sha)
def test_a_status_tells_changed_from_new(dirty: list[bytes], others: list[bytes], commit: str) -> None:
    facts = f"N... 100644 100644 100644 {commit} {commit} ".encode()
    listing = f"# branch.oid {commit}\0# branch.head main\0".encode()
    listing += b"".join(b"1 .M " + facts + b"in/" + name + b"\0" for name in dirty)
    listing += b"1 M. " + facts + b"in/staged\0"
    listing += b"2 RM " + facts + b"R100 in/new name\0in/old name\0"
    listing += b"".join(b"? in/" + name + b"\0" for name in others)
    status = parse_status(listing, "in/")
    assert status.dirty == (*map(text, dirty), "new name") and status.others == tuple(map(text, others))
    assert status.commit == commit and status.is_dirty
    assert parse_status(b"# branch.oid (initial)\0# branch.head main\0").commit == ""


@given(st.lists(st.tuples(path, sha, st.integers(0, 10**9)), unique_by=lambda x: x[0]))
def test_every_file_of_a_tree_comes_out_with_its_size(entries: list[tuple[bytes, str, int]]) -> None:
    listing = b"".join(f"100644 blob {blob} {size:7}\t".encode() + name + b"\0" for name, blob, size in entries)
    tree = parse_tree(listing + f"100644 blob {'a' * 40}       -\tgone\0".encode())
    assert [(file.path, file.blob, file.size) for file in tree.files[:-1]] == [(text(n), b, s) for n, b, s in entries]
    assert tree.files[-1].size == -1


@given(st.lists(paths, max_size=6))
def test_a_path_is_as_old_as_its_newest_commit(commits: list[list[bytes]]) -> None:
    listing = b"".join(
        b"//\0" + (b"\n" + b"".join(name + b"\0" for name in names) if names else b"") for names in commits
    )
    expected: dict[str, int] = {}
    for age, names in enumerate(commits):
        for name in names:
            expected.setdefault(text(name), age)
    assert parse_history(listing) == expected


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_objects_are_cut_where_they_end(contents: list[bytes]) -> None:
    names = [blob_name(data) for data in contents]
    output = b"".join(
        f"{name} blob {len(data)}\n".encode() + data + b"\n" for name, data in zip(names, contents, strict=True)
    )
    assert cut_objects(output, names) == dict(zip(names, contents, strict=True))


@given(st.text(max_size=60), st.binary(max_size=300))
def test_names_and_contents_of_any_kind_can_be_judged(name: str, data: bytes) -> None:
    assert isinstance(name_reason(name), str)
    assert isinstance(content_reason(name, data), str)


@given(st.binary(max_size=200), st.text(max_size=30))
@example(b"[[]", "[")
def test_ignore_files_of_any_kind_can_be_read(content: bytes, name: str) -> None:
    assert source_rules({".ignore": content}).says(name) in {"ignored by .ignore", "", None}
    assert ignore_rules("a/.ignore", content).folder == "a/"


@given(st.from_regex(r"[a-z_.\-]{0,12}\.(py|js|go|h|md|po|sh)", fullmatch=True))
def test_most_names_are_known_not_to_be_secret_without_a_match(name: str) -> None:
    assert is_secret_name(name) == (_NAMES.fullmatch(name) is not None and _HARMLESS.fullmatch(name) is None)


@given(st.text("[]!^-&|~\\\\az:*", max_size=12))
def test_sets_of_any_kind_can_be_read(line: str) -> None:
    assert source_rules({".ignore": line.encode()}).says("a") in {"ignored by .ignore", "", None}


def test_a_set_that_is_none_leaves_the_other_rules() -> None:
    rules = source_rules({".ignore": b"[z-a]\n[[:alpha:]]x\n[+--]\n[[]id[]]\nkept\n"})
    assert [rules.says(name) for name in ("kept", "[id]", "[z-a]", "ax")] == ["ignored by .ignore"] * 2 + [None] * 2


@given(
    st.lists(
        st.sampled_from((".env", "id_", "x", "Gen_PB2", "_generated", "secret", "\x07", "é", "İ", " ")), max_size=3
    ),
    st.sampled_from(("py", "PY", "go", "js", "svg", "md", "lock", "json", "env", "pem", "")),
    st.sampled_from(("", "src/", ".ssh/", "vendor/", "a\x07/")),
    st.booleans(),
)
def test_names_known_by_their_ending_are_judged_as_all_others(
    stem: list[str], ending: str, folder: str, takes_secrets: bool
) -> None:
    path = f"{folder}{''.join(stem)}.{ending}"
    quickly = name_reason(path, takes_secrets=takes_secrets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reasons, "_USUAL", {})
        assert name_reason(path, takes_secrets=takes_secrets) == quickly


def test_rules_that_would_take_long_are_passed_over() -> None:
    rules = source_rules({".ignore": b"*a*a*a*a*a*a*a*a*a*a*b\n" + b"x" * 2000 + b"\nkept\n"})
    assert rules.says("a" * 200) is None and rules.says("kept") == "ignored by .ignore"


def test_deeper_rules_and_those_of_dsterm_weigh_more() -> None:
    rules = source_rules({"a/.ignore": b"!x.md\n", ".ignore": b"*.md\nb.py\n", ".dstermignore": b"!b.py\n"})
    says = {name: rules.says(name) for name in ("x.md", "a/x.md", "a/y.md", "b.py", "c.py")}
    assert says == {
        "x.md": "ignored by .ignore",
        "a/x.md": "",
        "a/y.md": "ignored by .ignore",
        "b.py": "",
        "c.py": None,
    }


def test_names_that_speak_against_a_file() -> None:
    expected = {
        "uv.lock": "lock file",
        "web/package-lock.json": "lock file",
        "vendor/a.go": "vendored",
        "x/node_modules/y/i.js": "vendored",
        "static/jquery-3.1.0.js": "vendored",
        "app.min.js": "minified",
        "api_pb2.py": "generated",
        "api.pb.go": "generated",
        "model.g.dart": "generated",
        "Form.Designer.cs": "generated",
        "a.js.map": "generated",
        "x.egg-info/PKG": "generated",
        "de/django.po": "translation catalog",
        "logo.svg": "vector picture",
        "logo.PNG": "binary",
        ".env": "looks like it holds secrets",
        ".ssh/config": "looks like it holds secrets",
        "odd\nname": "its name is not plain text",
        "a\x1b/b": "its name is not plain text",
        "src/jquery_plugin.js": "",
        "vendors.py": "",
        "main.py": "",
    }
    assert {name: name_reason(name) for name in expected} == expected
    assert (
        name_reason("vendor/.env", takes_secrets=True) == "vendored" and name_reason(".env", takes_secrets=True) == ""
    )


def test_contents_that_speak_against_a_file() -> None:
    expected = {
        ("a", b"\x89PNG\0\0"): "binary",
        ("a", b"caf\xe9\n"): "not UTF-8 text",
        ("a", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n"): "LFS pointer",
        ("a.js", b"var a=1;" * 1000): "minified",
        ("a.go", b"// Code generated by protoc. DO NOT EDIT.\n"): "generated",
        ("a.rs", b"// @generated by x\n"): "generated",
        ("a.py", b"if '@generated' in text:\n"): "",
        ("a.py", b"x = 1\n" * 400 + b"# DO NOT EDIT\n"): "",
    }
    assert {(name, data): content_reason(name, data) for name, data in expected} == expected


def test_blobs_are_named_as_git_does() -> None:
    assert blob_name(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert blob_name(b"", 64) == "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"
