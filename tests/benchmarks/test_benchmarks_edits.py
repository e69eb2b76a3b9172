from __future__ import annotations

import pytest

from benchmarks.edits import time_call


@pytest.mark.parametrize(
    ("kind", "size"),
    [("edit", 0.05), ("edit-crlf", 0.05), ("tolerant", 0.05), ("missing", 0.05), ("patch", 0.05), ("files", 5)],
)
def test_what_is_measured_does_what_it_should(kind, size, tmp_path):
    timed = time_call(kind, size, tmp_path.resolve())
    assert timed.is_right and timed.cpu >= 0
