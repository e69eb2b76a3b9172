"""The real program, the real demo server and a recorder between them, each in a process or thread of its own."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from dsterm.store.trust import TrustBook

KEY = "sk_e2e_0123456789abcdefghijklmnop"
DSTERM = (sys.executable, "-P", "-m", "dsterm")
_KEPT = ("PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP")


def clean_environment(home: Path) -> dict[str, str]:
    """Nothing of the machine's own settings, keys, proxies or git configuration."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {
        "HOME": str(home / "user"),
        "LANG": "C.UTF-8",
        "DSTERM_HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }


@dataclass(frozen=True)
class Done:
    """A run that is over."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        """The one object on standard output, amounts as they are written."""
        assert self.out.count("\n") == 1, self
        return json.loads(self.out, parse_float=Decimal)

    @property
    def events(self) -> list[dict]:
        """What stream-json printed before its result, without envelopes."""
        return [line["envelope"]["event"] for line in self.lines[:-1]]

    @property
    def lines(self) -> list[dict]:
        return [json.loads(line, parse_float=Decimal) for line in self.out.splitlines()]

    def sentence(self, code: int) -> str:
        """The one line on standard error of a run that failed with `code`."""
        assert self.code == code, self
        lines = self.err.splitlines()
        assert len(lines) == 1, self
        assert lines[0].startswith("dsterm: ")
        assert lines[0].endswith((".", "?", ")")), lines[0]
        assert "Traceback" not in self.err + self.out
        return lines[0].removeprefix("dsterm: ")


PROGRAMS: list[Program] = []
"""The programs of the running test; what they sent is looked at when it is over."""

SERVERS: list[DemoServer] = []
"""Every demo server that runs."""


class Program:
    """dsterm with a home of its own, in `folder`."""

    def __init__(self, home: Path, folder: Path) -> None:
        PROGRAMS.append(self)
        self.home = home
        self.folder = folder
        self.environment = clean_environment(home)
        self.flags: tuple[str, ...] = ()

    def trust(self, folder: Path) -> None:
        """What the user says once about a folder, on the first start there."""
        TrustBook(self.home / "state" / "trust.json", home=self.home).set_trust(folder, is_trusted=True)

    def use(self, url: str) -> None:
        """Talk to the server at `url` as if it were Novita: what it answers counts as money."""
        self.flags = ("--base-url", url)
        self.environment["DSTERM_API_KEY"] = KEY

    def start(self, *words: str | bytes, stdin: int | None = subprocess.DEVNULL, **options) -> subprocess.Popen[bytes]:
        """The running program; whoever starts it ends it."""
        return subprocess.Popen(
            [*DSTERM, *self.flags, *words],
            cwd=self.folder,
            env=options.pop("env", self.environment),
            stdin=stdin,
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE),
            **options,
        )

    def run(
        self, *words: str | bytes, given: bytes | None = None, env: dict[str, str] | None = None, **options
    ) -> Done:
        """Run to the end; `given` comes through a pipe, without it there is no input."""
        stdin = subprocess.DEVNULL if given is None else subprocess.PIPE
        with self.start(*words, stdin=stdin, env=self.environment | (env or {}), **options) as process:
            return finished(process, given)

    def ask(self, prompt: str, *words: str, **options) -> Done:
        return self.run("-p", prompt, *words, **options)

    def answer(self, prompt: str, *words: str) -> dict:
        """The result of a run that answered."""
        done = self.ask(prompt, *words, "--output-format", "json")
        assert done.code == 0, done
        return done.json

    @property
    def logs(self) -> list[Path]:
        """The session logs, oldest first."""
        return sorted((self.home / "state" / "sessions").glob("*.jsonl"))

    def log(self, path: Path | None = None) -> list[dict]:
        """The events in a session's log, by default the only one; every line must be whole."""
        if path is None:
            (path,) = self.logs
        header, *lines = path.read_bytes().splitlines()
        assert "format" in json.loads(header)
        envelopes = [json.loads(line) for line in lines]
        assert [envelope["seq"] for envelope in envelopes] == list(range(1, len(envelopes) + 1))
        return [envelope["event"] for envelope in envelopes]


def finished(process: subprocess.Popen[bytes], given: bytes | None = None) -> Done:
    """What `process` comes to."""
    try:
        out, err = process.communicate(given, timeout=45)
    except BaseException:
        process.kill()
        raise
    return Done(process.returncode, (out or b"").decode(), (err or b"").decode())


class DemoServer:
    """`dsterm demo-server` as a process, at full speed; it writes down every request in `record`."""

    def __init__(self, home: Path, scenario: Path | None = None, *more: str) -> None:
        words = (*more, "--scenario", str(scenario)) if scenario else more
        self.record = home / "record.jsonl"
        self._process = subprocess.Popen(
            [*DSTERM, "demo-server", "--tokens-per-second", "0", "--record", str(self.record), *words],
            env=clean_environment(home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.url: str = json.loads(self._process.stdout.readline())["url"]
        SERVERS.append(self)

    def ledger(self) -> list[dict]:
        """The server's own account of every request that it answered."""
        place = urlsplit(self.url)
        with closing(http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)) as connection:
            connection.request("GET", "/ledger")
            return json.loads(connection.getresponse().read())["requests"]

    def close(self) -> None:
        SERVERS.remove(self)
        self._process.kill()
        self._process.communicate()


class Recorder:
    """Passes requests on to `upstream` and keeps their headers and bytes; `on_request` runs before they are passed on."""

    def __init__(self, upstream: str) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.on_request: Callable[[], None] = lambda: None
        recorder, target = self, urlsplit(upstream)

        class Forward(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                recorder.bodies.append(body)
                recorder.headers.append({name.lower(): value for name, value in self.headers.items()})
                recorder.on_request()
                connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=40)
                with closing(connection), suppress(OSError):
                    connection.request("POST", self.path, body)
                    with connection.getresponse() as response:
                        self._pass_back(response)

            def _pass_back(self, response: http.client.HTTPResponse) -> None:
                self.send_response(response.status)
                for name in ("content-type", "retry-after"):
                    if name in response.headers:
                        self.send_header(name, response.headers[name])
                self.end_headers()
                while data := response.read1(65_536):
                    self.wfile.write(data)

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Forward)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def requests(self) -> list[dict]:
        """The bodies, read."""
        return [json.loads(body) for body in self.bodies]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def wait_until(holds: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def commit_all(folder: Path) -> str:
    """Make `folder` a repository, if it is none, commit everything in it and return the commit."""
    environment = clean_environment(folder)
    author = ("-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")

    def git(*words: str) -> str:
        done = subprocess.run(["git", *author, *words], cwd=folder, env=environment, capture_output=True, check=True)
        return done.stdout.decode().strip()

    if not (folder / ".git").exists():
        git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "state")
    return git("rev-parse", "HEAD")
