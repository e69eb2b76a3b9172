from __future__ import annotations

import json
from decimal import Decimal

import pytest

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]

WINDOW = 20_000
CATALOG = f"""
[providers.novita.models."deepseek/deepseek-v4-flash"]
context_window = {WINDOW}
max_output = 4096
"""
TEXT = "".join(f"line {number}: the quick brown fox jumps over the lazy dog\n" for number in range(150))


@pytest.fixture
def small(program, guide, record):
    """The program, whose models have a small window, and a recorder of what it sends to the guide."""
    recorder = record(guide)
    program.use(recorder.url)
    program.flags = (*program.flags, "--model", "flash", "--mode", "non-think")
    file = program.home / "config" / "catalog.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(CATALOG, encoding="utf-8")
    return program, recorder


def is_beside(request: dict) -> bool:
    return "the summary that stands in for" in request["messages"][0]["content"] + request["messages"][-1]["content"]


def test_at_the_windows_edge_a_session_goes_on_for_as_long_as_one_likes(small):
    program, recorder = small
    spent = Decimal(0)
    for number in range(8):
        more = ("--continue",) if number else ()
        done = program.run(
            "-p", f"what is in this repo, time {number}", "--output-format", "json", *more, given=TEXT.encode()
        )
        assert done.code == 0, done
        spent += done.json["cost_usd"]
    log = program.log()
    compacted = [event for event in log if event["type"] == "Compacted"]
    assert compacted
    assert all(event["is_automatic"] for event in compacted)
    assert "Written by dsterm's demo, which is no model" in compacted[0]["summary"]
    assert "> what is in this repo, time 0" in compacted[0]["summary"]
    # Every answer was paid for, the summaries too, and nothing was sent that does not fit.
    asides = [event["ended"] for event in log if event["type"] == "AsideEnded"]
    assert len(asides) >= len(compacted)
    costs = [event["cost"] for event in [*asides, *(one for one in log if one["type"] == "StepEnded")]]
    assert spent == sum(Decimal(cost[part]) for cost in costs for part in ("hit", "miss", "output"))
    assert not [event for event in log if event["type"] == "StepEnded" and event.get("failure")]
    conversation = [request for request in recorder.requests if not is_beside(request)]
    for request in conversation:
        assert len(json.dumps(request["messages"])) < 4 * WINDOW
    assert "time 7" in json.dumps(conversation[-1]["messages"])


def test_a_killed_program_has_compacted_or_not_and_nothing_between(small):
    program, recorder = small
    for number in range(5):
        more = ("--continue",) if number else ()
        assert program.run("-p", f"hello {number}", *more, given=TEXT.encode()).code == 0
    log = program.logs[0]
    whole = log.read_bytes()
    place = whole.find(b'"type":"Compacted"')
    if place >= 0:
        log.write_bytes(whole[: whole.rindex(b"\n", 0, place) + 1])
    done = program.run("-p", "hello again", "--continue", given=TEXT.encode())
    assert done.code == 0, done
    assert "hello again" in json.dumps(recorder.requests[-1]["messages"])
