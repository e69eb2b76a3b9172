"""What `dsterm pack` says of a pack: the table by folder, and what was left out."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from dsterm.boot.catalogs import open_catalog
from dsterm.boot.circumstances import SystemClock
from dsterm.boot.plan import LaunchPlan
from dsterm.context.choice import folder_sums
from dsterm.context.pack_content import PackSource
from dsterm.core.models import ModelCard
from dsterm.engine.attaching.announcement import idle_words, left_out_words
from dsterm.render.clean import clean_line
from dsterm.render.pack_table import FolderRow, PackPrice, folder_rows, pack_table

_ALIASES = ("flash", "pro")


def tell_figures(plan: LaunchPlan, sources: Sequence[PackSource], tokens: int) -> None:
    """Write the figures of `sources`, which come to `tokens` in all, to standard error."""
    models = _models(plan)
    now = SystemClock().now()
    prices = []
    for model in models:
        price = model.price_at(now)
        prices.append(
            PackPrice(
                title=model.short_title, first=price.input if price else None, again=price.cache_read if price else None
            )
        )
    rows: list[FolderRow] = []
    files = 0
    for source in sources:
        sums = folder_sums(source.survey, source.levels, source.outline_tokens)
        files += sums[""].taken
        rows += _rows(source, {folder: (one.taken, one.tokens) for folder, one in sums.items()}, len(sources))
    rows.append(FolderRow(folder="(paths, table)", files=0, tokens=tokens - sum(row.tokens for row in rows)))
    total = FolderRow(folder="all", files=files, tokens=tokens)
    window = min(model.context_window for model in models)
    for line in pack_table(rows, total, window, prices):
        _say(line.rstrip())
    for source in sources:
        if words := left_out_words(source):
            name = f" of {source.survey.source}" if len(sources) > 1 else ""
            _say(f"Left out{name}: {words}.")
    if idle := idle_words(sources):
        _say(idle)
    if tokens > window:
        _say(f"It does not fit the window of {window:,} tokens: {tokens - window:,} too many.")


def _rows(source: PackSource, sums: dict[str, tuple[int, int]], sources: int) -> list[FolderRow]:
    """The folders at the top of one source, or, of several, the sources themselves."""
    if sources == 1:
        return folder_rows(sums)
    files, tokens = sums[""]
    return [FolderRow(folder=source.survey.source, files=files, tokens=tokens)]


def _models(plan: LaunchPlan) -> list[ModelCard]:
    catalog, _ = open_catalog(plan)
    known = catalog.models(plan.config.provider)
    chosen = catalog.model(plan.config.provider, plan.config.model)
    return sorted((model for model in known if model.alias in _ALIASES), key=lambda model: model.alias or "") or [
        chosen
    ]


def _say(line: str) -> None:
    print(clean_line(line), file=sys.stderr)
