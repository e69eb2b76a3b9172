"""/init: a prompt that has the model write the AGENTS.md of this repository, or better the one that is there."""

from __future__ import annotations

from dsterm.core.errors import UsageError, WorkspaceError
from dsterm.engine.live import LiveSession

_FILE = "AGENTS.md"

_READ = """\
Read the repository first: its list of files, README, build and test configuration, continuous integration, and enough of the \
source and the tests to know its habits. Check commands against those files; write none that you only guess."""

_CONTENT = """\
It is for coding agents that know nothing of this project: what it is in two sentences; the commands to build, run, test one \
thing and all, lint and format; where things live; rules of style and structure that the code really follows; what goes \
wrong easily. Short, concrete lines, at most some 80; no general advice, nothing that the list of files tells, no secrets."""


def init_prompt(live: LiveSession) -> str:
    """The words of the turn. UsageError in a folder that is not trusted, whose instructions would not be read."""
    if not live.parts.is_trusted:
        raise UsageError(
            "Instructions are read only in a folder that you trust. /trust yes says so, for the next start."
        )
    workspace = live.parts.workspace
    try:
        is_there = workspace.facts(workspace.resolve(_FILE)) is not None
    except WorkspaceError as error:
        raise UsageError(str(error)) from error
    if is_there:
        task = (
            f"Improve the {_FILE} of this repository. Keep what is true and useful, correct what the repository "
            "contradicts, add what is missing, and change it with `edit`, so that each change can be looked at. "
            "Say so if nothing needs to change."
        )
    else:
        task = f"Write the {_FILE} of this repository, as one new file at its top."
    return f"{task}\n\n{_READ}\n\n{_CONTENT}"
