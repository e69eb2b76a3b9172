from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from terminal import Terminal

from dsterm.store.trust import TrustBook


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / "calc.py").write_text("def add_numbers(a, b):\n    return a + b\n")
    (folder / "main.py").write_text("from calc import add_numbers\n\nprint(add_numbers(1, 2))\n")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "-C", str(folder)]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], check=True, timeout=20)
    return folder


StartDsterm = Callable[..., Terminal]


@pytest.fixture
def start(tmp_path: Path, repo: Path) -> Iterator[StartDsterm]:
    opened: list[Terminal] = []

    def begin(*flags: str, size: tuple[int, int] = (80, 24), folder: Path = repo) -> Terminal:
        environment = {
            "DSTERM_HOME": str(tmp_path / "home"),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "PATH": os.environ["PATH"],
        }
        TrustBook(tmp_path / "home" / "state" / "trust.json", home=tmp_path).set_trust(folder, is_trusted=True)
        command = [sys.executable, "-P", "-m", "dsterm", *flags]
        opened.append(Terminal(f"dsterm-test-{uuid.uuid4().hex[:8]}", size, command, environment, folder))
        return opened[-1]

    yield begin
    for terminal in opened:
        terminal.close()
