from __future__ import annotations

import re
from http import HTTPStatus

import pytest

from dsterm.core.models import ProviderCard
from dsterm.headless.flag_words import with_flags
from dsterm.llm.failures import Origin, from_status

CARD = ProviderCard(name="novita", title="Novita AI", base_url="https://api.novita.ai/openai/v1")
WORDS = (
    "",
    "This model's maximum context length is 10 tokens",
    "The `reasoning_content` in the thinking mode must be passed back to the API.",
    "requests per minute",
    "tokens per minute",
    "requests per day",
    "identity verification is needed",
    "Invalid max_tokens value",
)


@pytest.mark.parametrize("words", WORDS)
def test_no_hint_names_a_command_that_only_a_screen_has(words: str) -> None:
    for status in (status for status in HTTPStatus if status >= 400):
        said = with_flags(from_status(Origin(card=CARD, model="m"), status, {}, words.encode()).sentence)
        assert not re.search(r"(^|[ (])/(provider|model|mode|detach|new|back)\b", said), said


def test_paths_and_addresses_stay() -> None:
    text = "See /home/mode/a and https://api.novita.ai/model and docs/mode.md."
    assert with_flags(text) == text
