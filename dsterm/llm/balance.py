"""The page on which a provider tells what is left on the account, in the forms that providers have."""

from __future__ import annotations

import re
from decimal import Decimal

from dsterm.core.account import Balance
from dsterm.core.errors import ProviderError
from dsterm.core.models import PageForm
from dsterm.llm.amounts import Members, amount, members, read_json

_NOVITA_UNIT = Decimal(10_000)
_MOST_CURRENCIES = 10
_CURRENCY = re.compile(r"[A-Z]{3,5}")


def read_balance(form: PageForm, body: bytes) -> tuple[Balance, ...]:
    """The amounts in `body`, one a currency; ProviderError when it tells none."""
    page = members(read_json(body, "The page with the balance"))
    match form:
        case PageForm.NOVITA:
            found = _dollars(_divided(amount(page.get("availableBalance"))))
        case PageForm.OPENROUTER:
            found = _dollars(_credits(members(page.get("data"))))
        case PageForm.SILICONFLOW:
            found = _dollars(amount(members(page.get("data")).get("totalBalance")))
        case _:
            found = _infos(page)
    if not found:
        raise ProviderError("The page with the balance names no amount. Look it up on the provider's own site.")
    return found


def _infos(page: Members) -> tuple[Balance, ...]:
    """As DeepSeek has it: a list of currencies, amounts in strings."""
    infos = page.get("balance_infos")
    found: dict[str, Balance] = {}
    for entry in infos[:_MOST_CURRENCIES] if isinstance(infos, list) else ():
        info = members(entry)
        currency, total = info.get("currency"), amount(info.get("total_balance"))
        if isinstance(currency, str) and _CURRENCY.fullmatch(currency) and total is not None:
            found.setdefault(currency, Balance(currency=currency, amount=total))
    return tuple(found.values())


def _credits(data: Members) -> Decimal | None:
    bought, used = amount(data.get("total_credits")), amount(data.get("total_usage"))
    return None if bought is None or used is None else bought - used


def _divided(units: Decimal | None) -> Decimal | None:
    return None if units is None else units / _NOVITA_UNIT


def _dollars(total: Decimal | None) -> tuple[Balance, ...]:
    return () if total is None else (Balance(currency="USD", amount=total),)
