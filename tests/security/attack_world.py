"""A model that asks for whatever a test says, the real program that gets these calls, and a look at all it left behind."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import msgspec
import pytest
from e2e_program import DSTERM, KEY, Done, Recorder, clean_environment, commit_all, finished

from dsterm.demo.reply import Reply, ReplyCall
from dsterm.demo.scenario import Scenario, Script
from dsterm.demo.server import Circumstances, DemoServer, http_server
from dsterm.demo.tokens import Tokens
from dsterm.store.trust import TrustBook

API_KEY = KEY
OUTSIDE_SECRET = "quiet-harbour-outside-4711"
ENV_SECRET = "quiet-harbour-environment-4712"
HOME_SECRET = "quiet-harbour-home-4713"
"""Marks that are shaped like no key, so that no masking hides a leak."""

needs_sandbox = pytest.mark.skipif(
    shutil.which("bwrap") is None
    or subprocess.run(
        ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"], capture_output=True, check=False
    ).returncode
    != 0,
    reason="no bubblewrap, or no user namespaces here",
)


@dataclass(frozen=True)
class Call:
    """A tool call: its arguments as values, or as the text that goes over the wire."""

    name: str
    arguments: dict[str, object] | str


def call(name: str, **arguments: object) -> Call:
    return Call(name, arguments)


def bash(command: str, **arguments: object) -> Call:
    return Call("bash", {"command": command, "description": "look", **arguments})


def read(path: str) -> Call:
    return call("read", file_path=path)


def write(path: str, content: str = "planted\n") -> Call:
    return call("write", file_path=path, content=content)


def edit(path: str, old: str, new: str) -> Call:
    return call("edit", file_path=path, old_string=old, new_string=new)


def patch(*lines: str) -> Call:
    return call("apply_patch", patch="\n".join(("*** Begin Patch", *lines, "*** End Patch")) + "\n")


Calls = Sequence[Call | Reply | Sequence[Call]]
"""Every entry is one message of the model; a sequence in it are calls of the same message, a Reply is said as it is."""


class _Orders(Script):
    """What the model is to say to each attack; attacks are told apart by a word in their prompt."""

    def __init__(self) -> None:
        super().__init__(Scenario(replies=()))
        self._left: dict[str, Iterator[Reply]] = {}

    def give(self, mark: str, replies: Sequence[Reply]) -> None:
        self._left[mark] = iter(replies)

    def next_reply(self, prompt: str) -> Reply | None:
        marks = re.findall(r"attack-\d+", prompt)
        return next(self._left.get(marks[-1], iter(())), Reply(text="That was all.")) if marks else Reply(text="Hello.")


class Assailant:
    """The real demo server in a thread, playing what the tests order."""

    def __init__(self) -> None:
        self.orders = _Orders()
        self.numbers = count(1)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()

    async def _serve(self) -> None:
        around = Circumstances(
            tokens_per_second=0, script=self.orders, now=time.time, new_id=lambda: uuid.uuid4().hex[:16]
        )
        self._server = http_server(DemoServer(around, Tokens(lambda: lambda text: len(text) // 4 + 1)).app())
        await self._server.serve(sockets=[self._socket])

    def close(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()
        self._socket.close()


@dataclass(frozen=True)
class Outcome:
    """What became of an attack: exit code, screen, wire, and everything that dsterm kept under its state folder."""

    done: Done
    bodies: tuple[bytes, ...]
    headers: tuple[Mapping[str, str], ...]
    state: Path

    @property
    def code(self) -> int:
        return self.done.code

    @property
    def out(self) -> str:
        return self.done.out

    @property
    def err(self) -> str:
        return self.done.err

    @property
    def wire(self) -> str:
        """All that was sent, as it was and with its strings read."""
        return "\n".join(body.decode() + "\n" + "\n".join(_strings(json.loads(body))) for body in self.bodies)

    @property
    def results(self) -> tuple[str, ...]:
        """What the model was told about each of its calls, in order."""
        messages = json.loads(self.bodies[-1])["messages"] if self.bodies else []
        return tuple(message["content"] for message in messages if message["role"] == "tool")

    @property
    def events(self) -> tuple[dict, ...]:
        """The newest session's events."""
        logs = sorted((self.state / "sessions").glob("*.jsonl"))
        lines = logs[-1].read_bytes().splitlines()[1:] if logs else []
        return tuple(json.loads(line)["event"] for line in lines)

    @property
    def endings(self) -> tuple[str, ...]:
        """How each call ended: done, failed, refused, cancelled."""
        return tuple(event["result"]["outcome"] for event in self.events if event["type"] == "ToolEnded")

    @property
    def kept(self) -> dict[str, str]:
        """Every file under the state folder: session logs, history, index, debug and command logs, packs."""
        files = (path for path in sorted(self.state.rglob("*")) if path.is_file())
        return {str(path.relative_to(self.state)): path.read_bytes().decode("utf-8", "replace") for path in files}

    def nowhere(self, secret: str, *, may_be_seen: bool = False) -> None:
        """`secret`, also as base64, in hex or backwards, is neither on the screen nor on the wire nor kept.

        `may_be_seen`: the user may, as who is asked about a change has to see it.
        """
        screen = {} if may_be_seen else {"stdout": self.out, "stderr": self.err}
        places = {**screen, "the wire": self.wire, **self.kept}
        for spelling in _spellings(secret):
            found = [place for place, text in places.items() if spelling in text]
            assert not found, (spelling, found, self.results)

    def refused(self) -> None:
        """No call did anything: none came to a good end, and none started a command."""
        assert self.endings, self.done
        assert set(self.endings) <= {"refused", "failed"}, (self.endings, self.results)
        assert not any(event["result"].get("job") for event in self.events if event["type"] == "ToolEnded"), (
            self.results
        )

    def stood(self) -> None:
        """The program came to its end as usual."""
        assert self.code == 0, self.done
        assert "Traceback" not in self.err + self.out, self.done


