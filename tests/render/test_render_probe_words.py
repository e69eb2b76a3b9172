from __future__ import annotations

from datetime import date

import pytest

from dsterm.core.models import Probed, ThinkingMode
from dsterm.render.probe_words import probe_words

NON_THINK, THINK, THINK_MAX = ThinkingMode


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, "nothing was settled"),
        ({"honoured": (NON_THINK, THINK)}, "Non-think is off, Think reasons"),
        ({"honoured": (THINK_MAX,), "not_honoured": (NON_THINK,)}, "Think Max reasons, Non-think does not work"),
        (
            {"has_cache": True, "cache_unit": 1024},
            "a repeated prompt is cached, in units of at most 1,024 tokens",
        ),
        ({"has_cache": False}, "a repeated prompt is not cached"),
    ],
)
def test_no_more_is_claimed_than_was_seen(found, words):
    assert probe_words(Probed(on=date(2026, 11, 22), **found)) == words
