"""A patch over thirty files and more, the files it starts from, and a program that is killed in the middle of it.

As a program it reads `FOLDER COUNT` lines and runs each in a fork of itself: with COUNT > 0 the fork kills itself at that many
looks at, or changes of, the disk after the call was requested; with 0 it runs to its end. Prints how many such moments there
were, or `killed`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from changing_turns import ACCEPT, patch
from scripted import ScriptedProvider, World, answer, calls

_TOUCHES = ("open", "os.", "shutil.")
_EDITED = [f"src/part{number % 3}/file{number}.txt" for number in range(20)]
_DELETED = [f"old/gone{number}.sh" for number in range(4)]
_ADDED = [f"made/deep/new{number}.md" for number in range(4)]
_MOVED = {f"src/move{number}.txt": f"target/moved{number}.txt" for number in range(3)}


def _text(path: str, word: str) -> bytes:
    return "".join(f"{path} {word if line == 7 else line}\n" for line in range(40)).encode()


OLD: dict[str, bytes | None] = {
    **{path: _text(path, "seven") for path in (*_EDITED, *_DELETED, *_MOVED)},
    **dict.fromkeys((*_ADDED, *_MOVED.values())),
}
NEW: dict[str, bytes | None] = {
    **{path: _text(path, "SEVEN") for path in _EDITED},
    **dict.fromkeys((*_DELETED, *_MOVED)),
    **{path: f"{path}\nnew\n".encode() for path in _ADDED},
    **{new: _text(old, "SEVEN") for old, new in _MOVED.items()},
}


def prepare(folder: Path) -> None:
    """The files as they are before the patch, some of them executable."""
    for path, data in OLD.items():
        if data is not None:
            place = folder / "work" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            place.chmod(0o755 if path.endswith(".sh") else 0o640)


def provider() -> ScriptedProvider:
    lines: list[str] = []
    for path in _EDITED:
        lines += [f"*** Update File: {path}", "@@", f"-{path} seven", f"+{path} SEVEN"]
    for path in _DELETED:
        lines.append(f"*** Delete File: {path}")
    for path in _ADDED:
        lines += [f"*** Add File: {path}", f"+{path}", "+new"]
    for old, new in _MOVED.items():
        lines += [f"*** Update File: {old}", f"*** Move to: {new}", "@@", f"-{old} seven", f"+{old} SEVEN"]
    return ScriptedProvider([calls(patch(*lines)), answer("done")])


class Killer:
    """Ends this process, as kill -9 does, at a chosen moment."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.seen = 0
        self.is_on = False

    def hear(self, event: str, _arguments: object) -> None:
        if self.is_on and event.startswith(_TOUCHES):
            self.seen += 1
            if self.seen == self.count:
                os.kill(os.getpid(), signal.SIGKILL)


async def _patch(folder: Path, killer: Killer) -> None:
    engine = World(folder).engine(provider(), ACCEPT)
    async for envelope in engine.run("change everything"):
        match type(envelope.event).__name__:
            case "ToolRequested":
                killer.is_on = True
            case "TurnEnded":
                killer.is_on = False
            case _:
                pass
    await engine.close()


def _run(folder: Path, count: int) -> None:
    killer = Killer(count)
    sys.addaudithook(killer.hear)
    asyncio.run(_patch(folder, killer))
    print(killer.seen, flush=True)


def main() -> None:
    for line in sys.stdin:
        folder, count = line.rsplit(" ", 1)
        child = os.fork()
        if child == 0:
            try:
                _run(Path(folder), int(count))
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            print("killed", flush=True)


if __name__ == "__main__":
    main()