class World:
    """A repository to work in, a folder beside it that is nobody's business, a home with secrets, and dsterm's own home."""

    def __init__(self, folder: Path, assailant: Assailant, recorder: Recorder) -> None:
        self.folder = folder
        self.repo, self.outside = folder / "repo", folder / "outside"
        self.user, self.home = folder / "user", folder / "dsterm"
        self.recorder = recorder
        self._assailant = assailant
        for place in (self.repo / "src", self.outside, self.user, self.home):
            place.mkdir(parents=True)
        (self.repo / "README.md").write_text("# Shop\n")
        (self.repo / "src" / "shop.py").write_text("def total(net):\n    return net\n")
        self.secret = self.outside / "secret.txt"
        self.secret.write_text(OUTSIDE_SECRET + "\n")
        self.sprung = self.outside / "sprung"
        self.environment = clean_environment(self.home) | {
            "HOME": str(self.user),
            "DSTERM_API_KEY": API_KEY,
            "PATH": os.environ["PATH"],
        }
        commit_all(self.repo)

    @property
    def trust(self) -> TrustBook:
        """What the user granted, as dsterm keeps it."""
        return TrustBook(self.home / "state" / "trust.json", home=self.user)

    def trap(self, path: Path) -> Path:
        """Put a program at `path` that leaves a mark at `sprung`, whatever it is called with."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\necho "$0 $*" >> {self.sprung}\necho "$0 $*" >> {self.repo}/sprung\n')
        path.chmod(0o755)
        return path

    def not_sprung(self) -> None:
        for place in (self.sprung, self.repo / "sprung"):
            assert not place.exists(), place.read_text()

    def put(self, name: str, text: str) -> Path:
        """A file in the workspace."""
        path = self.repo / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def attack(
        self,
        calls: Calls,
        *flags: str,
        mode: str = "auto",
        prompt: str = "Do it.",
        trusts: bool = True,
        given: bytes | None = None,
        env: Mapping[str, str] | None = None,
        address: str | None = None,
    ) -> Outcome:
        """Run `dsterm -p` with a model that makes `calls`, each entry in a message of its own, and then answers."""
        has_input = given is not None
        process = self.start(
            calls, *flags, mode=mode, prompt=prompt, trusts=trusts, env=env, has_input=has_input, address=address
        )
        with process:
            return self.outcome(finished(process, given))

    def start(
        self,
        calls: Calls,
        *flags: str,
        mode: str = "auto",
        prompt: str = "Do it.",
        trusts: bool = True,
        env: Mapping[str, str] | None = None,
        has_input: bool = False,
        address: str | None = None,
    ) -> subprocess.Popen[bytes]:
        """The same, while it runs; pass what it comes to to `outcome`. An empty mode or address is left to the settings."""
        mark = self.order(calls)
        server = ["--base-url", self.recorder.url if address is None else address] if address != "" else []
        words = [*server, *(["--permission-mode", mode] if mode else []), *(["--trust"] if trusts else [])]
        return subprocess.Popen(
            [*DSTERM, *words, *flags, "-p", f"{prompt}\n{mark}"],
            cwd=self.repo,
            env=self.environment | dict(env or {}),
            stdin=subprocess.PIPE if has_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def order(self, calls: Calls, *replies: Reply) -> str:
        """Let the model make `calls`, then give `replies`, else the usual last word; the words returned go into the prompt."""
        mark = f"attack-{next(self._assailant.numbers)}"
        self._assailant.orders.give(mark, [*map(_reply, calls), *(replies or (Reply(text="That was all."),))])
        return mark

    def outcome(self, done: Done) -> Outcome:
        """What there is to see after a run that was done."""
        recorder = self.recorder
        return Outcome(done, tuple(recorder.bodies), tuple(recorder.headers), self.home / "state")


def _reply(entry: Call | Reply | Sequence[Call]) -> Reply:
    if isinstance(entry, Reply):
        return entry
    calls = (entry,) if isinstance(entry, Call) else tuple(entry)
    return Reply(tool_calls=tuple(ReplyCall(name=one.name, arguments=one.arguments) for one in calls))


def _strings(value: object) -> Iterator[str]:
    """Every text in a JSON value; what is JSON once more, as the arguments of calls, stays as it is."""
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _strings(item)
        case dict():
            for item in value.values():
                yield from _strings(item)


def _spellings(secret: str) -> set[str]:
    data = secret.encode()
    # Wherever it begins among the three bytes that base64 takes at once, some of its letters are the same.
    encoded = {base64.b64encode(b"." * shift + data).decode()[4 * (shift > 0) : -4] for shift in range(3)}
    in_json = msgspec.json.encode(secret).decode()[1:-1]
    return {secret, in_json, secret[::-1], data.hex(), *(text for text in encoded if len(text) > 7)}
