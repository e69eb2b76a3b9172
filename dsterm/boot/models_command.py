"""`dsterm models`: what the catalog knows and where from; with --refresh, what the provider's own list says now."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

import msgspec

from dsterm.boot.catalogs import open_catalog, provider_notes
from dsterm.boot.circumstances import SystemClock
from dsterm.boot.connections import Connections
from dsterm.boot.known_keys import KnownKeys
from dsterm.boot.models_report import report_lines, take_stock
from dsterm.boot.plan import LaunchPlan, plan_launch
from dsterm.core.account import FetchedList
from dsterm.core.errors import DstermError, UsageError
from dsterm.core.models import ModelCard, Price, ProviderCard
from dsterm.core.services import Clock
from dsterm.flags import build_parser
from dsterm.llm.catalog import Catalog
from dsterm.llm.catalog_file import origin
from dsterm.llm.learned import written
from dsterm.llm.model_list import read_model_list

_SHOWN = 20


def list_models(words: list[str]) -> int:
    """Run `dsterm models` with the flags in `words`; the exit code."""
    parser = argparse.ArgumentParser(
        prog="dsterm models",
        description="Models with prices, limits and modes, and where each figure comes from.",
        allow_abbrev=False,
    )
    parser.add_argument("--provider", metavar="NAME", help="only this one (with --refresh the default is your own)")
    parser.add_argument("--base-url", metavar="URL", help="another address for that provider's API")
    parser.add_argument("--refresh", action="store_true", help="ask the provider for its own list, and keep it")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return run_models(parser.parse_args(words), dict(os.environ), sys.stdout.write, SystemClock())


def run_models(
    flags: argparse.Namespace, environment: Mapping[str, str], write: Callable[[str], object], clock: Clock
) -> int:
    """Write the report that `flags` ask for; every failure is one sentence on standard error."""
    keys = KnownKeys()
    try:
        plan = plan_of(flags.provider, flags.base_url, environment)
        keys.learn(plan.environment, plan.paths)
        catalog, notices = open_catalog(plan)
        for notice in notices:
            _tell(notice, keys)
        card = catalog.provider(plan.config.provider) if flags.provider or flags.base_url or flags.refresh else None
        if flags.refresh and card is not None:
            catalog = _refresh(plan, keys, card, catalog, clock)
            card = catalog.provider(card.name)
        report = take_stock(catalog, (card,) if card else catalog.providers, clock.now())
    except DstermError as error:
        _tell(str(error), keys)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    if flags.json:
        write(msgspec.json.encode(report).decode() + "\n")
    else:
        write("".join(f"{line}\n" for line in report_lines(report)))
    return 0


def plan_of(provider: str | None, base_url: str | None, environment: Mapping[str, str]) -> LaunchPlan:
    """What a run with the same choices would stand on: settings, folders, keys."""
    words = ["-p", "--no-save"]
    for flag, value in (("--provider", provider), ("--base-url", base_url)):
        words += [f"{flag}={value}"] if value is not None else []
    return plan_launch(build_parser().parse_args(words), environment)


def _refresh(plan: LaunchPlan, keys: KnownKeys, card: ProviderCard, catalog: Catalog, clock: Clock) -> Catalog:
    """The catalog with what `card` lists now; what changed is told on standard error. DstermError when it can't be had."""
    if card.is_demo and not card.base_url:
        raise UsageError("The demo is a server that runs only while dsterm --demo does; its models are built in.")
    body = asyncio.run(_fetch(plan, keys, card))
    listed = read_model_list(card.models_form, body)
    kept = catalog.worth_keeping(card.name, listed)
    fetched = FetchedList(provider=card.name, origin=origin(card.base_url), on=clock.now().date(), models=kept)
    path = provider_notes(plan.paths).keep_list(fetched)
    after, _ = open_catalog(plan)
    _tell(f"{card.title} lists {len(listed):,} models; {len(kept):,} of them are kept in {path}.", keys)
    changes = [*_changes(catalog.models(card.name), after.models(card.name))]
    changes += [f"{model.id} is not on its list." for model in after.unlisted(card.name, kept)]
    for change in changes[:_SHOWN] or ["Nothing changed."]:
        _tell(change, keys)
    if len(changes) > _SHOWN:
        _tell(f"And {len(changes) - _SHOWN:,} more changes.", keys)
    return after


async def _fetch(plan: LaunchPlan, keys: KnownKeys, card: ProviderCard) -> bytes:
    chat = Connections(plan, keys).connect(card)
    try:
        return await chat.fetch(f"{card.base_url}/models")
    finally:
        await chat.close()


def _changes(before: tuple[ModelCard, ...], after: tuple[ModelCard, ...]) -> Iterator[str]:
    """What is otherwise than it was, a sentence each."""
    former = {model.id: model for model in before}
    for model in after:
        was = former.get(model.id)
        if was is None:
            yield f"{model.id} is new: {_price(model.price)}."
            continue
        if _amounts(was.price) != _amounts(model.price):
            yield f"{model.id} costs {_price(model.price)} now; it was {_price(was.price)}."
        for field in ("context_window", "max_output"):
            old, new = getattr(was, field), getattr(model, field)
            if old != new:
                yield f"{model.id}: {field.replace('_', ' ')} is {new:,} now; it was {old:,}."


def _amounts(price: Price | None) -> tuple[Decimal, ...]:
    return (price.input, price.output, price.cache_read) if price else ()


def _price(price: Price | None) -> str:
    return f"${written(price)} (in / out / cache read)" if price else "price unknown"


def _tell(text: str, keys: KnownKeys) -> None:
    shown = "".join(character if character.isprintable() else "?" for character in keys.redact(text))
    sys.stderr.write(f"dsterm: {shown}\n")
