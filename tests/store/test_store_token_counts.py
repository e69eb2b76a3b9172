from __future__ import annotations

import os
import sqlite3
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.core.attachments import BlobCount
from dsterm.store.token_counts import TokenCounts

ONE = {"a" * 40: BlobCount(1, 2, "generated"), "b" * 40: BlobCount(0, 9, "binary")}


@pytest.fixture
def table(tmp_path):
    counts = TokenCounts(tmp_path / "cache" / "counts.db")
    yield counts
    counts.close()


def many(size):
    return {f"{number:040x}": BlobCount(number, number * 4) for number in range(size)}


def test_what_was_saved_is_known_to_all_who_open_the_file(table, tmp_path):
    table.save("v4", ONE)
    other = TokenCounts(tmp_path / "cache" / "counts.db")
    assert other.load("v4") == table.load("v4") == ONE
    other.close()


def test_another_tokenizer_and_another_kind_know_nothing_of_it(table):
    table.save("v4", ONE)
    assert table.load("v5") == {}
    assert table.load("v4", kind="script") == {}
    table.save("v4", {"a" * 40: BlobCount(7, 7)}, "script")
    assert table.load("v4") == ONE
    assert table.load("v4", kind="script") == {"a" * 40: BlobCount(7, 7)}


def test_a_few_of_many_are_looked_up_one_by_one(table):
    table.save("v4", many(500))
    wanted = [f"{number:040x}" for number in (3, 77, 900)]
    assert table.load("v4", wanted) == {key: many(500)[key] for key in wanted[:2]}
    assert table.load("v4", list(many(400))).keys() >= many(400).keys()
    assert table.load("v4", []) == {}


def test_a_count_that_is_there_stays(table):
    table.save("v4", {"a" * 40: BlobCount(1, 2)})
    table.save("v4", {"a" * 40: BlobCount(3, 4), "b" * 40: BlobCount(5, 6)})
    assert table.load("v4") == {"a" * 40: BlobCount(1, 2), "b" * 40: BlobCount(5, 6)}


@given(st.dictionaries(st.text(), st.builds(BlobCount, st.integers(0, 2**40), st.integers(0, 2**40), st.text())))
def test_any_counts_come_back(counts):
    counts = {
        key: one
        for key, one in counts.items()
        if not any(0xD800 <= ord(letter) < 0xE000 for letter in key + one.reason)
    }
    table = TokenCounts(None)
    table.save("v4", counts)
    assert table.load("v4") == table.load("v4", list(counts)) == counts
    table.close()


@pytest.mark.parametrize("damage", ["no database", "cut", "other tables", "other version", "a folder"])
def test_a_damaged_file_is_made_anew(tmp_path, damage):
    path = tmp_path / "counts.db"
    table = TokenCounts(path)
    table.save("v4", many(2_000))
    table.close()
    match damage:
        case "no database":
            path.write_bytes(b"what is this?" * 1_000)
        case "cut":
            path.write_bytes(path.read_bytes()[:9_000])
        case "other tables":
            change(path, "DROP TABLE counts", "CREATE TABLE counts (x)")
        case "other version":
            change(path, "PRAGMA user_version = 99")
        case _:
            path.unlink()
            path.mkdir()
    table.save("v4", ONE)
    known = table.load("v4")
    assert known == ({} if damage == "a folder" else ONE)
    table.close()


def change(path, *statements):
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid"), reason="needs the rights of Unix")
def test_where_nothing_can_be_written_nothing_is_known_and_nothing_is_raised(tmp_path):
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    table = TokenCounts(tmp_path / "file" / "counts.db")
    table.save("v4", ONE)
    assert table.load("v4") == {}


def test_a_file_that_is_held_costs_only_the_count(tmp_path, monkeypatch):
    monkeypatch.setattr("dsterm.store.token_counts._BUSY_SECONDS", 0.05)
    path = tmp_path / "counts.db"
    table = TokenCounts(path)
    table.save("v4", ONE)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    table.close()
    table.save("v4", many(3))
    holder.execute("ROLLBACK")
    holder.close()
    assert table.load("v4") == ONE
    table.close()


def test_several_write_at_once_and_all_is_kept(tmp_path):
    path = tmp_path / "counts.db"

    def write(number):
        table = TokenCounts(path)
        for part in range(5):
            table.save("v4", {f"{number}-{part}-{place}": BlobCount(place, 1) for place in range(50)})
        table.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    table = TokenCounts(path)
    assert len(table.load("v4")) == 4 * 5 * 50
    table.close()


def test_when_there_is_too_much_all_is_forgotten(table, monkeypatch):
    monkeypatch.setattr("dsterm.store.token_counts._MOST_ROWS", 100)
    table.save("v4", many(101))
    table.save("v4", ONE)
    assert table.load("v4") == ONE
