from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from e2e_program import commit_all

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]

SCENARIO = {"send the pack": [{"text": "Seen."}]}
RED = "\x1b[31m"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A small project, committed."""
    folder = tmp_path / "library"
    (folder / "src").mkdir(parents=True)
    (folder / "tests").mkdir()
    (folder / "src" / "app.py").write_text(f"def run(speed: int) -> None:\n    print('{RED}', speed)\n")
    (folder / "tests" / "test_app.py").write_text("def test_run(): ...\n")
    (folder / "README.md").write_text("# Library\n]]>")
    (folder / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    commit_all(folder)
    return folder


def pack(program, *words: str, code: int = 0, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run `dsterm pack` with neither key nor session."""
    environment = {key: value for key, value in program.environment.items() if not key.endswith("_API_KEY")}
    command = [sys.executable, "-m", "dsterm", "pack", *words]
    done = subprocess.run(
        command, capture_output=True, cwd=cwd or program.folder, env=environment, timeout=50, check=False
    )
    assert done.returncode == code, done
    return done


def test_the_pack_goes_to_standard_output_and_its_figures_to_standard_error(program, library):
    done = pack(program, str(library))
    text = done.stdout.decode()
    assert text.startswith("The user attached the files below")
    assert f"### src/app.py\n```\ndef run(speed: int) -> None:\n    print('{RED}', speed)\n```\n" in text
    table = done.stderr.decode()
    assert re.search(r"^src/ +1 +\d+ +<1 % +<?\$0\.0\d+", table, re.MULTILINE), table
    assert re.search(r"^all +3 +[\d,]+ ", table, re.MULTILINE), table
    assert "Left out: 1 binary." in table
    assert program.logs == []


def test_a_mistyped_glob_is_told(program, library):
    done = pack(program, str(library), "--include", "src/", "--exclude", "tsets/", "--exclude", "*.md")
    assert b"No file fits tsets/." in done.stderr


def test_the_text_is_what_attaching_sends(program, scripted, record, library):
    recorder = record(scripted)
    program.use(recorder.url)
    words = ("--exclude", "tests/")
    program.ask("send the pack", "--attach", str(library), *words)
    sent = [
        message["content"] for message in recorder.requests[-1]["messages"] if "The user attached" in message["content"]
    ]
    assert [pack(program, str(library), *words).stdout.decode()] == sent


def test_two_clones_in_folders_of_other_names_give_the_same_bytes(program, library, tmp_path):
    clone = tmp_path / "elsewhere" / "other-name"
    subprocess.run(["git", "clone", "-q", str(library), str(clone)], check=True)
    assert pack(program, str(clone)).stdout == pack(program, str(library)).stdout
    here = [pack(program, ".", cwd=folder).stdout for folder in (clone, library)]
    assert here[0] == here[1]


def test_what_goes_in_can_be_chosen(program, library):
    text = pack(program, str(library), "--preset", "source", "--outline", "*.py", "--no-table").stdout.decode()
    assert "### src/app.py · outline\n```\ndef run(speed: int) -> None\n```\n" in text
    assert "test_run" not in text
    (library / "README.md").write_text("# Changed\n")
    done = pack(program, str(library), "--since", "HEAD", "--no-table")
    assert b"# Changed" in done.stdout
    assert b"def run" not in done.stdout
    assert done.stderr == b""


def test_markdown_and_xml_and_a_file(program, library, tmp_path):
    file = tmp_path / "out.xml"
    done = pack(program, str(library), str(library / "src"), "--format", "xml", "-o", str(file))
    assert done.stdout == b""
    texts = {element.get("path"): element.text for element in ElementTree.parse(file).getroot().iter("file")}
    assert texts["README.md"] == "# Library\n]]>"
    assert "app.py" in texts
    assert texts["src/app.py"] is not None
    assert (
        "## `README.md`\n\n```md\n# Library\n]]>\n```\n"
        in pack(program, str(library), "--format", "markdown").stdout.decode()
    )


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ((), 2, "PATH. See dsterm pack --help."),
        (("nowhere",), 2, "nowhere"),
        ((".", "--preset", "best"), 2, "all, source, tests, docs, changed"),
        ((".", "--include", "[z-a]"), 2, "no set of characters"),
        ((".", "--frmat", "xml"), 2, "Did you mean --format?"),
        ((".", "-o", "/nowhere/at/all"), 1, "Can't write /nowhere/at/all"),
    ],
)
def test_what_goes_wrong_is_one_sentence(program, library, words, code, sentence):
    done = pack(program, *words, "--no-table" if words else "--table", code=code, cwd=library)
    assert done.stderr.decode().count("\n") == 1, done.stderr
    assert sentence in done.stderr.decode()
    assert done.stdout == b""


def test_whoever_stops_reading_is_no_disaster(program, library):
    (library / "big.txt").write_text("many words in a long file\n" * 20_000)
    command = [sys.executable, "-m", "dsterm", "pack", str(library), "--no-table"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=program.folder, env=program.environment
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(30) == 1
    process.stderr.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals there")
def test_a_terminal_gets_nothing_that_it_would_obey(program, library):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "dsterm", "pack", str(library), "--no-table"]
    process = subprocess.Popen(
        command, stdout=theirs, stderr=subprocess.PIPE, cwd=program.folder, env=program.environment
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65_536):
            shown += chunk
    except OSError:
        pass  # The other end of a terminal that is closed.
    os.close(ours)
    assert process.stderr is not None
    process.stderr.close()
    assert process.wait(30) == 0
    assert b"def run" in shown
    assert b"\x1b" not in shown
