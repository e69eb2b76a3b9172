from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from sandbox_world import World, needs_sandbox

from dsterm.core.errors import WorkspaceError
from dsterm.workspace.confinement.sandbox import SandboxPlaces, find_sandbox

pytestmark = needs_sandbox


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_command_works_in_the_workspace(world):
    done = world.run("mkdir -p a && echo hello > a/b && mv a/b a/c && cat a/c && pwd")
    assert (done.code, done.output) == (0, f"hello\n{world.root}\n")
    assert (world.root / "a/c").read_text() == "hello\n"


def test_the_exit_code_is_that_of_the_command(world):
    assert world.run("exit 41").code == 41


def test_arguments_arrive_word_for_word(world):
    code = "import sys; print(ascii(sys.argv[1:]))"
    words = ["--bind", "/", "$HOME `id`", "a\nb", "", "ü", "-"]
    assert world.python(code, *words).output == ascii(words) + "\n"


@pytest.mark.parametrize(
    "name", ["with space", "new\nline", "-rf", "--", "ümläut 名", "quo'te\"s", "$HOME", "%s\\n", "*?["]
)
def test_a_workspace_may_have_any_name(tmp_path, name):
    world = World(tmp_path, name)
    world.make_repo()
    done = world.run("echo x > made && echo evil > .git/config; echo evil > ../outside; ls")
    assert (world.root / "made").read_text() == "x\n"
    assert "evil" not in (world.root / ".git/config").read_text()
    assert not (world.home / "outside").exists(), done.output


def test_a_second_root_is_writable_too(tmp_path):
    world = World(tmp_path)
    more = world.home / "more"
    more.mkdir()
    world.roots = (world.root, more)
    assert world.run("echo x > ../more/made").code == 0
    assert (more / "made").exists()


def test_a_command_runs_only_in_the_workspace(world):
    with pytest.raises(WorkspaceError, match="outside the workspace"):
        world.wrap("pwd", folder=world.home / "other")


OUTSIDE = {
    "a file in the home folder": "echo evil >> ~/.bashrc",
    "a new file in the home folder": "echo evil > ~/evil",
    "a file of another project": "echo evil >> ~/other/file",
    "removing what is outside": "rm -rf ~/other",
    "renaming what is outside": "mv ~/other ~/other2",
    "changing its mode": "chmod 777 ~/other/file",
    "a symbolic link to a file outside": "ln -s ~/other/file link; echo evil >> link",
    "a symbolic link to a folder outside": "ln -s ~ link; echo evil > link/evil",
    "a link through the process": "echo evil >> /proc/self/root$HOME/other/file",
    "the root of the first process": "echo evil >> /proc/1/root$HOME/other/file",
    "the folder of the first process": "echo evil >> /proc/1/cwd$HOME/other/file",
    "a hard link": "ln ~/other/file hard && echo evil >> hard",
    "dots": "echo evil > ../../home/other/file",
    "moving a link over it": "ln -s evil l; mv -fT l ~/other/file",
    "a copy that follows links": "ln -s ~/other here; cp /etc/hostname here/evil",
    "the time stamp": "touch -d 2001-01-01 ~/other/file",
    "truncating": "truncate -s 0 ~/other/file",
    "an attribute": "setfattr -n user.evil -v 1 ~/other/file",
    "remounting": "mount -o remount,rw,bind ~; echo evil > ~/evil",
    "a mount of its own": "mount --bind . ~/other; echo evil > ~/other/evil",
    "a chroot": "chroot / sh -c 'echo evil > ~/evil'",
    "a namespace of its own": "unshare -Urm sh -c 'mount -o remount,rw,bind ~ ; mount -o remount,rw,bind /; echo evil > ~/evil'",
    "bubblewrap inside": "bwrap --bind / / sh -c 'echo evil > ~/evil'",
    "unmounting": "unshare -Urm sh -c 'umount -l ~; echo evil > ~/evil'; umount -l ~; echo evil > ~/evil",
    "becoming another user": "su -c 'echo evil > ~/evil'; sudo -n sh -c 'echo evil > ~/evil'",
}


@pytest.mark.parametrize("attack", OUTSIDE.values(), ids=OUTSIDE.keys())
def test_nothing_outside_the_workspace_changes(world, attack):
    before = _everything(world)
    done = world.run(attack)
    assert _everything(world) == before, done.output


def test_a_mount_over_the_workspace_is_not_left_behind(world):
    world.run("mkdir m; mount -t tmpfs tmpfs m; unshare -Urm mount -t tmpfs tmpfs m")
    assert not os.path.ismount(world.root / "m")


