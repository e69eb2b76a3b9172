from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from scripted import ScriptedProvider, World, answer, call, calls, do, only, play

from dsterm.core.attachments import PackedFile, PackManifest
from dsterm.core.config import Config
from dsterm.core.events import Event, Notice
from dsterm.core.models import Usage
from dsterm.core.report_events import Picture, ReportShown, ReportTable, Role, Sentences
from dsterm.engine.engine import Engine
from dsterm.engine.steps.requests import context_tokens
from dsterm.render.report_block import report_text


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    (made.folder / "a.txt").write_text("alpha beta gamma\n" * 40)
    yield made
    made.close()


async def shown(engine: Engine, line: str) -> ReportShown:
    (report,) = only(await do(engine, line), ReportShown)
    assert isinstance(report, ReportShown)
    return report


def section(report: ReportShown, kind: type) -> Picture | ReportTable | Sentences:
    return next(section for section in report.sections if isinstance(section, kind))


def tokens(report: ReportShown) -> dict[str, int]:
    """The tokens of each row that is no part of the row before it."""
    table = section(report, ReportTable)
    return {row.cells[0]: int(row.cells[1].replace(",", "")) for row in table.rows if not row.depth}


def check_sums(engine: Engine, report: ReportShown) -> None:
    rows = tokens(report)
    used, room, free = rows.pop("used"), rows.pop("room for the answer"), rows.pop("free")
    assert sum(rows.values()) == used == context_tokens(engine._live)[0]
    assert used + room + free == engine._live.model.context_window


async def test_the_rows_add_up_to_what_the_status_line_says_all_through_a_session(world: World) -> None:
    script = [calls(call("read", {"file_path": "a.txt"})), answer("It is letters."), answer("Yes.")]
    engine = world.engine(ScriptedProvider(script), pack_text="x = 1\n" * 4_000)
    check_sums(engine, await shown(engine, "/context"))
    await do(engine, "/attach .")
    check_sums(engine, await shown(engine, "/context"))
    await play(engine, "what is in a.txt?")
    report = await shown(engine, "/context")
    check_sums(engine, report)
    assert {"system text", "tools (9)", "results of read (1)"} <= set(tokens(report))
    roles = [part.role for part in section(report, Picture).parts]
    assert roles == [role for role in Role if role in roles]
    await play(engine, "sure?")
    check_sums(engine, await shown(engine, "/context"))
    await engine.close()


async def test_advice_names_lock_files_and_a_folder_that_is_most_of_it(world: World) -> None:
    engine = world.engine(ScriptedProvider([answer("one")]), pack_text="x = 1\n" * 60_000)
    await do(engine, "/attach .")
    live = engine._live
    (pack,) = live.session.packs
    files = (
        PackedFile(path="web/package-lock.json", blob="a", tokens=12_000),
        PackedFile(path="evil\x1b[31m/b.py", blob="b", tokens=50_000),
        PackedFile(path="src/app.py", blob="c", tokens=4_000),
    )
    live._manifests[pack.digest] = PackManifest(files=files)
    report = await shown(engine, "/context")
    await engine.close()
    texts = section(report, Sentences).texts
    advice = [text for text in texts if "/detach" in text]
    assert any("web/package-lock.json" in text and "12k tokens, $0.00" in text for text in advice)
    assert any("evil" in text and "50k tokens" in text for text in advice)
    for width in (50, 80, 140):
        assert "\x1b" not in report_text(report, width)
    assert "evil" in report_text(report, 80)


async def test_a_switch_that_reads_the_window_anew_is_told_first(world: World) -> None:
    usage = Usage(prompt_tokens=90_000, completion_tokens=10)
    engine = world.engine(
        ScriptedProvider([answer("one", usage)]), Config(ask_above=Decimal(0)), pack_text="x = 1\n" * 60_000
    )
    await do(engine, "/attach .")
    await play(engine, "hello")
    await do(engine, "/mode think-max")
    report = await shown(engine, "/context")
    await engine.close()
    assert any("reads the window anew" in text for text in section(report, Sentences).texts)


async def test_before_anything_was_sent_cache_says_so_and_knows_one_word(world: World) -> None:
    engine = world.engine(ScriptedProvider([]))
    assert "Nothing was sent yet" in (await shown(engine, "/cache")).title
    assert "No request was counted" in (await shown(engine, "/cache all")).title
    (refused,) = only(await do(engine, "/cache some"), Notice)
    assert "/cache all for all sessions" in refused.text
    (status,) = only(await do(engine, "/status"), Notice)
    assert "/context says of what" in status.text
    await engine.close()


async def test_reports_come_back_with_a_session(world: World) -> None:
    engine = world.engine(ScriptedProvider([answer("one")]))
    await play(engine, "hello")
    made: list[Event] = [await shown(engine, "/context"), await shown(engine, "/cache")]
    await engine.close()
    again = world.engine(ScriptedProvider([]))
    again.resume_latest()
    kept = [envelope.event for envelope in again._live.journal.envelopes if isinstance(envelope.event, ReportShown)]
    await again.close()
    assert kept == made
