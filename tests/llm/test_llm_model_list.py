from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsterm.core.account import FetchedList, ListedModel
from dsterm.core.errors import ProviderError
from dsterm.core.models import PageForm
from dsterm.demo.models import model_list
from dsterm.llm.catalog import load_catalog
from dsterm.llm.model_list import read_model_list

CATALOG = load_catalog()


def read(form: PageForm, *entries: object) -> tuple[ListedModel, ...]:
    return read_model_list(form, json.dumps({"object": "list", "data": entries}).encode())


def test_novita_counts_in_ten_thousandths_of_a_dollar():
    (pro,) = read(
        PageForm.NOVITA,
        {
            "id": "deepseek/deepseek-v4-pro",
            "title": "DeepSeek V4 Pro",
            "context_size": 1_048_576,
            "max_output_tokens": 393_216,
            "input_token_price_per_m": 16_000,
            "output_token_price_per_m": 32_000,
            "cache_read_input_token_price_per_m": 1350,
            "features": ["reasoning"],
        },
    )
    assert pro == ListedModel(
        id="deepseek/deepseek-v4-pro",
        title="DeepSeek V4 Pro",
        context_window=1_048_576,
        max_output=393_216,
        input=Decimal("1.6"),
        output=Decimal("3.2"),
        cache_read=Decimal("0.135"),
    )


def test_the_demo_s_list_is_read_as_novita_s():
    listed = read_model_list(PageForm.NOVITA, msgspec.json.encode(model_list()))
    prices = [(model.input, model.output, model.cache_read) for model in listed]
    known = [CATALOG.model("novita", name).price for name in ("pro", "flash")]
    assert prices == [(price.input, price.output, price.cache_read) for price in known]


@pytest.mark.parametrize(
    ("entry", "amounts"),
    [
        ({"input_pricing": {"pricePerM": 1400}, "output_pricing": {"pricePerM": 2800}}, ("0.14", "0.28", None)),
        ({"cache_read_input_pricing": {"pricePerM": 280}}, (None, None, "0.028")),
        ({"input_token_price_per_m": -1, "output_token_price_per_m": None}, (None, None, None)),
        ({"input_token_price_per_m": 1400, "is_tiered_billing": True}, (None, None, None)),
        ({"input_token_price_per_m": True, "output_token_price_per_m": [1]}, (None, None, None)),
        ({"input_token_price_per_m": 10**30, "output_token_price_per_m": "1e999999"}, (None, None, None)),
        ({"input_token_price_per_m": "1400", "output_token_price_per_m": 2800.0}, ("0.14", "0.28", None)),
        ({}, (None, None, None)),
    ],
)  # fmt: skip
def test_prices_of_novita_that_are_missing_or_none(entry, amounts):
    (model,) = read(PageForm.NOVITA, {"id": "x", **entry})
    assert (model.input, model.output, model.cache_read) == tuple(amount and Decimal(amount) for amount in amounts)


def test_openrouter_gives_strings_a_token():
    (flash,) = read(
        PageForm.OPENROUTER,
        {
            "id": "deepseek/deepseek-v4-flash",
            "name": "DeepSeek: V4 Flash",
            "context_length": 2_000_000,
            "top_provider": {"context_length": 1_048_576, "max_completion_tokens": 65_536},
            "pricing": {"prompt": "0.000000098", "completion": "0.000000196", "input_cache_read": "0.00000002"},
        },
    )
    assert (flash.context_window, flash.max_output) == (1_048_576, 65_536)
    assert (flash.input, flash.output, flash.cache_read) == (Decimal("0.098"), Decimal("0.196"), Decimal("0.02"))
    (auto,) = read(PageForm.OPENROUTER, {"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}})
    assert (auto.input, auto.output) == (None, None)


def test_deepinfra_gives_dollars_a_million_in_its_metadata():
    facts = {"context_length": 1_048_576, "max_tokens": 16_384, "pricing": {"input_tokens": 1.3, "output_tokens": 2.6}}
    (pro,) = read(PageForm.DEEPINFRA, {"id": "deepseek-ai/DeepSeek-V4-Pro", "metadata": facts})
    assert (pro.input, pro.output, pro.cache_read, pro.max_output) == (Decimal("1.3"), Decimal("2.6"), None, 16_384)
    (bare,) = read(PageForm.DEEPINFRA, {"id": "x", "metadata": None})
    assert bare == ListedModel(id="x")


@pytest.mark.parametrize("form", [PageForm.DEEPSEEK, PageForm.SILICONFLOW, PageForm.PLAIN])
def test_plain_lists_have_ids_and_perhaps_a_window(form):
    listed = read(
        form,
        {"id": "deepseek-flash", "object": "model"},
        {"id": "vllm", "max_model_len": 4096},
        {"id": "a", "meta": {"n_ctx": 512}},
    )
    assert [(model.id, model.context_window, model.input) for model in listed] == [
        ("deepseek-flash", None, None),
        ("vllm", 4096, None),
        ("a", 512, None),
    ]


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"null", b"[]", b'{"data": {}}', b'{"error": {"message": "no"}}', b"[" * 100_000, b'{"data": [',
     b"\xff\xfe", b'{"data": [' + b"9" * 5000 + b"]}", b'{"data": [NaN]}'],
    ids=lambda body: repr(body[:16]),
)  # fmt: skip
def test_what_is_no_list_is_one_sentence(body):
    with pytest.raises(ProviderError) as caught:
        read_model_list(PageForm.NOVITA, body)
    assert str(caught.value).isprintable()


