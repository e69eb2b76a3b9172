from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path

import pytest
from sandbox_world import World, needs_sandbox, run_confined

pytestmark = needs_sandbox

EVIL = "[core]\n\tfsmonitor = touch EVIL\n"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.make_repo()
    return world


def _is_harmed(world: World, folder: Path | None = None) -> bool:
    """Use git as the user would, with hooks and all that the configuration says; whether anything hostile ran."""
    place = folder or world.root
    (place / "used").write_text("x")
    for arguments in (("status",), ("add", "used"), ("commit", "-qm", "used", "--allow-empty"), ("diff", "HEAD~1")):
        # A command may have ruined the repository, as it may any file; what counts is that nothing of it runs.
        with contextlib.suppress(subprocess.CalledProcessError):
            world.git(*arguments, folder=place)
    return bool([path for path in world.home.rglob("EVIL") if path.is_file()])


def test_git_works_inside(world):
    done = world.run(
        "echo b > b.txt && git add . && git commit -qm second && git switch -qc other && git status --short && git stash list "
        "&& git tag v1 && git branch -D main && git gc -q && git log --oneline | wc -l"
    )
    assert (done.code, done.output.splitlines()[-1]) == (0, "2"), done.output
    assert world.said == ()
    assert world.git("log", "--format=%s").split() == ["second", "first"]


