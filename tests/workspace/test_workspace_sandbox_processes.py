from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sandbox_world import PYTHON, World, needs_sandbox, run_confined

from dsterm.core.command_plan import Confinement

pytestmark = needs_sandbox


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_an_open_descriptor_of_dsterm_does_not_get_in(world):
    (world.home / "other/kept").write_text("SECRET-OPEN")
    with (world.home / "other/kept").open() as kept, socket.create_server(("127.0.0.1", 0)) as server:
        done = world.run("ls -l /proc/self/fd /proc/1/fd; for f in /proc/[0-9]*/fd/*; do readlink $f; done")
        assert kept.fileno() and server.fileno()
    assert "kept" not in done.output
    assert "memfd" not in done.output


def test_processes_of_the_host_are_not_seen(world):
    done = world.run(
        f"cat /proc/{os.getpid()}/cmdline /proc/{os.getppid()}/environ && echo seen; ls /proc | grep -c '^[0-9]'"
    )
    assert "seen" not in done.output
    assert int(done.output.splitlines()[-1]) < 8


def test_processes_of_the_host_are_not_killed(world):
    with subprocess.Popen(["sleep", "60"]) as other:
        done = world.run(
            f"kill -9 {other.pid} && echo killed; kill -9 -{other.pid} && echo killed; kill -0 {os.getpid()} && echo seen"
        )
        assert other.poll() is None
        other.kill()
    assert not {"killed", "seen"} & set(done.output.split())


def test_processes_of_the_host_are_not_traced(world):
    with subprocess.Popen(["sleep", "60"]) as other:
        code = f"import ctypes; l=ctypes.CDLL(None); print(l.ptrace(16, {other.pid}, 0, 0), l.syscall(434, {other.pid}, 0))"
        try:
            assert world.python(code).output.split() == ["-1", "-1"]
        finally:
            other.kill()


def test_no_capability_is_left(world):
    lines = world.run("grep Cap /proc/self/status").output.splitlines()
    assert {line.split()[1] for line in lines} == {"0" * 16}


# None of these would do harm if it were let through: files of the kernel are only opened for writing.
NEEDS_RIGHTS = [
    *(
        "mount -t tmpfs x .",
        "chroot . true",
        "mknod d c 1 3",
        'hostname "$(hostname)"',
        'date -s "$(date)"',
        "unshare -Ur true",
    ),
    *("unshare -m true", "unshare -n true", "unshare -p -f true", "chown 12345 .", "nsenter -t 1 -m true", "dmesg"),
    *("ip link add d type dummy", "ip addr add 10.9.9.9/8 dev lo", "setpriv --reuid 1 true", "newuidmap $$ 0 0 1"),
    *(
        "rmdir /sys/fs/cgroup/none || mkdir /sys/fs/cgroup/dsterm-test",
        "head -c1 /proc/kcore",
        "head -c1 /dev/mem",
        "head -c1 /dev/kmsg",
    ),
]
FILES_OF_THE_KERNEL = [
    *(
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/hostname",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/kernel/sysrq",
    ),
    *(
        "/proc/sys/vm/drop_caches",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/kernel/yama/ptrace_scope",
        "/proc/sysrq-trigger",
    ),
    *("/proc/sys/fs/binfmt_misc/register", "/proc/1/oom_score_adj", "/sys/kernel/uevent_helper", "/sys/power/state"),
    *("/sys/fs/cgroup/cgroup.procs", "/sys/kernel/mm/ksm/run", "/sys/block/vda/queue/read_ahead_kb"),
]


@pytest.mark.parametrize("attack", NEEDS_RIGHTS)
def test_the_kernel_refuses_what_needs_rights(world, attack):
    assert world.run(attack).code != 0


@pytest.mark.parametrize("file", FILES_OF_THE_KERNEL)
def test_no_file_of_the_kernel_can_be_written(world, file):
    assert "opened" not in world.run(f"exec 3>>{file} && echo opened").output


def test_nothing_in_proc_and_sys_can_be_written(world):
    code = (
        "import os\n"
        "for top in ('/proc/sys','/proc/fs','/proc/irq','/proc/bus','/proc/1','/sys'):\n"
        "  for folder,_,names in os.walk(top):\n"
        "    for name in names:\n"
        "      path=os.path.join(folder,name)\n"
        "      if os.path.isfile(path) and os.access(path,os.W_OK) and not path.startswith('/proc/1/task'):\n"
        "        print(path)\n"
    )
    assert world.python(code).output == ""


@pytest.mark.parametrize("program", ["su", "sudo", "passwd", "mount", "newgrp"])
def test_a_program_with_the_bit_of_its_owner_gains_nothing(world, program):
    done = world.run(
        f"grep NoNewPrivs /proc/self/status; p=$(command -v {program}) && cp $p . && chmod u+s {program}; "
        "findmnt -no options -T $p"
    )
    assert done.output.split()[1] == "1"
    if "rw" in done.output or "ro" in done.output.split():
        assert "nosuid" in done.output


def test_there_is_no_terminal_to_type_into(world):
    master, slave = os.openpty()
    code = (
        "import fcntl,os\n"
        "for name in ('/dev/tty','/proc/self/fd/0'):\n"
        "  try:\n    fd=os.open(name,os.O_RDWR)\n    [fcntl.ioctl(fd,0x5412,bytes([c])) for c in b'evil']\n    print('typed')\n"
        "  except OSError as e: print('refused')\n"
    )
    confined = world.sandbox.wrap(world.launch(), (PYTHON, "-c", code), world.environment)
    done = subprocess.run(
        confined.arguments,
        env=confined.environment,
        stdin=slave,
        check=False,
        capture_output=True,
        timeout=8,
        start_new_session=True,
    )
    world.sandbox.settle(world.launch())
    os.set_blocking(slave, False)
    with pytest.raises(BlockingIOError):
        os.read(slave, 10)
    os.close(master)
    os.close(slave)
    assert done.stdout.split() == [b"refused", b"refused"]


