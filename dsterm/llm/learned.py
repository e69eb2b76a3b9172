"""What was learned since the catalog was written, as tables in its shape: a provider's own list, and what a probe found.

A list is checked before it is believed: a price or a limit that is not within 0.2 to 5 times what the catalog has, is not
taken, model by model; a model that is new gets its price only where all known ones of the same list agree.
"""

from __future__ import annotations

import re
from decimal import Decimal

import msgspec

from dsterm.core.account import FetchedList, ListedModel, ProbedModel, ProbeResult
from dsterm.core.models import Price, ThinkingMode
from dsterm.llm.amounts import model_id, one_line, price, tokens
from dsterm.llm.catalog_entries import AnyModel, ModelEntry, ProviderEntry
from dsterm.llm.wire import OWN_FIELDS

_MOST_KEPT = 200
_LEAST, _MOST = Decimal("0.2"), Decimal(5)
_OURS = re.compile(r"deepseek[-_]?(v([4-9]|[1-9]\d)|flash|pro)", re.IGNORECASE)

Table = dict[str, object]


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """A layer for one provider, and a sentence for everything that was not believed."""

    table: Table
    warnings: tuple[str, ...] = ()


def worth_keeping(entry: ProviderEntry, listed: tuple[ListedModel, ...]) -> tuple[ListedModel, ...]:
    """Those of a list that the catalog has a use for: models that it knows, kin of them, all of a server that takes any."""
    kept = [
        model
        for model in listed
        if known_id(entry, model.id) or entry.any_model or _OURS.match(model.id.rpartition("/")[2])
    ]
    # What the catalog knows comes first, so that no crowd of others takes its place.
    kept.sort(key=lambda model: known_id(entry, model.id) is None)
    return tuple(kept[:_MOST_KEPT])


def known_id(entry: ProviderEntry, listed_id: str) -> str | None:
    """The id in the catalog of the model that is listed as `listed_id`."""
    wanted = listed_id.casefold()
    for name, model in entry.models.items():
        if wanted in (name.casefold(), *(other.casefold() for other in model.served_as)):
            return name
    return None


def from_list(entry: ProviderEntry, title: str, fetched: FetchedList) -> Learned:
    """The layer of what `entry`, called `title`, listed itself."""
    source = f"the list of {title}"
    models: dict[str, Table] = {}
    warnings: list[str] = []
    new: list[ListedModel] = []
    agreeing = 0
    for listed in map(_cleaned, fetched.models[:_MOST_KEPT]):
        if listed is None:
            continue
        name = known_id(entry, listed.id)
        if name is None:
            new.append(listed)
        elif name not in models:
            models[name] = _limits(entry.models[name], listed, source, fetched, warnings)
            found = _price(entry.models[name], listed, source, fetched, warnings)
            if found is not None:
                agreeing += 1
                models[name]["price"] = found
    has_prices = agreeing > 0 and not warnings
    for listed in new:
        if entry.any_model or _OURS.match(listed.id.rpartition("/")[2]):
            models[listed.id] = _new(entry, listed, source, fetched, has_price=has_prices)
    return Learned(table={"models": models}, warnings=tuple(warnings))


def from_probe(entry: ProviderEntry, result: ProbeResult) -> Learned:
    """The layer of what a probe of `entry` found to switch the modes."""
    models: dict[str, Table] = {}
    for probed in result.models[:_MOST_KEPT]:
        bodies = _bodies(probed)
        if model_id(probed.id) is None:
            continue
        if probed.id in entry.models:
            models[probed.id] = {"modes": bodies}
        elif entry.any_model is not None:
            models[probed.id] = {**msgspec.structs.asdict(entry.any_model), "modes": bodies}
    return Learned(table={"models": models})


