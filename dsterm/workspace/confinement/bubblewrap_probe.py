"""Does bubblewrap work here, and how much of it: found out by running something in it, never by its version."""

from __future__ import annotations

import os
import platform
import subprocess
import weakref
from collections.abc import Callable
from pathlib import Path

from dsterm.workspace.confinement.bubblewrap import BubblewrapCall, bubblewrap_arguments
from dsterm.workspace.confinement.sandbox_view import Access
from dsterm.workspace.confinement.syscall_filter import syscall_filter

_SECONDS = 10.0
_ANSWER = 47
_RESTRICTED = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_FORBIDDEN = (Path("/proc/sys/user/max_user_namespaces"), Path("/proc/sys/kernel/unprivileged_userns_clone"))


class FoundBubblewrap:
    """A bubblewrap that works; keeps the filter of system calls open, in memory only, as long as it is referred to."""

    def __init__(self, program: Path, filter_code: bytes = b"", *, locks_namespaces: bool = True) -> None:
        self.program = program
        self.locks_namespaces = locks_namespaces
        self.filter_file = ""
        if filter_code:
            descriptor = os.memfd_create("filter", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            weakref.finalize(self, os.close, descriptor)
            os.write(descriptor, filter_code)
            self.filter_file = f"/proc/{os.getpid()}/fd/{descriptor}"


def probe_bubblewrap(program: Path) -> FoundBubblewrap | str:
    """The best that `program` can do here, or one sentence that says why it can't confine anything and what to do."""
    code = syscall_filter(platform.machine())
    candidates: list[Callable[[], FoundBubblewrap]] = [
        lambda: FoundBubblewrap(program, code),
        lambda: FoundBubblewrap(program, code, locks_namespaces=False),
        lambda: FoundBubblewrap(program, locks_namespaces=False),
    ]
    complaint = ""
    for make in candidates:
        found = make()
        complaint = _complaint(found)
        if not complaint:
            return found
    return _explain(complaint)


def _complaint(found: FoundBubblewrap) -> str:
    """Empty when it runs a program as it should, else what it says instead."""
    call = BubblewrapCall(
        program=found.program,
        view={Path("/tmp"): Access.FRESH},  # noqa: S108
        folder=Path("/"),
        locks_namespaces=found.locks_namespaces,
        filter_file=found.filter_file,
    )
    arguments = bubblewrap_arguments(call, ("/bin/sh", "-c", f"exit {_ANSWER}"))
    try:
        done = subprocess.run(  # noqa: S603
            arguments,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            env={"PATH": os.defpath},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == _ANSWER:
        return ""
    return done.stderr.decode("utf-8", "replace").strip() or f"it ended with {done.returncode}"


def _explain(complaint: str) -> str:
    first = complaint.splitlines()[0].removeprefix("bwrap: ")
    if _says(_RESTRICTED, "1"):
        cause = "AppArmor forbids it user namespaces. Give bwrap a profile that allows them; `dsterm doctor` shows one."
    elif any(_says(place, "0") for place in _FORBIDDEN):
        cause = "the kernel is set to forbid user namespaces. Allow them: sysctl user.max_user_namespaces=10000"
    elif "ermission" in first or "not permitted" in first:
        cause = f"it may not make namespaces here ({first}), as in many containers. Run dsterm where it may."
    else:
        cause = f"it fails with {first!r}. Version 0.5 or later is needed."
    return f"bubblewrap can't confine anything: {cause}"


def _says(place: Path, value: str) -> bool:
    try:
        return place.read_text("ascii").strip() == value
    except (OSError, UnicodeDecodeError):
        return False
