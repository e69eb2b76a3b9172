from __future__ import annotations

import os
import stat
import sys
from datetime import date
from decimal import Decimal

import msgspec
import pytest

from dsterm.core.account import FetchedList, ListedModel, ProbedModel, ProbeResult
from dsterm.core.models import Probed, ThinkingMode
from dsterm.store.provider_notes import ProviderNotes

DAY = date(2026, 11, 22)
LIST = FetchedList(
    provider="novita",
    origin="https://api.novita.ai",
    on=DAY,
    models=(ListedModel(id="deepseek/deepseek-v4-pro", input=Decimal("1.60"), context_window=1_048_576),),
)


def probe(*names: str, unit: int = 64) -> ProbeResult:
    found = Probed(on=DAY, honoured=(ThinkingMode.THINK,), has_cache=True, cache_unit=unit)
    bodies = {ThinkingMode.NON_THINK: {"thinking": msgspec.Raw(b'{"type":"disabled"}')}}
    models = tuple(ProbedModel(id=name, found=found, bodies=bodies) for name in names)
    return ProbeResult(provider="novita", origin="https://api.novita.ai", models=models)


@pytest.fixture
def notes(tmp_path):
    return ProviderNotes(tmp_path / "lists", tmp_path / "probes")


def test_nothing_is_kept_at_first(notes):
    assert notes.read() == ((), (), ())


def test_what_is_kept_is_read_back_for_the_user_alone(notes):
    paths = [notes.keep_list(LIST), notes.keep_probe(probe("a"))]
    lists, probes, notices = notes.read()
    assert (lists, notices) == ((LIST,), ())
    assert probes[0].models[0].found == probe("a").models[0].found
    assert (
        bytes(probes[0].models[0].bodies[ThinkingMode.NON_THINK]["thinking"]).replace(b" ", b"").replace(b"\n", b"")
        == b'{"type":"disabled"}'
    )
    if sys.platform != "win32":
        assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}


def test_a_list_replaces_the_one_of_the_same_server_only(notes):
    notes.keep_list(LIST)
    notes.keep_list(msgspec.structs.replace(LIST, on=date(2026, 11, 23)))
    notes.keep_list(msgspec.structs.replace(LIST, origin="http://127.0.0.1:8000"))
    notes.keep_list(msgspec.structs.replace(LIST, provider="../../etc/x\x00"))
    lists, _, _ = notes.read()
    assert len(lists) == 3
    assert sorted({item.on for item in lists}) == [DAY, date(2026, 11, 23)]


def test_a_probe_keeps_other_models_of_an_earlier_one(notes):
    notes.keep_probe(probe("a", "b"))
    notes.keep_probe(probe("b", unit=128))
    _, (result,), _ = notes.read()
    assert [(model.id, model.found.cache_unit) for model in result.models] == [("a", 64), ("b", 128)]


@pytest.mark.parametrize(
    "data",
    [b"", b"no json", b"[]", b'{"version": 2}', b'{"version": 1}', b'{"version": 1, "list": {"provider": 5}}',
     b"[" * 100_000, b"\xff\xfe", b'{"version": 1, "list": {"provider": "x", "origin": "y", "on": "today", "models": []}}',
     b" " * 2_000_001],
    ids=lambda body: repr(body[:16]),
)  # fmt: skip
def test_what_dsterm_did_not_write_is_passed_over_and_told(notes, data):
    path = notes.keep_list(LIST)
    (path.parent / "foreign.json").write_bytes(data)
    (path.parent / "note.txt").write_bytes(data)
    lists, _, (notice,) = notes.read()
    assert lists == (LIST,)
    assert "foreign.json is passed over" in notice
    assert notice.endswith("It can be deleted.")


def test_a_broken_probe_is_written_anew(notes):
    path = notes.keep_probe(probe("a"))
    path.write_bytes(b"{")
    assert len(notes.read()[2]) == 1
    notes.keep_probe(probe("b"))
    _, (result,), notices = notes.read()
    assert [model.id for model in result.models] == ["b"]
    assert notices == ()


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in folders")
def test_a_pipe_is_not_waited_for(notes, tmp_path):
    (tmp_path / "lists").mkdir()
    os.mkfifo(tmp_path / "lists" / "a.json")
    assert len(notes.read()[2]) == 1
