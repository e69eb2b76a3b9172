from __future__ import annotations

import platform
import struct
from pathlib import Path

import pytest

from dsterm.core.errors import WorkspaceError
from dsterm.workspace.confinement.bubblewrap import BubblewrapCall, bubblewrap_arguments
from dsterm.workspace.confinement.bubblewrap_probe import probe_bubblewrap
from dsterm.workspace.confinement.sandbox import SandboxPlaces, find_sandbox
from dsterm.workspace.confinement.sandbox_view import Access, ViewParts, access, build_view
from dsterm.workspace.confinement.seatbelt import seatbelt_profile
from dsterm.workspace.confinement.syscall_filter import syscall_filter

HOME = Path("/home/u")
ROOT = HOME / "project"


def parts(**changes: object) -> ViewParts:
    given = {
        "fresh": (Path("/tmp"), Path("/run")),
        "readable": (),
        "roots": (ROOT,),
        "homes": (HOME,),
        "guarded": {},
        "cache": HOME / ".cache/dsterm/p",
        "secrets": (),
        "own_folders": (HOME / ".cache/dsterm",),
    }
    return ViewParts(**(given | changes))


def test_own_folders_win_over_the_workspace_and_the_cache_over_them():
    view = build_view(parts(own_folders=(ROOT / "own",), cache=ROOT / "own/cache"))
    assert access(view, ROOT / "x") is Access.WRITE
    assert access(view, ROOT / "own/x") is Access.HIDDEN_FOLDER
    assert access(view, ROOT / "own/cache/x") is Access.WRITE


def test_nothing_below_a_hidden_folder_is_mounted_but_what_is_kept():
    view = build_view(parts(secrets=(HOME / ".cache/dsterm/other", HOME / ".cache/dsterm/p/.env")))
    assert HOME / ".cache/dsterm/other" not in view
    assert access(view, HOME / ".cache/dsterm/p/.env") is Access.HIDDEN_FILE


def test_places_come_from_the_top_down():
    view = build_view(parts(secrets=(ROOT / "a/b/.env",), guarded={ROOT / ".git": Access.WRITE}))
    places = list(view)
    assert all(
        places.index(above) < places.index(place) for place in places for above in place.parents if above in view
    )


def test_what_is_in_tmp_is_not_there_unless_it_is_the_workspace():
    view = build_view(parts(roots=(Path("/tmp/project"),), secrets=(Path("/tmp/x/.env"), Path("/tmp/project/.env"))))
    assert Path("/tmp/x/.env") not in view
    assert access(view, Path("/tmp/project/a")) is Access.WRITE
    assert access(view, Path("/tmp/project/.env")) is Access.HIDDEN_FILE


@pytest.mark.parametrize("root", [HOME, HOME.parent, Path("/")])
def test_the_home_folder_and_what_contains_it_is_never_writable(root):
    view = build_view(parts(roots=(root,), guarded={root / ".git": Access.WRITE}))
    assert {wanted for place, wanted in view.items() if not place.is_relative_to(HOME / ".cache")} <= {
        Access.FRESH,
        Access.READ,
    }


def test_the_whole_vector_of_bubblewrap():
    call = BubblewrapCall(
        program=Path("/usr/bin/bwrap"),
        view={
            Path("/tmp"): Access.FRESH,
            ROOT: Access.WRITE,
            ROOT / ".git/hooks": Access.READ,
            HOME / ".ssh": Access.HIDDEN_FOLDER,
        },
        folder=ROOT,
    )
    assert bubblewrap_arguments(call, ("/bin/echo", "-n")) == (
        *(
            "/usr/bin/bwrap",
            "--unshare-all",
            "--unshare-user",
            "--new-session",
            "--cap-drop",
            "ALL",
            "--disable-userns",
        ),
        *("--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--remount-ro", "/proc"),
        *("--perms", "1777", "--tmpfs", "/tmp", "--bind", "/home/u/project", "/home/u/project"),
        *("--ro-bind", "/home/u/project/.git/hooks", "/home/u/project/.git/hooks"),
        *("--perms", "0000", "--tmpfs", "/home/u/.ssh", "--remount-ro", "/home/u/.ssh"),
        *(
            "--as-pid-1",
            "--chdir",
            "/home/u/project",
            "--",
            "/bin/sh",
            "-c",
            '"$@"; exit $?',
            "/bin/sh",
            "/bin/echo",
            "-n",
        ),
    )


def test_the_network_is_shared_only_when_asked_for():
    plain = BubblewrapCall(program=Path("/b"), view={}, folder=ROOT)
    assert "--share-net" not in bubblewrap_arguments(plain, ("/x",))
    assert "--share-net" in bubblewrap_arguments(
        BubblewrapCall(program=Path("/b"), view={}, folder=ROOT, has_network=True), ("/x",)
    )


PROFILE_VIEW = {
    Path("/private/tmp"): Access.FRESH,
    ROOT: Access.WRITE,
    ROOT / ".git": Access.WRITE,
    ROOT / ".git/hooks": Access.READ,
    ROOT / ".env": Access.HIDDEN_FILE,
    HOME / ".ssh": Access.HIDDEN_FOLDER,
}


