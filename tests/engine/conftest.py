from __future__ import annotations

from collections.abc import Iterator

import pytest
from scripted import OPEN_WORLDS


@pytest.fixture(autouse=True)
def closed_worlds() -> Iterator[None]:
    yield
    while OPEN_WORLDS:
        OPEN_WORLDS.pop().close()
