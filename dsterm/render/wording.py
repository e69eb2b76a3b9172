"""Money, tokens and time as dsterm writes them everywhere."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

_FOUR = Decimal("0.0001")
_TWO = Decimal("0.01")
_FINE = Decimal("0.001")


def format_money(dollars: Decimal | None, *, is_estimate: bool = False, is_fine: bool = False) -> str:
    """US dollars: four decimals below $1, two from $1, `~` before an estimate, `unknown` for None.

    What is there but would round to nothing is `<$0.0001`; `is_fine` gives sums below a tenth of a cent two digits instead.
    """
    if dollars is None:
        return "unknown"
    if is_fine and 0 < dollars < _FINE:
        return f"{'~' if is_estimate else ''}${dollars.quantize(Decimal(1).scaleb(dollars.adjusted() - 1), ROUND_HALF_UP):f}"
    rounded = dollars.quantize(_FOUR, ROUND_HALF_UP)
    if dollars > 0 and rounded == 0:
        return f"<${_FOUR}"
    if abs(rounded) >= 1:
        rounded = dollars.quantize(_TWO, ROUND_HALF_UP)
    return f"{'~' if is_estimate else ''}${rounded:f}"


def format_tokens(tokens: int, *, is_fine: bool = False) -> str:
    """A number of tokens: 940, 1.9k, 61k, 1.05M; `is_fine` keeps a decimal up to 100k (48.1k)."""
    if tokens < 1000:
        return str(tokens)
    if tokens < (99_950 if is_fine else 9_950):
        return f"{_short(tokens / 1000, 1)}k"
    if tokens < 999_500:
        return f"{tokens / 1000:.0f}k"
    return f"{_short(tokens / 1_000_000, 2)}M"


def format_share(share: float) -> str:
    """A share of 1 in percent: 6 %, `<1 %` for what is there but would round to nothing."""
    return "<1 %" if 0 < share < 0.005 else f"{share * 100:.0f} %"


def format_seconds(seconds: float, *, is_whole: bool = False) -> str:
    """A duration: 0.01 s, 3.2 s, 11 s, 2 m 05 s, 1 h 02 m; `is_whole` counts full seconds only."""
    if is_whole:
        seconds = int(seconds)
    if seconds < 9.95:
        if is_whole:
            return f"{int(seconds)} s"
        return f"{seconds:.2f} s" if seconds < 0.995 else f"{seconds:.1f} s"
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} m"


def format_count(number: int, noun: str) -> str:
    """`1 hunk`, `3 hunks`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _short(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".")
