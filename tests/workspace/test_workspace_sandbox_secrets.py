from __future__ import annotations

import os
from pathlib import Path

import pytest
from sandbox_world import World, needs_sandbox

from dsterm.core.errors import WorkspaceError

pytestmark = needs_sandbox


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


SECRETS = {
    "reading it": "cat ~/.ssh/id_ed25519",
    "listing": "ls -la ~/.ssh; cat ~/.ssh/*",
    "as root of the process": "cat /proc/self/root$HOME/.ssh/id_ed25519 /proc/1/root$HOME/.ssh/id_ed25519",
    "a symbolic link": "ln -s ~/.ssh s; cat s/id_ed25519",
    "a hard link": "ln ~/.ssh/id_ed25519 hard; cat hard",
    "changing the mode": "chmod -R 777 ~/.ssh; cat ~/.ssh/id_ed25519",
    "moving the folder": "mv ~/.ssh s; cat s/id_ed25519",
    "copying the home": "cp -r ~ copy; cat copy/.ssh/id_ed25519",
    "an archive": "tar -cf - ~/.ssh | strings",
    "unmounting": "umount -l ~/.ssh; cat ~/.ssh/id_ed25519",
    "a namespace": "unshare -Urm sh -c 'umount -l ~/.ssh; cat ~/.ssh/id_ed25519'",
    "mounting around it": "unshare -Urm sh -c 'mkdir m; mount --bind ~ m; cat m/.ssh/id_ed25519'; "
    "unshare -Urm sh -c 'mkdir m; mount --rbind / m; cat m$HOME/.ssh/id_ed25519'",
    "a namespace through python": "python3 -c 'import ctypes,os; l=ctypes.CDLL(None); l.unshare(0x10020000); "
    'l.umount2(os.path.expanduser("~/.ssh").encode(),2)\'; cat ~/.ssh/id_ed25519',
    "bubblewrap inside": "bwrap --bind / / --dev-bind /dev /dev cat ~/.ssh/id_ed25519",
    "mapping more users": "newuidmap $$ 0 0 1; newgidmap $$ 0 0 1; cat ~/.ssh/id_ed25519",
    "the old root": "ls -a /oldroot /newroot; cat /oldroot$HOME/.ssh/id_ed25519 /newroot$HOME/.ssh/id_ed25519",
    "the disk itself": "cat /dev/sda /dev/vda /dev/nvme0n1 | head -c 100; mknod d b 8 0; "
    "cat d | head -c 100; cat ~/.ssh/id_ed25519",
    "git": "git diff --no-index /dev/null ~/.ssh/id_ed25519",
    "dsterm's key": "cat ~/.config/dsterm/key",
    "dsterm's trust": "cat ~/.local/state/dsterm/*; cat ~/.local/state/dsterm/trust.json",
    "dsterm's cache around the own one": "ls ~/.cache/dsterm; cat ~/.cache/dsterm/other",
    "from the own cache upwards": "cd ~/.cache/dsterm/projects/one && cat ../../other ../two/file",
}


@pytest.mark.parametrize("attack", SECRETS.values(), ids=SECRETS.keys())
def test_no_secret_is_read(world, attack):
    (world.own[2] / "other").write_text("SECRET-CACHE")
    (world.own[2] / "projects/two").mkdir(parents=True)
    (world.own[2] / "projects/two/file").write_text("SECRET-TWO")
    done = world.run(attack)
    assert "SECRET-" not in done.output
    assert not [path for path in world.root.rglob("*") if path.is_file() and b"SECRET-" in path.read_bytes()]


@pytest.mark.parametrize(
    "place",
    [
        ".netrc",
        ".npmrc",
        ".git-credentials",
        ".aws/credentials",
        ".gnupg/private-keys-v1.d/k",
        ".kube/config",
        ".docker/config.json",
        ".config/gcloud/x.db",
        ".config/gh/hosts.yml",
        ".config/git/credentials",
        ".cargo/credentials.toml",
        ".bash_history",
        ".local/share/keyrings/login.keyring",
        ".password-store/a.gpg",
        ".mozilla/firefox/p/logins.json",
        ".azure/x",
        ".pypirc",
    ],
)
def test_the_usual_places_of_secrets_are_closed(world, place):
    path = world.home / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("SECRET-HERE")
    done = world.run(f"cat ~/{place}")
    assert done.code != 0
    assert "SECRET-" not in done.output


