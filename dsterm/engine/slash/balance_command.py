"""/balance: what is left on the account, where a provider can tell."""

from __future__ import annotations

from dsterm.engine.live import LiveSession
from dsterm.llm.balance import read_balance


async def balance(live: LiveSession) -> None:
    """Ask the provider and say what it says; ProviderError or UsageError when that can't be had."""
    card = live.provider
    if not card.balance_url:
        page = f" Look at {card.key_page}." if card.key_page else ""
        live.notice(f"{card.title} at {card.base_url} can't be asked for the balance.{page}")
        return
    body = await live.connection().fetch(card.balance_url)
    amounts = " and ".join(f"{item.amount:,f} {item.currency}" for item in read_balance(card.balance_form, body))
    owed = " It is the demo's; nothing is owed." if card.is_demo else ""
    live.notice(f"Balance at {card.title}: {amounts}.{owed}")
