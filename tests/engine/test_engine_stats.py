from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from scripted import USAGE, ScriptedProvider, World, answer, call, calls, do, play

from dsterm.core.config import Config
from dsterm.core.events import AsideEnded, Envelope, Event, Notice, StepEnded, StepRetried, StepStarted, Timings
from dsterm.core.models import PermissionMode, ThinkingMode, Usage
from dsterm.core.provider import Failure, FailureKind, StopReason
from dsterm.core.wire_events import FellBack, Intervened, Intervention
from dsterm.engine.slash.stats_report import _WORDS, stats_report

AT = datetime(2026, 11, 22, tzinfo=UTC)
LIMITED = Failure(kind=FailureKind.RATE_LIMIT, message="Too many requests.", is_retryable=True)


def report(*events: Event) -> str:
    return stats_report(Envelope(id="e", parent="", seq=n, at=AT, event=event) for n, event in enumerate(events))


def began(why: str = "chosen by the user") -> StepStarted:
    return StepStarted(provider="novita", model="deepseek/deepseek-v4-pro", mode=ThinkingMode.THINK, why=why)


def ended(first: float = 1.0, total: float = 3.0, **more) -> StepEnded:
    usage = more.pop("usage", Usage(prompt_tokens=1000, cached_tokens=500, completion_tokens=100))
    timings = Timings(first_token=first, total=total)
    return StepEnded(stop=StopReason.STOP, model="deepseek/deepseek-v4-pro", usage=usage, timings=timings, **more)


async def test_nothing_was_sent(tmp_path: Path) -> None:
    (notice,) = await do(World(tmp_path).engine(ScriptedProvider([])), "/stats")
    assert isinstance(notice, Notice)
    assert notice.text == "This session: nothing was sent yet, so there is nothing to count."


def test_times_are_medians_and_rates_are_of_all() -> None:
    told = report(began(), ended(1.0, 2.0), began(), ended(2.0, 6.0), began(), ended(9.0, 10.0))
    assert "3 requests" in told
    assert "deepseek-v4-pro: 3 requests · first token 2.0 s · whole answer 6.0 s · 50 tokens/s · 50 %" in told
    assert len(told.splitlines()) == 2


def test_estimates_are_in_no_rate() -> None:
    told = report(began(), ended(usage=Usage(prompt_tokens=10, completion_tokens=5, is_estimate=True)))
    assert "tokens/s" not in told
    assert "cache" not in told


def test_retries_are_requests_and_no_failures() -> None:
    retried = StepRetried(attempt=1, wait=1.0, cause="Too many requests.")
    told = report(began(), retried, retried, ended(failure=LIMITED), began("tried again"), ended())
    assert "3 requests" in told
    assert "retries, 2: Too many requests (2)" in told
    assert "failures" not in told


def test_failures_are_counted_by_kind() -> None:
    told = report(began(), ended(failure=LIMITED), began(), ended(failure=LIMITED))
    assert "failures, 2: rate limit (2)" in told


def test_asides_are_requests() -> None:
    assert "1 request" in report(AsideEnded(purpose="commit message", ended=ended()))


def test_what_dsterm_did_and_who_went_on_is_counted() -> None:
    did = Intervened(kind=Intervention.EMPTY_ANSWER, text="x")
    fell = FellBack(from_provider="novita", from_model="a", provider="deepseek", model="b", cause="x")
    told = report(began(), ended(), did, did, Intervened(kind=Intervention.CONTINUED, text="x", nudge="y"), fell)
    assert (
        "noticed or mended, 3: empty answers asked for again (2); answers that went on after the output limit (1)"
        in told
    )
    assert "the model was nudged 1 time" in told
    assert "went on elsewhere, 1: novita to deepseek (1)" in told


def test_every_kind_has_words() -> None:
    assert set(_WORDS) == set(Intervention)


async def test_tools_and_edits_of_a_session(tmp_path: Path) -> None:
    world = World(tmp_path)
    good = call("write", {"file_path": "a.txt", "content": "a\n"}, "c1")
    bad = call("edit", {"file_path": "b.txt", "old_string": "x", "new_string": "y"}, "c2", 1)
    provider = ScriptedProvider(
        [calls(good, bad, call("glob", {"pattern": "*"}, "c3", 2)), answer("ok"), answer("more")]
    )
    engine = world.engine(provider, Config(permission_mode=PermissionMode.YOLO))
    await play(engine, "hi")
    (notice,) = await do(engine, "/stats")
    assert isinstance(notice, Notice)
    told = notice.text
    assert "1 of 2 edits applied" in told
    assert "3 tool calls: edit 1 failed of 1" in told
    assert f"{USAGE.cached_tokens * 100 // USAGE.prompt_tokens} %" in told
    assert "retries" not in told
