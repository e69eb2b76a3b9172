"""Entries of the catalog as cards, the values that everyone else uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urljoin

import msgspec

from dsterm.core.models import ModelCard, Probed, ProviderCard, ThinkingMode
from dsterm.llm.catalog_entries import AnyModel, Body, ModelEntry, ProviderEntry, read_hours
from dsterm.llm.catalog_file import has_own_balance, origin

_JSON = msgspec.json.Encoder(decimal_format="number")

Probes = Mapping[str, Probed]


def provider_card(name: str, entry: ProviderEntry, base_url: str) -> ProviderCard:
    """The provider at `base_url`."""
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
        cached_fields=entry.cached_fields,
        accepts_empty_reasoning=entry.accepts_empty_reasoning,
        response_formats=entry.response_formats,
        tool_choices=entry.tool_choices,
        ends_with_done=entry.ends_with_done,
        models_form=entry.models_form,
        balance_url=_balance_url(entry, base_url),
        balance_form=entry.balance_form,
    )


def _balance_url(entry: ProviderEntry, base_url: str) -> str:
    """Where the balance is asked for; another server than the provider's own is not asked for it."""
    if entry.balance_url.startswith("/"):
        return urljoin(base_url, entry.balance_url) if base_url else ""
    is_own = has_own_balance(entry) and origin(base_url) == origin(entry.base_url)
    return entry.balance_url if base_url and is_own else ""


def model_cards(provider: str, entry: ProviderEntry, probes: Probes) -> tuple[ModelCard, ...]:
    """The models in the order of the file; of two with the same alias the later one, which is the user's, keeps it."""
    owners = {model.alias: model_id for model_id, model in entry.models.items() if model.alias}
    return tuple(
        _model_card(provider, model_id, entry, model, owners, probes) for model_id, model in entry.models.items()
    )


def _model_card(
    provider: str, model_id: str, entry: ProviderEntry, model: ModelEntry, owners: Mapping[str, str], probes: Probes
) -> ModelCard:
    return ModelCard(
        id=model_id,
        provider=provider,
        title=model.title or model_id,
        context_window=model.context_window,
        max_output=model.max_output,
        alias=model.alias if model.alias and owners[model.alias] == model_id else None,
        price=model.price,
        off_peak=model.off_peak,
        peak_hours=tuple(hours for text in model.peak_hours if (hours := read_hours(text))),
        mode_bodies=_bodies({**entry.modes, **model.modes}),
        mode_alternatives=_alternatives({**entry.mode_alternatives, **model.mode_alternatives}),
        probed=probes.get(model_id),
        source=model.source,
        since=model.since,
    )


def any_card(provider: str, model_id: str, entry: ProviderEntry, limits: AnyModel) -> ModelCard:
    """A model that the catalog doesn't know, at a provider that takes any."""
    return ModelCard(
        id=model_id,
        provider=provider,
        title=model_id,
        context_window=limits.context_window,
        max_output=limits.max_output,
        mode_bodies=_bodies(entry.modes),
        mode_alternatives=_alternatives(entry.mode_alternatives),
        source=limits.source,
        since=limits.since,
    )


def _bodies(modes: Mapping[ThinkingMode, Body]) -> dict[ThinkingMode, dict[str, msgspec.Raw]]:
    return {mode: _body(body) for mode, body in modes.items()}


def _alternatives(
    modes: Mapping[ThinkingMode, Sequence[Body]],
) -> dict[ThinkingMode, tuple[dict[str, msgspec.Raw], ...]]:
    return {mode: tuple(map(_body, bodies)) for mode, bodies in modes.items()}


def _body(body: Body) -> dict[str, msgspec.Raw]:
    return {field: msgspec.Raw(_JSON.encode(value)) for field, value in body.items()}
