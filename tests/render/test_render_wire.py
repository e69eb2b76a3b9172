from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from render_turn import PRICE, STEP, in_order
from test_render_transcript import drawn, shown, text

from dsterm.core import delta_events, events, wire_events
from dsterm.core.command_plan import Confinement, PlannedCommand
from dsterm.core.events import Event
from dsterm.core.messages import AssistantMessage, ToolCall
from dsterm.core.models import Cost, PermissionMode, Price, ThinkingMode, Usage
from dsterm.core.provider import Failure, FailureKind, StopReason
from dsterm.core.tools import Outcome, Plan, ToolResult
from dsterm.core.wire_events import Intervention
from dsterm.render.blocks import BlockKind
from dsterm.render.plain import ascii_line
from dsterm.render.wire_notes import price_words

NON_THINK = msgspec.structs.replace(STEP, mode=ThinkingMode.NON_THINK)
TURN = events.TurnStarted(prompt="why?")


def ended(**more: object) -> events.StepEnded:
    usage = Usage(prompt_tokens=6000, completion_tokens=80, cached_tokens=5000)
    plain = events.StepEnded(stop=StopReason.STOP, model=STEP.model, usage=usage, cost=Cost(), price=PRICE)
    return msgspec.structs.replace(plain, **more)


def lines(*script: Event) -> list[str]:
    return [line for line in text(in_order(list(enumerate(script))), 100).split("\n") if line]


def said(content: str) -> events.MessageAdded:
    return events.MessageAdded(message=AssistantMessage(content=content))


def own(
    text: str = "The answer was cut at the output limit; it goes on.",
    nudge: str = "",
    kind: Intervention = Intervention.CONTINUED,
) -> wire_events.Intervened:
    return wire_events.Intervened(kind=kind, text=text, nudge=nudge)


@pytest.mark.parametrize(
    ("step", "has_reasoned", "words"),
    [
        (NON_THINK, True, " · Non-think · reasoned anyway"),
        (STEP, False, " · Think · did not reason"),
        (NON_THINK, False, ""),
        (STEP, True, ""),
        (STEP, None, ""),
    ],
)
def test_the_mode_that_came_stands_beside_the_one_asked_for_where_they_differ(
    step: events.StepStarted, has_reasoned: bool | None, words: str
) -> None:
    assert lines(step, said("Yes."), ended(has_reasoned=has_reasoned)) == [*([words] if words else []), " Yes."]


def test_a_call_that_follows_from_the_result_before_it_needs_no_thought() -> None:
    call = events.MessageAdded(message=AssistantMessage(tool_calls=(ToolCall(id="c", name="read", arguments="{}"),)))
    result = events.ToolEnded(id="c", result=ToolResult(outcome=Outcome.DONE, content="x"))
    begun = [TURN, STEP, call, ended(has_reasoned=False, stop=StopReason.TOOL_CALLS), result, STEP]
    assert not any("did not" in line for line in lines(*begun, said("Yes."), ended(has_reasoned=True)))
    assert any("did not" in line for line in lines(*begun, said("Yes."), ended(has_reasoned=False)))


def test_another_model_that_answered_is_named_once_a_turn() -> None:
    other = ended(model="deepseek-v4-pro-0813")
    shown_lines = lines(TURN, STEP, said("One."), other, STEP, said("Two."), other)
    assert shown_lines[1:] == [" · Pro → served by deepseek-v4-pro-0813", " One.", " Two."]
    again = lines(TURN, STEP, said("One."), other, TURN, STEP, said("Two."), other)
    assert sum("served by" in line for line in again) == 2


def test_what_differs_stands_below_the_retries_of_the_step() -> None:
    retried = events.StepRetried(attempt=1, wait=1, cause="busy")
    shown_lines = lines(STEP, delta_events.TextDelta("void"), retried, said("One."), ended(model="x"))
    assert shown_lines == [" ↻ retry: busy", " · Pro → served by x", " One."]


def test_a_server_that_leaves_out_the_vendor_serves_what_was_asked_for() -> None:
    assert lines(STEP, said("One."), ended(model="DeepSeek-V4-Pro")) == [" One."]


def test_what_differs_stands_above_the_step_and_not_in_a_step_that_failed() -> None:
    failure = Failure(kind=FailureKind.SERVER, message="m")
    assert lines(NON_THINK, ended(has_reasoned=True, model="x", failure=failure)) == []
    both = lines(NON_THINK, said("Yes."), ended(has_reasoned=True, model="x"))
    assert both == [" · Non-think · reasoned anyway", "   Pro → served by x", " Yes."]


