from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.llm.overflow import is_overflow, prompt_tokens_in, window_in

# What servers write, the window in it, the size of the prompt in it.
TEXTS = [
    (
        "This model's maximum context length is 1048576 tokens. However, you requested 1093216 tokens "
        "(700000 in the messages, 393216 in the completion). Please reduce the length of the messages or completion.",
        1_048_576,
        700_000,
    ),
    (
        "This model's maximum context length is 4097 tokens, however you requested 4226 tokens (3226 in your prompt; 1000 for "
        "the completion).",
        4097,
        3226,
    ),
    ("This model's maximum context length is 4097 tokens, however you requested 4226 tokens.", 4097, None),
    (
        "This model's maximum context length is 128,000 tokens. However, your messages resulted in 204,308 tokens.",
        128_000,
        204_308,
    ),
    (
        "This endpoint's maximum context length is 131072 tokens. However, you requested about 141607 tokens "
        "(10000 of text input, 535 of tool input, 131072 in the output).",
        131_072,
        10_535,
    ),
    (
        "This model's maximum context length is 128000 tokens. However, you requested 65535 output tokens and your prompt "
        "contains at least 62466 input tokens, for a total of at least 128001 tokens.",
        128_000,
        62_466,
    ),
    (
        "'max_tokens' or 'max_completion_tokens' is too large: 65536. This model's maximum context length is 32768 tokens and "
        "your request has 9591 input tokens (65536 > 32768 - 9591).",
        32_768,
        9591,
    ),
    ("The input (61709 tokens) is longer than the model's context length (40960 tokens).", 40_960, 61_709),
    (
        "Requested token count exceeds the model's maximum context length of 40960 tokens. You requested a total of 50000 "
        "tokens: 10000 tokens from the input messages and 40000 tokens for the completion.",
        40_960,
        10_000,
    ),
    ("Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens).", 59_862, 160_062),
    (
        "the request exceeds the available context size. try increasing the context size or enable context shift",
        None,
        None,
    ),
    ("request (14429 tokens) exceeds the available context size (8192 tokens), try increasing it", 8192, 14_429),
    ("Requested tokens (2285) exceed context window of 2048", 2048, 2285),
    ("Prompt tokens (9000) exceeds context size (8192)", 8192, 9000),
    ("prompt too long; exceeded max context length by 4 tokens", None, None),
    ("prompt is too long: 208310 tokens > 200000 maximum", 200_000, 208_310),
    ("Input prompt (35247 tokens) is too long and exceeds limit of 1000", None, 35_247),
    ("exceed_context_size_error", None, None),
    ("context_length_exceeded", None, None),
]


@pytest.mark.parametrize(("text", "window", "prompt"), TEXTS)
def test_an_overflow_is_known_in_every_spelling_with_its_figures(text, window, prompt):
    assert is_overflow(text)
    assert (window_in(text), prompt_tokens_in(text)) == (window, prompt)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Invalid max_tokens value, the valid range of max_tokens is [1, 393216]",
        "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'.",
        "messages[46]: missing field `content` at line 1 column 5000",
        "Rate limit reached on tokens per min (TPM): Limit 10000, Used 8554, Requested 3082.",
    ],
)
def test_other_refusals_are_no_overflow(text):
    assert not is_overflow(text)


@given(st.text(max_size=300))
def test_any_text_can_be_looked_through(text):
    assert window_in(f"context length is {text}") is None or window_in(f"context length is {text}") > 0
    assert prompt_tokens_in(text) is None or prompt_tokens_in(text) >= 0


def test_a_number_without_end_is_cut():
    assert window_in(f"context length is {'9' * 100_000}") < 10**18
