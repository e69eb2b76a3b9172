"""The user's own editor on the files of a proposal: written to a private folder, read back when the editor ends."""

from __future__ import annotations

import shlex
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from textual.app import App, SuspendNotSupported

from dsterm.core.errors import UsageError
from dsterm.core.review import ProposedFile


def edit_files(app: App[int], command: str, files: Sequence[ProposedFile]) -> dict[str, str]:
    r"""Open `files` in the editor `command`, all at once, and wait. The texts by path, lines ending with `\n`.

    UsageError when it can't be started, says that it failed, or leaves what is no text.
    """
    with tempfile.TemporaryDirectory(prefix="dsterm-edit-") as folder:
        places = {file.path: _written(Path(folder), index, file) for index, file in enumerate(files)}
        arguments = [*_split(command), *map(str, places.values())]
        with _handed_over(app) as has_terminal:
            # Nothing may be raised in here: the screen would not come back.
            failure = _run(arguments, has_terminal=has_terminal)
        if failure:
            raise UsageError(failure)
        return {path: _read(place) for path, place in places.items()}


def _split(command: str) -> list[str]:
    try:
        arguments = shlex.split(command)
    except ValueError:
        arguments = []
    if not arguments:
        raise UsageError("No editor is known. Set $VISUAL or $EDITOR, and start dsterm again.")
    return arguments


def _written(folder: Path, index: int, file: ProposedFile) -> Path:
    """A copy with the file's own name, so that the editor knows its language."""
    place = folder / str(index) / PurePosixPath(file.path).name
    place.parent.mkdir()
    place.write_bytes(file.text.encode("utf-8", "surrogatepass"))
    return place


def _read(place: Path) -> str:
    try:
        text = place.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The editor left no UTF-8 text in {place.name}, so nothing was taken from it.") from error
    return text.replace("\r\n", "\n")


@contextmanager
def _handed_over(app: App[int]) -> Iterator[bool]:
    """The terminal is the editor's meanwhile; False where there is none to give."""
    try:
        with app.suspend(), _unharmed_by_interrupt():
            yield True
    except SuspendNotSupported:
        yield False


@contextmanager
def _unharmed_by_interrupt() -> Iterator[None]:
    """Ctrl+C reaches every program of the terminal; it is meant for the editor."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGINT, lambda _signal, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


def _run(arguments: Sequence[str], *, has_terminal: bool) -> str:
    """Why it failed, or nothing."""
    stream = None if has_terminal else subprocess.DEVNULL
    try:
        code = subprocess.run(arguments, check=False, stdin=stream, stdout=stream, stderr=stream).returncode  # noqa: S603
    except (OSError, ValueError):
        return f"{arguments[0]} can't be started. Set $VISUAL or $EDITOR to an editor, and start dsterm again."
    return f"{arguments[0]} ended with code {code}, so nothing was taken from it." if code else ""