def _cleaned(listed: ListedModel) -> ListedModel | None:
    """`listed` as it may come from a file that anyone wrote; None for an id that is none."""
    name = model_id(listed.id)
    if name is None:
        return None
    return ListedModel(
        id=name,
        title=one_line(listed.title, 100),
        context_window=tokens(listed.context_window),
        max_output=tokens(listed.max_output),
        input=price(listed.input),
        output=price(listed.output),
        cache_read=price(listed.cache_read),
    )


def _limits(known: ModelEntry, listed: ListedModel, source: str, fetched: FetchedList, warnings: list[str]) -> Table:
    found: Table = {}
    for field in ("context_window", "max_output"):
        told, has = getattr(listed, field), getattr(known, field)
        if told is None or (known.since is not None and known.since > fetched.on):
            continue
        if _LEAST <= Decimal(told) / has <= _MOST:
            found[field] = told
        else:
            words = field.replace("_", " ")
            warnings.append(f"{listed.id}: {source} says {words} {told:,}; the built-in {has:,} is kept.")
    return found | {"source": source, "since": fetched.on} if found else {}


def _price(
    known: ModelEntry, listed: ListedModel, source: str, fetched: FetchedList, warnings: list[str]
) -> Price | None:
    """The listed price, where it can be one of `known`; a list knows no hours, so it says nothing of those that have them."""
    told = _told(listed, known.price, source, fetched)
    near = known.price or known.expected
    if told is None or near is None or known.off_peak is not None or near.since > fetched.on:
        return None
    pairs = [(told.input, near.input), (told.output, near.output)]
    if known.price is not None and listed.cache_read is not None:
        pairs.append((told.cache_read, near.cache_read))
    if told.cache_read <= told.input and all(_LEAST * has <= amount <= _MOST * has for amount, has in pairs):
        return told
    kept = "the built-in price is kept" if known.price else "that can't be right, so the price stays unknown"
    warnings.append(
        f"{listed.id}: {source} says {written(told)}, but about {written(near)} dollars per 1M tokens are to be "
        f"expected (in / out / cache read); {kept}."
    )
    return None


def _told(listed: ListedModel, former: Price | None, source: str, fetched: FetchedList) -> Price | None:
    """The price as listed; where it says nothing of cached tokens, they cost what they did, or as much as any."""
    if not listed.input or not listed.output:
        return None
    cached = listed.cache_read
    if cached is None:
        cached = min(former.cache_read, listed.input) if former else listed.input
    return Price(input=listed.input, output=listed.output, cache_read=cached, since=fetched.on, source=source)


def _new(entry: ProviderEntry, listed: ListedModel, source: str, fetched: FetchedList, *, has_price: bool) -> Table:
    limits = _any_limits(entry)
    window = listed.context_window or limits.context_window
    told = _told(listed, None, source, fetched) if has_price else None
    return {
        "title": listed.title,
        "context_window": window,
        "max_output": min(listed.max_output or limits.max_output, window),
        "source": source if listed.context_window else limits.source,
        **({"since": fetched.on} if listed.context_window else {}),
        **({"price": told} if told else {}),
    }


def _any_limits(entry: ProviderEntry) -> AnyModel:
    """Limits for a model that nothing is known of: what any gets at this provider, else the least of the others there."""
    if entry.any_model is not None:
        return entry.any_model
    models = entry.models.values()
    return AnyModel(
        context_window=min((model.context_window for model in models), default=131_072),
        max_output=min((model.max_output for model in models), default=16_384),
        source="assumed, as the others there",
    )


def _bodies(probed: ProbedModel) -> dict[ThinkingMode, dict[str, object]]:
    """What switched a mode, without anything that a mode can't set."""
    found = {}
    for mode, body in probed.bodies.items():
        if OWN_FIELDS & body.keys():
            continue
        try:
            found[mode] = {field: msgspec.json.decode(value) for field, value in body.items()}
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            continue
    return found


def written(price: Price) -> str:
    """A price in one line: in / out / cache read."""
    return f"{price.input:f} / {price.output:f} / {price.cache_read:f}"
