"""A provider's own list of models, in the forms that providers have; what is not understood in it is left out."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from dsterm.core.account import ListedModel
from dsterm.core.errors import ProviderError
from dsterm.core.models import PageForm
from dsterm.llm.amounts import Members, members, model_id, one_line, price, read_json, tokens

_MILLION = Decimal(1_000_000)
_NOVITA_UNIT = Decimal(10_000)
_CENT = Decimal("0.01")
_MOST_MODELS = 20_000
_LONGEST_TITLE = 100


def read_model_list(form: PageForm, body: bytes) -> tuple[ListedModel, ...]:
    """The models in `body`, each id once; ProviderError when it is no list of models at all."""
    page = members(read_json(body, "The list of models"))
    entries = page.get("data")
    if not isinstance(entries, list):
        raise ProviderError("The answer holds no list of models. Check the address of the server (--base-url).")
    found: dict[str, ListedModel] = {}
    for entry in entries[:_MOST_MODELS]:
        known = members(entry)
        name = model_id(known.get("id"))
        if name is not None and name not in found:
            title = one_line(known.get("title") or known.get("name") or known.get("display_name"), _LONGEST_TITLE)
            listed = _READERS.get(form, _plain)(known)
            found[name] = msgspec.structs.replace(listed, id=name, title=title)
    return tuple(found.values())


def _novita(entry: Members) -> ListedModel:
    """Prices are integers in 1/10,000 US dollars per 1,000,000 tokens; with tiers by length there is no single one."""

    def dollars(kind: str) -> Decimal | None:
        value = price(entry.get(f"{kind}_token_price_per_m"))
        if value is None:
            value = price(members(entry.get(f"{kind}_pricing")).get("pricePerM"))
        return None if value is None or entry.get("is_tiered_billing") is True else _dollars(value / _NOVITA_UNIT)

    return ListedModel(
        id="",
        context_window=tokens(entry.get("context_size")),
        max_output=tokens(entry.get("max_output_tokens")),
        input=dollars("input"),
        output=dollars("output"),
        cache_read=dollars("cache_read_input"),
    )


def _openrouter(entry: Members) -> ListedModel:
    """Prices are decimal strings in US dollars per token."""
    prices, top = members(entry.get("pricing")), members(entry.get("top_provider"))

    def dollars(kind: str) -> Decimal | None:
        value = price(prices.get(kind))
        return None if value is None else _dollars(value * _MILLION)

    return ListedModel(
        id="",
        context_window=tokens(top.get("context_length")) or tokens(entry.get("context_length")),
        max_output=tokens(top.get("max_completion_tokens")),
        input=dollars("prompt"),
        output=dollars("completion"),
        cache_read=dollars("input_cache_read"),
    )


def _deepinfra(entry: Members) -> ListedModel:
    """Prices are numbers in US dollars per 1,000,000 tokens."""
    facts = members(entry.get("metadata"))
    prices = members(facts.get("pricing"))

    def dollars(kind: str) -> Decimal | None:
        value = price(prices.get(kind))
        return None if value is None else _dollars(value)

    return ListedModel(
        id="",
        context_window=tokens(facts.get("context_length")),
        max_output=tokens(facts.get("max_tokens")),
        input=dollars("input_tokens"),
        output=dollars("output_tokens"),
        cache_read=dollars("cache_read_tokens"),
    )


def _plain(entry: Members) -> ListedModel:
    """Ids, and the window where vLLM, SGLang (`max_model_len`) or llama.cpp (`meta.n_ctx`) tells it."""
    window = tokens(entry.get("max_model_len")) or tokens(members(entry.get("meta")).get("n_ctx"))
    return ListedModel(id="", context_window=window)


def _dollars(amount: Decimal) -> Decimal:
    """`amount` as it is written: with cents, and more digits where there are any."""
    cents = amount.quantize(_CENT)
    return cents if cents == amount else amount.normalize()


_READERS: dict[PageForm, Callable[[Members], ListedModel]] = {
    PageForm.NOVITA: _novita,
    PageForm.OPENROUTER: _openrouter,
    PageForm.DEEPINFRA: _deepinfra,
}
