"""The one door to git: every git process of dsterm is started here, so that no repository can make it run anything.

A repository can name programs in its configuration (file monitor, hooks, pagers, diff drivers, filters, transports);
each is switched off here. What reads files in Python only (`git_head`) needs no door.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from dsterm.core.errors import GitError, UsageError, WorkspaceError
from dsterm.core.workspace import Completed
from dsterm.workspace.environment import clean_environment
from dsterm.workspace.git.git_head import find_work_tree
from dsterm.workspace.process import Launch, run_program

_FLAGS = (
    "--no-pager",
    "--no-optional-locks",
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "protocol.ext.allow=never"),
    *("-c", "safe.bareRepository=explicit"),
    *("-c", "submodule.recurse=false"),
    # In a submodule git starts itself, under a configuration that nobody has looked at.
    *("-c", "diff.ignoreSubmodules=all"),
    *("-c", "diff.submodule=short"),
    # `git diff` takes the lock of the index for this, optional or not.
    *("-c", "diff.autoRefreshIndex=false"),
    *("-c", "status.submoduleSummary=false"),
    *("-c", "log.showSignature=false"),
    *("-c", "gpg.program=false"),
    *("-c", "gpg.openpgp.program=false"),
    *("-c", "gpg.x509.program=false"),
    *("-c", "gpg.ssh.program=false"),
    *("-c", "core.alternateRefsCommand=true"),
    *("-c", "color.ui=never"),
    *("-c", "fetch.unpackLimit=1"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
)
_VARIABLES = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "true",
    "GIT_SEQUENCE_EDITOR": "true",
    "GIT_ASKPASS": "",
    # A partial clone fetches missing objects through programs that its configuration names.
    "GIT_NO_LAZY_FETCH": "1",
    "LC_ALL": "C",
}
_NO_SUBMODULES = "--ignore-submodules=all"
"""The flag, too, as a submodule may have a setting of its own."""
_COMMANDS = {
    **dict.fromkeys(("diff", "log", "show", "diff-tree"), ("--no-ext-diff", "--no-textconv", _NO_SUBMODULES)),
    "grep": ("--no-textconv", "--no-recurse-submodules"),
    "status": (_NO_SUBMODULES,),
    "fetch": ("--no-recurse-submodules",),
    **dict.fromkeys(("config", "ls-files", "ls-tree", "cat-file", "rev-parse", "merge-base", "hash-object"), ()),
    **dict.fromkeys(("init", "add", "commit", "update-index", "write-tree"), ()),
}
"""The git commands that dsterm uses, and the flags that keep each from running what a repository names. No other is started."""
_FILTER_KEY = re.compile(r"filter\..*\.(?:clean|smudge|process)", re.DOTALL)
_HOOK_KEY = re.compile(r"(hook\..*)\.command", re.DOTALL)
"""Hooks can stand in the configuration from git 2.54 on, where core.hooksPath doesn't reach them."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

LOCAL_ONLY = "none"
"""No transport is called so: git may not leave the disk."""


class OwnFolder(msgspec.Struct, frozen=True):
    """A git folder of dsterm's own over somebody else's files: only its own configuration holds, not the user's."""

    git_folder: Path
    work_tree: Path

    @property
    def variables(self) -> dict[str, str]:
        """What makes git use it and nothing else."""
        return {
            "GIT_DIR": str(self.git_folder),
            "GIT_WORK_TREE": str(self.work_tree),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
        }


class GitCall(msgspec.Struct, frozen=True, kw_only=True):
    """One git command in `folder`: `timeout` in seconds, `cap` in bytes of output; `transports` as git lists them, by colons.

    `compares_files` is for commands that look at file contents: the repository's filters are switched off for them.
    `own` is the git folder to use in place of the one that `folder` lies in; `git_folder` is a bare repository, named as such.
    """

    arguments: tuple[str, ...]
    folder: Path
    timeout: float = 30.0
    cap: int = 256_000_000
    stdin: bytes = b""
    transports: str = LOCAL_ONLY
    compares_files: bool = False
    own: OwnFolder | None = None
    git_folder: Path | None = None


