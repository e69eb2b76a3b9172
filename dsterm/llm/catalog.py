"""What can be asked and where: providers, models, limits, dated prices, and what each thinking mode sends.

All of it is data: catalog.toml, over it what providers listed and what probes found (`learned`), over it the user's own
file; `catalog_file` reads and checks them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from dsterm.core.account import FetchedList, ListedModel, ProbeResult
from dsterm.core.errors import UsageError
from dsterm.core.models import ModelCard, PrefixLoss, Price, Probed, ProviderCard, ThinkingMode
from dsterm.llm.catalog_cards import Probes, any_card, model_cards, provider_card
from dsterm.llm.catalog_entries import ProviderEntry
from dsterm.llm.catalog_file import CatalogTables, origin
from dsterm.llm.learned import from_list, from_probe, known_id, worth_keeping

_MAX_ID = 200


class _Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One provider of the catalog, all layers merged: `probes` by model."""

    entry: ProviderEntry
    url: str
    probes: Probes = {}
    warnings: tuple[str, ...] = ()


class Catalog:
    """All providers and their models; made once, by `load_catalog`."""

    def __init__(self, listings: Mapping[str, _Listing], losses: Mapping[str, PrefixLoss]) -> None:
        self._entries = {name: listing.entry for name, listing in listings.items()}
        self._warnings = {name: listing.warnings for name, listing in listings.items()}
        self._losses = dict(losses)
        self._cards = {name: provider_card(name, listing.entry, listing.url) for name, listing in listings.items()}
        self._models = {name: model_cards(name, listing.entry, listing.probes) for name, listing in listings.items()}

    @property
    def providers(self) -> tuple[ProviderCard, ...]:
        """All providers, the default one first."""
        return tuple(self._cards.values())

    def provider(self, name: str) -> ProviderCard:
        """The provider called `name`; UsageError when there is none, or when it has no address."""
        card = self._cards.get(name)
        if card is None:
            raise UsageError(f'There is no provider "{name}". Choose one of {", ".join(self._cards)}.')
        if not card.base_url and not card.is_demo:
            raise UsageError(
                f'Provider "{name}" has no address. Give it one at the start: dsterm --provider {name} --base-url '
                "http://localhost:8000/v1, or in catalog.toml beside config.toml."
            )
        return card

    def models(self, provider: str) -> tuple[ModelCard, ...]:
        """The models known at `provider`."""
        return self._models[self.provider(provider).name]

    def model(self, provider: str, name: str) -> ModelCard:
        """The model at `provider` that is called `name`, by alias (`pro`, `flash`) or id; UsageError lists the choices."""
        cards = self.models(provider)
        wanted = name.strip().casefold()
        for card in cards:
            if wanted in ((card.alias or "").casefold(), card.id.casefold()) and wanted:
                return card
        entry = self._entries[provider]
        served = {_bare(other): card for card in cards for other in entry.models[card.id].served_as}
        if wanted in served:
            return served[wanted]
        if entry.any_model is not None and wanted in {"pro", "flash"}:
            raise UsageError(
                f"{self._cards[provider].title} has no model called {wanted}: it serves what it was started with. "
                f"Name that with --model or /model; dsterm models --provider {provider} --refresh lists it."
            )
        if entry.any_model is not None and 0 < len(name) <= _MAX_ID and name.isprintable() and " " not in name:
            return any_card(provider, name, entry, entry.any_model)
        choices = ", ".join(f"{card.alias} ({card.id})" if card.alias else card.id for card in cards)
        raise UsageError(
            f'{self._cards[provider].title} has no model "{name}" in the catalog. Choose one of {choices}.'
        )

    def priced(self, provider: str, served_id: str, moment: datetime) -> Price | None:
        """The price at `moment` of the model that answered, by the id it answered with; None when that isn't known.

        The organisation before the slash and upper case are passed over, since hosts leave them out as they like.
        """
        for card in self._models.get(provider, ()):
            if self.is_same_model(card, served_id):
                return card.price_at(moment)
        return None

    def is_same_model(self, card: ModelCard, served_id: str) -> bool:
        """Whether an answer that names `served_id` is from the model of `card`."""
        entry = self._entries[card.provider].models.get(card.id)
        names = (card.id, *(entry.served_as if entry else ()))
        return _bare(served_id) in map(_bare, names)

    def warnings(self, provider: str) -> tuple[str, ...]:
        """What the list of `provider` says that was not believed."""
        return self._warnings.get(provider, ())

    def worth_keeping(self, provider: str, listed: tuple[ListedModel, ...]) -> tuple[ListedModel, ...]:
        """Those models of a list of `provider` that the catalog has a use for."""
        return worth_keeping(self._entries[provider], listed)

    def unlisted(self, provider: str, listed: tuple[ListedModel, ...]) -> tuple[ModelCard, ...]:
        """The models of `provider` that are not on its list."""
        entry = self._entries[provider]
        there = {known_id(entry, model.id) for model in listed}
        return tuple(card for card in self._models[provider] if card.id not in there)

    def prefix_loss(self, before: tuple[ModelCard, ThinkingMode], after: tuple[ModelCard, ThinkingMode]) -> PrefixLoss:
        """How much of the prompt cache is lost when the next request goes to `after` instead of `before`."""
        (old_model, old_mode), (new_model, new_mode) = before, after
        own = self._entries[new_model.provider].prefix_loss
        if (old_model.provider, old_model.id) != (new_model.provider, new_model.id):
            return own.get("model", self._losses.get("model", PrefixLoss.EVERYTHING))
        if old_mode is new_mode:
            return PrefixLoss.NOTHING
        pair = "/".join(mode for mode in ThinkingMode if mode in (old_mode, new_mode))
        return own.get(pair, self._losses.get(pair, PrefixLoss.EVERYTHING))


