"""Reads catalog.toml and the user's own file over it, and says which key of which file is wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from dsterm.core.errors import SettingsError
from dsterm.core.models import PrefixLoss, Price, ThinkingMode
from dsterm.llm.wire import OWN_FIELDS

Tokens = Annotated[int, msgspec.Meta(ge=1)]
ModeBodies = dict[ThinkingMode, dict[str, object]]
Losses = dict[str, PrefixLoss]

_SHIPPED = Path(__file__).with_name("catalog.toml")
_CHANGES = frozenset({"model", "non-think/think", "non-think/think-max", "think/think-max"})
_MODES = frozenset(ThinkingMode)
_WHOLE = _MODES | {"price"}


class AnyModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits for a model id that the catalog doesn't know, at a provider that takes any."""

    context_window: Tokens
    max_output: Tokens


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model in the file; `served_as` are other ids that its answers may carry."""

    context_window: Tokens
    max_output: Tokens
    title: str = ""
    alias: str | None = None
    served_as: tuple[str, ...] = ()
    price: Price | None = None
    modes: ModeBodies = {}


class ProviderEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One provider in the file."""

    title: str = ""
    base_url: str = ""
    key_variables: tuple[str, ...] = ()
    key_page: str = ""
    reasoning_fields: tuple[Literal["reasoning_content", "reasoning", "reasoning_details"], ...] = (
        "reasoning_content",
        "reasoning",
    )
    replay_field: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    reasoning_placeholder: str = " "
    needs_key: bool = True
    is_demo: bool = False
    any_model: AnyModel | None = None
    modes: ModeBodies = {}
    prefix_loss: Losses = {}
    models: dict[str, ModelEntry] = {}


_Entry = TypeVar("_Entry")
_Table = Mapping[str, object]


def read_catalog(user_file: Path | None) -> tuple[dict[str, ProviderEntry], Losses]:
    """All providers by name and the table of prefix losses; raises SettingsError for a file that can't be used."""
    shipped = _read(_SHIPPED)
    has_own = user_file is not None and user_file.is_file()
    file = user_file if has_own and user_file is not None else _SHIPPED
    merged = _merged(shipped, _read(file)) if has_own else shipped
    unknown = sorted(merged.keys() - {"providers", "prefix_loss"})
    if unknown:
        raise _unusable(file, unknown[0], "is no key of the catalog")
    _check_losses(file, "", merged)
    losses = _convert(file, "prefix_loss", merged.get("prefix_loss", {}), Losses)
    providers = merged["providers"]
    if not isinstance(providers, dict):
        raise _unusable(file, "providers", "must be a table")
    return {name: _provider(file, name, _copied(file, name, providers)) for name in providers}, losses


def _read(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is no valid TOML: {error}. Correct it or move it away.") from error
    except OSError as error:
        raise SettingsError(
            f"{file} can't be read: {error.strerror}. Give it back its rights or move it away."
        ) from error


def _merged(below: _Table, above: _Table) -> dict[str, object]:
    """`above` over `below`, tables merged key by key; a price and the body of a mode are taken over as a whole."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and key not in _WHOLE:
            result[key] = _merged(old, value)
        else:
            result[key] = value
    return result


def _copied(file: Path, name: str, providers: _Table) -> object:
    """The table of one provider, on top of the one it `copies`."""
    table = providers[name]
    if not isinstance(table, dict) or "copies" not in table:
        return table
    own = {key: value for key, value in table.items() if key != "copies"}
    source = providers.get(str(table["copies"]))
    if not isinstance(source, dict) or "copies" in source:
        raise _unusable(file, f"providers.{name}.copies", "must name a provider that copies none itself")
    return _merged(source, own)


def _provider(file: Path, name: str, table: object) -> ProviderEntry:
    where = f"providers.{name}"
    if not isinstance(table, dict):
        raise _unusable(file, where, "must be a table")
    models = table.get("models", {})
    if not isinstance(models, dict):
        raise _unusable(file, f"{where}.models", "must be a table")
    entries = {key: _model(file, f'{where}.models."{key}"', value) for key, value in models.items()}
    plain = {key: value for key, value in table.items() if key != "models"}
    _check_modes(file, where, plain)
    _check_losses(file, f"{where}.", plain)
    entry = _convert(file, where, plain, ProviderEntry)
    return msgspec.structs.replace(entry, models=entries)


def _model(file: Path, where: str, table: object) -> ModelEntry:
    if isinstance(table, dict):
        _check_modes(file, where, table)
    entry = _convert(file, where, table, ModelEntry)
    for field in ("input", "output", "cache_read"):
        amount: Decimal = getattr(entry.price, field, Decimal(0))
        if not amount.is_finite() or amount < 0:
            raise _unusable(file, f"{where}.price.{field}", "must be an amount of US dollars")
    return entry


def _check_modes(file: Path, where: str, table: _Table) -> None:
    modes = table.get("modes", {})
    for mode, body in modes.items() if isinstance(modes, dict) else ():
        key = f"{where}.modes.{mode}"
        if mode not in _MODES:
            raise _unusable(file, key, f"is no thinking mode; they are {', '.join(ThinkingMode)}")
        if not isinstance(body, dict):
            raise _unusable(file, key, "must be a table")
        for field in sorted(OWN_FIELDS & body.keys()):
            raise _unusable(file, f"{key}.{field}", "is a field that a mode can't set")


def _check_losses(file: Path, where: str, table: _Table) -> None:
    losses = table.get("prefix_loss", {})
    for change, loss in losses.items() if isinstance(losses, dict) else ():
        key = f'{where}prefix_loss."{change}"'
        if change not in _CHANGES:
            raise _unusable(file, key, f"is no change; they are {', '.join(sorted(_CHANGES))}")
        if loss not in tuple(PrefixLoss):
            raise _unusable(file, key, f"must be one of {', '.join(PrefixLoss)}")


def _convert(file: Path, where: str, value: object, kind: type[_Entry]) -> _Entry:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        raise _unusable(file, where + path.rstrip("`"), reason) from error


def _unusable(file: Path, key: str, reason: str) -> SettingsError:
    return SettingsError(f"{file}: {key}: {reason}. Correct the key or take it out.")
