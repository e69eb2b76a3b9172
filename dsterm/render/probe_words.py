"""What a probe found about a model, in words that claim no more than was seen."""

from __future__ import annotations

from dsterm.core.models import Probed, ThinkingMode


def probe_words(found: Probed) -> str:
    """One clause after the other, without the day; Think Max is never said to think more than Think, only to reason."""
    words = [f"{mode.label} {'is off' if mode is ThinkingMode.NON_THINK else 'reasons'}" for mode in found.honoured]
    words += [f"{mode.label} does not work" for mode in found.not_honoured]
    if found.has_cache is not None:
        words.append(f"a repeated prompt is {'' if found.has_cache else 'not '}cached")
    if found.cache_unit is not None:
        words.append(f"in units of at most {found.cache_unit:,} tokens")
    return ", ".join(words) or "nothing was settled"
