from __future__ import annotations

from pathlib import Path

from compaction_world import CompactionWorld, CountingProvider, do, messages
from scripted import call, play

from dsterm.core.config import Config
from dsterm.core.events import AsideEnded
from dsterm.core.models import ThinkingMode
from dsterm.core.provider import Request, TextPiece
from dsterm.demo import guide
from dsterm.demo.request import read_request
from dsterm.llm.catalog import load_catalog
from dsterm.llm.wire import request_body

LONG = "word " * 1_500


def guided(request: Request) -> list:
    """What the demo answers to the bytes of `request`."""
    body = request_body(request, load_catalog().provider("novita"))
    return [TextPiece(guide.answer(read_request(body)).text)]


async def compacted(tmp_path: Path, **parts) -> str:
    world = CompactionWorld(tmp_path)
    (world.folder / "a.py").write_text("x = 1\n")
    provider = CountingProvider(
        lambda _request: [call("read", {"file_path": "a.py"}, "c1")],
        lambda _request: [call("write", {"file_path": "b.py", "content": "y = 2\n"}, "c2")],
        lambda _request: [TextPiece(f"Written. {LONG}")],
        summary=guided,
    )
    config = Config(mode=ThinkingMode.NON_THINK, permission_mode="yolo", ask_above=0)
    engine = world.open(provider, config=config, **parts)
    if parts:
        await do(engine, "/attach .")
    await play(engine, f"read a.py and write b.py {LONG}")
    for number in range(4):
        await play(engine, f"more {number} {LONG}")
    events = await do(engine, "/compact")
    assert [event.ended.stop.value for event in events if isinstance(event, AsideEnded)] == ["stop"]
    assert bool(provider.summaries[0].tools) != bool(parts)
    text = next(message.text for message in messages(engine) if getattr(message, "text", "").startswith("[dsterm:"))
    await engine.close()
    return text


async def test_the_demo_sums_up_what_it_is_asked_in_the_conversation_itself(tmp_path: Path) -> None:
    text = await compacted(tmp_path)
    assert "Written by dsterm's demo, which is no model" in text
    assert "2 tool calls: 1 read, 1 write." in text
    assert "- `b.py`: changed\n- `a.py`: read" in text
    assert "- read a.py and write b.py word" in text


async def test_the_demo_sums_up_what_it_is_given_beside_the_conversation(tmp_path: Path) -> None:
    text = await compacted(tmp_path, model="pro", pack_text="x = 1\n" * 100_000)
    assert "Written by dsterm's demo, which is no model" in text
    assert "2 tool calls: 1 read, 1 write." in text
    assert "- `b.py`: changed\n- `a.py`: read" in text
