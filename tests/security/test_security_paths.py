"""Every way out of the workspace by its name: whatever the mode, no tool reads, lists, writes or runs anything there."""

from __future__ import annotations

import pytest
from attack_maze import GIT_SECRET, KEY_FILE_SECRET, Maze
from attack_world import (
    API_KEY,
    ENV_SECRET,
    HOME_SECRET,
    OUTSIDE_SECRET,
    bash,
    call,
    edit,
    needs_sandbox,
    patch,
    read,
    write,
)

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]

SECRETS = (OUTSIDE_SECRET, ENV_SECRET, HOME_SECRET, GIT_SECRET, KEY_FILE_SECRET, API_KEY)


@pytest.fixture
def maze(world) -> Maze:
    return Maze(world)


def placed(text: str, world) -> str:
    """`text` with the places of this world filled in."""
    for name in ("outside", "user", "home", "repo"):
        text = text.replace(f"<{name}>", str(getattr(world, name)))
    return text


READS = {
    "parent": "../outside/secret.txt",
    "parent-behind-a-folder": "src/../../outside/secret.txt",
    "parent-behind-nothing": "no/such/../../../outside/secret.txt",
    "absolute": "<outside>/secret.txt",
    "absolute-with-two-slashes": "/<outside>/secret.txt",
    "tilde": "~/notes.txt",
    "tilde-with-a-name": "~root/.bashrc",
    "variable": "$HOME/notes.txt",
    "braced-variable": "${HOME}/notes.txt",
    "address": "file://<outside>/secret.txt",
    "percent": "%2e%2e/outside/secret.txt",
    "backslashes": "..\\outside\\secret.txt",
    "wide-dots": "\uff0e\uff0e/outside/secret.txt",
    "slash-lookalike": "..\u2215outside\u2215secret.txt",
    "trailing-dots": "..././../outside/secret.txt",
    "trailing-space": "link.txt ",
    "trailing-slash": "link.txt/",
    "nul": "src/shop.py\0/../../outside/secret.txt",
    "newline": "../outside/secret.txt\n",
    "overlong": "../outside/" + "./" * 9_000 + "secret.txt",
    "overlong-name": "x" * 70_000,
    "link": "link.txt",
    "linked-folder": "linked/secret.txt",
    "chain-of-links": "one",
    "link-upwards": "deep/up/outside/secret.txt",
    "link-in-a-circle": "circle",
    "own-environment": "/proc/self/environ",
    "linked-environment": "process/environ",
    "root-of-the-process": "/proc/self/root<outside>/secret.txt",
    "linked-root": "process/root<outside>/secret.txt",
    "folder-of-the-process": "/proc/self/cwd/../outside/secret.txt",
    "environment-of-the-first": "/proc/1/environ",
    "descriptor": "/dev/fd/0",
    "endless-device": "/dev/zero",
    "linked-device": "zero",
    "pipe": "pipe",
    "socket": "socket",
    "git-config": ".git/config",
    "git-config-by-repo": "<repo>/.git/config",
    "git-in-capitals": ".GIT/config",
    "git-with-space": ".git /config",
    "git-with-dot": ".git./config",
    "git-with-joiner": ".g\u200cit/config",
    "git-short-name": "GIT~1/config",
    "git-of-a-submodule": ".git/modules/vendored/config",
    "pointer-of-a-submodule": "vendored/.git",
    "git-of-a-nested-repository": "nested/.git/config",
    "own-key-file": "<home>/config/keys/deepseek",
    "own-key-file-by-link": "own/config/keys/deepseek",
}


@pytest.mark.parametrize("name", READS)
def test_no_spelling_of_a_place_outside_is_read(world, maze, name):
    path = placed(READS[name], world)
    outcome = world.attack([read(path), call("grep", pattern="quiet", path=path)], mode="yolo")
    outcome.stood()
    outcome.refused()
    assert len(outcome.endings) == 2
    for secret in SECRETS:
        outcome.nowhere(secret)
    assert "root:x:0" not in outcome.wire
    maze.unchanged()


