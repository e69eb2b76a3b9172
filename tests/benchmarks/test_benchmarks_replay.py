from __future__ import annotations

import asyncio

import pytest

from benchmarks.replay_caches import Caches
from benchmarks.replay_history import replay, table
from benchmarks.replay_layouts import replay_parts
from benchmarks.replay_repository import made_up_history
from dsterm.core.attachments import PackChoice


def words(text: str) -> int:
    return len(text.split())


def test_a_cache_holds_what_begins_alike_or_whole_units_of_it():
    caches = Caches(words)
    base = "word " * 640
    assert (caches.send(base, "answer ").by_prefix, caches.send(base + "answer more ", "").by_units) == (0, 641)
    changed = caches.send("word " * 320 + "other " * 320, "")
    assert (changed.by_prefix, changed.by_units) == (320, 0)
    third = caches.send("word " * 320 + "third " * 320, "")
    assert (third.by_prefix, third.by_units) == (320, 320)


@pytest.mark.timeout(60)
def test_a_frozen_pack_with_its_changes_told_comes_from_the_cache_and_one_packed_anew_does_not(tmp_path):
    repository = made_up_history(tmp_path / "tree", 8, files=12, bytes_each=1_500)
    replayed = asyncio.run(replay(repository, PackChoice(), replay_parts(tmp_path / "tree")))
    hits = {name: sum(one.by_units for one in sent[1:]) for name, sent in replayed.sent.items()}
    later = {name: sum(one.tokens for one in sent[1:]) for name, sent in replayed.sent.items()}
    shares = {name: hits[name] / later[name] for name in hits}
    assert shares["frozen"] > 0.9 > 0.5 > shares["path"]
    assert shares["frozen"] > shares["age"]
    assert "frozen, changes told as diffs" in table(replayed)
