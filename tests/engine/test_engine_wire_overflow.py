from __future__ import annotations

import json

import pytest
from compaction_world import SUMMARY, compactions
from scripted import only, play
from test_llm_overflow import TEXTS
from wire_world import Wire

from dsterm.core.config import Config
from dsterm.core.events import StepEnded, StepStarted, TurnEnd, TurnEnded
from dsterm.core.models import ThinkingMode
from dsterm.core.wire_events import Intervened, Intervention

LONG = "word " * 2_000
CONFIG = Config(model="flash", mode=ThinkingMode.NON_THINK, max_output=4_096)


def refusal(text: str) -> bytes:
    return json.dumps({"error": {"message": text, "type": "invalid_request_error", "code": 400}}).encode()


def prompts(wire: Wire) -> list[str]:
    return [json.loads(body)["messages"][-1]["content"] for body in wire.bodies]


@pytest.mark.parametrize(("text", "window", "prompt"), TEXTS)
async def test_whatever_a_server_says_of_its_window_the_turn_goes_on_or_says_why_not(
    wire: Wire, text: str, window: int | None, prompt: int | None
) -> None:
    for number in range(5):
        wire.answers(f"answer {number} {LONG}", "", None)
    engine = wire.engine(CONFIG)
    for number in range(5):
        await play(engine, f"prompt {number}: {LONG}")
    wire.server.answers("400 Bad Request", refusal(text))
    for _ in range(3):
        wire.answers(SUMMARY, "", None)
    sent = len(wire.bodies)
    events = await play(engine, f"and now {LONG}")
    ((reason, _said),) = [(event.reason, event.text) for event in only(events, TurnEnded)]
    asked = prompts(wire)[sent:]
    assert asked[0].endswith(f"and now {LONG}")
    lowered = [event for event in only(events, Intervened) if event.kind is Intervention.OUTPUT_LOWERED]
    if lowered:
        # There was room for the prompt: only the answer had too much.
        assert (reason, compactions(engine)) == (TurnEnd.ANSWERED, [])
    elif window is None or window > 8_000:
        assert reason is TurnEnd.ANSWERED
        assert len(compactions(engine)) == 1
        assert asked[-1].endswith(f"and now {LONG}")
        assert [step.broke for step in only(events, StepStarted)] == ["", "compacted"]
    else:
        # Its tools and the newest words alone are more than that.
        assert reason is TurnEnd.FAILED
    assert len(asked) <= 3
    assert sum(event.failure is not None for event in only(events, StepEnded)) == 1
    await engine.close()


async def test_a_window_that_was_named_is_kept_to_in_a_resumed_session_too(wire: Wire) -> None:
    for number in range(5):
        wire.answers(f"answer {number} {LONG}", "", None)
    engine = wire.engine(CONFIG)
    for number in range(5):
        await play(engine, f"prompt {number}: {LONG}")
    wire.server.answers("400 Bad Request", refusal("This model's maximum context length is 24000 tokens."))
    for _ in range(2):
        wire.answers(SUMMARY, "", None)
    await play(engine, f"and now {LONG}")
    session_id = engine.status().session_id
    await engine.close()
    resumed = wire.engine(CONFIG)
    resumed.resume(session_id)
    for _ in range(12):
        wire.answers(SUMMARY + LONG, "", None)
    for number in range(5):
        events = await play(resumed, f"prompt {number}: {LONG}")
        assert [event.reason for event in only(events, TurnEnded)] == [TurnEnd.ANSWERED]
        assert not [event for event in only(events, StepEnded) if event.failure]
    assert len(compactions(resumed)) >= 2
    await resumed.close()
