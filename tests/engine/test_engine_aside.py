from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from scripted import USAGE, TickingClock, answer
from work_loop import WorkLoop

from dsterm.core.config import Config
from dsterm.core.errors import ContextOverflow, ProviderError, UsageError
from dsterm.core.events import AsideEnded, Envelope, Notice, StepEnded
from dsterm.core.models import ThinkingMode
from dsterm.core.pricing import cost_of
from dsterm.core.provider import Ended, Failure, FailureKind, ServedBy, StopReason, TextPiece, UsagePiece
from dsterm.engine.journal import Journal
from dsterm.engine.session import Session
from dsterm.engine.slash.cost_report import cost_report
from dsterm.engine.steps.aside import Aside, ask_aside
from dsterm.llm.catalog import load_catalog

ASIDE = Aside(purpose="commit message", system="Write a message.", text="the diff")
BUSY = Failure(kind=FailureKind.SERVER, message="The server is busy.", status=503, is_retryable=True)
FLASH = "deepseek/deepseek-v4-flash"


def failed(failure: Failure) -> list:
    return [Ended(stop=StopReason.FAILED, failure=failure)]


async def test_answer_comes_from_flash_without_thinking_and_without_tools(tmp_path):
    loop = WorkLoop(tmp_path / "w", [answer(" Fix it\n")])
    result = await ask_aside(loop.live, ASIDE)
    (request,) = loop.provider.requests
    assert (result, request.model.alias, request.mode) == ("Fix it", "flash", ThinkingMode.NON_THINK)
    assert (request.tools, request.system, request.max_tokens) == ((), "Write a message.", 2_048)
    assert [message.text for message in request.messages] == ["the diff"]


async def test_conversation_and_what_is_chosen_stay_as_they_were(tmp_path):
    loop = WorkLoop(tmp_path / "w", [answer("x")])
    await ask_aside(loop.live, ASIDE)
    session = loop.live.session
    assert (session.messages, session.last_request, session.sent) == ([], None, None)
    assert (loop.live.model.alias, loop.live.mode) == ("pro", ThinkingMode.THINK)


async def test_money_is_booked_at_the_price_of_what_served(tmp_path):
    served = [ServedBy("deepseek/deepseek-v4-pro"), *answer("x")]
    loop = WorkLoop(tmp_path / "w", [served])
    await ask_aside(loop.live, ASIDE)
    price = loop.live.parts.catalog.priced("novita", "deepseek/deepseek-v4-pro", TickingClock().now())
    cost = cost_of(USAGE, price)
    assert loop.live.session.dollars == loop.live.session.turn_dollars == cost.total
    (ended,) = loop.of(AsideEnded)
    assert (ended.purpose, ended.provider, ended.ended.cost) == ("commit message", "novita", cost)


async def test_resumed_session_has_paid_for_it_too(tmp_path):
    loop = WorkLoop(tmp_path / "w", [answer("x")])
    await ask_aside(loop.live, ASIDE)
    assert Session(loop.live.journal.envelopes).dollars == loop.live.session.dollars > 0


async def test_failure_that_may_pass_is_tried_again_and_both_are_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr("dsterm.engine.steps.tries.wait_before_retry", lambda *_: 0.0)
    loop = WorkLoop(tmp_path / "w", [failed(BUSY), answer("x")])
    assert await ask_aside(loop.live, ASIDE) == "x"
    assert [event.ended.stop for event in loop.of(AsideEnded)] == [StopReason.FAILED, StopReason.STOP]


async def test_failure_that_stays_is_one_sentence_with_what_to_do(tmp_path):
    failure = Failure(kind=FailureKind.BALANCE, message="The balance is used up.", hint="Top it up.", status=403)
    loop = WorkLoop(tmp_path / "w", [failed(failure)])
    with pytest.raises(ProviderError, match=r"No commit message: The balance is used up. Top it up."):
        await ask_aside(loop.live, ASIDE)
    assert loop.of(AsideEnded)[0].ended.usage is None


