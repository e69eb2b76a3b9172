"""What can be asked and where: providers, models, limits, dated prices, and what each thinking mode sends.

All of it is data from catalog.toml with the user's own file merged over it; `catalog_file` reads and checks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from dsterm.core.errors import UsageError
from dsterm.core.models import ModelCard, PrefixLoss, Price, ProviderCard, ThinkingMode
from dsterm.llm.catalog_file import AnyModel, ProviderEntry, read_catalog

_MAX_ID = 200


class Catalog:
    """All providers and their models; made once, by `load_catalog`."""

    def __init__(
        self, entries: Mapping[str, ProviderEntry], losses: Mapping[str, PrefixLoss], urls: Mapping[str, str]
    ) -> None:
        self._entries = dict(entries)
        self._losses = dict(losses)
        self._cards = {name: _provider_card(name, entry, urls[name]) for name, entry in entries.items()}
        self._models = {name: _model_cards(name, entry) for name, entry in entries.items()}

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
                f'Provider "{name}" has no address. Give one with --base-url, as in --base-url http://localhost:8000/v1.'
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
        if entry.any_model is not None and 0 < len(name) <= _MAX_ID and name.isprintable() and " " not in name:
            return _any_card(provider, name, entry, entry.any_model)
        choices = ", ".join(f"{card.alias} ({card.id})" if card.alias else card.id for card in cards)
        raise UsageError(
            f'{self._cards[provider].title} has no model "{name}" in the catalog. Choose one of {choices}.'
        )

    def priced(self, provider: str, served_id: str) -> Price | None:
        """The price of the model that answered, by the id it answered with; None when that isn't known.

        The organisation before the slash and upper case are passed over, since hosts leave them out as they like.
        """
        wanted = _bare(served_id)
        for card in self._models.get(provider, ()):
            served_as = self._entries[provider].models[card.id].served_as
            if wanted in (_bare(card.id), *map(_bare, served_as)):
                return card.price
        return None

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


def load_catalog(user_file: Path | None = None, *, base_url: str = "", demo_url: str = "") -> Catalog:
    """Read the catalog once, with `user_file` merged over it where it exists.

    `base_url` takes the place of every provider's own address but the demo's, which is `demo_url`.
    Raises SettingsError for a bad file and UsageError for a bad address.
    """
    entries, losses = read_catalog(user_file)
    urls = {name: demo_url if entry.is_demo else base_url or entry.base_url for name, entry in entries.items()}
    urls = {name: _address(url) if url else "" for name, url in urls.items()}
    return Catalog(entries, losses, urls)


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


def _provider_card(name: str, entry: ProviderEntry, base_url: str) -> ProviderCard:
    return ProviderCard(
        name=name,
        title=entry.title or name,
        base_url=base_url,
        key_variables=entry.key_variables,
        key_page=entry.key_page,
        reasoning_fields=entry.reasoning_fields,
        replay_field=entry.replay_field,
        reasoning_placeholder=entry.reasoning_placeholder,
        needs_key=entry.needs_key,
        is_demo=entry.is_demo,
    )


def _model_cards(provider: str, entry: ProviderEntry) -> tuple[ModelCard, ...]:
    """The models in the order of the file; of two with the same alias the later one, which is the user's, keeps it."""
    owners = {model.alias: model_id for model_id, model in entry.models.items() if model.alias}
    return tuple(
        ModelCard(
            id=model_id,
            provider=provider,
            title=model.title or model_id,
            context_window=model.context_window,
            max_output=model.max_output,
            alias=model.alias if model.alias and owners[model.alias] == model_id else None,
            price=model.price,
            mode_bodies=_bodies({**entry.modes, **model.modes}),
        )
        for model_id, model in entry.models.items()
    )


def _any_card(provider: str, model_id: str, entry: ProviderEntry, limits: AnyModel) -> ModelCard:
    return ModelCard(
        id=model_id,
        provider=provider,
        title=model_id,
        context_window=limits.context_window,
        max_output=limits.max_output,
        mode_bodies=_bodies(entry.modes),
    )


def _bodies(modes: Mapping[ThinkingMode, Mapping[str, object]]) -> dict[ThinkingMode, dict[str, msgspec.Raw]]:
    return {
        mode: {field: msgspec.Raw(msgspec.json.encode(value)) for field, value in body.items()}
        for mode, body in modes.items()
    }
