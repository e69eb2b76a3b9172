"""Does the sandbox really hold? Every promise is tried: something is attempted inside, and its effect looked for outside."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from dsterm.core.command_plan import Confinement
from dsterm.core.commands import CommandLaunch
from dsterm.workspace.confinement.sandbox import Sandbox
from dsterm.workspace.confinement.secret_places import home_folders, secret_places

_SHELL = "/bin/bash"
_SECONDS = 20.0
_HIDDEN = "nobody-may-read-this"
_MOST_PLACES = 200


class SandboxCheck(msgspec.Struct, frozen=True):
    """One promise and whether it held; `seen` is what came out where it did not."""

    title: str
    passed: bool
    seen: str = ""


class Trial:
    """Tries a sandbox built around `root`, an empty scratch folder; `own` is one of the folders that it hides.

    `home` is the user's real home: nothing is left there, and nothing of it is shown.
    """

    def __init__(self, sandbox: Sandbox, root: Path, own: Path, home: Path) -> None:
        self._sandbox = sandbox
        self._root = root
        self._own = own
        self._home = home
        self._seen = ""

    def checks(self, environment: Mapping[str, str], platform: str) -> tuple[SandboxCheck, ...]:
        """Every promise, tried one after the other; takes a second or two. WorkspaceError when nothing can be confined."""
        self._environment = dict(environment)
        promises: list[tuple[str, Callable[[], bool]]] = [
            ("commands run, and write in the workspace", self._works),
            ("nothing outside the workspace can be written", self._writes_nothing_outside),
            ("places of keys, sessions and histories in the home folder are closed", self._closes_secrets),
            ("files of the workspace that look secret are closed", lambda: self._hides(self._root / ".env")),
            ("dsterm's own folders are closed", lambda: self._hides(self._own / "kept")),
            ("git's hooks and configuration stay as they are, and .git in its place", self._guards_git),
            ("what was new in git and could run programs is put aside", self._settles_git),
            ("no network: a listener of this machine is not reached", self._is_offline),
        ]
        if platform == "linux":
            promises += [
                ("loopback is up", self._has_loopback),
                ("temporary folders and /run are the command's own, and empty", self._has_own_folders),
                ("other processes are out of reach", self._sees_no_others),
                ("no rights are left, and none can be gained", self._has_no_rights),
                ("what is hidden can't be uncovered", self._uncovers_nothing),
                ("settings of the kernel can't be written", self._leaves_the_kernel),
                ("all that a command started ends with it", self._ends_everything),
            ]
        return tuple(self._tried(title, holds) for title, holds in promises)

    def _tried(self, title: str, holds: Callable[[], bool]) -> SandboxCheck:
        self._seen = ""
        # Anew for each: a sandbox that doesn't hold lets a trial change what the next one needs.
        self._lay_out()
        passed = holds()
        return SandboxCheck(title, passed, "" if passed else self._seen[-300:])

    def _lay_out(self) -> None:
        for folder in (".git/hooks", ".git/objects", ".git/refs"):
            (self._root / folder).mkdir(parents=True, exist_ok=True)
        for name, text in {
            ".git/HEAD": "ref: refs/heads/main\n",
            ".git/config": "",
            ".git/hooks/pre-commit": "",
        }.items():
            (self._root / name).write_text(text)
        for place in (self._root / ".env", self._own / "kept"):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(_HIDDEN)

    def _run(self, script: str, *words: str | Path) -> str:
        """What `script` writes, run in the sandbox; `words` are its `$1`, `$2` and so on."""
        launch = CommandLaunch(command=script, folder=self._root, confinement=Confinement.SANDBOX)
        arguments = (_SHELL, "-c", script, "doctor", *(str(word) for word in words))
        confined = self._sandbox.wrap(launch, arguments, self._environment)
        try:
            done = subprocess.run(  # noqa: S603
                confined.arguments,
                env=dict(confined.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_SECONDS,
                check=False,
            )
            self._seen = done.stdout.decode("utf-8", "replace")
        except (OSError, subprocess.TimeoutExpired) as error:
            self._seen = str(error)
        finally:
            self.settled = self._sandbox.settle(launch)
        return self._seen

    def _works(self) -> bool:
        place = self._root / "made"
        return self._run("echo hello > made && cat made") == "hello\n" and place.read_text() == "hello\n"

    def _writes_nothing_outside(self) -> bool:
        name = f"dsterm-doctor-{os.getpid()}"
        places = [self._home / f".{name}", self._root.parent / name, Path("/var/tmp") / name, Path("/etc") / name]  # noqa: S108
        self._run('for place; do echo x > "$place"; done; ln -s "$1" link; echo x > link; rm -f link', *places)
        made = [place for place in places if os.path.lexists(place)]
        for place in made:
            place.unlink()
        return not made

    def _closes_secrets(self) -> bool:
        places: Sequence[Path] = secret_places(home_folders(self._home))[:_MOST_PLACES]
        script = 'for p; do if [ -d "$p" ]; then ls "$p" && echo OPEN; else head -c1 "$p" && echo OPEN; fi; done >&2'
        words = self._run(script, *places).split()
        # Only how many were open is said: their contents and names are nobody's business.
        self._seen = f"{words.count('OPEN')} of {len(places)} are open"
        return "OPEN" not in words

    def _hides(self, place: Path) -> bool:
        return _HIDDEN not in self._run('cat "$1"; cat "/proc/self/root$1"; ln "$1" hard && cat hard', place)

    def _guards_git(self) -> bool:
        self._run(
            "echo x >> .git/config; echo x >> .git/hooks/pre-commit; mv .git/hooks .git/h; mv .git g; rm -f .git/config"
        )
        kept = [self._root / ".git/config", self._root / ".git/hooks/pre-commit"]
        return all(place.is_file() and not place.read_bytes() for place in kept)

    def _settles_git(self) -> bool:
        self._run("echo ../x > .git/commondir")
        return not (self._root / ".git/commondir").exists()

    def _is_offline(self) -> bool:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(0.1)
            self._run(f"exec 3<>/dev/tcp/127.0.0.1/{server.getsockname()[1]} && echo reached")
            try:
                server.accept()[0].close()
            except TimeoutError:
                return True
        return False

    def _has_loopback(self) -> bool:
        # Nobody listens there; without loopback the network would be unreachable instead.
        return "refused" in self._run("LC_ALL=C; exec 3<>/dev/tcp/127.0.0.1/9")

    def _has_own_folders(self) -> bool:
        ways = {place.parts[2] for place in (self._root, self._own, self._home) if len(place.parts) > 2}
        return set(self._run("ls -A /run; ls -A /tmp /var/tmp | grep -v -e : -e '^$'").split("\n")) <= {"", *ways}

    def _sees_no_others(self) -> bool:
        seen = self._run(f"kill -0 {os.getpid()} && echo seen; ls /proc | grep -c '^[0-9]'").split()
        return "seen" not in seen and seen[-1].isdigit() and int(seen[-1]) < 10

    def _has_no_rights(self) -> bool:
        script = "grep -e CapEff -e CapPrm -e CapBnd -e NoNewPrivs /proc/self/status; unshare -m true && echo gained"
        words = self._run(script).split()
        return words[1:8:2] == ["0" * 16] * 3 + ["1"] and "gained" not in words

    def _uncovers_nothing(self) -> bool:
        place = shlex.quote(str(self._own))
        # In a namespace of its own, so that nothing stays mounted where the sandbox does not hold.
        script = (
            f"umount -l {place}; cat {place}/kept; mkdir m; mount --bind {place} m && cat m/kept; "
            f"mount --rbind / m && cat m{place}/kept"
        )
        return _HIDDEN not in self._run(f"unshare -Urm sh -c {shlex.quote(script)}")

    def _leaves_the_kernel(self) -> bool:
        # Only opened: a failed promise must not change the machine.
        files = ("core_pattern", "hostname", "modprobe", "sysrq")
        return "opened" not in self._run(
            'for f; do (exec 3>>"$f") && echo opened; done',
            *(f"/proc/sys/kernel/{name}" for name in files),
            "/proc/sysrq-trigger",
        )

    def _ends_everything(self) -> bool:
        launch = CommandLaunch(command="", folder=self._root, confinement=Confinement.SANDBOX)
        script = "(setsid bash -c 'for n in {1..200}; do sleep 0.02; date +%N > beat; done' &) ; sleep 30"
        confined = self._sandbox.wrap(launch, (_SHELL, "-c", script), self._environment)
        beat = self._root / "beat"
        try:
            with subprocess.Popen(  # noqa: S603
                confined.arguments, env=dict(confined.environment), stdin=subprocess.DEVNULL, start_new_session=True
            ) as process:
                end = time.monotonic() + _SECONDS
                while not beat.exists() and time.monotonic() < end:
                    time.sleep(0.01)
                process.send_signal(signal.SIGKILL)
        finally:
            self._sandbox.settle(launch)
        if not beat.exists():
            self._seen = "the command never began"
            return False
        time.sleep(0.15)
        before = beat.stat().st_mtime_ns
        time.sleep(0.3)
        return beat.stat().st_mtime_ns == before