@pytest.mark.parametrize("stop", [StopReason.LENGTH, StopReason.CONTENT_FILTER])
async def test_half_an_answer_is_paid_for_and_not_used(tmp_path, stop):
    loop = WorkLoop(tmp_path / "w", [[TextPiece("Fix"), UsagePiece(usage=USAGE), Ended(stop=stop)]])
    with pytest.raises(ProviderError, match="No commit message"):
        await ask_aside(loop.live, ASIDE)
    assert loop.live.session.dollars > 0


async def test_empty_answer_is_no_answer(tmp_path):
    with pytest.raises(ProviderError, match="empty"):
        await ask_aside(WorkLoop(tmp_path / "w", [answer(" \n ")]).live, ASIDE)


async def test_answer_without_usage_is_booked_as_an_estimate(tmp_path):
    loop = WorkLoop(tmp_path / "w", [answer("four letters", usage=None)])
    await ask_aside(loop.live, ASIDE)
    usage = loop.of(AsideEnded)[0].ended.usage
    assert (usage.is_estimate, usage.completion_tokens) == (True, 3)


async def test_what_was_streamed_before_a_stop_is_booked_and_the_stop_goes_on(tmp_path):
    loop = WorkLoop(tmp_path / "w", [[TextPiece("Fix the thing"), 60.0]])
    task = asyncio.create_task(ask_aside(loop.live, ASIDE))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (ended,) = loop.of(AsideEnded)
    assert (ended.ended.stop, ended.ended.usage.completion_tokens > 0) == (StopReason.INTERRUPTED, True)


async def test_budget_that_does_not_cover_it_sends_nothing(tmp_path):
    loop = WorkLoop(tmp_path / "w", [answer("x")], Config(budget=Decimal("0.00001")))
    with pytest.raises(UsageError, match="budget"):
        await ask_aside(loop.live, ASIDE)
    assert loop.provider.requests == []
    assert loop.events == []


async def test_budget_caps_the_answer(tmp_path):
    budget = Decimal("0.0002")
    loop = WorkLoop(tmp_path / "w", [answer("x")], Config(budget=budget))
    await ask_aside(loop.live, ASIDE)
    (request,) = loop.provider.requests
    assert 256 <= request.max_tokens < 2_048
    assert request.max_tokens * request.model.price.output / 1_000_000 <= budget


async def test_what_does_not_fit_the_window_is_said_so(tmp_path):
    loop = WorkLoop(tmp_path / "w", [answer("x")])
    with pytest.raises(ContextOverflow, match="No commit message"):
        await ask_aside(loop.live, Aside(purpose="commit message", system="s", text="x" * 5_000_000))


def aside(seq: int, purpose: str) -> Envelope:
    price = load_catalog().model("novita", "flash").price
    step = StepEnded(stop=StopReason.STOP, model=FLASH, usage=USAGE, cost=cost_of(USAGE, price))
    event = AsideEnded(purpose=purpose, ended=step, provider="novita")
    return Envelope(id=f"e{seq}", parent="", seq=seq, at=TickingClock().now(), event=event)


def test_cost_report_shows_it_by_purpose():
    report = cost_report([aside(1, "commit message"), aside(2, "title"), aside(3, "commit message")])
    assert report.count("v4-flash · Non-think · commit message") == 3
    assert " 2x  v4-flash · Non-think · commit message" in report
    assert "v4-flash · Non-think · title" in report


def test_money_spent_before_the_first_prompt_is_in_the_log():
    written: list[Envelope] = []

    class Log:
        def append(self, envelope: Envelope, *, durable: bool = True) -> None:
            written.append(envelope)

    journal = Journal("s1", TickingClock(), lambda: "e", Log, lambda _envelope: None)
    journal.record(Notice(text="hello"))
    assert written == []
    journal.record(aside(1, "commit message").event)
    assert [type(envelope.event).__name__ for envelope in written] == ["Notice", "AsideEnded"]
