from __future__ import annotations

from datetime import UTC

import pytest
from render_turn import ANSWER, PRICE, REASONING, STEP, in_order, step_ended, whole_turn

from dsterm.core import delta_events, events, questions, repo_events
from dsterm.core.config import ReasoningFold
from dsterm.core.diff import diff_texts
from dsterm.core.events import DELTAS, Envelope
from dsterm.core.messages import AssistantMessage, Pack, ToolCall
from dsterm.core.models import PermissionMode, ThinkingMode
from dsterm.core.provider import StopReason
from dsterm.core.tools import Outcome, ToolResult
from dsterm.render.blocks import BlockKind
from dsterm.render.plain import ascii_line, plain_text
from dsterm.render.style import Line
from dsterm.render.transcript import Transcript, short_title

WHOLE_TURN = """\
 you  why does test_expired fail? fix it                                  14:02

 ▸ thought for 11 s · 1,482 tok · $0.0047

 ● read   src/auth/tokens.py  1-120                            0.01 s  1.9k tok
 ● grep   is_expired  in src/                                   3 hits  200 tok
 ● edit   src/auth/tokens.py                                      +2 −1   1 tok

   src/auth/tokens.py  modified                                  +2 −1   1 hunk
    2    2       exp: datetime
    3    3
    4    4   def is_expired(token):
    5      −     return token.exp < datetime.now()
         5 +     now = datetime.now(tz=UTC)
         6 +     return token.exp < now
    6    7
    7    8   # end

 The comparison mixed naive and aware times. is_expired now asks for UTC:

 1. datetime.now(tz=UTC)
 2. the callers stay

  def is_expired(token):
      return token.exp < datetime.now(tz=UTC)
"""


def shown(envelopes: list[Envelope], fold: ReasoningFold = ReasoningFold.ON_ANSWER) -> Transcript:
    transcript = Transcript(zone=UTC, fold=fold)
    transcript.set_price(PRICE)
    for envelope in envelopes:
        transcript.show(envelope)
    return transcript


def drawn(transcript: Transcript, width: int = 80, now: float = 0.0) -> list[Line]:
    return [line for block in transcript.blocks for line in block.lines(width, now)]


def text(envelopes: list[Envelope], width: int = 80) -> str:
    return plain_text(drawn(shown(envelopes), width))


def calls(*names: str) -> list[tuple[float, events.Event]]:
    asked = tuple(ToolCall(id=f"c{n}", name=name, arguments=f'{{"path": "f{n}"}}') for n, name in enumerate(names))
    added = events.MessageAdded(message=AssistantMessage(tool_calls=asked))
    return [(0, STEP), (0, added), *((0, events.ToolRequested(call=call)) for call in asked)]


def ended(call_id: str, outcome: Outcome = Outcome.DONE, content: str = "x" * 400) -> tuple[float, events.Event]:
    return 1, events.ToolEnded(id=call_id, result=ToolResult(outcome=outcome, content=content, seconds=0.01))


def test_a_whole_turn_at_80_columns() -> None:
    assert text(whole_turn()) == WHOLE_TURN


def test_a_whole_turn_at_140_columns() -> None:
    lines = text(whole_turn(), 140).split("\n")
    assert lines[0] == " you  why does test_expired fail? fix it" + " " * 94 + "14:02"
    assert lines[4] == " ● read   src/auth/tokens.py  1-120" + " " * 88 + "0.01 s  1.9k tok"


def test_a_replay_without_deltas_ends_as_the_live_session() -> None:
    live = Transcript(zone=UTC)
    live.set_price(PRICE)
    for envelope in whole_turn():
        live.show(envelope)
        drawn(live, 80, envelope.at.timestamp())
    replayed = shown([envelope for envelope in whole_turn() if not isinstance(envelope.event, DELTAS)])
    for width in (80, 140, 33):
        assert drawn(live, width) == drawn(replayed, width)
    for transcript in (live, replayed):
        for block in transcript.blocks:
            block.toggle()
    assert drawn(live) == drawn(replayed)
    assert [block.source for block in live.blocks] == [block.source for block in replayed.blocks]