def test_a_lost_prefix_is_named_where_there_was_one() -> None:
    broke = msgspec.structs.replace(STEP, broke="tools")
    assert lines(broke, said("One."), ended()) == [" One."]
    assert lines(STEP, said("One."), ended(), broke, said("Two.")) == [
        " One.",
        " · the prompt may be read anew: the tools changed",
        " Two.",
    ]
    assert lines(STEP, ended(usage=None), broke, said("Two.")) == [" Two."]


def test_a_lost_prefix_is_in_plain_words_unless_the_user_chose_it_or_a_sentence_tells() -> None:
    def told(broke: str) -> list[str]:
        again = msgspec.structs.replace(STEP, broke=broke)
        return lines(STEP, said("One."), ended(), again, said("Two."), ended())[1:-1]

    for broke in ("tools", "system", "format", "rewound", "detached", "repair", "strange\x07"):
        (line,) = told(broke)
        assert line.startswith(" · the prompt may be read anew: ")
        assert line.rpartition(": ")[2] not in {broke, ""}
    assert [told(broke) for broke in ("mode", "model", "provider", "unknown")] == [[]] * 4


def test_what_differs_is_said_once_where_a_sentence_follows() -> None:
    other = ended(model="x", has_reasoned=True)
    served, mode = (own(kind, kind=kind) for kind in (Intervention.OTHER_MODEL, Intervention.MODE_NOT_HONOURED))
    assert lines(TURN, NON_THINK, said("Yes."), other, served, mode)[1:] == [
        " Yes.",
        " ◇ other-model",
        " ◇ mode-not-honoured",
    ]
    assert lines(TURN, NON_THINK, said("Yes."), other, served)[1:] == [
        " · Non-think · reasoned anyway",
        " Yes.",
        " ◇ other-model",
    ]
    assert lines(TURN, NON_THINK, said("Yes."), other, own("Cut."))[1:] == [
        " · Non-think · reasoned anyway",
        "   Pro → served by x",
        " Yes.",
        " ◇ Cut.",
    ]


def test_a_choice_made_while_a_request_runs_holds_from_the_next_one_on() -> None:
    flash = events.ModelChanged(provider="novita", model="deepseek/deepseek-v4-flash")
    plan = events.PermissionModeChanged(mode=PermissionMode.PLAN)
    retried = events.StepRetried(attempt=1, wait=5, cause="busy", limit=4)
    mode = events.ModeChanged(mode=ThinkingMode.THINK_MAX)
    assert lines(STEP, retried, flash, mode, plan, said("By Pro."), ended(), flash) == [
        " ↻ retry: busy",
        " · from the next request on: deepseek/deepseek-v4-flash at novita · Think Max",
        " · from here on: permission mode plan",
        " By Pro.",
        " · from here on: deepseek/deepseek-v4-flash at novita",
    ]


def test_an_answer_is_never_named_by_its_id() -> None:
    assert "chatcmpl" not in "\n".join(lines(STEP, said("One."), ended(response_id="chatcmpl-123")))


def test_retries_of_a_step_are_one_dim_line_with_each_cause_once() -> None:
    causes = ["Novita AI is overloaded.", "Novita AI is overloaded.", "The stream was cut\x1b[2J."]
    script: list[Event] = [STEP, *(events.StepRetried(attempt=1, wait=2, cause=cause, limit=4) for cause in causes)]
    transcript = shown(in_order(list(enumerate([*script, said("Yes."), ended()]))))
    (line, *_) = drawn(transcript)
    assert line.text == " ↻ 3 retries: Novita AI is overloaded; The stream was cut␛[2J"
    assert {span.style.value for span in line.spans} == {"dim"}


def test_what_dsterm_does_of_its_own_is_a_line_and_never_the_users_words() -> None:
    told = lines(TURN, STEP, said("Let me look."), ended(), own("It goes\x1b on.", nudge="Go on."), STEP, said("Yes."))
    assert told[1:] == [" Let me look.", " ◇ It goes␛ on.", " Yes."]
    assert sum(line.startswith(" you") for line in told) == 1


def test_the_same_of_its_own_twice_in_a_row_is_counted() -> None:
    assert lines(own("Empty."), own("Empty.")) == [" ◇ Empty. (2 times)"]
    assert lines(own("Empty."), own("Cut.")) == [" ◇ Empty.", " ◇ Cut."]


def test_what_the_model_was_told_is_there_when_the_line_is_opened() -> None:
    transcript = shown(in_order([(0, own("It goes on.", nudge="Go on,\nplease."))]))
    (block,) = transcript.blocks
    assert block.is_foldable
    assert block.is_folded
    block.toggle()
    assert [line.text for line in block.lines(80, 0)] == [" ◇ It goes on.", "   → to the model: Go on,", "     please."]
    (plain,) = shown(in_order([(0, own())])).blocks
    assert not plain.is_foldable


