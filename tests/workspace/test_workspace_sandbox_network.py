from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox_world import World, needs_sandbox

from dsterm.core.command_plan import Confinement

pytestmark = needs_sandbox


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@contextlib.contextmanager
def listening(place: Path | str | tuple[str, int]) -> Iterator[tuple[socket.socket, list[bytes]]]:
    family = socket.AF_INET if isinstance(place, tuple) else socket.AF_UNIX
    heard: list[bytes] = []
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.bind(place if isinstance(place, tuple) else os.fspath(place))
        server.listen()
        server.settimeout(0.1)
        is_over = threading.Event()

        def listen() -> None:
            while not is_over.is_set():
                with contextlib.suppress(TimeoutError):
                    peer, _ = server.accept()
                    with peer:
                        heard.append(peer.recv(100))

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield server, heard
        finally:
            is_over.set()
            thread.join()


SAY = "import socket,sys; s=socket.socket(socket.{family}); s.settimeout(2); s.connect({place!r}); s.send(b'evil')"


def test_a_listener_on_the_loopback_of_the_host_is_not_reached(world):
    with listening(("127.0.0.1", 0)) as (server, heard):
        done = world.python(SAY.format(family="AF_INET", place=server.getsockname()))
    assert done.code != 0
    assert heard == []


def test_a_listener_on_another_address_of_the_host_is_not_reached(world):
    with listening(("0.0.0.0", 0)) as (server, heard):
        port = server.getsockname()[1]
        for address in {"127.0.0.2", "0.0.0.0", *_own_addresses()}:
            world.python(SAY.format(family="AF_INET", place=(address, port)))
    assert heard == []


def test_there_is_nothing_but_loopback(world):
    lines = world.run("cat /proc/net/dev").output.splitlines()[2:]
    assert [line.split(":")[0].strip() for line in lines] == ["lo"]
    assert world.run("cat /proc/net/route").output.count("\n") <= 1


def test_loopback_is_up(world):
    code = (
        "import socket; s=socket.create_server(('127.0.0.1',0)); c=socket.create_connection(s.getsockname()); "
        "c.send(b'x'); print(s.accept()[0].recv(1))"
    )
    assert world.python(code).output == "b'x'\n"


def test_the_network_is_there_when_the_launch_says_so(world):
    with listening(("127.0.0.1", 0)) as (server, heard):
        done = world.python(SAY.format(family="AF_INET", place=server.getsockname()), confinement=Confinement.NETWORK)
    assert (done.output, heard) == ("", [b"evil"])


def test_names_are_looked_up_as_outside_when_the_network_is_there(world):
    inside = world.run("cat /etc/resolv.conf /etc/hosts", confinement=Confinement.NETWORK).output
    assert inside == "".join(Path(name).read_text() for name in ("/etc/resolv.conf", "/etc/hosts"))


def test_with_the_network_the_rest_holds_as_well(world):
    done = world.run(
        "cat ~/.ssh/id_ed25519 ~/.config/dsterm/key; echo evil > ~/evil; ls -A /run /tmp; ls /proc | grep -c '^[0-9]'",
        confinement=Confinement.NETWORK,
    )
    assert "SECRET-" not in done.output
    assert not (world.home / "evil").exists()
    assert int(done.output.splitlines()[-1]) < 8


@pytest.mark.parametrize("confinement", [Confinement.SANDBOX, Confinement.NETWORK])
@pytest.mark.parametrize("folder", ["other", "project", ".docker", "tmp"])
def test_a_socket_on_disk_is_not_reached(world, confinement, folder, monkeypatch):
    place = (Path("/tmp") if folder == "tmp" else world.home / folder) / f"s{os.getpid()}"
    place.parent.mkdir(exist_ok=True)
    # The name of a socket may have 107 characters, and the folders of tests are long.
    monkeypatch.chdir(place.parent)
    relative = Path(place.name)
    with listening(place if len(str(place)) < 100 else relative) as (_, heard):
        world.python(
            f"import os; os.chdir({str(place.parent)!r})\n{SAY.format(family='AF_UNIX', place=place.name)}",
            confinement=confinement,
        )
    place.unlink()
    # What was bound by a relative name can't be found in the list of sockets, but there it can only be in a folder of tests.
    assert heard == [] or len(str(place)) >= 100


def test_a_socket_in_run_is_not_reached(world):
    place = next(
        (path for path in (Path("/run/user") / str(os.getuid()), Path("/run")) if os.access(path, os.W_OK)), None
    )
    if place is None:
        pytest.skip("no folder in /run may be written here")
    place /= f"dsterm-sandbox-{os.getpid()}.sock"
    try:
        for confinement in (Confinement.SANDBOX, Confinement.NETWORK):
            place.unlink(missing_ok=True)
            with listening(place) as (_, heard):
                done = world.python(SAY.format(family="AF_UNIX", place=str(place)), confinement=confinement)
            assert (done.code, heard) == (1, [])
    finally:
        place.unlink(missing_ok=True)


def test_an_abstract_socket_is_not_reached(world):
    name = f"\0dsterm-sandbox-{os.getpid()}"
    with listening(name) as (_, heard):
        done = world.python(SAY.format(family="AF_UNIX", place=name))
    assert (done.code, heard) == (1, [])


def _own_addresses() -> list[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return []
        return [probe.getsockname()[0]]