def test_ids_and_titles_can_t_reach_the_terminal():
    listed = read(
        PageForm.PLAIN,
        {"id": "a\x1b[2J"}, {"id": "b\n"}, {"id": "c\u202e"}, {"id": ""}, {"id": 5}, {"id": "x" * 201}, {"id": "d e"},
        {"id": "good", "title": "T\x1b]0;x\x07\u202eitle\n" + "x" * 500}, {"id": "good", "title": "again"}, None, 3, "text",
    )  # fmt: skip
    (good,) = listed
    assert good.id == "good"
    assert good.title.isprintable()
    assert len(good.title) <= 100


def test_a_hundred_thousand_models_are_cut_and_the_known_one_is_kept():
    crowd = [{"id": f"deepseek-v9-{number}"} for number in range(10_000)]
    body = json.dumps({"data": [*crowd, {"id": "deepseek/deepseek-v4-pro"}, *crowd, *[{"id": "x"}] * 80_000]}).encode()
    listed = read_model_list(PageForm.NOVITA, body)
    kept = CATALOG.worth_keeping("novita", listed)
    assert len(kept) == 200
    assert kept[0].id == "deepseek/deepseek-v4-pro"


def test_what_dsterm_has_no_use_for_is_not_kept():
    listed = read(
        PageForm.PLAIN, *({"id": name} for name in ("gpt-6", "a/deepseek-v4-flash-x", "deepseek-r1", "deepseek-v3"))
    )
    assert [model.id for model in CATALOG.worth_keeping("novita", listed)] == ["a/deepseek-v4-flash-x"]
    assert len(CATALOG.worth_keeping("ollama", listed)) == 4


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = st.sampled_from(
    ["id", "title", "context_size", "max_output_tokens", "input_token_price_per_m", "output_token_price_per_m",
     "input_pricing", "is_tiered_billing", "pricing", "top_provider", "context_length", "metadata", "max_model_len", "meta"]
)  # fmt: skip
_NAMES = st.sampled_from(["deepseek/deepseek-v4-pro", "deepseek-v4-pro", "deepseek-v7", "x\x1b"])


@settings(max_examples=60, deadline=None)
@given(
    form=st.sampled_from(PageForm),
    entries=st.lists(st.dictionaries(_FIELDS, _JSON, max_size=6) | _JSON, max_size=4),
    name=_NAMES,
)
def test_any_list_is_read_or_refused_and_never_breaks_the_catalog(form, entries, name):
    given_entries = [{**entry, "id": name} if isinstance(entry, dict) else entry for entry in entries]
    body = json.dumps({"data": given_entries}).encode()
    try:
        listed = read_model_list(form, body)
    except ProviderError:
        return
    for provider, place in (("novita", "https://api.novita.ai"), ("ollama", "http://127.0.0.1:11434")):
        kept = CATALOG.worth_keeping(provider, listed)
        fetched = FetchedList(provider=provider, origin=place, on=date(2026, 11, 22), models=kept)
        catalog = load_catalog(fetched=[fetched])
        for card in catalog.models(provider):
            assert card.id.isprintable()
            assert card.context_window > 0
            assert card.price is None or card.price.input >= 0
