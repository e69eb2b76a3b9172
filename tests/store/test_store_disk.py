from __future__ import annotations

import os
from pathlib import Path

import pytest

from dsterm.store.disk import remove_half_written, write_private


def test_what_a_killed_write_left_goes_after_an_hour_and_nothing_else(tmp_path: Path, monkeypatch) -> None:
    whole = tmp_path / "pack.txt"
    write_private(whole, b"whole")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    for name in ("other.txt", "young.txt"):
        with pytest.raises(KeyboardInterrupt):
            write_private(tmp_path / name, b"half")
    monkeypatch.undo()
    (old,) = tmp_path.glob(".other.txt.*.tmp")
    (young,) = tmp_path.glob(".young.txt.*.tmp")
    os.utime(whole, (1, 1))
    os.utime(old, (10_000, 10_000))
    os.utime(young, (13_000, 13_000))
    assert remove_half_written(tmp_path, 10_000 + 3_601.0) == 1
    assert sorted(tmp_path.iterdir()) == sorted([whole, young])
    assert remove_half_written(tmp_path / "missing", 1e9) == 0
