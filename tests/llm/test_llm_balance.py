from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsterm.core.account import Balance
from dsterm.core.errors import ProviderError
from dsterm.core.models import PageForm
from dsterm.llm.balance import read_balance


def usd(amount: str) -> tuple[Balance, ...]:
    return (Balance(currency="USD", amount=Decimal(amount)),)


@pytest.mark.parametrize(
    ("form", "page", "amount"),
    [
        (PageForm.NOVITA, {"availableBalance": "1000000", "cashBalance": "800000"}, "100"),
        (PageForm.NOVITA, {"availableBalance": 12345}, "1.2345"),
        (PageForm.NOVITA, {"availableBalance": "-5000"}, "-0.5"),
        (PageForm.OPENROUTER, {"data": {"total_credits": 25.5, "total_usage": 0.1}}, "25.4"),
        (PageForm.SILICONFLOW, {"code": 20000, "data": {"balance": "0.88", "totalBalance": "88.88"}}, "88.88"),
        (PageForm.DEEPSEEK, {"balance_infos": [{"currency": "USD", "total_balance": "0.00"}]}, "0"),
    ],
)
def test_each_form_gives_dollars_to_the_last_digit(form, page, amount):
    assert read_balance(form, json.dumps(page).encode()) == usd(amount)


def test_deepseek_may_have_several_currencies():
    infos = [
        {"currency": "CNY", "total_balance": "110.00", "granted_balance": "10.00", "topped_up_balance": "100.00"},
        {"currency": "USD", "total_balance": "3.10"},
        {"currency": "USD", "total_balance": "9"},
        {"currency": "\x1b[2J", "total_balance": "1"},
        {"currency": "EUR", "total_balance": "NaN"},
        {"currency": "GBP", "total_balance": None},
        "text",
    ]
    found = read_balance(PageForm.DEEPSEEK, json.dumps({"is_available": True, "balance_infos": infos}).encode())
    assert [(item.currency, str(item.amount)) for item in found] == [("CNY", "110.00"), ("USD", "3.10")]


@pytest.mark.parametrize("form", PageForm)
@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b"<html>", b'{"availableBalance": null, "data": null, "balance_infos": null}',
     b'{"availableBalance": "1e9999999999", "data": {"total_credits": 1}, "balance_infos": [1]}',
     b'{"availableBalance": true, "data": {"totalBalance": []}}', b"[" * 100_000],
    ids=lambda body: repr(body[:16]),
)  # fmt: skip
def test_a_page_without_an_amount_is_one_sentence(form, body):
    with pytest.raises(ProviderError) as caught:
        read_balance(form, body)
    assert str(caught.value).endswith(".")


@settings(max_examples=60, deadline=None)
@given(
    form=st.sampled_from(PageForm),
    value=st.one_of(st.integers(), st.floats(), st.text(max_size=50), st.booleans(), st.none(), st.decimals().map(str)),
)
def test_any_value_is_an_amount_that_can_be_written_or_refused(form, value):
    page = {
        "availableBalance": value,
        "data": {"total_credits": value, "total_usage": 0, "totalBalance": value},
        "balance_infos": [{"currency": "USD", "total_balance": value}],
    }
    try:
        found = read_balance(form, json.dumps(page).encode())
    except ProviderError:
        return
    assert all(item.amount.is_finite() and len(f"{item.amount:,f}") < 90 for item in found)
