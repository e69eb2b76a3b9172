from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "wire.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`([a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`")


def test_each_row_of_the_page_on_the_wire_names_its_tests() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| row", "| ---"))]
    assert len(rows) > 80
    assert [row for row in rows if not NAMED.search(row)] == []
    assert PAGE.count("::") == len(NAMED.findall(PAGE))


@pytest.mark.parametrize("file", sorted({file for file, _ in NAMED.findall(PAGE)}))
def test_what_the_page_on_the_wire_names_is_a_test(file: str) -> None:
    source = (TESTS / file).read_text(encoding="utf-8")
    there = set(re.findall(r"^(?:async )?def (test_\w+)\(", source, re.MULTILINE))
    assert {name for named, name in NAMED.findall(PAGE) if named == file} <= there