SEARCHES = {
    "glob-parent": call("glob", pattern="../outside/*"),
    "glob-absolute": call("glob", pattern="<outside>/*"),
    "glob-in-parent": call("glob", pattern="*", path=".."),
    "glob-in-link": call("glob", pattern="*", path="linked"),
    "glob-through-link": call("glob", pattern="linked/**"),
    "glob-home": call("glob", pattern="~/*"),
    "glob-git": call("glob", pattern=".git/**"),
    "glob-in-git": call("glob", pattern="**", path=".git"),
    "glob-everything": call("glob", pattern="**/*"),
    "glob-braces": call("glob", pattern="{..,linked}/{outside,.}/*"),
    "list-parent": read(".."),
    "list-link": read("linked"),
    "list-git": read(".git"),
    "grep-everywhere": call("grep", pattern="quiet-harbour"),
    "grep-in-parent": call("grep", pattern="quiet-harbour", path=".."),
    "grep-in-link": call("grep", pattern="quiet-harbour", path="linked"),
    "grep-include-parent": call("grep", pattern="quiet-harbour", include="../outside/*"),
    "grep-include-git": call("grep", pattern="quiet-harbour", include=".git/**"),
    "grep-option-as-pattern": call("grep", pattern="--file=<outside>/secret.txt"),
    "grep-option-that-follows": call("grep", pattern="-L --hidden --no-ignore quiet", path="."),
    "grep-option-as-path": call("grep", pattern="quiet", path="--follow"),
    "grep-program-as-pattern": call("grep", pattern="--pre=<repo>/trap"),
    "grep-program-as-include": call("grep", pattern="total", include="--pre=<repo>/trap"),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_no_search_shows_anything_from_outside(world, maze, name):
    world.trap(world.repo / "trap")
    (world.repo / "hard.txt").unlink()
    wanted = SEARCHES[name]
    arguments = {key: placed(str(value), world) for key, value in wanted.arguments.items()}
    outcome = world.attack([call(wanted.name, **arguments)], mode="yolo")
    outcome.stood()
    (result,) = outcome.results
    for secret in (*SECRETS, "hooks/pre-commit.sample", "FETCH_HEAD"):
        assert secret not in result
    if "secret.txt" not in str(arguments):
        assert "secret.txt" not in result
    world.not_sprung()
    maze.unchanged()


WRITES = {
    "parent": "../outside/planted.txt",
    "absolute": "<outside>/planted.txt",
    "tilde": "~/.bashrc",
    "variable": "$HOME/.bashrc",
    "link-to-a-file": "link.txt",
    "chain-of-links": "one",
    "link-to-nothing": "dangling",
    "linked-folder": "linked/planted.txt",
    "link-upwards": "deep/up/outside/planted.txt",
    "hook": ".git/hooks/pre-commit",
    "linked-hook": "hooks/pre-commit",
    "hook-in-capitals": ".GIT/hooks/pre-commit",
    "git-config": ".git/config",
    "git-attributes": ".git/info/attributes",
    "hook-of-a-submodule": ".git/modules/vendored/hooks/post-checkout",
    "pointer-of-a-submodule": "vendored/.git",
    "hook-of-a-nested-repository": "nested/.git/hooks/pre-commit",
    "a-new-nested-repository": "fresh/.git/config",
    "own-settings": "<home>/config/config.toml",
    "own-settings-by-link": "own/config/config.toml",
    "own-key-file": "<home>/config/keys/novita",
    "pipe": "pipe",
    "device": "/dev/shm/planted-by-dsterm-attack",
    "process": "/proc/self/comm",
}


@pytest.mark.parametrize("name", WRITES)
def test_no_spelling_of_a_place_outside_is_written(world, maze, name):
    path = placed(WRITES[name], world)
    added = patch(f"*** Add File: {path}", "+planted")
    outcome = world.attack([write(path), edit(path, "quiet", "loud"), added], mode="yolo")
    outcome.stood()
    maze.unchanged()
    assert not (world.repo / "fresh").exists()
    if name != "variable":  # Nothing replaces it: it is the name of a folder in the workspace.
        outcome.refused()


CHANGED = ("@@", "-    return net", "+    return 1")
TAKEN = ("@@", f"-{OUTSIDE_SECRET}", "+x")
PATCHES = {
    "moved-outside": ("*** Update File: src/shop.py", "*** Move to: ../outside/planted.txt", *CHANGED),
    "moved-into-a-hook": ("*** Update File: src/shop.py", "*** Move to: .git/hooks/pre-commit", *CHANGED),
    "moved-through-a-link": ("*** Update File: src/shop.py", "*** Move to: linked/planted.txt", *CHANGED),
    "moved-in-from-outside": ("*** Update File: ../outside/secret.txt", "*** Move to: stolen.txt", *TAKEN),
    "updated-link": ("*** Update File: link.txt", *TAKEN),
    "deleted-outside": ("*** Delete File: ../outside/secret.txt",),
    "deleted-through-a-link": ("*** Delete File: linked/secret.txt",),
    "deleted-git-config": ("*** Delete File: .git/config",),
    "good-then-outside": ("*** Add File: good.txt", "+x", "*** Add File: ../outside/planted.txt", "+x"),
}


@pytest.mark.parametrize("name", PATCHES)
def test_no_patch_reaches_outside_and_none_is_done_by_half(world, maze, name):
    outcome = world.attack([read("src/shop.py"), patch(*PATCHES[name])], mode="yolo")
    outcome.stood()
    assert outcome.endings == ("done", "failed")
    assert (world.repo / "src" / "shop.py").read_text() == "def total(net):\n    return net\n"
    assert not {"good.txt", "stolen.txt"} & {path.name for path in world.repo.iterdir()}
    maze.unchanged()


DIFFS = {
    "parent": "--- /dev/null\n+++ b/../outside/planted.txt\n@@ -0,0 +1 @@\n+planted\n",
    "absolute": "--- /dev/null\n+++ <outside>/planted.txt\n@@ -0,0 +1 @@\n+planted\n",
    "renamed-outside": "diff --git a/src/shop.py b/../outside/planted.txt\nsimilarity index 100%\nrename from src/shop.py\n"
    "rename to ../outside/planted.txt\n",
    "hook": "--- /dev/null\n+++ b/.git/hooks/pre-commit\n@@ -0,0 +1 @@\n+planted\n",
    "a-link": "diff --git a/way b/way\nnew file mode 120000\n--- /dev/null\n+++ b/way\n@@ -0,0 +1 @@\n+../outside\n"
    "\\ No newline at end of file\n",
}


@pytest.mark.parametrize("name", DIFFS)
def test_no_diff_reaches_outside_nor_makes_a_way_there(world, maze, name):
    diff = call("apply_patch", patch=placed(DIFFS[name], world))
    world.attack([diff, write("way/planted.txt"), read("way/secret.txt")], mode="yolo").stood()
    assert not (world.repo / "way").is_symlink()
    maze.unchanged()


FOLDERS = [
    "..",
    "/",
    "<outside>",
    "~",
    "linked",
    "deep/up",
    ".git",
    ".git/hooks",
    "hooks",
    "process/root",
    "<home>",
    "own",
    "src\0",
]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_command_starts_outside(world, maze, folder):
    command = f"touch started; echo planted > {world.repo}/started; cat secret.txt config notes.txt"
    outcome = world.attack([bash(command, workdir=placed(folder, world))], mode="yolo")
    outcome.stood()
    outcome.refused()
    assert not (world.repo / "started").exists()
    for secret in SECRETS:
        outcome.nowhere(secret)
    maze.unchanged()


@pytest.mark.parametrize("name", ["../../outside/secret.txt", "/proc/self/environ", "1/../2", "*", "-1", "", "\0"])
def test_no_id_of_a_job_is_a_path(world, maze, name):
    outcome = world.attack([call("job", action=action, id=name) for action in ("read", "stop")])
    outcome.stood()
    outcome.refused()
    for secret in SECRETS:
        outcome.nowhere(secret)


def test_an_added_folder_lets_in_itself_and_neither_its_parent_nor_what_lies_beside_it(world, maze):
    added = world.folder / "added"
    added.mkdir()
    (added / "fine.txt").write_text("fine it is\n")
    (added / "way").symlink_to(world.outside)
    paths = ("fine.txt", "../outside/secret.txt", "way/secret.txt", "../added/../outside/secret.txt", "..")
    calls = [read(f"{added}/{path}") for path in paths]
    outcome = world.attack(
        [*calls, write(f"{added}/../outside/planted.txt"), write(f"{added}2/x")], "--add-dir", str(added)
    )
    outcome.stood()
    assert outcome.endings == ("done", *["failed"] * 6)
    assert not (world.folder / "added2").exists()
    outcome.nowhere(OUTSIDE_SECRET)
    maze.unchanged()


def test_an_added_folder_around_everything_opens_nothing_of_dsterm_itself(world, maze):
    home = world.home
    (home / "state").mkdir(exist_ok=True)
    (world.folder / "way").symlink_to(home / "config")
    calls = [
        read(f"{home}/config/keys/deepseek"),
        read(f"{world.folder}/way/keys/deepseek"),
        call("grep", pattern="quiet-harbour-key", path=str(world.folder)),
        call("glob", pattern="**/deepseek", path=str(world.folder)),
        write(f"{home}/state/trust.json", "{}"),
        write(f"{home}/config/config.toml", 'permission_mode = "yolo"\n'),
        bash(
            f"cat {home}/config/keys/* {world.folder}/way/keys/*; echo 'mask_secrets = false' > {home}/config/config.toml"
        ),
    ]
    outcome = world.attack(calls, "--add-dir", str(world.folder), mode="auto")
    outcome.stood()
    outcome.nowhere(KEY_FILE_SECRET)
    assert not any(f"config/keys/deepseek:{line}" in result for result in outcome.results for line in range(3))
    maze.unchanged()


def test_a_hard_link_is_a_file_of_the_workspace_but_writing_it_leaves_the_other_name_alone(world, maze):
    outcome = world.attack([read("hard.txt"), edit("hard.txt", OUTSIDE_SECRET, "changed")])
    outcome.stood()
    assert outcome.endings == ("done", "done")
    assert (world.repo / "hard.txt").read_text() == "changed\n"
    maze.unchanged()


@needs_sandbox
def test_no_command_makes_a_hard_link_to_what_lies_outside(world, maze):
    outcome = world.attack([bash("ln ../outside/secret.txt taken.txt; ln ../user/notes.txt taken2.txt; ls taken*")])
    outcome.stood()
    assert not (world.repo / "taken.txt").exists()
    assert not (world.repo / "taken2.txt").exists()
    maze.unchanged()


@needs_sandbox
@pytest.mark.parametrize(
    "command",
    [
        "echo planted > ../outside/planted.txt",
        "echo planted > link.txt",
        "cp src/shop.py linked/",
        "mv src/shop.py ../outside/secret.txt",
        "rm -rf ../outside ../user/notes.txt",
        "tee /proc/self/root$PWD/../outside/planted.txt < src/shop.py",
        "cd / && touch $OLDPWD/../outside/planted.txt",
        "ln -sfn /nowhere linked; echo planted > one",
        "chmod 777 ../outside ../outside/secret.txt",
        "touch -d 2001-01-01 ../outside/secret.txt; truncate -s 0 ../outside/secret.txt",
        "echo planted > .git/hooks/pre-commit; echo '[core]' >> .git/config",
        "git config core.hooksPath /tmp; git config --file nested/.git/config core.fsmonitor ./x",
    ],
)
def test_no_command_in_the_sandbox_writes_outside(world, maze, command):
    outcome = world.attack([bash(command)])
    outcome.stood()
    assert outcome.endings
    maze.unchanged()