def test_every_prefix_of_a_session_draws_clean_lines_that_fit() -> None:
    transcript = Transcript(zone=UTC)
    for envelope in whole_turn():
        transcript.show(envelope)
        for line in drawn(transcript, 60, envelope.at.timestamp()):
            assert line.width <= 60
            assert line.text.isprintable()


def test_changes_are_told_once_and_only_for_what_changed() -> None:
    transcript = shown(whole_turn()[:30])
    assert transcript.take_changed() == {block.key for block in transcript.blocks}
    assert transcript.take_changed() == set()
    revisions = {block.key: block.revision for block in transcript.blocks}
    transcript.show(whole_turn()[30])
    assert transcript.take_changed() == {transcript.blocks[-1].key}
    assert {key for key, revision in revisions.items() if transcript.blocks[key].revision != revision} == {1}


def test_lines_are_kept_until_the_block_changes() -> None:
    block = shown(whole_turn()).blocks[1]
    lines = block.lines(80, 0)
    assert block.lines(80, 99) is lines
    block.toggle()
    assert block.lines(80, 99) is not lines


def test_height_is_exact_once_drawn_and_sane_before() -> None:
    for block in shown(whole_turn()).blocks:
        guess = block.estimated_height(80)
        real = len(block.lines(80, 0))
        assert 0 < guess < 4 * real + 4
        assert block.estimated_height(80) == real


def test_three_reads_in_a_row_become_one_line_in_any_order_of_ending() -> None:
    start = calls("read", "read", "read", "read", "grep", "read")
    want = " ● read 4 files  400 tok\n ● grep   f4                                                    0.01 s  100 tok\n"
    for order in (("c0", "c1", "c2", "c3"), ("c3", "c1", "c0", "c2"), ("c1", "c2", "c3", "c0")):
        seen = text(in_order([*start, *(ended(call) for call in (*order, "c4", "c5"))]))
        assert seen.startswith(want)
        assert " ● read   f5 " in seen


def test_gathered_reads_open_to_a_line_each() -> None:
    transcript = shown(in_order([*calls("read", "read", "read"), *(ended(f"c{n}") for n in range(3))]))
    (block,) = transcript.blocks
    block.toggle()
    assert [line.text.split()[2] for line in block.lines(80, 0)[1:]] == ["f0", "f1", "f2"]


def test_a_failed_read_is_not_folded_away() -> None:
    timeline = [*calls("read", "read", "read"), ended("c0"), ended("c1", Outcome.FAILED), ended("c2")]
    assert text(in_order(timeline)).split("\n")[1].startswith(" ✗ read   f1")


@pytest.mark.parametrize(
    ("outcome", "mark", "word"),
    [
        (Outcome.FAILED, "✗", "failed"),
        (Outcome.REFUSED, "○", "refused"),
        (Outcome.CANCELLED, "○", "stopped"),
        (Outcome.UNKNOWN, "✗", "outcome unknown"),
    ],
)
def test_a_call_that_did_not_work_says_so_in_a_word(outcome: Outcome, mark: str, word: str) -> None:
    line = text(in_order([*calls("bash"), ended("c0", outcome)])).rstrip()
    assert line.startswith(f" {mark} bash   f0")
    assert line.endswith(word)


def test_a_running_call_counts_seconds_and_a_waiting_one_says_for_whom() -> None:
    transcript = shown(in_order(calls("bash")))
    now = transcript_start = in_order([(0, STEP)])[0].at.timestamp()
    transcript.take_changed()
    transcript.tick(now + 0.5)
    assert transcript.take_changed() == set()
    transcript.tick(transcript_start + 3.2)
    assert transcript.take_changed() == {transcript.blocks[0].key}
    assert drawn(transcript, 80, now + 3.2)[0].text.endswith("3 s")
    transcript.show(in_order([(4, questions.QuestionAsked(id="q", text="?", options=(), call_id="c0"))])[0])
    assert drawn(transcript, 80, now + 5)[0].text.endswith("waits for you")


