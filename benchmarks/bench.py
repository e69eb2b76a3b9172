"""Where everything is measured: the settings of this run, a temporary folder, and the environment of the children."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from benchmarks.measure import Cost, run_child
from dsterm.store.trust import TrustBook

KEY = "benchmark-key-of-no-account"


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """How often to measure, whether the long rows are wanted, a folder to be thrown away, and where to tell progress."""

    runs: int
    is_long: bool
    folder: Path
    tell: Callable[[str], None]

    @property
    def dsterm(self) -> tuple[str, ...]:
        """The program as users start it; without a console script, as a module."""
        script = Path(sys.executable).with_name("dsterm")
        return (str(script),) if script.exists() else (sys.executable, "-P", "-m", "dsterm")

    def environment(self, home: str = "home") -> dict[str, str]:
        """A plain environment; nothing of the user's own settings and keys. `home` is a folder inside ours.

        The workspace is trusted there, as it is for everybody but at the first start.
        """
        TrustBook(self.folder / home / "state" / "trust.json", home=self.folder).set_trust(
            self.workspace, is_trusted=True
        )
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "DSTERM_HOME": str(self.folder / home),
            "DSTERM_API_KEY": KEY,
        }

    @property
    def workspace(self) -> Path:
        """A small git repository to start dsterm in."""
        folder = self.folder / "workspace"
        if not folder.exists():
            folder.mkdir()
            (folder / "notes.md").write_text("# Notes\n\nNothing yet.\n", encoding="utf-8")
            make_git_repository(folder)
        return folder

    def run_dsterm(self, words: Sequence[str], *, home: str = "home") -> Cost:
        """What `dsterm` with these words costs."""
        return self._run((*self.dsterm, *words), home)

    def run_python(self, code: str) -> Cost:
        """What the same interpreter takes for `code`."""
        return self._run((sys.executable, "-c", code), "home")

    def _run(self, command: Sequence[str], home: str) -> Cost:
        return run_child(command, environment=self.environment(home), folder=self.workspace)


def make_git_repository(folder: Path) -> None:
    """Commit everything in `folder`, always to the same commit."""
    identity = {"NAME": "Benchmark", "EMAIL": "benchmark@localhost", "DATE": "2026-01-01T00:00:00+00:00"}
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    environment |= {f"GIT_{role}_{what}": text for role in ("AUTHOR", "COMMITTER") for what, text in identity.items()}
    for words in (("init", "--quiet", "--initial-branch=main"), ("add", "."), ("commit", "--quiet", "-m", "All")):
        subprocess.run(("git", *words), cwd=folder, env=environment, check=True, stdin=subprocess.DEVNULL)
