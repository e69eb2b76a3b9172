"""A workspace full of ways out: links, pipes, sockets, git folders, and what must be the same after every attack."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from attack_world import ENV_SECRET, HOME_SECRET, World

GIT_SECRET = "quiet-harbour-git-4714"
KEY_FILE_SECRET = "quiet-harbour-key-file-4715"


class Maze:
    """`world` with every way out that a repository or a command could have left there."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.environment["QUIET_HARBOUR"] = ENV_SECRET
        (world.user / "notes.txt").write_text(HOME_SECRET + "\n")
        keys = world.home / "config" / "keys"
        keys.mkdir(parents=True, mode=0o700)
        (keys / "deepseek").write_text(KEY_FILE_SECRET + "\n")
        (keys / "deepseek").chmod(0o600)
        self._link()
        self._make_git_folders()
        os.mkfifo(world.repo / "pipe")
        with socket.socket(socket.AF_UNIX) as listener:
            here = Path.cwd()
            # The path of a socket may be short only.
            os.chdir(world.repo)
            listener.bind("socket")
            os.chdir(here)
        self._before = self._look()

    def _link(self) -> None:
        repo, outside = self.world.repo, self.world.outside
        (repo / "deep").mkdir()
        for name, target in {
            "link.txt": outside / "secret.txt",
            "linked": outside,
            "one": "two",
            "two": "deep/three",
            "deep/three": "../../outside/secret.txt",
            "deep/up": "../..",
            "dangling": outside / "planted.txt",
            "process": "/proc/self",
            "zero": "/dev/zero",
            "circle": "circle",
            "hooks": ".git/hooks",
            "own": self.world.home,
        }.items():
            (repo / name).symlink_to(target)
        os.link(outside / "secret.txt", repo / "hard.txt")

    def _make_git_folders(self) -> None:
        repo = self.world.repo
        with (repo / ".git" / "config").open("a") as file:
            file.write(f"[marker]\n\tvalue = {GIT_SECRET}\n")
        for folder in (repo / ".git" / "modules" / "vendored", repo / "nested" / ".git"):
            (folder / "hooks").mkdir(parents=True)
            (folder / "HEAD").write_text("ref: refs/heads/main\n")
            (folder / "config").write_text(f"[marker]\n\tvalue = {GIT_SECRET}\n")
        (repo / "vendored").mkdir()
        (repo / "vendored" / ".git").write_text("gitdir: ../.git/modules/vendored\n")

    def unchanged(self) -> None:
        """Nothing outside, in the home, in dsterm's settings and in any git folder is other than it was."""
        now = self._look()
        assert {path for path in now if now[path] != self._before.get(path)} == set()
        assert set(self._before) - set(now) == set()

    def _look(self) -> dict[str, tuple[int, bytes]]:
        world = self.world
        git = [world.repo / ".git" / name for name in ("config", "hooks", "modules", "info")]
        places = [
            world.outside,
            world.user,
            world.home / "config",
            *git,
            *(world.repo / n for n in ("nested", "vendored")),
        ]
        found = {}
        for place in places:
            for path in (place, *place.rglob("*")):
                data = (
                    str(path.readlink()).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
                )
                found[str(path)] = (path.lstat().st_mode, data)
        return found
