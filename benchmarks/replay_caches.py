"""The two rules by which a provider's cache may go, kept over the requests of one conversation, and what they come to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal

import msgspec

from dsterm.core.models import Price, Usage
from dsterm.core.pricing import cost_of
from dsterm.demo.cache import common_length, whole_units

_REMEMBERED = 4
"""Earlier requests that a new one is compared with; the tree never goes back further."""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A request: the tokens of its prompt, and of it what would come from the cache by either rule."""

    tokens: int
    by_prefix: int
    by_units: int


class Caches:
    """What a provider would keep of one conversation; nothing expires. `count` counts tokens."""

    def __init__(self, count: Callable[[str], int]) -> None:
        self._count = count
        self._texts: list[bytes] = []
        self._units: dict[int, tuple[bytes, int]] = {}

    def send(self, prompt: str, answer: str) -> Sent:
        """Take a request and its answer.

        By prefix: all that it begins with alike, in steps of 64 tokens. By units: the longest whole one, which are the ends of
        earlier prompts and answers, and prefixes that two requests had in common before this one.
        """
        data = prompt.encode()
        tokens = self._count(prompt)
        common = max((common_length(text, data) for text in self._texts), default=0)
        by_prefix = whole_units(min(tokens, self._count(data[:common].decode(errors="ignore")))) if common else 0
        sent = Sent(tokens=tokens, by_prefix=by_prefix, by_units=min(tokens, self._longest_unit(data)))
        if common:
            self._keep(data[:common], by_prefix)
        self._keep(data, tokens)
        whole = data + answer.encode()
        self._keep(whole, tokens + self._count(answer))
        self._texts = [*self._texts, whole][-_REMEMBERED:]
        return sent

    def _keep(self, data: bytes, tokens: int) -> None:
        self._units[len(data)] = (hashlib.sha256(data).digest(), tokens)

    def _longest_unit(self, data: bytes) -> int:
        """The tokens of the longest unit that `data` begins with."""
        digest, place, longest = hashlib.sha256(), 0, 0
        for length in sorted(self._units):
            if length > len(data):
                break
            digest.update(data[place:length])
            place = length
            mark, tokens = self._units[length]
            longest = tokens if mark == digest.digest() else longest
        return longest


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """The share of prompt tokens after the first request that come from the cache, and dollars for a hundred turns."""

    hit: float
    dollars: tuple[Decimal, ...]


def bill(sent: list[Sent], cached: Callable[[Sent], int], answer_tokens: int, prices: tuple[Price, ...]) -> Bill:
    """What the requests come to by one rule, at each of `prices`."""
    later = sent[1:]
    hit = sum(cached(one) for one in later) / max(1, sum(one.tokens for one in later))
    return Bill(hit=hit, dollars=tuple(_dollars(sent, cached, answer_tokens, price) for price in prices))


def _dollars(sent: list[Sent], cached: Callable[[Sent], int], answer_tokens: int, price: Price) -> Decimal:
    usages = (
        Usage(prompt_tokens=one.tokens, cached_tokens=cached(one), completion_tokens=answer_tokens) for one in sent
    )
    total = sum((cost.total for usage in usages if (cost := cost_of(usage, price))), Decimal(0))
    return total * 100 / len(sent)
