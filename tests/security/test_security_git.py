from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from attack_batch import Batch, lasting_world, try_all
from attack_engine import drive
from attack_world import OUTSIDE_SECRET, Assailant, Outcome, World, bash, call, needs_sandbox, read
from e2e_program import clean_environment

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(120), pytest.mark.xdist_group("security-git")]

# Every setting names the trap with a mark of its own.
SETTINGS = {
    "fsmonitor": "[core]\n fsmonitor = {trap}\n",
    "hooksPath": "[core]\n hooksPath = {hooks}\n",
    "sshCommand": "[core]\n sshCommand = {trap}\n",
    "gitProxy": "[core]\n gitProxy = {trap}\n",
    "pager": "[core]\n pager = {trap}\n[pager]\n log = {trap}\n diff = {trap}\n show = {trap}\n",
    "editor": "[core]\n editor = {trap}\n[sequence]\n editor = {trap}\n",
    "askPass": "[core]\n askPass = {trap}\n",
    "external diff": "[diff]\n external = {trap}\n",
    "diff command": '[diff "evil"]\n command = {trap}\n',
    "textconv": '[diff "text"]\n textconv = {trap}\n cachetextconv = true\n',
    "clean and smudge": '[filter "evil"]\n clean = {trap}\n smudge = {trap}\n required = true\n',
    "filter process": '[filter "e=v.il"]\n process = {trap}\n',
    "merge driver": '[merge "evil"]\n driver = {trap}\n',
    "credential helper": "[credential]\n helper = {trap}\n",
    "gpg program": '[gpg]\n program = {trap}\n[gpg "ssh"]\n program = {trap}\n[log]\n showSignature = true\n',
    "alias": "[alias]\n status = !{trap}\n ls-files = !{trap}\n diff = !{trap}\n rev-parse = !{trap}\n",
    "instead of a URL": '[url "ext::{trap} "]\n insteadOf = https://\n insteadOf = file://\n',
    "remote": '[remote "origin"]\n url = ext::{trap}\n vcs = evil\n uploadpack = {trap}\n receivepack = {trap}\n',
    "objects hook": "[uploadpack]\n packObjectsHook = {trap}\n[gc]\n recentObjectsHook = {trap}\n",
    "hooks in the configuration": '[hook "evil"]\n command = {trap}\n event = post-index-change\n event = pre-commit\n',
    "submodule update": '[submodule "evil"]\n update = !{trap}\n active = true\n url = ext::{trap}\n'
    "[submodule]\n recurse = true\n",
    "protocols": '[protocol]\n allow = always\n[protocol "ext"]\n allow = always\n',
    "an included file": "[include]\n path = {included}\n",
    "an included file by condition": '[includeIf "gitdir:{repo}/"]\n path = {included}\n',
}
ATTRIBUTES = "* filter=evil diff=evil merge=evil\n*.md diff=text\n*.txt filter=e=v.il diff=text export-subst ident\n"
LOOKS = [
    [call("glob", pattern="**/*"), call("grep", pattern="total"), read("src/shop.py")],
    [call("edit", file_path="src/shop.py", old_string="return net", new_string="return net + 1")],
]


