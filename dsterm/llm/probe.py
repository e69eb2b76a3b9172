"""Finds out with a few tiny requests what a model at a provider really does: modes, cache, usage, end of stream, price.

Sequential and bounded by its plan. What was found so far is there at any moment, so a probe that is broken off is no loss. What
it takes over into later requests comes from the catalog alone; nothing that a server says becomes part of a request.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import date

from dsterm.core.account import ProbedModel
from dsterm.core.errors import ProviderError
from dsterm.core.models import Probed, ThinkingMode
from dsterm.core.provider import Failure, FailureKind
from dsterm.llm.model_list import read_model_list
from dsterm.llm.probe_questions import COMPARE, REPLAY, SWITCH, Body, ModelPlan, Question, is_same_body
from dsterm.llm.probe_replies import Asker, Reply, StreamFacts
from dsterm.llm.probe_verdicts import (
    Finding,
    Outcome,
    cache_unit,
    compare_efforts,
    judge_switch,
    listed_price,
    sent,
    served_findings,
    stream_findings,
    switch_words,
    words_of,
)

_FINAL = frozenset(
    {
        FailureKind.AUTHENTICATION,
        FailureKind.BALANCE,
        FailureKind.ACCESS,
        FailureKind.NOT_FOUND,
        FailureKind.PROTOCOL,
    }
)
_FIRST_WAIT, _SECOND_WAIT = 1.0, 3.0

Findings = AsyncGenerator[Finding, None]


class _GaveUp(Exception):
    """The server answers nothing that more requests would help with."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class ModelProbe:
    """The probe of one model; `is_same` says whether an id in an answer names it."""

    def __init__(self, plan: ModelPlan, asker: Asker, is_same: Callable[[str], bool]) -> None:
        self._plan = plan
        self._asker = asker
        self._is_same = is_same
        self._works: dict[ThinkingMode, Body] = {}
        self._fails: list[ThinkingMode] = []
        self._has_cache: bool | None = None
        self._cached: list[int] = []
        self._facts: list[StreamFacts] = []
        self._served: list[str] = []
        self._outages = 0

    async def findings(self) -> Findings:
        """Ask, and tell each thing as it is found out."""
        phases = (self._price(), *map(self._switch, ThinkingMode), self._efforts(), self._cache(), self._replay())
        try:
            for phase in phases:
                async for finding in phase:
                    yield finding
        except _GaveUp as trouble:
            yield Finding(False, f"stopped: {trouble.failure.sentence}")
        finally:
            for phase in phases:
                await phase.aclose()
        if self._served or self._facts:
            for finding in served_findings(self._served, self._plan.model, self._is_same):
                yield finding
        for finding in stream_findings(self._facts, self._asker.card):
            yield finding

    def result(self, on: date, former: ProbedModel | None) -> ProbedModel | None:
        """What was found, dated `on`; None where nothing was. A body of `former` stays for a mode that was not settled now."""
        if not self._works and not self._fails and self._has_cache is None:
            return None
        settled = {*self._works, *self._fails}
        bodies = {mode: body for mode, body in (former.bodies if former else {}).items() if mode not in settled}
        bodies |= {mode: body for mode, body in self._works.items() if not self._is_usual(mode, body)}
        found = Probed(
            on=on,
            honoured=tuple(mode for mode in ThinkingMode if mode in self._works),
            not_honoured=tuple(self._fails),
            has_cache=self._has_cache,
            cache_unit=cache_unit(self._cached),
        )
        return ProbedModel(id=self._plan.model.id, found=found, bodies=bodies)

    @property
    def bodies(self) -> Mapping[ThinkingMode, Body]:
        """What worked, by mode."""
        return dict(self._works)

    def _is_usual(self, mode: ThinkingMode, body: Body) -> bool:
        return is_same_body(body, self._plan.candidates[mode][0])

    async def _price(self) -> Findings:
        try:
            body = await self._asker.fetch_models()
            listed = read_model_list(self._asker.card.models_form, body)
        except ProviderError as error:
            yield Finding(None, f"price: the provider's own list can't be had: {error}")
            return
        yield listed_price(self._plan.model, listed, self._is_same)

    async def _switch(self, mode: ThinkingMode) -> Findings:
        """Try one body after the other until one does what `mode` says."""
        outcomes = []
        for body in self._plan.candidates[mode]:
            reply = await self._ask(SWITCH, mode, body)
            outcome = judge_switch(reply, mode)
            outcomes.append(outcome)
            does = outcome is Outcome.WORKS
            if does:
                # Before it is told: whoever breaks off then has seen it.
                self._works[mode] = body
            yield Finding(does or None, f"{mode.label}: sending {sent(body)}: {switch_words(reply, outcome)}")
            if does:
                return
        if Outcome.UNCLEAR not in outcomes:
            self._fails.append(mode)
            yield Finding(False, f"{mode.label} does not work: none of {len(outcomes)} ways to ask for it does")

    async def _efforts(self) -> Findings:
        think, most = self._works.get(ThinkingMode.THINK), self._works.get(ThinkingMode.THINK_MAX)
        if think is None or most is None:
            return
        usual = await self._ask(COMPARE, ThinkingMode.THINK, think)
        for finding in compare_efforts(usual, await self._ask(COMPARE, ThinkingMode.THINK_MAX, most)):
            yield finding

    async def _cache(self) -> Findings:
        first, *longer = self._plan.cached
        reply = await self._until_cached(first, (_FIRST_WAIT, _SECOND_WAIT))
        if reply.usage is None:
            what = words_of(reply.failure) if reply.failure else "the answers bring no count of tokens"
            yield Finding(None, f"cache: nothing is known: {what}")
            return
        size = reply.usage.prompt_tokens
        if not reply.usage.cached_tokens:
            yield self._uncached(reply, size)
            return
        self._has_cache = True
        self._cached.append(reply.usage.cached_tokens)
        yield Finding(True, f"cache: of {size:,} tokens sent again {reply.usage.cached_tokens:,} were read from it")
        for question in longer:
            again = await self._until_cached(question, (_FIRST_WAIT,), more_than=self._cached[-1])
            self._cached.append(again.usage.cached_tokens if again.usage else 0)
        unit = cache_unit(self._cached)
        seen = ", ".join(f"{count:,}" for count in self._cached)
        yield Finding(
            None, f"cache: in units of at most {unit:,} tokens ({seen})" if unit else f"cache: unit not seen ({seen})"
        )

    async def _until_cached(self, question: Question, waits: tuple[float, ...], more_than: int = 0) -> Reply:
        """Ask the same again, once for each of `waits` seconds, until more than so many tokens are cached: the last reply."""
        mode, body = self._cheapest()
        reply = await self._ask(question, mode, body)
        for seconds in waits:
            if reply.usage is None:
                break
            await self._asker.pause(seconds)
            reply = await self._ask(question, mode, body)
            if reply.usage and reply.usage.cached_tokens > more_than:
                break
        return reply

    def _uncached(self, reply: Reply, size: int) -> Finding:
        """A server that doesn't say what it cached may do it all the same."""
        if any("cache" in field for fact in self._facts for field in fact.fields):
            self._has_cache = False
            return Finding(None, f"cache: {size:,} tokens sent three times were never read from it")
        return Finding(None, f"cache: not known, the server counts no cached tokens (of {size:,} sent three times)")

    def _cheapest(self) -> tuple[ThinkingMode, Body]:
        for mode in ThinkingMode:
            if mode in self._works:
                return mode, self._works[mode]
        return ThinkingMode.NON_THINK, self._plan.candidates[ThinkingMode.NON_THINK][0]

    async def _replay(self) -> Findings:
        """What may stand for reasoning that an earlier answer has none of."""
        mode = ThinkingMode.THINK
        body = self._works.get(mode)
        if body is None:
            return
        reply = await self._ask(REPLAY, mode, body, is_empty=True)
        if reply.has_arrived:
            yield Finding(None, 'history: "" is accepted as reasoning')
        elif reply.is_refused and reply.failure:
            yield Finding(None, f'history: "" is refused as reasoning: {words_of(reply.failure)}')
            reply = await self._ask(REPLAY, mode, body)
            if reply.has_arrived:
                yield Finding(True, "history: what dsterm sends in its place is accepted")
            elif reply.is_refused and reply.failure:
                yield Finding(False, f"history: so is what dsterm sends in its place: {words_of(reply.failure)}")

    async def _ask(self, question: Question, mode: ThinkingMode, body: Body, *, is_empty: bool = False) -> Reply:
        reply = await self._asker.ask(question, self._plan.model, mode, body, is_empty=is_empty)
        if reply.has_arrived:
            self._outages = 0
            self._facts.append(reply.facts)
            self._served += [reply.served_by] if reply.served_by else []
        elif reply.failure is not None and not reply.is_refused:
            self._outages += 1
            if reply.failure.kind in _FINAL or self._outages > 1:
                raise _GaveUp(reply.failure)
        return reply
