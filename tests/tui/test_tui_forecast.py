from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import msgspec
import pytest
from screen_fakes import FakeConversation, Wait, answer_turn
from screen_pilot import Start, drawn, screen_text, send, settle
from textual import events

from dsterm.core.events import Envelope, TurnEnd, TurnEnded
from dsterm.core.forecasts import SendForecast
from dsterm.core.models import Forecast
from dsterm.core.questions import Answer, QuestionAnswered, QuestionAsked
from dsterm.engine.forecasting.asking import price_question

CHEAP = SendForecast(
    forecast=Forecast(
        prompt_tokens=61_400,
        cached_tokens=60_800,
        dollars=Decimal("0.009168"),
        output_low=400,
        output_high=1_800,
        low=Decimal("0.010448"),
        high=Decimal("0.014928"),
    )
)
DEAR = msgspec.structs.replace(
    CHEAP,
    forecast=msgspec.structs.replace(CHEAP.forecast, cached_tokens=0, low=Decimal("0.9700"), high=Decimal("0.98")),
    was=CHEAP.forecast,
    extra=Decimal("0.89"),
    words="Think Max reads everything anew",
    is_above=True,
)


class Priced(FakeConversation):
    """Every letter of the draft is a token; above the limit it asks, as the engine does."""

    is_counted = False

    def forecast(self, draft: str = "", pasted: Sequence[str] = (), mentioned: int = 0) -> SendForecast:
        super().forecast(draft, pasted, mentioned)
        send = self.next_send or CHEAP
        tokens = send.forecast.prompt_tokens + 1_000 * len(draft) + mentioned
        forecast = msgspec.structs.replace(send.forecast, prompt_tokens=tokens)
        is_pending = bool(pasted) and not self.is_counted
        return msgspec.structs.replace(send, forecast=forecast, is_pending=is_pending, is_estimate=is_pending)

    async def count_draft(self, draft: str, pasted: Sequence[str] = ()) -> None:
        self.is_counted = True

    async def run(self, prompt: str) -> AsyncIterator[Envelope]:
        if self.forecast(prompt).is_above:
            question = price_question("q1", DEAR, "keep it as a draft")
            yield self.envelope(question)
            self._stop.clear()
            future = self._answers["q1"] = asyncio.get_running_loop().create_future()
            is_answered = await self._until(future)
            given = future.result() if is_answered else Answer(answer="deny")
            yield self.envelope(QuestionAnswered(id="q1", answer=given))
            if given.answer == "deny":
                yield self.envelope(TurnEnded(reason=TurnEnd.INTERRUPTED, text="not sent; nothing was spent"))
                return
        self.next_send = CHEAP
        async for envelope in super().run(prompt):
            yield envelope


def chip(app) -> str:
    return next((row.strip() for row in screen_text(app) if row.startswith(" next ")), "")


async def test_the_chip_follows_the_draft(start: Start) -> None:
    conversation = Priced()
    async with start(conversation, size=(100, 24)) as (app, pilot):
        await drawn(app, pilot)
        assert chip(app) == "next ~$0.0104–0.0149 · 61.4k in (60.8k cached, 0.6k new) · out 0.4–1.8k"
        await pilot.press("h", "i")
        while conversation.drafts[-1][0] != "hi":
            await pilot.pause(0.05)
        await drawn(app, pilot)
        assert "63.4k in (60.8k cached, 2.6k new)" in chip(app)
        app.composer.set_draft("/model")
        while conversation.drafts[-1][0]:
            await pilot.pause(0.05)
        await drawn(app, pilot)
        assert "61.4k in" in chip(app)


async def test_nothing_is_asked_twice_for_the_same_draft_nor_before_the_first_paint(start: Start) -> None:
    conversation = Priced()
    async with start(conversation) as (app, pilot):
        await drawn(app, pilot)
        asked = len(conversation.drafts)
        assert 1 <= asked <= 2
        await pilot.press("left", "right", "home")
        await pilot.pause(0.1)
        assert len(conversation.drafts) == asked