class Traps:
    """A program beside the workspace that notes which setting has led to it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.marks = world.outside / "marks"
        self.marks.mkdir()
        self.marks.chmod(0o777)
        self.program = world.outside / "trap"
        self.program.write_text(f'#!/bin/sh\n: > {self.marks}/"$1"\n')
        self.program.chmod(0o755)

    def named(self, name: str) -> str:
        return f"{self.program} {name.replace(' ', '-')}"

    def hooks(self, folder: Path, name: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for hook in ("pre-commit", "post-index-change", "reference-transaction", "post-checkout", "fsmonitor-watchman"):
            (folder / hook).write_text(f"#!/bin/sh\n{self.named(name)} </dev/null\n")
            (folder / hook).chmod(0o755)
        return folder

    def settings(self, *names: str) -> str:
        return "".join(
            SETTINGS[name].format(
                trap=self.named(name),
                hooks=self.hooks(self.world.outside / "hooks", name),
                repo=self.world.repo,
                included=self._included(name),
            )
            for name in names
        )

    def _included(self, name: str) -> Path:
        path = self.world.outside / f"{name}.inc"
        path.write_text(f"[core]\n fsmonitor = {self.named(name)}\n")
        return path

    def plant(self, *names: str) -> None:
        with (self.world.repo / ".git" / "config").open("a") as config:
            config.write(self.settings(*names))

    @property
    def sprung(self) -> set[str]:
        return {path.name for path in self.marks.iterdir()}

    def held(self) -> None:
        assert self.sprung == set()


def soil(world: World) -> None:
    """Leave files that git has to look at anew, by attributes that name every driver."""
    world.put(".gitattributes", ATTRIBUTES)
    world.put("src/shop.py", "def total(net):\n    return net \n")
    world.put("README.md", "# Shops\n")
    world.put("new.txt", "new\n")


def git(world: World, *words: str) -> None:
    """git as the user would start it in a shell, with everything that the repository says."""
    environment = clean_environment(world.folder / "shell") | {"PATH": os.environ["PATH"]}
    author = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
    subprocess.run(
        ["git", *author, *words],
        cwd=world.repo,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=30,
    )


def look(world: World, *flags: str, trusts: bool) -> Outcome:
    """All that dsterm itself does with a repository, but for what a command in the sandbox does."""
    outcome = world.attack(LOOKS, "--attach", ".", *flags, mode="accept-edits", trusts=trusts)
    outcome.stood()
    assert outcome.endings == ("done",) * 4, outcome.results
    assert "return net" in outcome.wire
    return outcome


@pytest.fixture(scope="module", params=[True, False], ids=["trusted", "not trusted"])
def looked(request: pytest.FixtureRequest, ground: Path, assailant: Assailant) -> Iterator[Traps]:
    """A repository with every hostile setting at once, after dsterm has attached, listed, read, searched and edited."""
    with lasting_world(ground, assailant) as world:
        traps = Traps(world)
        soil(world)
        traps.hooks(world.repo / ".git" / "hooks", "hooks")
        traps.plant(*SETTINGS)
        look(world, trusts=request.param)
        yield traps


@pytest.mark.parametrize("name", [*SETTINGS, "hooks"])
def test_no_setting_of_a_repository_runs_anything(looked: Traps, name: str) -> None:
    assert name.replace(" ", "-") not in looked.sprung


def test_the_settings_are_real(world):
    traps = Traps(world)
    soil(world)
    real = {"fsmonitor", "hooksPath", "external diff", "clean and smudge", "filter process", "editor"}
    for name in sorted(real):
        world.put(".gitattributes", ATTRIBUTES)
        traps.plant(name)
        for words in (("status",), ("diff",), ("add", "-A"), ("commit", "-q"), ("checkout", "-qb", "x")):
            git(world, *words)
        world.repo.joinpath(".git", "config").write_text("[core]\n repositoryformatversion = 0\n bare = false\n")
        world.put("new.txt", name)
    assert {name.replace(" ", "-") for name in real} <= traps.sprung


def test_review_and_its_diff_run_nothing(world):
    traps = Traps(world)
    soil(world)
    traps.hooks(world.repo / ".git" / "hooks", "hooks")
    traps.plant(*SETTINGS)
    driven = drive(world, ["/review HEAD"], "--trust")
    assert driven.of_kind("TurnStarted"), driven
    assert "+# Shops" in driven.outcome.wire
    traps.held()


def test_undo_of_a_change_runs_nothing(world):
    traps = Traps(world)
    soil(world)
    traps.hooks(world.repo / ".git" / "hooks", "hooks")
    traps.plant(*SETTINGS)
    mark = world.order(LOOKS)
    driven = drive(world, [f"Do it.\n{mark}", "/undo", "/redo"], "--trust", "--permission-mode", "accept-edits")
    assert len(driven.of_kind("Undone")) == 2, driven.events
    assert (world.repo / "src" / "shop.py").read_text().endswith("net + 1 \n")
    traps.held()


@pytest.mark.parametrize("trusts", [True, False], ids=["trusted", "not trusted"])
def test_files_are_not_taken_from_where_core_worktree_points(world, trusts):
    with (world.repo / ".git" / "config").open("a") as config:
        config.write(f"[core]\n worktree = {world.outside}\n")
    outcome = look(world, trusts=trusts)
    outcome.nowhere(OUTSIDE_SECRET)
    assert sorted(path.name for path in world.outside.iterdir()) == ["secret.txt"]


@pytest.mark.parametrize("trusts", [True, False], ids=["trusted", "not trusted"])
def test_a_partial_clone_fetches_nothing(world, trusts):
    traps = Traps(world)
    with (world.repo / ".git" / "config").open("a") as config:
        config.write(
            f"[extensions]\n partialClone = origin\n[protocol]\n allow = always\n"
            f'[remote "origin"]\n promisor = true\n url = ext::{traps.named("partial")}\n'
        )
    for path in (world.repo / ".git" / "objects").glob("??/*"):
        path.unlink()
    world.attack(LOOKS, "--attach", ".", mode="accept-edits", trusts=trusts)
    world.attack(LOOKS, "--attach", ".@HEAD", mode="accept-edits", trusts=trusts)
    traps.held()


@pytest.mark.parametrize("link", [False, True], ids=["a .git file", "a .git link"])
def test_a_git_folder_elsewhere_runs_nothing(world, link):
    traps = Traps(world)
    soil(world)
    traps.plant("fsmonitor", "external diff", "clean and smudge")
    elsewhere = world.outside / "repository"
    (world.repo / ".git").rename(elsewhere)
    if link:
        (world.repo / ".git").symlink_to(elsewhere)
    else:
        (world.repo / ".git").write_text(f"gitdir: {elsewhere}\n")
    look(world, trusts=True)
    traps.held()


def test_a_bare_repository_among_the_files_runs_nothing(world):
    traps = Traps(world)
    bare = world.repo / "docs"
    for name in ("objects", "refs", "hooks"):
        (bare / name).mkdir(parents=True)
    (bare / "HEAD").write_text("ref: refs/heads/main\n")
    (bare / "config").write_text("[core]\n bare = true\n" + traps.settings("fsmonitor", "external diff"))
    outcome = world.attack(
        [call("glob", pattern="*", path="docs"), read("docs/HEAD")], "--attach", "docs", "-C", "docs"
    )
    assert "Traceback" not in outcome.err
    traps.held()


@pytest.mark.parametrize("broken", ["empty", "no HEAD", "a folder as HEAD", "no configuration that git can read"])
def test_a_repository_that_git_refuses_does_not_stop_the_work(world, broken):
    folder = world.repo / ".git"
    (folder / "HEAD").unlink()
    match broken:
        case "empty":
            folder.rename(world.outside / "git")
            folder.mkdir()
        case "a folder as HEAD":
            (folder / "HEAD").mkdir()
        case "no configuration that git can read":
            (folder / "HEAD").write_text("ref: refs/heads/main\n")
            (folder / "config").write_text("[core\n")
    outcome = world.attack(LOOKS, mode="accept-edits")
    outcome.stood()
    assert outcome.endings == ("done",) * 4


def test_submodules_run_nothing(world):
    traps = Traps(world)
    inner = world.repo / "inner"
    inner.mkdir()
    git(world, "init", "-q", "inner")
    (inner / "x.py").write_text("x = 1\n")
    git(world, "-C", "inner", "add", ".")
    git(world, "-C", "inner", "commit", "-qm", "x")
    world.put(
        ".gitmodules",
        f'[submodule "inner"]\n path = inner\n url = ext::{traps.named("url")}\n ignore = none\n'
        f" update = !{traps.named('update')}\n"
        f'[submodule "flag"]\n path = flag\n url = -u{traps.program}\n[submodule "../up"]\n path = up\n url = --upload-pack=x\n',
    )
    git(world, "add", ".")
    git(world, "commit", "-qm", "with a submodule")
    (inner / ".gitattributes").write_text("* filter=evil diff=evil\n")
    (inner / "x.py").write_text("x = 2\n")
    traps.hooks(inner / ".git" / "hooks", "hooks of the submodule")
    with (inner / ".git" / "config").open("a") as config:
        config.write(traps.settings("fsmonitor", "external diff", "clean and smudge", "textconv"))
    traps.plant("submodule update")
    look(world, trusts=True)
    traps.held()


SOURCES = {
    "ext": "ext::sh -c touch% {sprung}",
    "ext with slashes": "ext://sh -c touch% {sprung}",
    "ext in capitals": "EXT::sh -c touch% {sprung}",
    "a helper in the workspace": "evil::x",
    "a helper by scheme": "evil://localhost/x",
    "a file descriptor": "fd::17/x",
    "upload-pack": "--upload-pack=touch {sprung}",
    "upload-pack, cut short": "-utouch {sprung}",
    "upload-pack as the revision": "file://{repo}@--upload-pack=touch {sprung}",
    "an ssh option as the host": "ssh://-oProxyCommand=touch%20{sprung}/x",
    "an ssh option as the user": "ssh://-oProxyCommand=touch@localhost/x",
    "an ssh option in the short form": "-oProxyCommand=touch {sprung}:x",
    "a substitution": "$(touch {sprung})",
    "backticks": "`touch {sprung}`",
    "a second command": ". ; touch {sprung}",
    "an option as the revision": ".@--output={sprung}",
    "a substitution as the revision": ".@$(touch {sprung})",
    "a path as the revision": ".@../../outside/secret.txt",
    "a line break": ".\ntouch {sprung}",
    "plain http to a server of one's own": "http://127.0.0.1:9/x.git",
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
def test_a_source_to_attach_runs_nothing(world, source):
    world.trap(world.repo / "git-remote-evil")
    world.environment["PATH"] = f".:{world.repo}:{world.environment['PATH']}"
    words = source.format(sprung=world.sprung, repo=world.repo)
    outcome = world.attack([], f"--attach={words}")
    assert outcome.code in {1, 2}, outcome
    assert len(outcome.err.splitlines()) == 1
    assert "Traceback" not in outcome.err
    assert not outcome.bodies
    world.not_sprung()
    outcome.nowhere(OUTSIDE_SECRET)


def test_a_repository_that_is_fetched_runs_nothing(world):
    traps = Traps(world)
    other = world.outside / "other"
    git(world, "clone", "-q", ".", str(other))
    with (other / ".git" / "config").open("a") as config:
        config.write(traps.settings("fsmonitor", "objects hook", "hooksPath", "protocols"))
    traps.plant("instead of a URL", "remote", "credential helper", "sshCommand")
    outcome = world.attack([], "--attach", f"file://{other}")
    outcome.stood()
    assert "def total" in outcome.wire
    traps.held()


BRANCHES = (
    "$(touch${IFS}sprung)",
    "`touch${IFS}sprung`",
    ";touch${IFS}sprung",
    "--output=sprung",
    "|./trap",
    "x\x1b[2Jx",
    "../../x",
)


@pytest.mark.parametrize("branch", BRANCHES)
def test_the_name_of_a_branch_is_only_a_name(world, branch):
    world.trap(world.repo / "trap")
    refs = world.repo / ".git" / "refs" / "heads"
    if "/" not in branch and branch.isprintable():
        (refs / branch).write_bytes((refs / "main").read_bytes())
    (world.repo / ".git" / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
    outcome = world.attack(LOOKS, mode="accept-edits")
    outcome.stood()
    assert "\x1b" not in outcome.out + outcome.err + outcome.wire
    world.not_sprung()


HOOK = "printf '#!/bin/sh\\n%s\\n' '{trap} {m}' > {0}; chmod +x {0}"
# What a command leaves for the next real git: it has to fail, or be put aside and said so.
PLANTS = {
    "a new hook": HOOK.replace("{0}", ".git/hooks/pre-commit"),
    "a hook under another name first": HOOK.replace("{0}", "h") + "; mv h .git/hooks/post-index-change",
    "hooks removed and made again": "rm -rf .git/hooks; mkdir .git/hooks; "
    + HOOK.replace("{0}", ".git/hooks/pre-commit"),
    "git config": "git config core.fsmonitor '{trap} {m}'",
    "git config of the work tree": "git config extensions.worktreeConfig true; git config --worktree core.fsmonitor '{trap} {m}'",
    "a line at the end of the configuration": "printf '[core]\\n fsmonitor = {trap} {m}\\n' >> .git/config",
    "another configuration": "cp .git/config n; printf '[core]\\n fsmonitor = {trap} {m}\\n' >> n; mv n .git/config",
    "attributes": "mkdir -p .git/info; echo '* diff=evil' > .git/info/attributes",
    "a configuration of the work tree by hand": "printf '[core]\\n fsmonitor = {trap} {m}\\n' > .git/config.worktree",
    "another common folder": "cp -r .git g; rm -f g/config; "
    "printf '[core]\\n bare = false\\n fsmonitor = {trap} {m}\\n' > g/config; "
    "echo ../g > .git/commondir",
    "a submodule's configuration": "mkdir -p .git/modules/x/objects; echo 'ref: refs/heads/x' > .git/modules/x/HEAD; "
    "printf '[core]\\n fsmonitor = {trap} {m}\\n' > .git/modules/x/config",
    "a repository in a folder": "git init -q src; printf '[core]\\n fsmonitor = {trap} {m}\\n' >> src/.git/config",
    "a global configuration": "git config --global core.fsmonitor '{trap} {m}'",
    "the user's start-up files": "echo '{trap} {m}' >> ~/.bashrc; echo '{trap} {m}' >> ~/.profile",
}
LATER = ("status", "add -A", "commit -qm x", "diff HEAD", "-C src status", "log -p")


@pytest.fixture(scope="module")
def planted(ground: Path, assailant: Assailant) -> Iterator[tuple[Batch, Traps]]:
    """Every plant in a run of its own command, and then the user's own git and shell, outside."""
    with lasting_world(ground, assailant) as world:
        traps = Traps(world)
        lines = {name: line.replace("{trap}", str(traps.program)) for name, line in PLANTS.items()}
        batch = try_all(world, {name: bash(line) for name, line in lines.items()}, mode="auto")
        during = traps.sprung
        for words in LATER:
            git(world, *words.split())
        environment = clean_environment(world.folder / "shell") | {"HOME": str(world.user)}
        subprocess.run(
            ["bash", "-lic", "git status"], cwd=world.repo, env=environment, capture_output=True, check=False
        )
        assert during == set()
        yield batch, traps


