"""The balance of the account, as DeepSeek tells it: the demo has no account, so it is nothing, and says why."""

from __future__ import annotations

import msgspec


class BalanceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One currency; amounts are texts, as the API has them."""

    currency: str = "USD"
    total_balance: str = "0.00"
    granted_balance: str = "0.00"
    topped_up_balance: str = "0.00"


class BalancePage(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /user/balance` answers."""

    is_available: bool = True
    balance_infos: tuple[BalanceInfo, ...] = (BalanceInfo(),)
    note: str = "dsterm's demo: no account, no money, and no model either."
