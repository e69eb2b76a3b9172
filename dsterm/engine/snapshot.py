"""The engine's state as one Status: what is spent and filled now, the running answer included, and what a switch would cost."""

from __future__ import annotations

from decimal import Decimal

from dsterm.core.commands import JobState
from dsterm.core.models import Usage
from dsterm.core.pricing import cost_of
from dsterm.core.status import Spend, Status
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.answer_now import answer_now_forecast
from dsterm.engine.steps.requests import context_tokens, switch_note


def snapshot(live: LiveSession, *, is_running: bool) -> Status:
    """Where `live` stands; cheap enough for every frame."""
    session = live.session
    used, is_estimate = context_tokens(live)
    running = _running_dollars(live)
    is_streaming = live.streaming is not None
    is_demo = live.provider.is_demo
    total = session.demo_dollars if is_demo else session.dollars
    usage = session.last_usage
    return Status(
        session_id=live.journal.session_id,
        model=live.card(live.model),
        provider_title=live.provider.title,
        mode=live.mode,
        permission_mode=live.permission_mode,
        branch=live.repo.branch,
        dirty_files=live.repo.dirty_files,
        context_tokens=used,
        is_context_estimate=is_estimate,
        hit_share=usage.cached_tokens / usage.prompt_tokens if usage and usage.prompt_tokens else None,
        turn=_spend(
            session.turn_dollars, running, is_estimate=is_streaming or session.is_turn_estimate, is_demo=is_demo
        ),
        session=_spend(total, running, is_estimate=is_streaming or session.is_estimate, is_demo=is_demo),
        is_running=is_running,
        switch_note="" if is_running else switch_note(live),
        answer_now=None if is_running else answer_now_forecast(live),
        packs=session.packs,
        tasks=session.tasks,
        is_saved=live.journal.is_saved,
        sandbox=live.sandbox,
        is_trusted=live.parts.is_trusted,
        running_jobs=sum(job.state is JobState.RUNNING for job in live.parts.commands.jobs() if job.is_background),
    )


def _running_dollars(live: LiveSession) -> Decimal | None:
    """What the streaming answer will have cost so far, by our own count."""
    if live.streaming is None:
        return Decimal(0)
    usage = Usage(
        prompt_tokens=live.streaming.prompt_tokens,
        cached_tokens=live.streaming.cached_tokens,
        completion_tokens=live.streaming.output_tokens,
    )
    cost = cost_of(usage, live.streaming.price)
    return None if cost is None else cost.total


def _spend(booked: Decimal | None, running: Decimal | None, *, is_estimate: bool, is_demo: bool) -> Spend:
    dollars = None if booked is None or running is None else booked + running
    return Spend(dollars=dollars, is_estimate=is_estimate, is_demo=is_demo)
