"""Is it a context overflow, how large is the window, how large was the prompt: read out of what servers write.

The spellings are those of DeepSeek, OpenAI, OpenRouter, vLLM, SGLang, llama.cpp and its Python server, Ollama, Anthropic.
"""

from __future__ import annotations

import re

_OVERFLOW = re.compile(
    r"context[_ -](length|window|size)[_ -](is )?(exceed|overflow|limit)|exceed_context|context_exceeded"
    r"|max(imum)? context (length|window)"
    r"|(prompt|input|request|messages?) (\([^()]{0,40}\) )?(is |are )?too (long|large)"
    r"|(exceeds?|longer than|larger than) .{0,40}context|exceeds the maximum allowed length",
    re.IGNORECASE,
)
_NUMBER = r"(\d[\d,_]*)"
_WINDOW = re.compile(
    rf"context (?:length|window|size)(?: (?:is|of))*(?: only)? ?\(?{_NUMBER}"
    rf"|maximum allowed length \({_NUMBER}"
    rf"|> {_NUMBER}(?: tokens)? maximum",
    re.IGNORECASE,
)
_PROMPT = re.compile(
    rf"{_NUMBER} (?:tokens )?(?:in|from) (?:the|your) (?:input )?(?:messages|prompt)"
    rf"|(?:prompt contains|request has)(?: at least)? {_NUMBER} input tokens"
    rf"|messages resulted in {_NUMBER}"
    rf"|(?:input|prompt|request)(?: length| tokens)? \({_NUMBER}(?: tokens)?\)"
    rf"|requested tokens \({_NUMBER}\)"
    rf"|prompt is too long: {_NUMBER}",
    re.IGNORECASE,
)
_PART = re.compile(rf"{_NUMBER} of (?:text|tool) input", re.IGNORECASE)


def is_overflow(text: str) -> bool:
    """Whether `text`, a sentence or a type of error, says that the prompt doesn't fit the window."""
    return _OVERFLOW.search(text) is not None


def window_in(text: str) -> int | None:
    """The window in tokens that `text` names."""
    return _first(_WINDOW.search(text))


def prompt_tokens_in(text: str) -> int | None:
    """The size of the prompt in tokens that `text` names; a sum with the asked output in it does not count."""
    parts = [_count(part) for part in _PART.findall(text)]
    return sum(parts) if parts else _first(_PROMPT.search(text))


def _first(match: re.Match[str] | None) -> int | None:
    if match is None:
        return None
    return next((_count(group) for group in match.groups() if group), None) or None


def _count(digits: str) -> int:
    """At most 18 digits of it: a longer one is no count of tokens, and converting may take very long."""
    return int(digits.replace(",", "").replace("_", "")[:18])