HOOK = "printf '#!/bin/sh\\ntouch EVIL\\n' > {0}; chmod +x {0}"
CONFIG = "printf '[core]\\n\\tfsmonitor = touch EVIL; false\\n' {0}"
ATTACKS = {
    "a new hook": HOOK.format(".git/hooks/pre-commit"),
    "a hook that was there": HOOK.format(".git/hooks/post-commit"),
    "removing hooks first": "rm -rf .git/hooks; mkdir .git/hooks; " + HOOK.format(".git/hooks/pre-commit"),
    "renaming hooks away": "mv .git/hooks .git/h; mkdir .git/hooks; " + HOOK.format(".git/hooks/pre-commit"),
    "a link in place of hooks": "mkdir h; "
    + HOOK.format("h/pre-commit")
    + "; mv .git/hooks .git/x; ln -sfn ../h .git/hooks",
    "adding to the configuration": CONFIG.format(">> .git/config"),
    "git config": "git config core.fsmonitor 'touch EVIL; false'",
    "replacing the configuration": CONFIG.format("> new") + "; mv -f new .git/config",
    "a link in place of the configuration": CONFIG.format("> new") + "; ln -sfn ../new .git/config",
    "renaming .git": "mv .git g; mkdir .git; cp -r g/* .git; rm .git/config; " + CONFIG.format(">> .git/config"),
    "copying .git": "cp -r .git g; rm g/config; "
    + CONFIG.format("> g/config")
    + "; mv -T g .git; rm -rf .git; mv g .git",
    "a file in place of .git": "cp -r .git g; "
    + CONFIG.format(">> g/config")
    + "; rm -rf .git; echo 'gitdir: g' > .git",
    "another common folder": "cp -r .git g; rm -f g/config; "
    + CONFIG.format("> g/config")
    + "; echo ../g > .git/commondir",
    "a configuration of the work tree": "git config extensions.worktreeConfig true; "
    + CONFIG.format("> .git/config.worktree"),
    "a worktree's configuration": "mkdir -p .git/worktrees/x; " + CONFIG.format("> .git/worktrees/x/config.worktree"),
    "unmounting": "umount -l .git/config .git/hooks .git; " + CONFIG.format(">> .git/config"),
    "a namespace": "unshare -Urm sh -c 'umount .git/config; echo \"[core] fsmonitor = touch EVIL\" >> .git/config'",
    "the root of the process": CONFIG.format(">> /proc/self/root$PWD/.git/config")
    + "; "
    + HOOK.format("/proc/1/cwd/.git/hooks/pre-commit"),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_nothing_hostile_runs_when_git_is_used_afterwards(world, attack):
    hook = world.root / ".git/hooks/post-commit"
    hook.write_text("#!/bin/sh\nexit 0\n")
    hook.chmod(0o755)
    before = (world.root / ".git/config").read_bytes()
    world.run(attack)
    assert (world.root / ".git/config").read_bytes() == before
    assert hook.read_text() == "#!/bin/sh\nexit 0\n"
    assert not _is_harmed(world)


def test_the_attacks_do_harm_without_a_sandbox(world):
    # Else the tests above would hold for nothing.
    subprocess.run(["sh", "-c", HOOK.format(".git/hooks/pre-commit")], cwd=world.root, check=True)
    assert _is_harmed(world)


NEW = {
    "missing hooks": ("rm -r .git/hooks", "mkdir .git/hooks; " + HOOK.format(".git/hooks/pre-commit")),
    "a missing configuration": ("rm .git/config", CONFIG.format("> .git/config")),
    "hooks that are a link": (
        "rm -r .git/hooks; mkdir h; ln -s ../h .git/hooks",
        "rm .git/hooks; mkdir .git/hooks; " + HOOK.format(".git/hooks/pre-commit"),
    ),
    "hooks behind a link": ("rm -r .git/hooks; mkdir h; ln -s ../h .git/hooks", HOOK.format("h/pre-commit")),
    "hooks where the configuration says": ("mkdir h; git config core.hooksPath h", HOOK.format("h/pre-commit")),
    "an included configuration": ("touch more; git config include.path ../more", CONFIG.format(">> more")),
    "no repository at first": (
        "rm -r .git",
        "git init -q; git config core.fsmonitor 'touch EVIL; false'; " + HOOK.format(".git/hooks/pre-commit"),
    ),
    "a bare repository in the root": (
        "rm -r .git",
        "git init -q --bare .; "
        + CONFIG.format(">> config")
        + "; git config core.bare false; git config core.worktree .",
    ),
}


@pytest.mark.parametrize(("before", "attack"), NEW.values(), ids=NEW.keys())
def test_what_could_not_be_mounted_over_is_put_aside(world, before, attack):
    subprocess.run(["sh", "-c", before], cwd=world.root, check=True, env=world.environment)
    world.run(attack)
    if not (world.root / ".git/HEAD").exists() and not (world.root / "HEAD").exists():
        world.git("init", "-q")
    assert not _is_harmed(world)


def test_what_is_put_aside_is_said(world):
    done = world.run("echo ../g > .git/commondir")
    assert done.code == 0
    assert [".git/commondir" in sentence and "commondir.set-aside" in sentence for sentence in world.said] == [True]
    assert (world.root / ".git/commondir.set-aside").exists()


@pytest.mark.parametrize("folder", ["sub", "a/b/c", "with space/x"])
def test_a_repository_in_a_folder_is_guarded_too(world, folder):
    inner = world.root / folder
    world.make_repo(inner)
    before = (inner / ".git/config").read_text()
    world.run(f"cd '{folder}' && {HOOK.format('.git/hooks/pre-commit')}; {CONFIG.format('>> .git/config')}; mv .git g")
    assert (inner / ".git/config").read_text() == before
    assert not _is_harmed(world, inner)


def test_a_folder_swapped_for_one_with_a_hostile_repository_is_made_harmless(world):
    inner = world.root / "sub"
    world.make_repo(inner)
    world.run(
        "mv sub old; git init -q sub; cd sub; git config core.fsmonitor 'touch EVIL; false'; "
        + HOOK.format(".git/hooks/pre-commit")
    )
    assert len(world.said) >= 2
    assert not _is_harmed(world, inner)


def test_a_planted_submodule_runs_nothing_on_status(world):
    world.run(
        "git init -q evil && cd evil && git config user.email a@b && git config user.name a && git commit -qm x --allow-empty "
        "&& git config core.fsmonitor 'touch EVIL; false' && cd .. && git add evil"
    )
    assert world.git("ls-files", "-s", "evil").startswith("160000")
    assert not _is_harmed(world)


def test_a_clone_inside_stays_as_it_is_when_it_is_harmless(world):
    world.run("git clone -q . copy && cd copy && git config branch.main.description x")
    assert world.said == ()
    assert (world.root / "copy/.git/config").exists()


def test_a_submodule_is_guarded_where_its_folder_really_is(world):
    other = world.home / "other"
    world.make_repo(other)
    world.git("submodule", "add", "-q", str(other), "lib")
    world.git("commit", "-qm", "with lib")
    real = world.root / ".git/modules/lib"
    before, pointer = (real / "config").read_text(), (world.root / "lib/.git").read_text()
    world.run(
        f"{CONFIG.format('>> .git/modules/lib/config')}; {HOOK.format('.git/modules/lib/hooks/pre-commit')}; "
        "mv .git/modules .git/m; mv .git/modules/lib .git/modules/x; echo 'gitdir: ../evil' > lib/.git; cd lib; "
        "echo b > b; git add b; git -c user.name=a -c user.email=a@b commit -qm inside"
    )
    assert (real / "config").read_text() == before
    assert (world.root / "lib/.git").read_text() == pointer
    assert world.git("log", "-1", "--format=%s", folder=world.root / "lib").strip() == "inside"
    assert not _is_harmed(world, world.root / "lib")


def test_a_worktree_whose_repository_is_elsewhere_can_be_read_but_not_written(world):
    tree = world.home / "tree"
    world.git("worktree", "add", "-q", str(tree))
    world.roots = (tree,)
    pointer = (tree / ".git").read_text()
    done = world.run(
        "git status --short; git log --oneline; echo 'gitdir: evil' > .git; rm -f .git; mv .git g; git config core.x y",
        folder=tree,
    )
    assert "first" in done.output
    assert (tree / ".git").read_text() == pointer
    assert "y" not in (world.root / ".git/config").read_text().split()


def test_a_new_worktree_inside_works_and_is_not_put_aside(world):
    done = world.run("git worktree add -q wt && cd wt && git status")
    assert done.code == 0, done.output
    assert world.said == ()


def test_what_the_user_changes_while_a_command_runs_stays_when_it_is_harmless(world):
    confined = world.wrap("sleep 0.1")
    world.git("remote", "add", "origin", "https://example.org/x.git")
    run_confined(confined)
    assert world.sandbox.settle(world.launch()) == ()
    assert "example.org" in (world.root / ".git/config").read_text()


def test_a_configuration_that_lost_its_mount_is_put_back(world):
    # A file that is replaced outside takes the mount over it away, so a command that still runs could write there.
    before = (world.root / ".git/config").read_bytes()
    confined = world.wrap("sleep 0.3; " + CONFIG.format(">> .git/config"))
    with subprocess.Popen(confined.arguments, env=confined.environment) as process:
        new = world.root / ".git/new"
        new.write_bytes(before)
        time.sleep(0.1)
        new.replace(world.root / ".git/config")
        process.wait()
    said = world.sandbox.settle(world.launch())
    assert (world.root / ".git/config").read_bytes() == before
    assert not _is_harmed(world)
    assert said or "fsmonitor" not in (world.root / ".git/config").read_text()


def test_a_repository_planted_while_others_run_is_not_taken_for_the_users(world):
    first = world.wrap("sleep 0.2")
    (world.root / ".git/hooks/pre-push").write_text("planted")
    second = world.wrap("true")
    run_confined(second)
    said = world.sandbox.settle(world.launch())
    run_confined(first)
    world.sandbox.settle(world.launch())
    assert any("pre-push" in sentence for sentence in said)
    assert not (world.root / ".git/hooks/pre-push").exists()


def test_a_hostile_git_folder_does_not_stop_the_look_afterwards(world):
    done = world.run(
        "mkdir -p e1/.git/hooks e2 e3/.git e4/.git && mkfifo e1/.git/config e1/.git/hooks/pre-commit "
        "&& printf 'gitdir: \\0' > e2/.git "
        "&& ln -s . e3/.git/modules && mkdir e4/.git/config e4/.git/hooks && chmod 000 e4/.git/hooks "
        "&& ln -s loop loop && ln -s ../loop e4/.git/commondir"
        " && head -c 200000 /dev/zero | tr '\\0' ' ' > e3/.git/config && mkdir e5 && ln -s / e5/.git"
    )
    assert done.code == 0, done.output
    assert not _is_harmed(world)
    (world.root / "e4/.git/hooks").chmod(0o700)
    assert not os.path.lexists(world.root / "e4/.git/commondir")
