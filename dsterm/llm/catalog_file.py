"""Reads catalog.toml and the user's own file over it, and says which key of which file is wrong.

What was learned since, from a provider's list or a probe, goes between the two as tables of the same shape.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from dsterm.core.errors import SettingsError
from dsterm.core.models import PrefixLoss, ThinkingMode
from dsterm.llm.amounts import is_plain
from dsterm.llm.catalog_entries import Losses, ModelEntry, ProviderEntry, read_hours
from dsterm.llm.wire import OWN_FIELDS

_SHIPPED = Path(__file__).with_name("catalog.toml")
_CHANGES = frozenset({"model", "non-think/think", "non-think/think-max", "think/think-max"})
_MODES = frozenset(ThinkingMode)
_PRICES = ("price", "off_peak", "expected")
_WHOLE = _MODES | set(_PRICES)
_OWN_SOURCE = "your own catalog.toml"


_Entry = TypeVar("_Entry")
Table = Mapping[str, object]


class CatalogTables:
    """The tables of both files; `losses` is the table of prefix losses. SettingsError for a file that can't be used."""

    def __init__(self, user_file: Path | None) -> None:
        shipped = _shipped()
        has_own = user_file is not None and user_file.is_file()
        self._file = user_file if has_own and user_file is not None else _SHIPPED
        own = _read(self._file) if has_own else {}
        merged = _merged(shipped, own)
        for key in sorted(merged.keys() - {"providers", "prefix_loss"}):
            raise _unusable(self._file, key, "is no key of the catalog")
        _check_losses(self._file, "", merged)
        self.losses = _convert(self._file, "prefix_loss", merged.get("prefix_loss", {}), Losses)
        self._providers = _table(self._file, "providers", merged["providers"])
        self._own = _table(self._file, "providers", own.get("providers", {}))

    @property
    def names(self) -> tuple[str, ...]:
        """All providers, the default one first."""
        return tuple(self._providers)

    def entry(self, name: str, *learned: Table) -> ProviderEntry:
        """The provider called `name`, with what was `learned` since under what the user says."""
        where = f"providers.{name}"
        table = _table(self._file, where, _copied(self._file, name, self._providers))
        own = _table(self._file, where, self._own.get(name, {}))
        if learned:
            modes = self._own_modes(name)
            for layer in learned:
                table = _merged(table, _without_modes(layer, modes))
            table = _merged(table, {key: value for key, value in own.items() if key != "copies"})
        entry = _provider(self._file, name, table)
        if "balance_url" in own and not has_own_balance(entry):
            reason = "must be an address on the host of base_url, or begin with /"
            raise _unusable(self._file, f"{where}.balance_url", reason)
        return entry

    def _own_modes(self, name: str) -> frozenset[str]:
        """The modes that the user set for all models of a provider, also by way of the one that it copies."""
        whole, found = self._providers.get(name), frozenset[str]()
        source = whole.get("copies") if isinstance(whole, dict) else None
        for own in (self._own.get(name), self._own.get(str(source))):
            modes = own.get("modes") if isinstance(own, dict) else None
            found |= frozenset(modes) if isinstance(modes, dict) else frozenset()
        return found


def _without_modes(layer: Table, modes: frozenset[str]) -> Table:
    """`layer` without what it says of `modes` of a single model, which would stand above what is said of them all."""
    models = layer.get("models")
    if not modes or not isinstance(models, dict):
        return layer
    kept = dict(models)
    for name, model in models.items():
        own = model.get("modes") if isinstance(model, dict) else None
        if isinstance(own, dict):
            kept[name] = {**model, "modes": {mode: body for mode, body in own.items() if mode not in modes}}
    return {**layer, "models": kept}


