"""What servers, models and files say never reaches a terminal as anything but text."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]

EVIL = "\x1b[31mred\x1b]0;title\x07\x1b]52;c;AAAA\x07 \x9b2J \x90q\x9c \u202egnp.exe \u2066\u200bx\u2028y\ufeff\x08\x7f\r\x00"
EVIL_NAME = "ev\x1b[2Jil\u202e\nname"
FAULTS = [{"kind": "error", "after": 2, "message": f"no {EVIL} good", "code": 400}]

SCENARIO = {
    "evil answer": [{"reasoning": f"hm {EVIL}", "text": f"so {EVIL}"}],
    "evil tool": [
        {"tool_calls": [{"name": EVIL_NAME, "arguments": {"path": EVIL}}]},
        {"tool_calls": [{"name": "read", "arguments": {"file_path": EVIL}}]},
        {"tool_calls": [{"name": "write", "arguments": {"file_path": "a\u202eb.txt", "content": EVIL}}]},
        {"text": "done"},
    ],
    "evil refused": [{"refusal": {"status": 400, "message": f"bad {EVIL} request"}}],
    "evil page": [{"refusal": {"status": 403, "body": f"<title>no {EVIL}</title>"}}],
    "evil inside": [{"text": "well", "faults": FAULTS}],
    "evil ended": [{"text": "well", "finish_reason": f"odd {EVIL}"}],
    "evil served": [{"text": "well", "model": f"deep{EVIL}seek"}],
}


def assert_plain(text: str) -> None:
    """Nothing in `text` but visible characters, spaces and line feeds."""
    odd = {character for character in text if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp", "Cs"}}
    assert odd <= {"\n"}, (odd, text)


@pytest.mark.parametrize(("prompt", "output"), [("evil answer", "text"), *((name, "stream-json") for name in SCENARIO)])
def test_no_byte_of_a_server_steers_the_terminal(program, scripted, prompt, output):
    program.use(scripted.url)
    done = program.ask(prompt, "--output-format", output, "--no-save")
    assert_plain(done.out)
    assert_plain(done.err)
    assert "Traceback" not in done.err
    assert all(line.startswith("dsterm: ") for line in done.err.splitlines())
    assert "U+202E" in done.out if output == "text" else done.lines[-1]["type"] == "result"


def test_json_keeps_what_the_model_said_to_the_character(program, scripted):
    program.use(scripted.url)
    result = program.answer("evil answer")
    assert result["result"] == f"so {EVIL}"
    assert result["reasoning"] == f"hm {EVIL}"


def test_the_debug_log_has_every_request_and_no_key(program, scripted):
    program.use(scripted.url)
    # A prompt with a key in it would not be sent; the user's own words for the system text are.
    secret = "sk_live_abcdefghijklmnopqrstuv"
    assert program.ask("evil answer", "--debug", "--append-system-prompt", f"Never say {secret}.").code == 0
    log = program.home / "state" / "logs" / "requests.log"
    text = log.read_text()
    assert log.stat().st_mode & 0o077 == 0
    assert program.environment["DSTERM_API_KEY"] not in text
    assert secret not in text
    assert "[redacted]" in text
    (request,) = re.findall(r"(?m)^--- \S+ request\n(\{.*)$", text)
    assert json.loads(request)["stream"] is True
    assert "data: [DONE]" in text


def test_without_debug_there_is_no_log_of_requests(program, scripted):
    program.use(scripted.url)
    assert program.ask("evil answer").code == 0
    assert not (program.home / "state" / "logs").exists()
