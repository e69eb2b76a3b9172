"""`dsterm doctor --probe`: find out with a few tiny requests what a provider really does, price first, and keep the answer."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from dsterm.boot.catalogs import open_catalog, provider_notes
from dsterm.boot.connections import Connections, require_key
from dsterm.boot.debug_log import DebugLog
from dsterm.boot.doctor import Verdict
from dsterm.boot.known_keys import KnownKeys
from dsterm.boot.models_command import plan_of
from dsterm.boot.plan import LaunchPlan
from dsterm.core.account import ProbedModel, ProbeResult
from dsterm.core.errors import DstermError, UsageError
from dsterm.core.models import Cost, ProviderCard, Usage
from dsterm.core.pricing import cost_of
from dsterm.core.services import Clock
from dsterm.llm.catalog import Catalog
from dsterm.llm.catalog_file import origin
from dsterm.llm.openai_chat import OpenAIChat
from dsterm.llm.probe import ModelProbe
from dsterm.llm.probe_questions import ModelPlan, is_same_body, most_of, plan_model
from dsterm.llm.probe_replies import Asker, Circumstances, Tap
from dsterm.llm.probe_verdicts import Finding, sent
from dsterm.render.wording import format_count, format_money

_VERDICTS = {True: Verdict.OK, False: Verdict.FAILED, None: Verdict.NOTE}


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe needs of the machine: `ask` puts a question to the user (None: nobody is there), `nonce` makes prompts new."""

    environment: Mapping[str, str]
    write: Callable[[str], object]
    ask: Callable[[str], bool] | None
    clock: Clock
    nonce: str
    pause: Callable[[float], Awaitable[None]]


