from __future__ import annotations

from datetime import UTC, datetime

import pytest
from work_loop import WorkLoop

from dsterm.core.errors import ProviderError
from dsterm.core.events import Notice
from dsterm.engine.slash.balance_command import balance
from dsterm.engine.slash.standing import model_list


class Pages:
    """A provider that gives one page, whatever is asked for."""

    def __init__(self, page: bytes) -> None:
        self.page = page
        self.asked: list[str] = []

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        return self.page


class Clock:
    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return 0.0


def said(loop: WorkLoop) -> str:
    (notice,) = [event for event in loop.events if isinstance(event, Notice)]
    return notice.text


@pytest.mark.parametrize(
    ("provider", "page", "url", "words"),
    [
        ("novita", b'{"availableBalance": "123456"}', "/openapi/v1/billing/balance/detail", "Novita AI: 12.3456 USD."),
        (
            "deepseek",
            b'{"balance_infos": [{"currency": "CNY", "total_balance": "1100.00"},'
            b' {"currency": "USD", "total_balance": "3.10"}]}',
            "/user/balance",
            "DeepSeek: 1,100.00 CNY and 3.10 USD.",
        ),
        ("openrouter", b'{"data": {"total_credits": 10, "total_usage": 0.25}}', "/credits", "OpenRouter: 9.75 USD."),
    ],
)
async def test_balance_is_what_the_provider_tells(tmp_path, provider, page, url, words):
    pages = Pages(page)
    loop = WorkLoop(tmp_path / "w", provider=provider, connect=lambda _card: pages)
    await balance(loop.live)
    assert said(loop) == f"Balance at {words}"
    (asked,) = pages.asked
    assert asked.endswith(url)


async def test_a_page_without_a_balance_is_an_error_in_words(tmp_path):
    loop = WorkLoop(tmp_path / "w", connect=lambda _card: Pages(b"<html>\x1b[2J"))
    with pytest.raises(ProviderError, match="not readable"):
        await balance(loop.live)


@pytest.mark.parametrize(("hour", "price"), [(12, "0.66 / 1.98 / 0.022"), (9, "1.32 / 3.96 / 0.044")])
async def test_models_are_listed_with_the_price_of_the_hour_and_its_source(tmp_path, hour, price):
    clock = Clock(datetime(2026, 11, 23, hour, tzinfo=UTC))
    loop = WorkLoop(tmp_path / "w", provider="deepseek", clock=clock)
    lines = model_list(loop.live).splitlines()
    assert lines[1].startswith("● pro   deepseek-v4-pro")
    assert price in lines[1]
    assert "Prices: api-docs.deepseek.com, 2026-08-16; api-docs.deepseek.com, 2026-09-10." in " ".join(
        " ".join(lines).split()
    )
    assert "outside of peak hours" in lines[-1]