def load_catalog(
    user_file: Path | None = None,
    *,
    base_url: str = "",
    demo_url: str = "",
    provider: str = "",
    fetched: Sequence[FetchedList] = (),
    probed: Sequence[ProbeResult] = (),
) -> Catalog:
    """Read the catalog once: as shipped, then what was `fetched` and `probed`, then `user_file` where it exists.

    `base_url` takes the place of the address of `provider`, or of every provider where that is empty, but never of the demo's,
    which is `demo_url`. What was fetched or probed counts for the server that it is from.
    Raises SettingsError for a bad file and UsageError for a bad address.
    """
    tables = CatalogTables(user_file)
    listings = {}
    for name in tables.names:
        entry = tables.entry(name)
        own = base_url if provider in {"", name} else ""
        url = demo_url if entry.is_demo else own or entry.base_url
        listing = _Listing(entry=entry, url=_address(url) if url else "")
        listings[name] = _with_learned(tables, name, listing, fetched, probed)
    return Catalog(listings, tables.losses)


def _with_learned(
    tables: CatalogTables, name: str, listing: _Listing, fetched: Sequence[FetchedList], probed: Sequence[ProbeResult]
) -> _Listing:
    """The provider `name` of `listing`, with what was learned of the server that it is at."""
    entry, place = listing.entry, origin(listing.url)
    warnings: tuple[str, ...] = ()
    probes: dict[str, Probed] = {}
    layers = []
    for listed in fetched:
        if place and (listed.provider, listed.origin) == (name, place):
            learned = from_list(entry, entry.title or name, listed)
            layers.append(learned.table)
            warnings += learned.warnings
            entry = tables.entry(name, *layers)
    for result in probed:
        if place and (result.provider, result.origin) == (name, place):
            layers.append(from_probe(entry, result).table)
            probes |= {model.id: model.found for model in result.models}
            entry = tables.entry(name, *layers)
    return _Listing(entry=entry, url=listing.url, probes=probes, warnings=warnings)


def _address(url: str) -> str:
    """`url` as the address that `/chat/completions` is added to."""
    trimmed = url.strip().rstrip("/").removesuffix("/chat/completions")
    try:
        parts = urlsplit(trimmed)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if (
        not is_whole
        or not trimmed.isascii()
        or not trimmed.isprintable()
        or " " in trimmed
        or parts.query
        or parts.fragment
    ):
        raise UsageError(
            f'"{url}" is no address of a server. Give one like https://api.novita.ai/openai/v1 with --base-url.'
        )
    return trimmed


def _bare(model_id: str) -> str:
    return model_id.rpartition("/")[2].casefold()
