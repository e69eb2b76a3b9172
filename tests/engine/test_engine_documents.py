from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from drift_world import DriftWorld, attach, told
from scripted import answer, only, play

from dsterm.core.attachments import Level, PackChoice
from dsterm.core.events import Notice, TurnStarted
from dsterm.engine.attaching.counting import count_source
from dsterm.workspace.sources.documents import DOCUMENT, Documents

sys.path.append(str(Path(__file__).parents[1] / "workspace"))

from document_making import make_pdf

PDF = make_pdf("The turnover was 12 million.")


@pytest.fixture
def world(tmp_path: Path) -> DriftWorld:
    made = DriftWorld(tmp_path)
    made.write("docs/report.pdf", PDF)
    made.commit()
    return made


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The documents whose text was asked for."""
    names: list[str] = []
    text = Documents.text

    async def noted(self: Documents, name: str, data: bytes):
        names.append(name)
        return await text(self, name, data)

    monkeypatch.setattr(Documents, "text", noted)
    return names


def files(survey) -> dict[str, tuple[bool, str]]:
    return {file.path: (file.tokens > 0, file.reason) for file in survey.files}


async def test_a_document_of_a_repository_is_counted_when_it_is_chosen_and_then_never_again(
    world: DriftWorld, taken: list[str]
) -> None:
    parts = world.open()._parts
    states: list[object] = []
    found = await count_source(parts, ".", PackChoice(), states.append)
    assert files(found)["docs/report.pdf"] == (False, DOCUMENT)
    assert taken == []
    ticked = PackChoice(levels={"docs/report.pdf": Level.FULL})
    for choice in (ticked, ticked, PackChoice()):
        found = await count_source(parts, ".", choice, states.append)
        assert files(found)["docs/report.pdf"] == (True, DOCUMENT)
    assert taken == ["docs/report.pdf"]


async def test_a_plain_folder_counted_again_takes_no_text_out(
    world: DriftWorld, tmp_path: Path, taken: Sequence[str]
) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(PDF)
    (folder / "scan.pdf").write_bytes(make_pdf(""))
    parts = world.open()._parts
    for _ in range(2):
        found = await count_source(parts, str(folder), PackChoice(), lambda _state: None)
        assert found.files[0].tokens > 0
        assert found.files[1].reason.startswith("unreadable: it has no text")
    assert sorted(taken) == ["a.pdf", "scan.pdf"]


async def test_a_document_goes_in_with_words_on_how_to_cite_it(world: DriftWorld) -> None:
    engine = world.open(answer("one"))
    pack = await attach(engine, "docs/report.pdf")
    await play(engine, "hi")
    text = next(
        message.text
        for message in world.provider.requests[0].messages
        if "turnover" in str(getattr(message, "text", ""))
    )
    assert (
        "### report.pdf · document, cite it as: report.pdf, page 2\n```\n[page 1]\nThe turnover was 12 million." in text
    )
    assert "Texts of documents were taken out by pypdf " in text
    assert pack.files == 1


async def test_what_changed_in_a_document_is_told_as_its_text(world: DriftWorld) -> None:
    engine = world.open(answer("one"), answer("two"), answer("three"))
    await attach(engine, "docs/report.pdf")
    await play(engine, "hi")
    assert told(engine) == []
    world.write("docs/report.pdf", make_pdf("The turnover was 13 million."))
    await play(engine, "and now?")
    await play(engine, "still?")
    (change,) = told(engine)
    assert "The turnover was 13 million." in change.text
    assert "%PDF" not in change.text


async def test_a_mentioned_document_is_sent_and_a_scan_is_told(world: DriftWorld) -> None:
    world.write("scan.pdf", make_pdf(""))
    engine = world.open(answer("ok"))
    weighed, scan = await engine.weigh("@docs/report.pdf and @scan.pdf")
    assert (weighed.problem, weighed.tokens > 0, scan.tokens) == ("", True, 0)
    events = await play(engine, "@docs/report.pdf and @scan.pdf")
    note = only(events, TurnStarted)[0].note
    assert "docs/report.pdf, 2 lines:\n[page 1]\nThe turnover was 12 million." in note
    notices = "\n".join(each.text for each in only(events, Notice))
    assert "@scan.pdf is not sent. scan.pdf can't be sent: unreadable: it has no text" in notices
