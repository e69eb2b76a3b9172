from __future__ import annotations

import os
from pathlib import Path

from dsterm.store.prune_logs import prune_logs

DAY = 86_400.0


def test_old_logs_go_then_the_oldest_above_the_cap(tmp_path: Path) -> None:
    now = 1_000 * DAY
    for name, age in (("old", 31), ("a", 3), ("b", 2), ("c", 1)):
        path = tmp_path / "session" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 100)
        os.utime(path, (now - age * DAY, now - age * DAY))

    assert prune_logs(tmp_path, now, cap=200) == 2
    assert sorted(path.name for path in (tmp_path / "session").iterdir()) == ["b", "c"]


def test_a_folder_that_is_not_there_is_nothing_to_prune(tmp_path: Path) -> None:
    assert prune_logs(tmp_path / "none", 0.0) == 0