async def test_a_large_paste_is_counted_and_then_shown_as_counted(start: Start) -> None:
    conversation = Priced()
    async with start(conversation, size=(100, 24)) as (app, pilot):
        app.composer.insert_paste("word " * 2_000)
        await pilot.pause(0.3)
        await drawn(app, pilot)
        assert conversation.is_counted
        assert "word word" in conversation.drafts[-1][1][0]
        assert conversation.drafts[-1][2] == 0
        assert "~61" not in chip(app).replace("~$", "")


async def test_a_switch_shows_the_old_price_beside_the_new_and_warns(start: Start) -> None:
    conversation = Priced()
    async with start(conversation) as (app, pilot):
        await drawn(app, pilot)
        conversation.next_send = DEAR
        await pilot.press("ctrl+t")
        await settle(app, pilot)
        await pilot.pause(0.1)
        await drawn(app, pilot)
        assert chip(app).startswith("next ~$0.9700–0.9800, was ~$0.0104–0.0149")


async def test_while_a_turn_runs_there_is_no_chip_and_afterwards_there_is(start: Start) -> None:
    conversation = Priced([*answer_turn("", "Yes."), Wait("end")])
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "hi")
        await pilot.pause(0.1)
        assert chip(app) == ""
        conversation.gates["end"].set()
        await settle(app, pilot)
        await pilot.pause(0.1)
        await drawn(app, pilot)
        assert chip(app)


async def test_above_the_limit_the_first_enter_asks_and_the_second_sends(start: Start) -> None:
    conversation = Priced()
    conversation.next_send = DEAR
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "do it")
        while app.focused is not app.dock:
            conversation.clock.seconds += 1
            await pilot.pause(0.05)
        shown = " ".join(" ".join(row.strip("▌┃ ") for row in screen_text(app)).split())
        assert (
            "This send costs ~$0.9700–0.9800, ~$0.8900 of it because Think Max reads everything anew. Send it?" in shown
        )
        assert "Enter send" in shown.replace("\u00a0", " ")
        assert conversation.prompts == []
        await pilot.press("enter")
        await settle(app, pilot)
        assert conversation.prompts == ["do it"]
        assert app.composer.text == ""


async def test_escape_keeps_the_draft_and_what_waits_behind_it(start: Start) -> None:
    conversation = Priced()
    conversation.next_send = DEAR
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "do it\nnow")
        while app.dock.current is None:
            await pilot.pause(0.02)
        app.turns.send("and then this")
        await pilot.press("escape")
        await settle(app, pilot)
        assert app.composer.text == "do it\nnow"
        assert conversation.prompts == []
        assert list(app.turns.queue) == ["and then this"]
        assert app.turns.is_held


async def test_an_enter_that_comes_too_soon_answers_nothing(start: Start) -> None:
    conversation = Priced()
    conversation.next_send = DEAR
    async with start(conversation) as (app, pilot):
        app.composer.set_draft("do it")
        await pilot.press("enter", "enter")
        while app.dock.current is None:
            await pilot.pause(0.02)
        assert isinstance(app.dock.current, QuestionAsked)
        assert conversation.prompts == []
        await pilot.press("escape")
        await settle(app, pilot)


@pytest.mark.parametrize("pasted", ["second\n", "\nsecond", "\n\n"])
async def test_the_end_of_a_pasted_line_is_no_enter(start: Start, pasted: str) -> None:
    conversation = Priced()
    conversation.next_send = DEAR
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "do it")
        while app.focused is not app.dock:
            conversation.clock.seconds += 1
            await pilot.pause(0.05)
        for letter in pasted:
            app.post_message(events.Key("enter" if letter == "\n" else letter, "\r" if letter == "\n" else letter))
        await pilot.pause(0.2)
        assert app.composer.text == pasted
        assert app.dock.current is not None
        await pilot.press("escape")
        await settle(app, pilot)
        assert conversation.prompts == []


async def test_f4_asks_for_the_explanation_and_keeps_the_draft(start: Start) -> None:
    conversation = Priced()
    async with start(conversation) as (app, pilot):
        await pilot.press("h", "i", "f4")
        await settle(app, pilot)
        assert conversation.lines == ["/forecast"]
        assert app.composer.text == "hi"
