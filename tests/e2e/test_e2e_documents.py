from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "workspace"))

from document_making import make_docx, make_pdf

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]

SCENARIO = {"turnover": [{"text": "12 million (report.pdf, page 2)."}]}


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "report.pdf").write_bytes(make_pdf("Annual report", "The turnover was 12 million."))
    (folder / "guide.docx").write_bytes(make_docx(("Heading1", "Installation"), ("", "Turn the key.")))
    (folder / "page.html").write_text("<h1>Page</h1><p>Words")
    (folder / "scan.pdf").write_bytes(make_pdf(""))
    return folder


def test_a_report_is_attached_and_asked_about(program, scripted, record, papers):
    recorder = record(scripted)
    program.use(recorder.url)
    done = program.ask("what was the turnover?", "--attach", str(papers / "report.pdf"), "--attach", str(papers))
    assert "Left out: 1 unreadable: it has no text, only pictures, as a scan does." in done.err
    sent = [
        message["content"] for message in recorder.requests[-1]["messages"] if "The user attached" in message["content"]
    ]
    assert (
        "cite it as: report.pdf, page 2\n```\n[page 1]\nAnnual report\n\n[page 2]\nThe turnover was 12 million."
        in sent[0]
    )
    assert "cite it as: guide.docx, section NAME\n```\n# Installation\n\nTurn the key.\n```" in sent[1]
    assert "# Page\n\nWords\n" in sent[1]


def needles(program, *words: str, code: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "dsterm", "needles", *words]
    environment = program.environment
    done = subprocess.run(
        command, cwd=program.folder, env=environment, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == code, done
    return done


def test_needles_are_found_by_the_demo(program, tmp_path):
    report = tmp_path / "needles.json"
    done = needles(program, "--demo", "--tokens", "20k", "--needles", "5", "--json", str(report), code=0)
    assert "5 of 5 found" in done.stdout
    (outcome,) = json.loads(report.read_bytes())["outcomes"]
    assert outcome["verdicts"] == ["found"] * 5
    assert 20_000 < outcome["sent"] < 24_000


def test_needles_cost_nothing_before_somebody_agreed(program):
    program.environment["NOVITA_API_KEY"] = "sk_e2e_0123456789abcdefghijklmnop"
    done = needles(program, "--tokens", "20k", code=2)
    assert "They cost about $0.00" in done.stdout
    assert done.stderr == "dsterm: This costs money and nobody is here to be asked; add --yes if that is all right.\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--demo", "--tokens", "1048k"), "leaves no room for an answer in the window of 1,048,576"),
        (("--demo", "--tokens", "many"), "takes numbers of tokens"),
        (("--demo", "--tokens", "1k"), "Give at least 2,000 tokens"),
        (("--demo", "--provider", "novita"), "--demo is a provider of its own"),
    ],
)
def test_wrong_words_are_one_sentence(program, words, sentence):
    done = needles(program, *words, code=2)
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
