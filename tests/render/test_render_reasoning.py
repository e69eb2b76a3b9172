from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from render_turn import PRICE, REASONING, START, STEP, in_order, pieces

from dsterm.core import delta_events, events
from dsterm.core.config import ReasoningFold
from dsterm.core.messages import AssistantMessage
from dsterm.core.models import Price
from dsterm.core.provider import StopReason
from dsterm.render.flow import Flow
from dsterm.render.reasoning import ReasoningBlock
from dsterm.render.style import Span, Style
from dsterm.render.transcript import Transcript

BEGIN = START.timestamp() + 1
LONG = "\n".join(f"thought number {n}" for n in range(20))


def thinking(
    text: str = LONG, fold: ReasoningFold = ReasoningFold.ON_ANSWER, price: Price | None = PRICE
) -> Transcript:
    transcript = Transcript(fold=fold, count=len)
    transcript.set_price(price)
    for envelope in in_order([(0, STEP), *((1, delta_events.ReasoningDelta(piece)) for piece in pieces(text))]):
        transcript.show(envelope)
    return transcript


def block(transcript: Transcript) -> ReasoningBlock:
    found = transcript.blocks[0]
    assert isinstance(found, ReasoningBlock)
    return found


def shown(transcript: Transcript, after: float = 0.0) -> list[str]:
    return [line.text for line in block(transcript).lines(80, BEGIN + after)]


def answer(transcript: Transcript) -> None:
    transcript.show(in_order([(12, delta_events.TextDelta("So"))])[0])


def test_live_reasoning_shows_its_last_six_lines_behind_a_bar() -> None:
    lines = shown(thinking())
    assert lines[1] == " │ … thought number 14"
    assert lines[-1] == " │ thought number 19"
    assert len(lines) == 7


def test_reasoning_is_italic_and_in_its_own_role() -> None:
    span = block(thinking()).lines(80, BEGIN)[-1].spans[-1]
    assert (span.style, span.italic) == (Style.REASONING, True)


def test_the_header_counts_once_a_second() -> None:
    transcript = thinking()
    price = "~$0.0011"
    assert shown(transcript)[0] == f" ▾ thinking · Pro · Think · 0 s · {len(LONG)} tok · {price}"
    transcript.show(in_order([(1, delta_events.ReasoningDelta("x" * 1000))])[0])
    assert f"{len(LONG)} tok" in shown(transcript, 0.9)[0]
    transcript.take_changed()
    transcript.tick(BEGIN + 0.95)
    assert not transcript.take_changed()
    transcript.tick(BEGIN + 1.1)
    assert transcript.take_changed()
    assert f"1 s · {len(LONG) + 1000:,} tok" in shown(transcript, 1.1)[0]


def test_it_folds_when_the_answer_starts() -> None:
    transcript = thinking()
    answer(transcript)
    assert shown(transcript) == [f" ▸ thought for 11 s · {len(LONG)} tok · ~$0.0011"]
    block(transcript).toggle()
    assert len(shown(transcript)) == 21


def test_the_setting_keeps_it_open() -> None:
    transcript = thinking(fold=ReasoningFold.NEVER)
    answer(transcript)
    assert len(shown(transcript)) == 21


def test_the_setting_keeps_it_closed() -> None:
    assert len(shown(thinking(fold=ReasoningFold.ALWAYS))) == 1


def test_what_the_reader_opened_stays_open() -> None:
    transcript = thinking()
    block(transcript).toggle()
    assert len(shown(transcript)) == 21
    answer(transcript)
    assert len(shown(transcript)) == 21
    transcript.fold_reasoning(True)
    assert len(shown(transcript)) == 1


def test_without_a_price_the_cost_is_unknown() -> None:
    assert shown(thinking(price=None))[0].endswith("cost unknown")


def test_without_usage_the_figures_stay_an_estimate() -> None:
    transcript = thinking()
    message = events.MessageAdded(message=AssistantMessage(reasoning=LONG))
    end = events.StepEnded(stop=StopReason.INTERRUPTED, model=STEP.model, price=PRICE)
    for envelope in in_order([(5, message), (5, end)]):
        transcript.show(envelope)
    assert shown(transcript) == [f" ▸ thought for 5 s · {len(LONG)} tok · ~$0.0011"]


@given(st.text(st.sampled_from("ab  \n字\t\r’")), st.lists(st.integers(1, 5)), st.integers(8, 30))
def test_growing_text_loses_no_letter_and_fits(text: str, sizes: list[int], width: int) -> None:
    flow = Flow(Span("", Style.REASONING))
    at = 0
    for size in [*sizes, len(text)]:
        flow.feed(text[at : at + size])
        at += size
        assert all(line.width <= width for line in flow.lines(width))
    shown_letters = "".join(line.text for line in flow.lines(width)).replace(" ", "")
    letters = text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "␍")
    assert shown_letters == "".join(letters.split())


def test_growing_words_wrap_as_the_whole_does() -> None:
    growing, whole = Flow(Span("")), Flow(Span(""))
    for piece in pieces(REASONING, 3):
        growing.feed(piece)
        growing.lines(40)
    whole.feed(REASONING)
    assert growing.lines(40) == whole.lines(40)
