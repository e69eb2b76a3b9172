from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from document_making import make_docx, make_pdf
from hypothesis import given, settings
from hypothesis import strategies as st
from source_surveys import read, reasons, survey

from dsterm.core.left_out_reasons import is_final
from dsterm.workspace.sources import documents as documents_module
from dsterm.workspace.sources.document_reader import extract
from dsterm.workspace.sources.documents import DOCUMENT, Documents, form_of
from dsterm.workspace.sources.sources import Sources

PDF = make_pdf("Annual report\nThe turnover was 12 million.", "Second page\n[page 7]\nProfit was 3 million.")
DOCX = make_docx(("Heading1", "Installation"), ("", "Turn the key."), ("Heading2", "Usage"), ("", "Drive."))
HTML = (
    b"<title>Guide</title><script>no()</script><h1 class=x>One <b>bold</b></h1><p>Words &amp; more</p><ul><li>a<li><p>b</p>"
    b"</ul><table><tr><th>A</th><th>B</th></tr><tr><td><p>1</p></td><td>2</td></tr></table>"
)


async def text(name: str, data: bytes) -> str:
    found = await Documents().text(name, data)
    assert found is not None
    assert found.reason == ""
    return found.text


async def reason(name: str, data: bytes) -> str:
    found = await Documents().text(name, data)
    assert found is not None
    assert found.text == ""
    assert is_final(found.reason)
    return found.reason.removeprefix("unreadable: ")


async def test_pages_of_a_pdf_are_marked_and_nothing_in_it_can_look_like_a_mark() -> None:
    assert await text("report.PDF", PDF) == (
        "[page 1]\nAnnual report\nThe turnover was 12 million.\n\n[page 2]\nSecond page\n\\[page 7]\nProfit was 3 million.\n"
    )


async def test_headings_of_a_docx_are_marked() -> None:
    assert await text("guide.docx", DOCX) == "# Installation\n\nTurn the key.\n\n## Usage\n\nDrive.\n"


async def test_headings_lists_and_tables_of_html_are_marked() -> None:
    found = await text("page.htm", HTML)
    assert found.startswith("Guide\n\n# One bold\n\nWords & more\n\n- a\n\n- b\n")
    assert found.endswith("| A | B\n\n| 1 | 2\n")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("<p>süß</p>".encode(), "süß\n"),
        ("<meta charset=iso-8859-1><p>süß</p>".encode("latin-1"), "süß\n"),
        ("<p>„süß“</p>".encode("cp1252"), "„süß“\n"),
        (b"\xff\xfe" + "<p>süß</p>".encode("utf-16-le"), "süß\n"),
        (b"<meta charset=zlib_codec>\xff", "ÿ\n"),
    ],
)
def test_html_is_decoded_as_it_says(data: bytes, expected: str) -> None:
    assert extract("html", data).text == expected


async def test_the_same_bytes_give_the_same_text() -> None:
    assert {await text("a.pdf", PDF) for _ in range(2)} == {await text("b.pdf", PDF)}


async def test_a_scan_an_encrypted_one_and_what_is_none_each_have_a_reason() -> None:
    assert await reason("scan.pdf", make_pdf("", "")) == "it has no text, only pictures, as a scan does"
    assert await reason("none.pdf", b"GIF89a") == "it is no PDF"
    assert await reason("none.docx", b"PK\x03\x04 but not really") == "it is no DOCX"
    assert await reason("empty.pdf", b"") == "it is empty"
    assert await reason("empty.html", b"<p></p>") == "it has no text"
    assert (await reason("cut.pdf", PDF[:90])).startswith("it is damaged")


async def test_a_pdf_that_needs_a_password_says_so() -> None:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(PDF)))
    writer.encrypt("secret", algorithm="RC4-128")
    target = io.BytesIO()
    writer.write(target)
    assert await reason("locked.pdf", target.getvalue()) == "it is encrypted"


async def test_a_docx_that_unpacks_to_more_than_there_is_room_for_is_not_unpacked() -> None:
    found = await reason("bomb.docx", make_docx(more=[(f"word/{n}.xml", bytes(60_000_000)) for n in range(4)]))
    assert found.startswith("unpacked it has more than 200,000,000 bytes")


