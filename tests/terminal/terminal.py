"""A real terminal for tests: tmux runs the program, keys go in, the screen comes out."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed (Debian package tmux)")


class Terminal:
    """One tmux server with one window."""

    def __init__(
        self, name: str, size: tuple[int, int], command: list[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        self._name = name
        settings = " ".join(f"{key}={shlex.quote(value)}" for key, value in environment.items())
        line = f"cd {shlex.quote(str(folder))} && env {settings} {shlex.join(command)}; echo EXIT-CODE $?; sleep 600"
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), line)

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._name, *words],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
            stdin=subprocess.DEVNULL,
        )
        return done.stdout

    def type(self, text: str) -> None:
        """Type `text` as it is."""
        self._tmux("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names."""
        self._tmux("send-keys", *keys)

    def screen(self) -> str:
        """What is shown; a space that only keeps words on one line is a space."""
        return self._tmux("capture-pane", "-p").replace("\u00a0", " ")

    def wait_for(self, *texts: str, seconds: float = 30.0) -> str:
        """The screen once all of `texts` are on it."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            shown = self.screen()
            if all(text in shown for text in texts):
                return shown
            time.sleep(0.05)
        raise AssertionError(f"{texts} did not appear within {seconds} s:\n{self.screen()}")

    def child_pid(self) -> int:
        """The program itself, below the shell in the window."""
        shell = self._tmux("list-panes", "-F", "#{pane_pid}").strip()
        found = subprocess.run(["pgrep", "-P", shell], capture_output=True, text=True, check=True, timeout=20)
        return int(found.stdout.split()[0])

    def close(self) -> None:
        """End everything in it."""
        subprocess.run(["tmux", "-L", self._name, "kill-server"], capture_output=True, check=False, timeout=20)