def test_the_profile_of_seatbelt_denies_first_and_the_deeper_rule_comes_later():
    lines = seatbelt_profile(PROFILE_VIEW, (ROOT,), has_network=False).splitlines()
    assert lines[:2] == ["(version 1)", "(deny default)"]
    order = [
        '(deny file-read* file-write* (subpath "/private/tmp"))',
        '(allow file-read* file-write* (subpath "/home/u/project"))',
        '(deny file-write-unlink (literal "/home/u/project/.git"))',
        '(deny file-write* (subpath "/home/u/project/.git/hooks"))',
        '(deny file-read* file-write* (subpath "/home/u/project/.env"))',
        '(deny file-read* file-write* (subpath "/home/u/.ssh"))',
    ]
    assert [lines.index(line) for line in order] == sorted(lines.index(line) for line in order)


def test_the_profile_of_seatbelt_allows_loopback_only_unless_the_network_is_asked_for():
    closed = seatbelt_profile({}, (), has_network=False)
    assert [line for line in closed.splitlines() if "network" in line] == [
        '(allow network-bind network-inbound (local ip "localhost:*"))',
        '(allow network-outbound (remote ip "localhost:*"))',
    ]
    opened = seatbelt_profile({}, (), has_network=True)
    assert "(allow network*)" in opened
    assert "(deny network-outbound (remote unix-socket))" in opened


def test_a_path_can_not_break_out_of_the_profile_of_seatbelt():
    place = Path('/x") (allow default) ("\\')
    profile = seatbelt_profile({place: Access.WRITE}, (), has_network=False)
    assert '(subpath "/x\\") (allow default) (\\"\\\\")' in profile
    with pytest.raises(WorkspaceError, match="Rename"):
        seatbelt_profile({Path("/x\ny"): Access.WRITE}, (), has_network=False)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_of_system_calls_answers_as_it_should(machine):
    code = syscall_filter(machine)
    name, keys, sock, ioctl, read = {
        "x86_64": (0xC000003E, 250, 41, 16, 0),
        "aarch64": (0xC00000B7, 219, 198, 29, 63),
    }[machine]
    assert _run(code, name, read) == 0x7FFF0000
    assert _run(code, name, keys) == 0x50001
    assert _run(code, name, sock, 40) == 0x50000 | 97
    assert _run(code, name, sock, 2) == 0x7FFF0000
    assert _run(code, name, ioctl, 0, 0x5412) == 0x50001
    assert _run(code, name, ioctl, 0, 0x5401) == 0x7FFF0000
    assert _run(code, 0x1234, read) == 0x50000 | 38


def test_the_filter_covers_the_other_kinds_of_calls_that_the_same_processor_knows():
    code = syscall_filter("x86_64")
    assert _run(code, 0xC000003E, 0x40000000 | 250) == 0x50000 | 38
    assert _run(code, 0x40000003, 288) == 0x50001
    assert _run(code, 0x40000003, 102) == 0x50000 | 38
    assert _run(code, 0x40000003, 3) == 0x7FFF0000


def test_there_is_no_filter_for_a_machine_that_is_not_known():
    assert syscall_filter("s390x") == b""


def test_a_missing_bubblewrap_is_said_with_what_to_do(tmp_path):
    found = find_sandbox(SandboxPlaces((tmp_path,), (), tmp_path, Path("/home")), (), "linux")
    assert found.sandbox is None
    assert "Install it" in found.facts.trouble


@pytest.mark.parametrize(
    ("complaint", "said"),
    [
        (
            "bwrap: No permissions to create new namespace, likely because the kernel does not allow it",
            "may not make namespaces",
        ),
        ("bwrap: Unknown option --perms", "Version 0.5"),
        ("", "ended with 1"),
    ],
)
def test_a_bubblewrap_that_can_not_work_is_said_with_the_reason(tmp_path, complaint, said):
    program = tmp_path / "bwrap"
    program.write_text(f"#!/bin/sh\necho '{complaint}' >&2\nexit 1\n")
    program.chmod(0o755)
    found = probe_bubblewrap(program)
    assert isinstance(found, str)
    assert found.startswith("bubblewrap can't confine anything")
    assert said in found or "AppArmor" in found or "the kernel is set" in found


def test_a_bubblewrap_that_confines_nothing_but_says_it_did_is_not_believed(tmp_path):
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    assert isinstance(probe_bubblewrap(program), str)


def test_an_unknown_system_has_no_sandbox(tmp_path):
    assert "win32" in find_sandbox(SandboxPlaces((tmp_path,), (), tmp_path, Path("/home")), (), "win32").facts.trouble


def test_the_filter_is_made_for_this_machine_where_it_is_one_of_the_usual():
    assert bool(syscall_filter(platform.machine())) == (platform.machine() in {"x86_64", "aarch64"})


def _run(code: bytes, machine: int, number: int, *arguments: int) -> int:
    """What the kernel would answer: the few instructions that a filter uses, run one by one."""
    data = struct.pack("IIQ6Q", number, machine, 0, *arguments, *[0] * (6 - len(arguments)))
    steps = [struct.unpack_from("HBBI", code, at) for at in range(0, len(code), 8)]
    at, value = 0, 0
    while True:
        kind, holds, otherwise, constant = steps[at]
        at += 1
        if kind == 0x20:
            value = struct.unpack_from("I", data, constant)[0]
        elif kind == 0x15:
            at += holds if value == constant else otherwise
        elif kind == 0x35:
            at += holds if value >= constant else otherwise
        else:
            return constant