async def test_entities_that_multiply_end_in_a_reason() -> None:
    levels = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    xml = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "lol">{levels}]><x>&a11;</x>'
    assert await reason("laughs.docx", make_docx(xml=xml))


async def test_a_pdf_whose_stream_unpacks_without_end_ends_in_a_reason() -> None:
    stream = zlib.compress(bytes(400_000_000), 9)
    page = make_pdf("x").replace(b"<< /Length 46 >>", b"<< /Length 46 >>")
    start, end = page.index(b"5 0 obj"), page.index(b"endobj", page.index(b"5 0 obj"))
    body = b"5 0 obj\n<< /Filter /FlateDecode /Length %d >>\nstream\n%b\nendstream\n" % (len(stream), stream)
    assert await reason("bomb.pdf", page[:start] + body + page[end:])


async def test_what_takes_for_ever_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents_module, "_PATIENCE", 0.2)
    monkeypatch.setattr(documents_module, "_READER", ("-c", "import time; time.sleep(60)"))
    assert await reason("slow.pdf", PDF) == "reading it takes too long or can't be started"


async def test_what_breaks_down_is_one_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents_module, "_READER", ("-c", "import os; os.abort()"))
    assert await reason("crash.pdf", PDF) == "reading it broke down"


async def test_cancelling_ends_the_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    program = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    monkeypatch.setattr(documents_module, "_READER", ("-c", program))
    task = asyncio.create_task(Documents().text("a.pdf", PDF))
    while not note.exists() or not note.read_text():
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


@given(st.sampled_from(["pdf", "docx", "html"]), st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_bytes_end_in_a_text_or_a_reason(form: str, data: bytes) -> None:
    head = {"pdf": b"%PDF-1.4\n", "docx": b"", "html": b""}[form]
    found = extract(form, head + data)
    assert bool(found.text) != bool(found.reason)


def test_only_these_names_are_documents() -> None:
    names = ("a.pdf", "b/C.DOCX", "d.html", "e.htm", "f.md", "g.txt", "pdf", "x.html5", ".pdf")
    assert [form_of(name) for name in names] == ["pdf", "docx", "html", "html", "", "", "", "", "pdf"]


async def test_in_a_plain_folder_documents_are_taken(sources: Sources, tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(PDF)
    (folder / "b.html").write_bytes(HTML)
    (folder / "large.pdf").write_bytes(PDF + b"%" * 200_000)
    found = await survey(sources, str(folder))
    assert reasons(found) == {}
    assert found.documents["a.pdf"].startswith("pypdf ")
    assert found.documents["b.html"].startswith("dsterm html ")
    batch = list((await read(sources, found)).values())
    assert all(one.data is not None for one in batch)
    texts = await sources.texts(found, batch)
    assert texts["large.pdf"].text == texts["a.pdf"].text
    assert texts["b.html"].text.startswith("Guide")


async def test_in_a_repository_a_page_is_source_and_a_pdf_waits_to_be_named(
    sources: Sources, repo: Path, git: Callable[..., str]
) -> None:
    (repo / "a.pdf").write_bytes(PDF)
    (repo / "b.html").write_bytes(HTML)
    git(repo, "add", ".")
    found = await survey(sources)
    assert reasons(found) == {"a.pdf": DOCUMENT}
    assert list(found.documents) == ["a.pdf"]
    single = await survey(sources, "a.pdf")
    assert reasons(single) == {}
    git(repo, "commit", "-qm", "documents")
    committed = await survey(sources, "a.pdf@HEAD")
    assert reasons(committed) == {}
    texts = await sources.texts(committed, list((await read(sources, committed)).values()))
    assert texts["a.pdf"].text.startswith("[page 1]")


def test_without_the_extra_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(PDF)
    program = (
        "import sys, importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name in {'pypdf', 'mammoth'} else find(name, *more)\n"
        "from dsterm.cli import main; sys.exit(main(['pack', 'a.pdf']))"
    )
    environment = {**os.environ, "DSTERM_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "dsterm: a.pdf has no text files to attach: unreadable: reading PDF takes pip install 'dsterm[documents]'.\n"
    )
