"""What the catalog says, as lines of at most 80 columns: prices, limits and modes, each with where it is from."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import UTC, date, datetime

import msgspec

from dsterm.core.errors import UsageError
from dsterm.core.models import ModelCard, Price, ProviderCard, ThinkingMode
from dsterm.llm.catalog import Catalog
from dsterm.llm.catalog_entries import write_hours
from dsterm.render.probe_words import probe_words

_WIDTH = 80
_LABEL = 10


class ModelListing(msgspec.Struct, frozen=True, kw_only=True):
    """A model, with what it costs at the moment of the report."""

    model: ModelCard
    price_now: Price | None


class ProviderListing(msgspec.Struct, frozen=True, kw_only=True):
    """A provider and its models; `warnings` are what its own list says that was not believed."""

    provider: ProviderCard
    models: tuple[ModelListing, ...]
    warnings: tuple[str, ...] = ()


class ModelsReport(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; prices are US dollars per 1,000,000 tokens, sizes are tokens."""

    at: datetime
    providers: tuple[ProviderListing, ...]


def take_stock(catalog: Catalog, cards: tuple[ProviderCard, ...], now: datetime) -> ModelsReport:
    """What `catalog` says of the providers `cards` at `now`."""
    listings = [
        ProviderListing(
            provider=card,
            models=tuple(ModelListing(model=model, price_now=model.price_at(now)) for model in _models(catalog, card)),
            warnings=catalog.warnings(card.name),
        )
        for card in cards
    ]
    return ModelsReport(at=now, providers=tuple(listings))


def report_lines(report: ModelsReport) -> Iterator[str]:
    """The report for a reader, one printable line at a time."""
    yield f"US dollars per 1,000,000 tokens; sizes in tokens; as of {report.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
    for listing in report.providers:
        yield ""
        for line in _provider_lines(listing):
            yield _printable(line)


def _models(catalog: Catalog, card: ProviderCard) -> tuple[ModelCard, ...]:
    try:
        return catalog.models(card.name)
    except UsageError:
        # A server of the user's own has no models to show before it has an address.
        return ()


def _provider_lines(listing: ProviderListing) -> Iterator[str]:
    card = listing.provider
    place = card.base_url or ("a server that dsterm starts" if card.is_demo else "no address yet: give --base-url")
    yield from _wrapped(f"{card.title} ({card.name}) at {place}", "")
    key = " or ".join((*card.key_variables, "DSTERM_API_KEY")) if card.needs_key else "none needed"
    balance = "/balance asks for it" if card.balance_url else "it can't tell" if card.base_url else "-"
    yield from _labelled("key", key)
    yield from _labelled("balance", balance)
    shared = next((item.model.mode_bodies for item in listing.models), {})
    for mode, body in shared.items():
        yield from _labelled(mode.label, _sent(body))
    for item in listing.models:
        yield ""
        yield from _model_lines(item, shared)
    if not listing.models and card.base_url:
        yield from _wrapped("Its models are those that it was started with; --refresh lists them.", "  ")
    for warning in listing.warnings:
        yield from _wrapped(f"! {warning}", "  ")


def _model_lines(item: ModelListing, shared: dict[ThinkingMode, dict[str, msgspec.Raw]]) -> Iterator[str]:
    model = item.model
    alias = f"{model.alias} = " if model.alias else ""
    title = f"  {model.title}" if model.title != model.id else ""
    yield from _wrapped(f"{alias}{model.id}{title}", "  ")
    yield from _price_lines(item)
    limits = f"{model.context_window:,} window, {model.max_output:,} output"
    yield from _labelled("limits", f"{limits} ({_origin(model.source, model.since)})")
    if model.mode_bodies != shared:
        for mode, body in model.mode_bodies.items():
            yield from _labelled(mode.label, _sent(body))
    if model.probed is not None:
        yield from _labelled("probed", f"{model.probed.on}: {probe_words(model.probed)}")


def _price_lines(item: ModelListing) -> Iterator[str]:
    model, now = item.model, item.price_now
    if model.price is None or now is None:
        yield from _labelled("price", "unknown")
        return
    dated = _origin(model.price.source, model.price.since)
    if model.off_peak is None:
        yield from _labelled("price", f"{_dollars(now)} ({dated})")
        return
    hours = ", ".join(write_hours(hours) for hours in model.peak_hours)
    yield from _labelled("price now", f"{_dollars(now)} ({'off-peak' if now == model.off_peak else 'peak'})")
    yield from _labelled("peak", f"{_dollars(model.price)}, {hours} UTC ({dated})")
    off_peak = _origin(model.off_peak.source, model.off_peak.since)
    yield from _labelled("off-peak", f"{_dollars(model.off_peak)}, all other hours ({off_peak})")


def _dollars(price: Price) -> str:
    return f"${price.input:f} in, ${price.output:f} out, ${price.cache_read:f} cache read"


def _origin(source: str, since: date | None) -> str:
    return f"{source or 'source unknown'}{f', {since}' if since else ''}"


def _sent(body: dict[str, msgspec.Raw]) -> str:
    fields = (f"{name}: {bytes(value).decode()}" for name, value in body.items())
    return f"sends {', '.join(fields)}" if body else "sends nothing of its own"


def _labelled(label: str, text: str) -> Iterator[str]:
    yield from _wrapped(f"{label:<{_LABEL}} {text}", "    ", hanging=_LABEL + 1)


def _wrapped(text: str, indent: str, hanging: int = 2) -> Iterator[str]:
    lines = textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent + " " * hanging, break_on_hyphens=False
    )
    yield from lines


def _printable(line: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in line)