FELL = wire_events.FellBack(
    from_provider="novita",
    from_model="deepseek/deepseek-v4-flash",
    provider="deepseek",
    model="deepseek-flash",
    cause="Novita AI is overloaded",
    price=Price(
        input=Decimal("0.3"), output=Decimal("1.20"), cache_read=Decimal("0.006"), since=PRICE.since, source="list"
    ),
)


def test_a_fallback_says_who_why_how_much_and_the_way_back() -> None:
    changed = events.ModelChanged(provider="deepseek", model="deepseek-flash")
    words = (
        "Novita AI is overloaded. From here on Flash at deepseek answers ($0.30 in, $1.20 out, $0.006 cached per 1M tokens); "
        "/back returns to Flash at novita."
    )
    (block,) = shown(in_order([(0, FELL), (1, changed)])).blocks
    assert block.source == words
    (line, *_) = block.lines(200, 0)
    assert line.text == f" ⇄ {words}"
    assert {span.style.value for span in line.spans} == {"warning"}
    back = events.ModelChanged(provider="novita", model="deepseek/deepseek-v4-flash")
    assert "from here on: deepseek/deepseek-v4-flash at novita" in lines(FELL, changed, back)[-1]


def test_an_unknown_price_is_no_price_of_nothing() -> None:
    assert price_words(None) == "price unknown"


def test_the_lines_of_the_wire_have_ascii_forms() -> None:
    retried = events.StepRetried(attempt=1, wait=1, cause="busy")
    seen = drawn(shown(in_order(list(enumerate([retried, own(), FELL, STEP, said("x"), ended(model="y")])))))
    plain = [ascii_line(line) for line in seen]
    assert all(line.text.isascii() for line in plain)
    assert [line.width for line in plain] == [line.width for line in seen]
    assert len({line.text.strip()[:1] for line in plain if line.text[:3].strip()}) == 5


@pytest.mark.parametrize(
    ("usage", "cost", "words"),
    [
        (Usage(prompt_tokens=5, is_estimate=True), Cost(miss=Decimal("0.0012")), " ○ stopped (~$0.0012, estimate)"),
        (Usage(prompt_tokens=5), Cost(miss=Decimal("0.0012")), " ○ stopped ($0.0012)"),
        (Usage(prompt_tokens=5), None, " ○ stopped (cost unknown)"),
        (None, None, " ○ stopped"),
    ],
)
def test_a_stopped_turn_says_what_it_came_to(usage: Usage | None, cost: Cost | None, words: str) -> None:
    stop = events.TurnEnded(reason=events.TurnEnd.INTERRUPTED, text="stopped")
    cut = ended(stop=StopReason.INTERRUPTED, usage=usage, cost=cost)
    assert lines(TURN, STEP, said("Half an"), cut, stop)[-1] == words
    assert lines(TURN, STEP, said("One."), ended(cost=Cost(miss=Decimal(1))), TURN, STEP, cut, stop)[-1] == words


def test_a_stopped_command_keeps_its_last_lines_in_sight() -> None:
    call = ToolCall(id="c", name="bash", arguments='{"command": "make"}')
    command = PlannedCommand(command="make", folder="", confinement=Confinement.SANDBOX)
    plan = Plan(effects=(), subject="make", command=command)
    output = "".join(f"line {number}\n" for number in range(9)) + "[the user stopped the turn before this was over]"
    result = ToolResult(outcome=Outcome.CANCELLED, content=output, summary="stopped", seconds=2.5)
    shown_lines = lines(events.ToolRequested(call=call, plan=plan), events.ToolEnded(id="c", result=result))
    assert shown_lines[1:3] == ["   … 4 lines before these", "   line 4"]
    assert shown_lines[-1] == "   [the user stopped the turn before this was over]"


def test_old_logs_without_the_new_fields_read_as_before() -> None:
    old = [
        b'{"type":"StepStarted","provider":"novita","model":"m","mode":"think"}',
        b'{"type":"StepRetried","attempt":1,"wait":0.5,"cause":"busy"}',
        b'{"type":"StepEnded","stop":"stop","model":"m"}',
    ]
    script = [
        msgspec.json.decode(line, type=events.StepStarted | events.StepRetried | events.StepEnded) for line in old
    ]
    assert lines(*script, events.UnknownEvent(kind="Later", raw=msgspec.Raw(b"{}")))[0] == " ↻ retry: busy"


def test_everything_about_the_wire_is_a_notice() -> None:
    kinds = {block.kind for block in shown(in_order([(0, own()), (1, FELL)])).blocks}
    assert kinds == {BlockKind.NOTICE}
