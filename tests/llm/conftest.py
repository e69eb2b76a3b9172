from __future__ import annotations

import pytest
from llm_raw_server import RawServer


@pytest.fixture
async def server():
    raw = RawServer()
    await raw.start()
    yield raw
    await raw.stop()
