from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from render_turn import START, STEP, in_order
from test_render_transcript import drawn, shown, text

from dsterm.core import delta_events, events
from dsterm.core.command_events import (
    CheckEnded,
    CheckStarted,
    JobChanged,
    PlanDecided,
    PlanDecision,
    PlanProposed,
    UserCommandEnded,
    UserCommandStarted,
)
from dsterm.core.command_plan import Confinement, PlannedCommand
from dsterm.core.commands import Job, JobState
from dsterm.core.events import DELTAS, Event
from dsterm.core.messages import AssistantMessage, ToolCall
from dsterm.core.models import Cost, Usage
from dsterm.core.provider import StopReason
from dsterm.core.tools import Effect, Outcome, Plan, ToolResult
from dsterm.render.style import Style

CALL = ToolCall(id="b", name="bash", arguments='{"command": "make\\ntest"}')
COMMAND = PlannedCommand(
    command="make\ntest", folder="web", confinement=Confinement.NETWORK, description="build and test"
)
PLAN = Plan(effects=(Effect.EXECUTE,), subject="make\ntest", concerns=("make runs what a file says",), command=COMMAND)
BEGUN: list[tuple[float, Event]] = [
    (0, STEP),
    (0, events.MessageAdded(message=AssistantMessage(tool_calls=(CALL,)))),
    (1, events.ToolRequested(call=CALL, plan=PLAN)),
]


def said(number: int) -> tuple[float, Event]:
    return 2, delta_events.ToolProgress(id="b", text=f"\x1b[32mline {number}\x1b[0m\n")


def ended(outcome: Outcome = Outcome.DONE, summary: str = "exit 0", content: str = "x" * 1600) -> tuple[float, Event]:
    result = ToolResult(outcome=outcome, content=content, summary=summary, seconds=3.2)
    return 4, events.ToolEnded(id="b", result=result)


def test_a_running_command_shows_its_last_six_lines_in_colour() -> None:
    transcript = shown(in_order([*BEGUN, *(said(number) for number in range(20))]))
    lines = drawn(transcript, 80, START.timestamp() + 4.5)
    assert [line.text.strip() for line in lines[1:]] == [f"line {number}" for number in range(14, 20)]
    assert lines[0].text.startswith(" ◐ bash   make test")
    assert lines[0].text.endswith("3 s")
    assert lines[1].spans[-1].style is Style.GREEN


def test_a_command_that_is_over_is_one_line() -> None:
    lines = text(in_order([*BEGUN, said(1), ended()])).split("\n")
    assert lines == [" ● bash   make test                                      exit 0  3.2 s  400 tok", ""]
    failed = text(in_order([*BEGUN, ended(Outcome.FAILED, "exit 2")])).split("\n")
    assert failed[0].endswith("exit 2  3.2 s  400 tok")
    refused = ToolResult(outcome=Outcome.REFUSED, content="no", summary="refused: not now")
    assert text(in_order([*BEGUN, (2, events.ToolEnded(id="b", result=refused))])).rstrip().endswith("refused: not now")


def test_an_open_command_shows_all_of_it_where_it_ran_and_what_it_printed() -> None:
    transcript = shown(in_order([*BEGUN, ended(content="\x1b[31mred\x1b[0m\r\n10%\r20%\x1b]0;t\x07")]))
    transcript.fold_tools(False)
    assert [line.text.rstrip() for line in drawn(transcript)[1:]] == [
        "   │ make",
        "   │ test",
        "   in      web",
        "   runs    in the sandbox, with the network",
        "   why     make runs what a file says",
        "   says    “build and test”",
        "   red",
        "   20%",
    ]
    assert transcript.blocks[0].source.endswith("red\n20%")


def test_a_huge_output_is_shown_in_part_live_and_after() -> None:
    transcript = shown(in_order([*BEGUN, *(said(number) for number in range(300))]))
    transcript.fold_tools(False)
    words = [line.text.strip() for line in drawn(transcript)]
    assert "… 100 lines before these" in words
    assert words[-1] == "line 299"
    transcript = shown(in_order([*BEGUN, ended(content="row\n" * 5000)]))
    transcript.fold_tools(False)
    assert drawn(transcript)[-1].text == "   … 4,800 more lines"