@pytest.mark.skipif(
    platform.machine() not in {"x86_64", "aarch64"}, reason="no filter of system calls for this machine"
)
def test_key_rings_can_not_be_read(world):
    add, control = {"x86_64": (248, 250), "aarch64": (217, 219)}[platform.machine()]
    libc = ctypes.CDLL(None, use_errno=True)
    key = libc.syscall(add, b"user", b"dsterm-sandbox", b"SECRET-RING", 11, -3)
    if key == -1:
        pytest.skip("the host has no key rings")
    try:
        code = (
            "import ctypes; l=ctypes.CDLL(None,use_errno=True); b=ctypes.create_string_buffer(99)\n"
            f"print(l.syscall({control}, 11, {key}, b, 99), ctypes.get_errno(), b.value)\n"
            f"print(l.syscall({control}, 10, -3, b'user', b'dsterm-sandbox', 0))"
        )
        assert world.python(code).output.split() == ["-1", "1", "b''", "-1"]
    finally:
        libc.syscall(control, 3, key)


@pytest.mark.skipif(
    platform.machine() not in {"x86_64", "aarch64"}, reason="no filter of system calls for this machine"
)
def test_the_host_of_a_virtual_machine_is_not_reached(world):
    done = world.python("import socket; socket.socket(40, socket.SOCK_STREAM)", confinement=Confinement.NETWORK)
    assert "Errno 97" in done.output


def test_nothing_goes_on_when_the_command_is_over(world):
    world.run(
        "(setsid sh -c 'sleep 0.4; echo evil > late' >/dev/null 2>&1 &) ; "
        "nohup sh -c 'sleep 0.4; echo evil > later' >/dev/null 2>&1 & true"
    )
    time.sleep(0.7)
    assert list(world.root.iterdir()) == []


# It ends by itself after some seconds, should the sandbox not end it.
DAEMON = (
    "import os,time\n"
    "for i in range(2):\n  if os.fork(): os._exit(0) if i else time.sleep(8)\n  os.setsid()\n"
    "for n in range(400): open('beat','w').write(str(n)); time.sleep(0.02)\n"
)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killing_the_outer_process_ends_daemons_too(world, number):
    confined = world.sandbox.wrap(world.launch(), (PYTHON, "-c", DAEMON), world.environment)
    with subprocess.Popen(
        confined.arguments, env=confined.environment, stdin=subprocess.DEVNULL, start_new_session=True
    ) as process:
        _wait_for(world.root / "beat")
        process.send_signal(number)
    assert _is_still(world.root / "beat")
    world.sandbox.settle(world.launch())


@pytest.mark.parametrize("survives", [False, True])
def test_a_command_ends_with_the_one_who_started_it_unless_it_is_to_survive(world, survives):
    confined = world.sandbox.wrap(world.launch(survives=survives), (PYTHON, "-c", DAEMON), world.environment)
    starter = (
        "import subprocess,sys,time,os\n"
        "p=subprocess.Popen(sys.argv[1:],start_new_session=True,stdin=subprocess.DEVNULL); print(p.pid,flush=True)\n"
        "while not os.path.exists('beat'): time.sleep(0.01)\nos.kill(os.getpid(),9)"
    )
    done = (
        subprocess.run(
            [sys.executable, "-c", starter, *confined.arguments],
            env=confined.environment,
            cwd=world.root,
            stdout=subprocess.PIPE,
            check=False,
        )
        if not survives
        else _start(starter, confined, world)
    )
    try:
        assert _is_still(world.root / "beat") is not survives
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(done.stdout.split()[0]), signal.SIGKILL)
    assert _is_still(world.root / "beat")
    world.sandbox.settle(world.launch())


def test_many_commands_run_side_by_side(world):
    wrapped = [world.wrap(f"sleep 0.2; echo {number} > {number}") for number in range(6)]
    started = [subprocess.Popen(one.arguments, env=one.environment, stdin=subprocess.DEVNULL) for one in wrapped]
    assert [process.wait() for process in started] == [0] * 6
    assert [world.sandbox.settle(world.launch()) for _ in wrapped] == [()] * 6
    assert sorted(path.name for path in world.root.iterdir()) == list("012345")


def test_the_sandbox_holds_after_a_hostile_command_left_its_traces(world):
    world.run("ln -s / root; ln -s ~ .git; mkdir -p .ssh; ln -sf ~/.ssh/id_ed25519 x.key; ln -s /proc p; mkfifo f.pem")
    done = run_confined(world.wrap("cat x.key root$HOME/.ssh/id_ed25519; echo evil > root$HOME/evil; echo works"))
    assert done.output.endswith("works\n")
    assert "SECRET-" not in done.output
    assert not (world.home / "evil").exists()


def _start(starter: str, confined, world: World) -> subprocess.CompletedProcess[bytes]:
    with subprocess.Popen(
        [sys.executable, "-c", starter, *confined.arguments],
        env=confined.environment,
        cwd=world.root,
        stdout=subprocess.PIPE,
    ) as process:
        line = process.stdout.readline()
        process.wait()
    return subprocess.CompletedProcess([], 0, line)


def _wait_for(path: Path) -> None:
    end = time.monotonic() + 5
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def _is_still(path: Path) -> bool:
    time.sleep(0.2)
    before = path.read_text()
    time.sleep(0.3)
    return path.read_text() == before
