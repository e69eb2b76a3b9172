"""The profile of macOS' sandbox-exec for a view of the disk: text that is tested as text, as it was never tried on a Mac.

What differs from Linux: no /tmp of its own (TMPDIR leads into the project's cache), and loopback is the machine's own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from dsterm.core.errors import WorkspaceError
from dsterm.workspace.confinement.sandbox_view import Access, View

PROGRAM = Path("/usr/bin/sandbox-exec")
_SECONDS = 10.0

_GROUND = """\
(version 1)
(deny default)
(allow process-fork)
(allow process-exec)
(allow process-info* (target same-sandbox))
(allow signal (target same-sandbox))
(allow sysctl-read)
(allow ipc-posix-sem)
(allow pseudo-tty)
(allow mach-lookup
  (global-name "com.apple.system.opendirectoryd.libinfo")
  (global-name "com.apple.system.opendirectoryd.membership")
  (global-name "com.apple.system.notification_center")
  (global-name "com.apple.logd"))
(allow file-read*)
(allow file-write* file-ioctl
  (literal "/dev/null") (literal "/dev/zero") (literal "/dev/tty") (literal "/dev/ptmx") (regex #"^/dev/ttys[0-9]+$"))
"""
_LOOPBACK = """\
(allow network-bind network-inbound (local ip "localhost:*"))
(allow network-outbound (remote ip "localhost:*"))
"""
_NETWORK = """\
(allow network*)
(deny network-outbound (remote unix-socket))
(allow network-outbound (literal "/private/var/run/mDNSResponder"))
(allow system-socket)
(allow mach-lookup
  (global-name "com.apple.SystemConfiguration.configd")
  (global-name "com.apple.SystemConfiguration.DNSConfiguration")
  (global-name "com.apple.trustd.agent"))
"""


def seatbelt_profile(view: View, roots: tuple[Path, ...], *, has_network: bool) -> str:
    """The whole profile: of two rules for a path the later one holds, so the places go from the top down.

    WorkspaceError for a path that can't be written into it.
    """
    return _GROUND + (_NETWORK if has_network else _LOOPBACK) + "".join(f"{rule}\n" for rule in _rules(view, roots))


def seatbelt_works() -> str:
    """Empty where a program can be run in a profile, else why not."""
    try:
        done = subprocess.run(  # noqa: S603
            [PROGRAM, "-p", "(version 1)(allow default)", "--", "/usr/bin/true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{PROGRAM} can't be run: {error}."
    if done.returncode != 0:
        return f"{PROGRAM} refuses to run anything, perhaps as it runs in a sandbox itself."
    return ""


def _rules(view: View, roots: tuple[Path, ...]) -> Iterator[str]:
    for place, wanted in view.items():
        path = _quoted(place)
        match wanted:
            case Access.WRITE:
                yield f"(allow file-read* file-write* (subpath {path}))"
                # A folder that is guarded stays where it is, whatever may be written in it.
                yield f"(deny file-write-unlink (literal {path}))"
            case Access.READ:
                yield f"(allow file-read* (subpath {path}))"
                yield f"(deny file-write* (subpath {path}))"
            case Access.FRESH | Access.HIDDEN_FOLDER | Access.HIDDEN_FILE:
                yield f"(deny file-read* file-write* (subpath {path}))"
    for root in roots:
        # Programs look at the folders above to find out where they are, and see nothing else there.
        for above in root.parents:
            yield f"(allow file-read-metadata (literal {_quoted(above)}))"


def _quoted(path: Path) -> str:
    text = os.fspath(path)
    if not text.isprintable():
        raise WorkspaceError(f"{text!a} has a character that the sandbox of macOS can't be told. Rename it.")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
