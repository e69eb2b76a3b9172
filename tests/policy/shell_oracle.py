"""Runs lines in a real bash where every program that isn't listed leaves a mark: what a reading promises is held against it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

_LISTED = (
    "cat ls head tail wc grep echo true false basename dirname realpath cut tr sort uniq find sed git rg printf test diff date"
    " tree file seq xargs env timeout nice nohup stat du comm jq"
    " column nl od tac join paste fold expand cksum md5sum cmp readlink"
)
_SHIMS = "evilprog lsx LS sh bash python python3 awk curl gpg pr gzip ssh tee less"
HOSTILE_NAMES = ("-delete", "--pre=evilprog", "-o", "-exec", "x;evilprog", "$(evilprog)")
PLANTED = ("evilprog", "ls", "cat", "0/ls", "0/cat", "1/ls", "3/ls", "10/ls", "bin/ls")


class ShellWorld:
    """A folder with hostile file names, programs and git configuration, and a PATH where unlisted programs are traps."""

    def __init__(self, root: Path) -> None:
        self.programs = root / "programs"
        self.folder = root / "work"
        self._mark = root / "mark"
        self.programs.mkdir(parents=True)
        self.folder.mkdir()
        for name in _LISTED.split():
            found = shutil.which(name)
            if found is not None:
                (self.programs / name).symlink_to(found)
        for name in _SHIMS.split():
            self._trap(self.programs / name)
        for name in PLANTED:
            self._trap(self.folder / name)
        for name in ("a.txt", "b", *HOSTILE_NAMES):
            (self.folder / name).write_text("x\n")
        self._hostile_repository()

    def _trap(self, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\necho "$0 $*" >> {self._mark}\n')
        path.chmod(0o755)

    def _hostile_repository(self) -> None:
        trap = self.programs / "evilprog"
        git = self.folder / ".git"
        for folder in ("objects", "refs/heads"):
            (git / folder).mkdir(parents=True)
        (git / "HEAD").write_text("ref: refs/heads/main\n")
        (git / "refs/heads/main").write_text("1234567890" * 4 + "\n")
        (git / "config").write_text(
            f"[core]\n fsmonitor = {trap}\n pager = {trap}\n sshCommand = {trap}\n alternateRefsCommand = {trap}\n"
            f" hooksPath = {self.programs}\n editor = {trap}\n[diff]\n external = {trap}\n[gpg]\n program = {trap}\n"
            f"[log]\n showSignature = true\n[protocol]\n allow = always\n[extensions]\n partialClone = origin\n"
            f'[remote "origin"]\n url = ext::{trap}\n promisor = true\n[alias]\n rev-parse = !{trap}\n x = !{trap}\n'
        )

    def _state(self) -> list[tuple[str, int, int]]:
        return sorted(
            (str(path.relative_to(self.folder)), path.lstat().st_size, path.lstat().st_mtime_ns)
            for path in self.folder.rglob("*")
            if not path.is_dir()
        )

    def harm(self, line: str) -> str:
        """What running `line` did beyond reading: traps that were sprung, files that changed; empty when nothing."""
        before = self._state()
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                ["/bin/bash", "-c", line],
                cwd=self.folder,
                env={"PATH": str(self.programs), "HOME": str(self.folder), "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=5,
                check=False,
            )
        sprung = self._mark.read_text() if self._mark.exists() else ""
        self._mark.unlink(missing_ok=True)
        changed = set(self._state()) ^ set(before)
        return sprung + "".join(f"changed {os.fspath(name)}\n" for name, _, _ in changed)