def test_an_open_call_shows_its_arguments_and_its_result() -> None:
    transcript = shown(in_order([*calls("grep"), ended("c0", content="one\r\ntwo\x1b[31m")]))
    transcript.fold_tools(False)
    assert [line.text for line in drawn(transcript)[1:]] == ["   path: f0", "   one", "   two␛[31m"]
    transcript.fold_tools(True)
    assert len(drawn(transcript)) == 1


def test_a_huge_result_is_shown_in_part() -> None:
    transcript = shown(in_order([*calls("bash"), ended("c0", content="line\n" * 5000)]))
    transcript.blocks[0].toggle()
    assert drawn(transcript)[-1].text == "   … 4,800 more lines"


def test_arguments_that_are_no_json_are_shown_as_they_are() -> None:
    call = ToolCall(id="x", name="edit", arguments='{"path": ')
    transcript = shown(in_order([(0, STEP), (0, events.ToolRequested(call=call)), ended("x", Outcome.FAILED)]))
    transcript.blocks[0].toggle()
    assert drawn(transcript)[1].text == '   {"path": '


def test_a_long_change_begins_folded() -> None:
    change = diff_texts("big.py", None, "x = 1\n" * 200)
    result = ToolResult(outcome=Outcome.DONE, content="ok", diffs=(change,))
    transcript = shown(in_order([*calls("write"), (1, events.ToolEnded(id="c0", result=result))]))
    block = transcript.blocks[1]
    assert block.kind is BlockKind.DIFF
    assert [line.text[:12] for line in block.lines(80, 0)] == ["", " ▸ big.py  c"]
    block.toggle()
    assert len(block.lines(80, 0)) == 202


def test_a_turn_that_stops_says_why_and_ends_what_ran() -> None:
    stop = events.TurnEnded(reason=events.TurnEnd.INTERRUPTED)
    seen = text(in_order([*calls("bash"), (1, stop)]))
    assert "○ bash" in seen
    assert seen.endswith("\n ○ stopped\n")
    failed = events.TurnEnded(reason=events.TurnEnd.FAILED, text="Novita answered 402.")
    assert text(in_order([(0, failed)])) == " ✗ failed: Novita answered 402.\n"


def test_a_retry_takes_back_what_was_streamed() -> None:
    timeline: list[tuple[float, events.Event]] = [
        (0, STEP),
        (1, delta_events.ReasoningDelta("void")),
        (2, delta_events.TextDelta("void too")),
        (3, events.StepRetried(attempt=1, wait=2.0, cause="The server is busy.")),
        (4, delta_events.TextDelta("good")),
        (5, events.MessageAdded(message=AssistantMessage(content="good"))),
    ]
    live, replayed = in_order(timeline), in_order([entry for entry in timeline if not isinstance(entry[1], DELTAS)])
    assert text(live) == text(replayed) == " ↻ retry: The server is busy\n\n good\n"


def test_a_log_that_ends_in_the_middle_shows_what_there_was() -> None:
    timeline = [
        (0, STEP),
        (1, delta_events.MessageProgress(reasoning="why ", content="")),
        (2, delta_events.MessageProgress(content="be")),
    ]
    timeline.append((3, delta_events.MessageProgress(content="cause")))
    assert text(in_order(timeline)).endswith("\n because\n")


