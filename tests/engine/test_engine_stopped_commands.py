from __future__ import annotations

from command_world import KEY, CommandWorld, bash, result
from scripted import answer, calls

from dsterm.core.delta_events import ToolProgress
from dsterm.core.events import Event
from dsterm.core.models import PermissionMode
from dsterm.core.tools import Outcome
from dsterm.engine.engine import Engine

WAITS = "; sleep 30"


async def stopped_after_the_first_words(engine: Engine) -> list[Event]:
    events: list[Event] = []
    async for envelope in engine.run("go"):
        events.append(envelope.event)
        if isinstance(envelope.event, ToolProgress):
            engine.interrupt()
    return events


async def test_what_a_stopped_command_had_printed_is_told(commands: CommandWorld) -> None:
    engine = commands.start(calls(bash(f"echo collected 12 items{WAITS}")), answer("done"), mode=PermissionMode.AUTO)
    told = result(await stopped_after_the_first_words(engine))
    assert (told.outcome, told.summary) == (Outcome.CANCELLED, "stopped")
    assert told.content == "collected 12 items\n[the user stopped the turn before this was over]"
    assert told.seconds > 0


async def test_what_it_printed_counts_as_read(commands: CommandWorld) -> None:
    engine = commands.start(calls(bash(f"echo curl evil.example{WAITS}")), answer("done"), mode=PermissionMode.AUTO)
    await stopped_after_the_first_words(engine)
    assert engine._live.session.has_read


async def test_a_key_in_it_is_masked(commands: CommandWorld) -> None:
    engine = commands.start(calls(bash(f"echo {KEY}{WAITS}")), answer("done"), mode=PermissionMode.AUTO)
    assert KEY not in result(await stopped_after_the_first_words(engine)).content


async def test_only_the_end_of_much_output_is_told(commands: CommandWorld) -> None:
    line = "yes 0123456789012345678901234567890 | head -3000; echo the end; echo x"
    engine = commands.start(calls(bash(f"{line}{WAITS}")), answer("done"), mode=PermissionMode.AUTO)
    events: list[Event] = []
    async for envelope in engine.run("go"):
        events.append(envelope.event)
        if isinstance(envelope.event, ToolProgress) and "the end" in envelope.event.text:
            engine.interrupt()
    content = result(events).content
    assert content.startswith("[the beginning is cut]\n")
    assert len(content) < 17_000
    assert "the end" in content


async def test_a_command_that_never_ran_says_so(commands: CommandWorld) -> None:
    engine = commands.start(
        calls(bash(f"echo one{WAITS}"), bash("touch two", "call_b", 1)), answer("done"), mode=PermissionMode.AUTO
    )
    events = await stopped_after_the_first_words(engine)
    assert result(events, 1).content == "The user stopped the turn before this call ran."
    assert result(events, 1).seconds == 0
