"""The argument vector of bubblewrap for a view of the disk. Pure: nothing is looked at, nothing runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from dsterm.workspace.confinement.sandbox_view import Access, View

_SHELL = "/bin/sh"
_FILTER_DESCRIPTOR = "9"


class BubblewrapCall(msgspec.Struct, frozen=True, kw_only=True):
    """How to confine one command.

    `program` is bubblewrap itself. `locks_namespaces`: no user namespace can be made inside (bubblewrap 0.8 and later).
    `dies_with_parent` is about the thread that starts it. `inside` are variables that must not reach bubblewrap itself;
    they can be read by every user of the machine. `filter_file` holds a compiled filter of system calls.
    """

    program: Path
    view: View
    folder: Path
    has_network: bool = False
    dies_with_parent: bool = True
    locks_namespaces: bool = True
    inside: Mapping[str, str] = {}
    filter_file: str = ""


def bubblewrap_arguments(call: BubblewrapCall, command: Sequence[str]) -> tuple[str, ...]:
    """The whole vector, an absolute program first."""
    words = [str(call.program), *_namespaces(call), "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    # Else root may write the kernel's settings, with no capability at all: the files in /proc/sys are its own.
    words += ["--remount-ro", "/proc"]
    words += _mounts(call.view)
    for name, value in call.inside.items():
        words += ["--setenv", name, value]
    if call.filter_file:
        words += ["--seccomp", _FILTER_DESCRIPTOR]
    # The first process inside is a shell from the read-only disk: bubblewrap itself would show its own file, which is not.
    words += ["--as-pid-1", "--chdir", os.fspath(call.folder), "--", _SHELL, "-c", '"$@"; exit $?', _SHELL, *command]
    return (*_through_shell(call), *words)


def _namespaces(call: BubblewrapCall) -> Iterator[str]:
    yield from ("--unshare-all", "--unshare-user", "--new-session", "--cap-drop", "ALL")
    if call.locks_namespaces:
        yield "--disable-userns"
    if call.has_network:
        yield "--share-net"
    # Also for a command that survives: there the shell around takes the parent's place, and it is not bound to ours.
    yield "--die-with-parent"


def _mounts(view: View) -> Iterator[str]:
    """Every place in its order, from the top down; hidden folders are closed last, after what is kept in them is mounted."""
    for place, wanted in view.items():
        path = os.fspath(place)
        match wanted:
            case Access.FRESH:
                yield from ("--perms", "1777", "--tmpfs", path)
            case Access.READ:
                yield from ("--ro-bind", path, path)
            case Access.WRITE:
                yield from ("--bind", path, path)
            case Access.HIDDEN_FOLDER:
                # Whoever owns the empty folder may look for what is mounted below it, and do nothing else.
                holds_more = any(other != place and other.is_relative_to(place) for other in view)
                yield from ("--perms", "0111" if holds_more else "0000", "--tmpfs", path)
            case Access.HIDDEN_FILE:
                # Devices don't open on a bind mount, so this is no file that could be read, not even an empty one.
                yield from ("--ro-bind", "/dev/null", path)
    for place, wanted in view.items():
        if wanted is Access.HIDDEN_FOLDER:
            yield from ("--remount-ro", os.fspath(place))


def _through_shell(call: BubblewrapCall) -> tuple[str, ...]:
    """A shell in front that opens the filter; it stays as the parent of a command that may outlive the one who started it."""
    opened = f' {_FILTER_DESCRIPTOR}<"$0"' if call.filter_file else ""
    if call.dies_with_parent and not opened:
        return ()
    script = f'exec "$@"{opened}' if call.dies_with_parent else f'"$@"{opened}; exit $?'
    return (_SHELL, "-c", script, call.filter_file or _SHELL)