def run_probe(flags: argparse.Namespace, around: Surroundings) -> int:
    """Probe what `flags` name; 1 where something does not work, 130 after Ctrl+C, which keeps what was found."""
    keys = KnownKeys()
    try:
        plan = plan_of(flags.provider, flags.base_url, around.environment)
        keys.learn(plan.environment, plan.paths)
        run = _Run(plan, keys, around, flags.model or ["flash"])
        return run.probe() if run.is_agreed(yes=flags.yes) else 0
    except DstermError as error:
        sys.stderr.write(f"dsterm: {_printable(keys.redact(str(error)))}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130


class _Run:
    """One run of the command. The catalog is that without earlier probes, so that what is shipped is tried again first."""

    def __init__(self, plan: LaunchPlan, keys: KnownKeys, around: Surroundings, names: Sequence[str]) -> None:
        self._plan = plan
        self._keys = keys
        self._around = around
        self._catalog, _ = open_catalog(plan, with_probes=False)
        self._card = self._catalog.provider(plan.config.provider)
        if not self._card.base_url:
            raise UsageError("The demo is a server that runs only while dsterm --demo does; give one with --base-url.")
        cards = {card.id: card for name in names for card in [self._catalog.model(self._card.name, name)]}
        self._models = [plan_model(card, f"{around.nonce} {card.id}") for card in cards.values()]
        require_key(plan, self._card)

    def is_agreed(self, *, yes: bool) -> bool:
        """Say what it may cost, then ask; UsageError where nobody can answer and --yes was not given."""
        names = " and ".join(plan.model.id for plan in self._models)
        requests = sum(len(plan.questions) for plan in self._models)
        most = sum(map(most_of, self._models), Usage())
        for line in (
            f"This sends at most {requests} tiny requests to {self._card.title} at {self._card.base_url}, as {names}:",
            f"at most about {most.prompt_tokens:,} tokens in and {most.completion_tokens:,} out. {self._most_dollars()}",
        ):
            self._tell(line)
        if yes:
            return True
        if self._around.ask is None:
            raise UsageError("A probe costs money and nobody is here to be asked; add --yes if that is all right.")
        return self._around.ask("Go on? [y/N] ")

    def probe(self) -> int:
        """Ask, report, keep; the exit code."""
        tap = Tap()
        connections = Connections(self._plan, self._keys)
        around = Circumstances(
            connect=lambda card: self._connect(connections, card, tap), tap=tap, pause=self._around.pause
        )
        asker = Asker(self._card, around)
        probes = [ModelProbe(plan, asker, self._same_as(plan)) for plan in self._models]
        verdicts: list[bool | None] = []
        is_stopped = False
        try:
            asyncio.run(self._report(probes, asker, verdicts))
        except KeyboardInterrupt:
            is_stopped = True
            self._tell("\nStopped.")
        self._keep(probes)
        self._tell(self._cost(asker))
        return 130 if is_stopped else int(False in verdicts)

    async def _report(self, probes: Sequence[ModelProbe], asker: Asker, verdicts: list[bool | None]) -> None:
        try:
            for plan, probe in zip(self._models, probes, strict=True):
                self._tell(f"\n{plan.model.id}")
                async for finding in probe.findings():
                    verdicts.append(finding.is_good)
                    self._show(finding)
        finally:
            await asker.close()

    def _connect(self, connections: Connections, card: ProviderCard, tap: Tap) -> OpenAIChat:
        key = require_key(self._plan, card)
        log = DebugLog(self._plan.paths.logs / "requests.log", (key,)) if self._plan.config.debug else None

        def listen(what: str, data: bytes) -> None:
            tap.listen(what, data)
            if log is not None:
                log.write(what, data)

        return connections.open(card, listen)

    def _same_as(self, plan: ModelPlan) -> Callable[[str], bool]:
        return lambda served: self._catalog.is_same_model(plan.model, served)

    def _keep(self, probes: Sequence[ModelProbe]) -> None:
        """Keep what was found, for the next start; and say where a user's own file stands above it."""
        notes, place = provider_notes(self._plan.paths), origin(self._card.base_url)
        _, kept, _ = notes.read()
        former = {
            model.id: model
            for result in kept
            if (result.provider, result.origin) == (self._card.name, place)
            for model in result.models
        }
        today = self._around.clock.now().date()
        results = [
            probe.result(today, former.get(plan.model.id)) for plan, probe in zip(self._models, probes, strict=True)
        ]
        models = tuple(result for result in results if result is not None)
        if not models:
            self._tell("\nNothing was found that is worth keeping.")
            return
        path = notes.keep_probe(ProbeResult(provider=self._card.name, origin=place, models=models))
        self._tell(f"\nKept in {path}: what worked is sent from the next start on.")
        after, _ = open_catalog(self._plan)
        for model in models:
            self._tell_of_bodies(model, after)

    def _tell_of_bodies(self, model: ProbedModel, after: Catalog) -> None:
        bodies = after.model(self._card.name, model.id).mode_bodies
        for mode, body in model.bodies.items():
            if is_same_body(bodies.get(mode, {}), body):
                self._show(Finding(None, f"{mode.label} of {model.id} sends {sent(body)} from the next start on"))
            else:
                own = self._plan.paths.catalog_file
                self._show(Finding(None, f"{mode.label} of {model.id}: {own} sets it otherwise, and stays above this"))

    def _most_dollars(self) -> str:
        now = self._around.clock.now()
        total, source = Decimal(0), set()
        for plan in self._models:
            price = plan.model.price_at(now)
            cost = cost_of(most_of(plan), price)
            if cost is None or price is None:
                return "What they cost is not known: the catalog has no price."
            total += cost.total
            source.add(f"{price.source}, {price.since}")
        owed = " Of the demo's play money: nothing is owed." if self._card.is_demo else ""
        return f"They cost at most {format_money(total)} (prices: {'; '.join(sorted(source))}).{owed}"

    def _cost(self, asker: Asker) -> str:
        """What it came to, by the server's own count."""
        now = self._around.clock.now()
        usage = sum((used for _, used in asker.usages), Usage())
        costs = [self._cost_of(served, used, now) for served, used in asker.usages]
        known = [cost for cost in costs if cost is not None]
        total = sum(known, Cost()).total
        counted = f"{usage.prompt_tokens:,} tokens in ({usage.cached_tokens:,} cached), {usage.completion_tokens:,} out"
        price = format_money(total) if known or not costs else "price unknown"
        price += " and more at an unknown price" if known and len(known) < len(costs) else ""
        more = f"; {asker.uncounted} answers had no count and may cost more" if asker.uncounted else ""
        return f"{format_count(asker.sent, 'request')}, {counted}: {price}{more}. This is in no session's total."

    def _cost_of(self, served: str, usage: Usage, now: datetime) -> Cost | None:
        return cost_of(usage, self._catalog.priced(self._card.name, served, now))

    def _show(self, finding: Finding) -> None:
        self._tell(f"{_VERDICTS[finding.is_good]:<7} {finding.text}")

    def _tell(self, line: str) -> None:
        blank = "\n" if line.startswith("\n") else ""
        self._around.write(f"{blank}{_printable(self._keys.redact(line.removeprefix(blank)))}\n")


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