@pytest.mark.parametrize("folder", ["/etc", "/usr", "/var", "/opt", "/"])
def test_folders_of_the_system_are_read_only(world, folder):
    place = Path(folder) / f"dsterm-sandbox-test-{os.getpid()}"
    try:
        assert world.run(f"echo evil > {place}").code != 0
        assert not place.exists()
    finally:
        place.unlink(missing_ok=True)


def test_what_is_outside_can_still_be_read(world):
    assert world.run("cat ~/other/file").output == "as it was\n"


@pytest.mark.parametrize("root", ["home", "above"])
def test_a_home_folder_as_the_workspace_stays_read_only(world, root):
    world.roots = (world.home if root == "home" else world.base,)
    world.make_repo(world.home)
    before = _everything(world)
    done = world.run(
        "echo evil > ~/evil; echo evil >> ~/.bashrc; rm -rf ~/.git; cat ~/.ssh/*; ls", folder=world.roots[0]
    )
    assert _everything(world) == before
    assert "SECRET-" not in done.output
    assert done.code == 0


def test_tmp_is_private(world, tmp_path):
    place = Path("/tmp") / f"dsterm-sandbox-{os.getpid()}"
    done = world.run(f"ls -A /tmp /var/tmp; touch {place} /var/tmp/x && echo made; echo $TMPDIR; mktemp")
    assert "made" in done.output
    assert not place.exists()
    assert "/tmp\n" in done.output
    assert done.output.splitlines().count(tmp_path.parts[2]) == 1


def test_run_is_empty(world):
    assert world.run("ls -A /run").output == ""


def test_devices_are_few(world):
    devices = set(world.run("ls /dev").output.split())
    usual = "console core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero"
    assert devices <= set(usual.split())


def test_the_cache_of_the_project_stays_and_its_variables_lead_there(world):
    done = world.run(
        'echo x > "$PIP_CACHE_DIR.file"; mkdir -p "$XDG_CACHE_HOME" "$npm_config_cache" "$UV_CACHE_DIR" "$GOCACHE"'
    )
    assert done.code == 0, done.output
    assert (world.cache / "pip.file").exists()
    assert (world.cache / "xdg").is_dir()


def test_stores_that_work_read_only_are_the_projects_own_once_it_may_fetch(world):
    assert "CARGO_HOME" not in world.wrap("true").environment
    (world.cache / "cargo").mkdir(parents=True)
    assert world.wrap("true").environment["CARGO_HOME"] == str(world.cache / "cargo")


def test_variables_that_are_doors_are_taken_away(world):
    confined = world.sandbox.wrap(
        world.launch(),
        ("/usr/bin/env",),
        world.environment | {"SSH_AUTH_SOCK": "/x", "DOCKER_HOST": "y", "DISPLAY": ":0", "KEEP": "1"},
    )
    assert not {"SSH_AUTH_SOCK", "DOCKER_HOST", "DISPLAY"} & set(confined.environment)
    assert confined.environment["KEEP"] == "1"


def test_values_of_variables_are_not_in_the_arguments_that_everybody_can_read(world):
    confined = world.sandbox.wrap(world.launch(), ("/usr/bin/env",), world.environment | {"TOKEN": "VALUE-HERE"})
    assert "VALUE-HERE" not in " ".join(confined.arguments)


def test_a_library_that_is_to_be_preloaded_is_not_loaded_outside(world):
    confined = world.sandbox.wrap(world.launch(), ("/usr/bin/env",), world.environment | {"LD_PRELOAD": "./evil.so"})
    assert "LD_PRELOAD" not in confined.environment
    assert confined.arguments[confined.arguments.index("LD_PRELOAD") - 1] == "--setenv"


def test_a_bubblewrap_in_the_workspace_is_not_taken(world):
    fake = world.root / "bwrap"
    fake.write_text("#!/bin/sh\ntouch evil\n")
    fake.chmod(0o755)
    found = find_sandbox(SandboxPlaces((world.root,), (), world.cache, world.home), (world.root,), "linux")
    assert found.sandbox is None
    assert "not installed" in found.facts.trouble
    assert not (world.root / "evil").exists()


def _everything(world: World) -> dict[str, tuple[int, int, bytes]]:
    """All in the home but the workspace and the own cache, with mode, time and bytes."""
    found = {}
    for path in world.home.rglob("*"):
        if not path.is_relative_to(world.root) and not path.is_relative_to(world.own[2]):
            facts = path.lstat()
            data = path.read_bytes() if stat.S_ISREG(facts.st_mode) else b""
            modified = facts.st_mtime_ns if stat.S_ISREG(facts.st_mode) else 0
            found[str(path)] = (facts.st_mode, modified, data)
    return found