class GitDoor:
    """Runs `program` (absolute, outside the workspace) with everything switched off that a repository could abuse."""

    def __init__(self, program: Path, environment: Mapping[str, str], *, outside: Path) -> None:
        self.program = program
        self._local = clean_environment(environment, outside=outside) | _VARIABLES
        self._remote = clean_environment(environment, outside=outside, network=True) | _VARIABLES

    async def run(self, call: GitCall, on_stderr: Callable[[bytes], None] | None = None) -> Completed:
        """Run it, whatever its exit code; GitError when it can't start or takes too long."""
        overrides = await self._filter_overrides(call) if call.compares_files else {}
        environment = self._local if call.transports == LOCAL_ONLY else self._remote
        if call.own is not None:
            overrides |= call.own.variables
        elif call.git_folder is not None:
            overrides["GIT_DIR"] = str(call.git_folder)
        elif work_tree := _work_tree(call):
            overrides["GIT_WORK_TREE"] = str(work_tree)
        launch = Launch(
            program=self.program,
            arguments=(*_FLAGS, *_hardened(call.arguments)),
            folder=call.folder,
            environment=environment | overrides | {"GIT_ALLOW_PROTOCOL": call.transports},
            timeout=call.timeout,
            cap=call.cap,
            stdin=call.stdin,
        )
        try:
            return await run_program(launch, on_stderr)
        except WorkspaceError as error:
            raise GitError(str(error)) from error

    async def output(self, call: GitCall, on_stderr: Callable[[bytes], None] | None = None) -> bytes:
        """Its standard output; UsageError where there is no repository or revision, GitError for any other failure."""
        done = await self.run(call, on_stderr)
        if done.is_cut:
            raise GitError(f"git has more than {call.cap:,} bytes to say about {call.folder}. Use a smaller folder.")
        if done.exit_code != 0:
            raise explain(done.stderr, call.folder)
        return done.stdout

    async def _filter_overrides(self, call: GitCall) -> dict[str, str]:
        """Variables that empty every filter the repository configures; names may hold `=`, so not as `-c`."""
        arguments = ("config", "--list", "--name-only", "-z")
        listing = GitCall(arguments=arguments, folder=call.folder, cap=4_000_000, timeout=call.timeout)
        keys = sorted({key for key in (await self.output(listing)).decode("utf-8", "replace").split("\0") if key})
        settings = [(key, "") for key in keys if _FILTER_KEY.fullmatch(key)]
        settings += [(f"{key.rpartition('.')[0]}.required", "false") for key, _ in settings]
        settings += [(f"{found[1]}.enabled", "false") for key in keys if (found := _HOOK_KEY.fullmatch(key))]
        overrides = {"GIT_CONFIG_COUNT": str(len(settings))}
        for index, (key, value) in enumerate(settings):
            overrides |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
        return overrides


def explain(stderr: bytes, folder: Path) -> UsageError | GitError:
    """What git's complaint means for the user, in one sentence with a way on."""
    text = _CONTROL.sub("", stderr.decode("utf-8", "replace")).strip()
    folded = text.casefold()
    if "dubious ownership" in folded:
        return GitError(
            f"git does not trust {folder}, because another user owns it. If you do, run: "
            f"git config --global --add safe.directory {folder}"
        )
    if "not a git repository" in folded:
        return UsageError(f"{folder} is not a git repository. Attach a folder that git knows, or run git init there.")
    if "cannot use bare repository" in folded or "must be run in a work tree" in folded:
        return UsageError(f"{folder} is a bare repository, without files. Attach a checkout of it, or its URL.")
    first = next((line for line in text.splitlines() if line.startswith(("fatal:", "error:"))), text.partition("\n")[0])
    return GitError(f"git refused in {folder}: {first or 'it gave no reason'}. Try the same with git by hand.")


def _hardened(arguments: Sequence[str]) -> tuple[str, ...]:
    """`arguments` with the flags that keep a command from running what the repository names; GitError for any other command."""
    # A setting for one call may stand first.
    start = next((index for index in range(0, len(arguments), 2) if arguments[index] != "-c"), len(arguments))
    command = arguments[start] if start < len(arguments) else ""
    if command not in _COMMANDS:
        raise GitError(f"git {command[:40]} is not used here: it might run what the repository names.")
    return (*arguments[: start + 1], *_COMMANDS[command], *arguments[start + 1 :])


def _work_tree(call: GitCall) -> Path | None:
    """Where the files are: beside `.git`, whatever its configuration says (core.worktree could be anybody's home)."""
    return None if call.arguments[0] == "init" else find_work_tree(call.folder)
