from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.core.mentions import MentionPaths
from dsterm.tui.mention_matching import MOST, PathIndex, common_start

PATHS = (
    ".github/workflows/ci.yml",
    "README.md",
    "docs/app_notes.md",
    "src/app.py",
    "src/app/main.py",
    "src/user/model.py",
    "tests/test_app.py",
    "wrapper/happy.py",
)


def found(query: str, paths: tuple[str, ...] = PATHS, recent: tuple[str, ...] = ()) -> list[str]:
    *_, last = PathIndex(MentionPaths(paths=paths, recent=recent)).search(query)
    return last


def test_names_that_are_or_begin_so_come_before_those_that_have_it_inside() -> None:
    assert found("app") == [
        "src/app/",
        "src/app.py",
        "docs/app_notes.md",
        "tests/test_app.py",
        "wrapper/",
        "wrapper/happy.py",
        "src/app/main.py",
    ]


def test_what_was_used_or_changed_last_moves_up() -> None:
    assert found("app", recent=("tests/test_app.py",))[0] == "tests/test_app.py"
    assert found("", recent=("src/user/model.py",))[0] == "src/user/model.py"


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("usrmdl", "src/user/model.py"),
        ("src/us", "src/user/"),
        ("READ", "README.md"),
        (".gi", ".github/"),
        ("ci.y", ".github/workflows/ci.yml"),
    ],
)
def test_letters_in_their_order_are_enough(query: str, wanted: str) -> None:
    assert found(query)[0] == wanted


def test_without_letters_the_top_is_shown_folders_first() -> None:
    assert found("") == [".github/", "docs/", "src/", "tests/", "wrapper/", "README.md"]


def test_nothing_fits_and_nothing_is_there() -> None:
    assert found("zzz") == []
    assert found("a", ()) == []


@given(st.lists(st.text("abcd/._", min_size=1, max_size=12), max_size=60), st.text("abcd/", min_size=1, max_size=4))
def test_every_result_has_the_letters_and_none_comes_twice(names: list[str], query: str) -> None:
    paths = tuple({name.strip("/") for name in names} - {""})
    results = found(query, paths)
    assert len(results) == len(set(results)) <= MOST
    for result in results:
        letters = iter(result)
        assert all(letter in letters for letter in query)


def test_the_last_list_of_many_slices_has_the_best_of_all() -> None:
    paths = tuple(f"folder{number // 50}/file_{number}.txt" for number in range(30_000))
    assert found("file_29999", paths)[0] == "folder599/file_29999.txt"


def test_tab_completes_to_the_folder_that_all_share() -> None:
    assert common_start(["src/core/a.py", "src/core/b/c.py"], "sr") == "src/core/"
    assert common_start(["src/core/a.py", "tests/a.py"], "a") == ""
    assert common_start(["src/core/a.py"], "src/core/") == ""
    assert common_start([], "") == ""
