"""The real program against a server that wants its key, its terminal or its prices: in a run, and in a list of models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]

KEY = "sk_wire_0123456789abcdefghijklmnop"
EVIL = "\x1b[31mred\x1b]0;t\x07\x9b2J\u202egnp\u2066\u200b\u2028y\r\x00\n"


class Hostile:
    """A server that answers with `status`, `headers` and `body`, whatever it is asked."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = 200, {"content-type": "text/event-stream"}, b""
        self.keys: list[str | None] = []
        hostile = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", "0")))
                hostile.keys.append(self.headers.get("authorization"))
                self.send_response(hostile.status)
                for name, value in hostile.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(hostile.body)

            do_GET = do_POST  # noqa: N815 - the library's name

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    server = Hostile()
    yield server
    server.close()


@pytest.fixture
def elsewhere() -> Iterator[Hostile]:
    server = Hostile()
    yield server
    server.close()


def dsterm(home: Path, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A run, of which nothing reaches the terminal but text, and the key neither that nor the disk."""
    (home / "work").mkdir(exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home / "user"),
        "LANG": "C.UTF-8",
        "DSTERM_HOME": str(home / "own"),
        "DSTERM_API_KEY": KEY,
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    done = subprocess.run(
        [sys.executable, "-P", "-m", "dsterm", *words, "--provider", "novita", "--base-url", url],
        env=environment,
        cwd=home / "work",
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=50,
        check=False,
    )
    for text in (done.stdout, done.stderr):
        odd = {character for character in text if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp", "Cs"}}
        assert odd <= {"\n"}
        assert KEY not in text
        assert "Traceback" not in text
    assert not [file for file in (home / "own").rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]
    return done


@pytest.mark.parametrize("words", [("-p", "hi"), ("models", "--refresh")])
def test_no_redirect_takes_the_key_along(tmp_path, hostile, elsewhere, words):
    hostile.status, hostile.headers = 307, {"location": elsewhere.url + "/x", "refresh": f"0; url={elsewhere.url}"}
    done = dsterm(tmp_path, hostile.url, *words)
    assert done.returncode == 1
    assert "redirects to" in done.stderr
    assert (len(hostile.keys), elsewhere.keys) == (1, [])


def test_what_a_server_calls_itself_is_text_and_its_model_has_no_made_up_price(tmp_path, hostile):
    named = {"id": EVIL + KEY, "model": EVIL + KEY + "m" * 50_000}
    said = [{**named, "choices": [{"index": 0, "delta": {"content": EVIL}, "finish_reason": EVIL + KEY}]}, "[DONE]"]
    hostile.body = b"".join(
        b"data: " + (part if isinstance(part, str) else json.dumps(part)).encode() + b"\n\n" for part in said
    )
    done = dsterm(tmp_path, hostile.url, "-p", "hi", "--debug")
    assert done.returncode == 1
    assert "its price is unknown" in done.stderr
    assert len(done.stderr) < 1000


def test_a_list_of_models_is_text_and_moves_no_price_far(tmp_path, hostile):
    hostile.headers = {"content-type": "application/json"}
    absurd = {"input_token_price_per_m": 1e300, "output_token_price_per_m": "-5", "context_size": 10**30}
    cheap = {"input_token_price_per_m": 1, "output_token_price_per_m": 1, "context_size": 1}
    ids = {"deepseek/deepseek-v4-pro": absurd, "deepseek/deepseek-v4-flash": cheap, f"deepseek-v4-{EVIL}{KEY}": cheap}
    entries = [{"id": name, "title": EVIL + KEY, **facts} for name, facts in ids.items()]
    hostile.body = json.dumps({"data": [*entries, None, 5, {"id": "a b"}, {"id": []}]}).encode()
    done = dsterm(tmp_path, hostile.url, "models", "--refresh")
    assert done.returncode == 0
    assert "$1.60 in, $3.20 out" in done.stdout
    assert "$0.14 in, $0.28 out" in done.stdout
