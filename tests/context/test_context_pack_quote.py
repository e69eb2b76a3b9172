from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from dsterm.context.pack_quote import pack_quote
from dsterm.context.window import LEAST_OUTPUT, output_room
from dsterm.core.models import ModelCard, Price

PRICE = Price(
    input=Decimal("1.60"), output=Decimal("3.20"), cache_read=Decimal("0.135"), since=date(2026, 11, 1), source="test"
)
CARD = ModelCard(
    id="v4", provider="test", title="V4", context_window=1_048_576, max_output=384_000, alias="pro", price=PRICE
)


def test_a_quote_says_share_prices_and_whether_it_fits() -> None:
    quote = pack_quote(100_000, CARD, already=1_000)
    assert (quote.title, quote.tokens, quote.fits, quote.missing) == ("Pro", 100_000, True, 0)
    assert round(quote.share, 4) == 0.0954
    assert (quote.miss_dollars, quote.hit_dollars) == (Decimal("0.16"), Decimal("0.0135"))
    assert pack_quote(100_000, msgspec.structs.replace(CARD, price=None), 0).miss_dollars is None


def test_what_is_missing_is_what_would_make_room() -> None:
    quote = pack_quote(100_000, CARD, already=930_000)
    assert not quote.fits
    assert output_room(CARD, 1_030_000) + quote.missing == LEAST_OUTPUT