@needs_sandbox
@pytest.mark.parametrize("name", PLANTS)
def test_a_command_can_leave_nothing_that_git_obeys_later(planted: tuple[Batch, Traps], name: str) -> None:
    batch, traps = planted
    tried = batch.tried[name]
    assert tried.mark not in traps.sprung
    is_told = "set-aside" in tried.result or "Read-only" in tried.result or "busy" in tried.result
    assert is_told or tried.ending == "failed", tried


@needs_sandbox
@pytest.mark.parametrize(
    "line", ["mv .git g && cp -r g .git", "rm -rf .git; git init -q; git config core.fsmonitor '{trap} x'"]
)
def test_the_git_folder_stays_where_it_is(world, line):
    traps = Traps(world)
    outcome = world.attack([bash(line.replace("{trap}", str(traps.program)))])
    outcome.stood()
    assert (world.repo / ".git" / "config").is_file()
    assert not (world.repo / "g").exists()
    for words in LATER:
        git(world, *words.split())
    traps.held()


@needs_sandbox
def test_git_in_the_sandbox_obeys_the_repository_and_gets_nowhere(world):
    traps = Traps(world)
    soil(world)
    traps.plant("fsmonitor", "clean and smudge", "external diff")
    outcome = world.attack([bash("git status; git diff")])
    outcome.stood()
    traps.held()