def test_a_secret_place_that_is_a_link_is_closed_at_its_real_place(world):
    real = world.home / "dotfiles" / "aws"
    real.mkdir(parents=True)
    (real / "credentials").write_text("SECRET-AWS")
    (world.home / ".aws").symlink_to("dotfiles/aws")
    assert "SECRET-" not in world.run("cat ~/.aws/credentials ~/dotfiles/aws/credentials").output


def test_settings_of_programs_are_closed_only_where_they_hold_credentials(world):
    place = world.home / ".config/pip/pip.conf"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("[global]\nindex-url = https://mirror.example.org/simple\n")
    assert "mirror.example.org" in world.run("cat ~/.config/pip/pip.conf").output
    place.write_text("[global]\nindex-url = https://me:SECRET-PIP@mirror.example.org/simple\n")
    assert "SECRET-" not in world.run("cat ~/.config/pip/pip.conf").output


def test_secret_looking_files_of_the_workspace_are_closed_unless_they_are_shown(world):
    (world.root / "app/config").mkdir(parents=True)
    for name in (".env", "app/config/server.key", "app/config/credentials.json"):
        (world.root / name).write_text("SECRET-HERE")
    (world.root / ".env.example").write_text("harmless")
    (world.root / "link.pem").symlink_to(world.home / "outside.txt")
    (world.home / "outside.txt").write_text("SECRET-OUTSIDE")
    read = "cat .env app/config/server.key app/config/credentials.json link.pem ~/outside.txt; cat .env.example"
    assert world.run(read).output.count("SECRET-") == 0
    assert world.run(read).output.endswith("harmless")
    assert world.run(read, shows_secrets=True).output.count("SECRET-") == 5


@pytest.mark.parametrize(
    "attack", ["mv app app2; cat app2/.env", "cp -r app b; cat b/.env", "mv app/.env x; cat x", "rm -rf app; ls"]
)
def test_a_closed_file_of_the_workspace_stays_closed_wherever_it_goes(world, attack):
    (world.root / "app").mkdir()
    (world.root / "app/.env").write_text("SECRET-ENV")
    assert "SECRET-" not in world.run(attack).output
    assert [path.read_text() for path in world.root.rglob(".env") if path.stat().st_size] == ["SECRET-ENV"]


def test_own_folders_inside_the_workspace_can_neither_be_read_nor_planted(world):
    world.own = (world.root / "deep/dsterm", world.root / "deep/later")
    world.own[0].mkdir(parents=True)
    (world.own[0] / "key").write_text("SECRET-OWN")
    world.cache = world.home / ".cache/other"
    done = world.run(
        "cat deep/dsterm/key; mv deep/dsterm x; mv deep y; "
        "cat x/key y/dsterm/key; echo evil > deep/later/config.toml; rmdir deep/later"
    )
    assert "SECRET-" not in done.output
    assert (world.own[0] / "key").read_text() == "SECRET-OWN"
    assert list(world.own[1].iterdir()) == []


def test_a_workspace_inside_an_own_folder_gets_no_sandbox(world):
    world.own = (world.home,)
    assert world.found.sandbox is None
    assert "dsterm's own" in world.found.facts.trouble


def test_a_workspace_that_is_a_secret_place_is_refused(world):
    world.roots = (world.home / ".ssh",)
    with pytest.raises(WorkspaceError, match="secrets"):
        world.wrap("cat *", folder=world.home / ".ssh")


def test_a_hostile_workspace_can_not_stop_the_sandbox_from_being_built(world):
    (world.root / ".env").symlink_to(".env")
    (world.root / "a.key").symlink_to("/proc/self/mem")
    (world.root / "b.pem").symlink_to("b.pem/x")
    (world.root / "c.pem").mkdir()
    os.mkfifo(world.root / "d.pem")
    (world.root / os.fsdecode(b"\xff\xfe.key")).write_text("SECRET-HERE")
    (world.root / ".git").write_bytes(b"gitdir: a\0b")
    done = world.run("cat *.key b.pem; echo works")
    assert done.output.endswith("works\n")
    assert "SECRET-" not in done.output


def test_more_secrets_than_can_be_hidden_stop_the_command_instead_of_being_shown(world):
    for number in range(2_001):
        (world.root / f"{number}.key").touch()
    with pytest.raises(WorkspaceError, match="look secret"):
        world.wrap("cat *.key")
    assert world.run("echo shown", shows_secrets=True).output == "shown\n"