def user_command(**more: object) -> list[tuple[float, Event]]:
    begun = {"id": "u", "command": "git status", "is_shared": True, **more}
    kept = {key: begun[key] for key in ("id", "command", "is_shared")}
    over = {"output": "a\nb", "exit_code": 0, "tokens": 412, "seconds": 0.2, **begun}
    return [
        (0, UserCommandStarted(**kept)),  # type: ignore[arg-type]
        (1, delta_events.ToolProgress(id="u", text="a\n")),
        (2, UserCommandEnded(**over)),  # type: ignore[arg-type]
    ]


def test_a_command_of_the_users_shows_its_output_and_what_becomes_of_it() -> None:
    assert text(in_order(user_command())) == (
        " $ git status\n   a\n   b\n   exit 0 · 0.20 s · 412 tokens go into the context\n"
    )
    kept_out = text(in_order(user_command(is_shared=False, tokens=0)))
    assert kept_out.endswith("exit 0 · 0.20 s · kept out of the context\n")
    assert "stopped · 0.20 s" in text(in_order(user_command(exit_code=None)))


def test_it_counts_seconds_while_it_runs() -> None:
    transcript = shown(in_order(user_command()[:2]))
    start = START.timestamp()
    assert [line.text for line in drawn(transcript, 80, start + 3.5)] == [
        " $ git status",
        "   a",
        "   3 s",
    ]
    transcript.take_changed()
    transcript.tick(start + 3.9)
    assert not transcript.take_changed()
    transcript.tick(start + 4.1)
    assert transcript.take_changed() == {transcript.blocks[0].key}


def test_a_long_output_of_a_users_command_shows_its_end_and_opens() -> None:
    transcript = shown(in_order(user_command(output="".join(f"{number}\n" for number in range(100)))))
    words = [line.text.strip() for line in drawn(transcript)]
    assert words[1] == "… 88 lines before these"
    assert words[2:-1] == [str(number) for number in range(88, 100)]
    transcript.fold_tools(False)
    assert len(drawn(transcript)) == 102


def test_a_replay_of_commands_ends_as_the_live_session() -> None:
    check = [(3.0, CheckStarted(id="k", command="ruff check .", round=1))]
    over = [(4.0, CheckEnded(id="k", command="ruff check .", round=1, passed=False, output="E501", seconds=0.3))]
    timeline: list[tuple[float, Event]] = [*BEGUN, said(1), ended(), *user_command(), *check, *over]
    live = shown(in_order(timeline))
    replayed = shown(in_order([each for each in timeline if not isinstance(each[1], DELTAS)]))
    assert drawn(live) == drawn(replayed)


def test_checks_have_a_line_each_that_opens() -> None:
    timeline: list[tuple[float, Event]] = [
        (0, CheckStarted(id="k", command="ruff check .", round=1)),
        (1, CheckEnded(id="k", command="ruff check .", round=1, passed=False, output="E501 x.py", seconds=0.3)),
        (1, CheckStarted(id="l", command="mypy", round=1)),
        (2, CheckEnded(id="l", command="mypy", round=1, passed=True, seconds=4.0)),
        (2, CheckStarted(id="m", command="pytest", round=2)),
        (2, CheckEnded(id="m", command="pytest", round=2, passed=False, summary="not run: nothing confines it")),
        (3, CheckStarted(id="n", command="slow", round=2)),
    ]
    transcript = shown(in_order(timeline))
    rows = [line.text for line in drawn(transcript, 80, START.timestamp() + 9)]
    assert [row.split("  ")[0] for row in rows] == [" ✗ check", " ● check", " ✗ check", " ◐ check"]
    assert rows[0].endswith("  failed  0.30 s")
    assert rows[1].endswith("  passed  4.0 s")
    assert "not run: nothing confines it, round 2" in rows[2]
    transcript.blocks[0].toggle()
    assert [line.text for line in transcript.blocks[0].lines(80, 0)[1:]] == ["   │ ruff check .", "   E501 x.py"]
    transcript.show(in_order([(9, events.TurnEnded(reason=events.TurnEnd.INTERRUPTED))])[0])
    assert drawn(transcript)[-3].text.endswith("stopped")