def origin(url: str) -> str:
    """The server of an address: scheme, host and port; empty for what is no address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}{'' if port in {None, usual} else f':{port}'}" if parts.hostname else ""


def has_own_balance(entry: ProviderEntry) -> bool:
    """Whether the balance is asked for where the key belongs."""
    url = entry.balance_url
    if url.startswith("/") and not url.startswith("//"):
        return True
    return not url or origin(url) == origin(entry.base_url) != ""


def _table(file: Path, key: str, value: object) -> Table:
    if not isinstance(value, dict):
        raise _unusable(file, key, "must be a table")
    return value


@cache
def _shipped() -> Table:
    """Read once: a start needs it for the first page and again for the engine."""
    return _read(_SHIPPED)


def _read(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is no valid TOML: {error}. Correct it or move it away.") from error
    except OSError as error:
        raise SettingsError(
            f"{file} can't be read: {error.strerror}. Give it back its rights or move it away."
        ) from error


def _merged(below: Table, above: Table) -> dict[str, object]:
    """`above` over `below`, tables merged key by key; a price and the body of a mode are taken over as a whole.

    What belongs together goes together: other limits have their own source, another price has its own hours.
    """
    result = dict(below)
    if "price" in above and "off_peak" not in above:
        result = {key: value for key, value in result.items() if key not in {"off_peak", "peak_hours"}}
    if ("context_window" in above or "max_output" in above) and "source" not in above:
        result = {key: value for key, value in result.items() if key != "since"} | {"source": _OWN_SOURCE}
    for key, value in above.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and key not in _WHOLE:
            result[key] = _merged(old, value)
        else:
            result[key] = value
    return result


def _copied(file: Path, name: str, providers: Table) -> object:
    """The table of one provider, on top of the one it `copies`."""
    table = providers[name]
    if not isinstance(table, dict) or "copies" not in table:
        return table
    own = {key: value for key, value in table.items() if key != "copies"}
    source = providers.get(str(table["copies"]))
    if not isinstance(source, dict) or "copies" in source:
        raise _unusable(file, f"providers.{name}.copies", "must name a provider that copies none itself")
    return _merged(source, own)


def _provider(file: Path, name: str, table: Table) -> ProviderEntry:
    where = f"providers.{name}"
    models = _table(file, f"{where}.models", table.get("models", {}))
    entries = {key: _model(file, f'{where}.models."{key}"', model) for key, model in models.items()}
    plain = {key: setting for key, setting in table.items() if key != "models"}
    _check_modes(file, where, plain)
    _check_losses(file, f"{where}.", plain)
    entry = _convert(file, where, plain, ProviderEntry)
    if not entry.reasoning_placeholder and not entry.accepts_empty_reasoning:
        raise _unusable(file, f"{where}.reasoning_placeholder", 'can be "" only where accepts_empty_reasoning is true')
    return msgspec.structs.replace(entry, models=entries)


def _model(file: Path, where: str, value: object) -> ModelEntry:
    if isinstance(value, dict):
        _check_modes(file, where, value)
    entry = _convert(file, where, value, ModelEntry)
    for kind in _PRICES:
        price = getattr(entry, kind)
        for field in ("input", "output", "cache_read"):
            amount: Decimal = getattr(price, field, Decimal(0))
            if not is_plain(amount) or amount < 0:
                raise _unusable(file, f"{where}.{kind}.{field}", "must be an amount of US dollars")
    for hours in entry.peak_hours:
        if read_hours(hours) is None:
            raise _unusable(file, f"{where}.peak_hours", f'"{hours}" is not written like "Mon-Fri 01:00-04:00", in UTC')
    if bool(entry.peak_hours) != (entry.off_peak is not None) or (entry.off_peak and entry.price is None):
        raise _unusable(file, f"{where}.off_peak", "goes with price and peak_hours; give all three, or price alone")
    return entry


def _check_modes(file: Path, where: str, table: Table) -> None:
    """Whether the bodies of modes are such that can be sent, for `modes` and what else may be tried."""
    for name in ("modes", "mode_alternatives"):
        modes = table.get(name, {})
        for mode, given in modes.items() if isinstance(modes, dict) else ():
            key = f"{where}.{name}.{mode}"
            if mode not in _MODES:
                raise _unusable(file, key, f"is no thinking mode; they are {', '.join(ThinkingMode)}")
            if name == "mode_alternatives" and not isinstance(given, list):
                raise _unusable(file, key, "must be a list of tables")
            for body in given if isinstance(given, list) and name == "mode_alternatives" else [given]:
                _check_body(file, key, body)


def _check_body(file: Path, key: str, body: object) -> None:
    for field in sorted(OWN_FIELDS & _table(file, key, body).keys()):
        raise _unusable(file, f"{key}.{field}", "is a field that a mode can't set")


def _check_losses(file: Path, where: str, table: Table) -> None:
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