def test_settings_that_change_in_a_row_share_one_line() -> None:
    timeline = [
        (0, events.ModelChanged(provider="novita", model="deepseek/deepseek-v4-flash")),
        (1, events.ModeChanged(mode=ThinkingMode.THINK_MAX)),
        (2, events.ModeChanged(mode=ThinkingMode.NON_THINK)),
        (3, events.PermissionModeChanged(mode=PermissionMode.PLAN)),
    ]
    words = "deepseek/deepseek-v4-flash at novita · Non-think · permission mode plan"
    assert text(in_order(timeline), 120) == f" · from here on: {words}\n"


def test_packs_and_notices_have_their_lines() -> None:
    pack = Pack(digest="d", source="flask", commit="0123456789", is_dirty=True, files=214, tokens=48_100)
    timeline = [
        (0, repo_events.RepoAttached(pack=pack)),
        (1, repo_events.RepoDetached(digest="d")),
        (2, events.Notice(text="careful\x07", level=events.NoticeLevel.WARNING)),
    ]
    assert text(in_order(timeline)).split("\n\n") == [
        " + attached flask · 214 files · 48.1k tok · commit 01234567 and changes",
        " · detached flask",
        " ! careful␇\n",
    ]


def test_a_line_of_a_notice_goes_on_deeper_than_it_begins() -> None:
    notice = events.Notice(text="This session:\n  model: 5 requests · first token 0.06 s\n  tools: all worked")
    assert text(in_order([(0, notice)]), 34).split("\n") == [
        " · This session:",
        "     model: 5 requests · first",
        "       token 0.06 s",
        "     tools: all worked",
        "",
    ]


def test_a_long_prompt_folds() -> None:
    transcript = shown(in_order([(0, events.TurnStarted(prompt="\n".join(map(str, range(100)))))]))
    assert drawn(transcript)[-1].text == "      … 88 more lines"
    transcript.blocks[0].toggle()
    assert len(drawn(transcript)) == 100


def test_other_lanes_are_not_shown() -> None:
    (envelope,) = in_order([(0, events.Notice(text="x"))])
    assert text([Envelope(id="a", parent="", seq=1, at=envelope.at, event=envelope.event, lane="compare:1")]) == ""


def test_everything_has_an_ascii_form() -> None:
    lines = [ascii_line(line) for line in drawn(shown(whole_turn()))]
    assert all(line.text.isascii() for line in lines)
    assert [line.width for line in lines] == [line.width for line in drawn(shown(whole_turn()))]


def test_models_have_short_titles() -> None:
    assert [short_title(name) for name in ("deepseek/deepseek-v4-pro", "x/v4.1-flash", "my-model")] == [
        "Pro",
        "Flash",
        "my-model",
    ]


def test_an_interrupted_answer_stays() -> None:
    timeline: list[tuple[float, events.Event]] = [
        (0, STEP),
        (1, delta_events.TextDelta(ANSWER[:40])),
        (2, events.MessageAdded(message=AssistantMessage(content=ANSWER[:40], is_cut=True))),
        (2, step_ended(StopReason.INTERRUPTED, 0, events.Timings())),
        (2, events.TurnEnded(reason=events.TurnEnd.INTERRUPTED)),
    ]
    assert text(in_order(timeline)).endswith("\n\n ○ stopped\n")
    assert shown(in_order(timeline)).blocks[0].source == ANSWER[:40]


def test_a_message_that_differs_from_its_stream_wins() -> None:
    timeline = [(0, STEP), (1, delta_events.TextDelta("leaked <tool>")), (2, delta_events.ReasoningDelta(REASONING))]
    timeline.append((3, events.MessageAdded(message=AssistantMessage(content="clean"))))
    assert text(in_order(timeline)) == " clean\n"


def test_retries_in_a_row_are_one_line_that_counts() -> None:
    timeline: list[tuple[float, events.Event]] = [
        (0, STEP),
        *((number, events.StepRetried(attempt=number, wait=2.0, cause="Busy.")) for number in (1, 2, 3)),
    ]
    assert text(in_order(timeline)) == " ↻ 3 retries: Busy\n"
