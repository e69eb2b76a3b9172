"""A machine in miniature for the sandbox: a home with secrets, dsterm's own folders, a workspace; and commands run for real."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dsterm.core.command_plan import Confinement
from dsterm.core.commands import CommandLaunch
from dsterm.workspace.confinement.sandbox import Confined, FoundSandbox, SandboxPlaces, find_sandbox

PYTHON = next((path for path in ("/usr/bin/python3", "/usr/local/bin/python3") if Path(path).exists()), sys.executable)
SYSTEM_FOLDERS = (Path("/usr/bin"), Path("/bin"), Path("/usr/local/bin"))


@functools.cache
def why_no_sandbox() -> str:
    here = Path(__file__).parent
    places = SandboxPlaces((here,), (), here, here.parent)
    return find_sandbox(places, SYSTEM_FOLDERS, sys.platform).facts.trouble if sys.platform == "linux" else "not Linux"


needs_sandbox = pytest.mark.skipif(bool(why_no_sandbox()), reason=f"no sandbox here: {why_no_sandbox()}")


@dataclass
class Done:
    code: int
    output: str


@dataclass
class World:
    base: Path
    name: str = "project"
    roots: tuple[Path, ...] = ()
    root: Path = field(init=False)
    home: Path = field(init=False)
    own: tuple[Path, ...] = field(init=False)
    cache: Path = field(init=False)

    def __post_init__(self) -> None:
        self.home = self.base / "home"
        self.root = self.home / self.name
        self.own = (self.home / ".config/dsterm", self.home / ".local/state/dsterm", self.home / ".cache/dsterm")
        self.cache = self.own[2] / "projects" / "one"
        for folder in (self.root, *self.own, self.home / ".ssh", self.home / "other"):
            folder.mkdir(parents=True, exist_ok=True)
        (self.home / ".ssh" / "id_ed25519").write_text("SECRET-SSH")
        (self.home / ".bashrc").write_text("# as it was\n")
        (self.home / "other" / "file").write_text("as it was\n")
        (self.own[0] / "key").write_text("SECRET-OWN")
        (self.own[1] / "trust.json").write_text("SECRET-TRUST")

    @functools.cached_property
    def found(self) -> FoundSandbox:
        places = SandboxPlaces(self.roots or (self.root,), self.own, self.cache, self.home)
        return find_sandbox(places, SYSTEM_FOLDERS, sys.platform)

    @property
    def sandbox(self):
        assert self.found.sandbox is not None, self.found.facts.trouble
        return self.found.sandbox

    @property
    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

    def launch(self, command: str = "", **wishes: object) -> CommandLaunch:
        wishes = {"folder": self.root, "confinement": Confinement.SANDBOX} | wishes
        return CommandLaunch(command=command, **wishes)

    def wrap(self, command: str, **wishes: object) -> Confined:
        return self.sandbox.wrap(self.launch(command, **wishes), ("/bin/bash", "-c", command), self.environment)

    def run(self, command: str, **wishes: object) -> Done:
        done = run_confined(self.wrap(command, **wishes))
        self.said = self.sandbox.settle(self.launch(command, **wishes))
        return done

    def python(self, code: str, *arguments: str, **wishes: object) -> Done:
        confined = self.sandbox.wrap(self.launch(code, **wishes), (PYTHON, "-c", code, *arguments), self.environment)
        done = run_confined(confined)
        self.said = self.sandbox.settle(self.launch(code, **wishes))
        return done

    def git(self, *arguments: str, folder: Path | None = None) -> str:
        variables = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        variables |= {
            f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        done = subprocess.run(
            ["git", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", *arguments],
            cwd=folder or self.root,
            env=self.environment | variables,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode()

    def make_repo(self, folder: Path | None = None) -> Path:
        place = folder or self.root
        place.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", folder=place)
        self.git("config", "user.name", "A", folder=place)
        self.git("config", "user.email", "a@example.org", folder=place)
        (place / "a.txt").write_text("a\n")
        self.git("add", ".", folder=place)
        self.git("commit", "-qm", "first", folder=place)
        return place / ".git"


def run_confined(confined: Confined, **wishes: object) -> Done:
    done = subprocess.run(
        confined.arguments,
        env=confined.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=8,
        check=False,
        **wishes,
    )
    return Done(done.returncode, done.stdout.decode("utf-8", "replace"))