def job(state: JobState, exit_code: int | None = None) -> JobChanged:
    return JobChanged(
        job=Job(
            id="3",
            command="npm run\n dev",
            state=state,
            started=START + timedelta(seconds=1),
            confinement=Confinement.SANDBOX,
            exit_code=exit_code,
        )
    )


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (job(JobState.RUNNING), "· job 3 runs in the background: npm run dev · /jobs 3 shows its output"),
        (job(JobState.ENDED, 0), "· job 3 ended, exit 0: npm run dev"),
        (job(JobState.STOPPED), "· job 3 was stopped: npm run dev"),
        (job(JobState.TIMED_OUT), "· job 3 timed out: npm run dev"),
        (PlanProposed(text="# Plan"), "· that is a plan; nothing was changed"),
        (PlanDecided(decision=PlanDecision.ACCEPTED), "● plan accepted"),
        (PlanDecided(decision=PlanDecision.EDITED, text="x"), "● plan accepted as you edited it"),
        (PlanDecided(decision=PlanDecision.REJECTED, text="too big"), "○ plan rejected: too big"),
        (PlanDecided(decision=PlanDecision.REJECTED), "○ plan rejected"),
    ],
)
def test_jobs_and_plans_have_a_line(event: Event, words: str) -> None:
    assert text(in_order([(0, event)])) == f" {words}\n"


def test_a_users_command_that_went_to_the_background_did_not_stop() -> None:
    begun, _, over = user_command(exit_code=None, command="npm run\n dev")
    gone = JobChanged(
        job=Job(
            id="3",
            command="npm run\n dev",
            state=JobState.RUNNING,
            started=START,
            confinement=Confinement.OPEN,
            is_of_user=True,
        )
    )
    assert "goes on in the background · 0.20 s" in text(in_order([begun, (1, gone), over]))


def test_a_request_beside_the_conversation_says_what_it_cost() -> None:
    usage = Usage(prompt_tokens=800, completion_tokens=30)
    cost = Cost(hit=Decimal(0), miss=Decimal("0.000112"), output=Decimal("0.0000084"))
    done = events.StepEnded(stop=StopReason.STOP, model="deepseek/deepseek-v4-flash", usage=usage, cost=cost)
    aside = events.AsideEnded(purpose="commit message", ended=done)
    assert text(in_order([(0, aside)])) == " · commit message: Flash, $0.00012\n"
    unknown = events.AsideEnded(purpose="x", ended=events.StepEnded(stop=StopReason.STOP, model="local/my-model"))
    assert text(in_order([(0, unknown)])) == " · x: my-model, cost unknown\n"


def test_what_checks_send_back_is_no_word_of_the_users() -> None:
    steered = events.Steered(text="1 of 2 checks failed", note="<data>E501</data>")
    assert text(in_order([(0, steered)])) == " → to the model: 1 of 2 checks failed\n"
    typed = text(in_order([(0, events.Steered(text="use tabs"))]))
    assert typed.startswith(" you  use tabs")


def test_a_check_says_how_it_failed_and_which_round_where_there_are_more() -> None:
    over = CheckEnded(id="k", command="false", round=2, passed=False, summary="exit 1", seconds=0.3)
    row = text(in_order([(0, CheckStarted(id="k", command="false", round=2)), (1, over)]))
    assert row.rstrip().endswith("exit 1, round 2  0.30 s")


def test_a_job_that_goes_on_when_dsterm_ends_says_so() -> None:
    begun = job(JobState.RUNNING).job
    row = text(in_order([(0, JobChanged(job=msgspec.structs.replace(begun, survives=True)))]))
    assert row.startswith(" · job 3 runs in the background, also when dsterm ends: npm run dev")
