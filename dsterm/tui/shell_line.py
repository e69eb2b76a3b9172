"""Lines that are commands of the user's own for the shell: `!command`, and `!!command` whose output the model won't read."""

from __future__ import annotations

from enum import StrEnum


class Shell(StrEnum):
    """What a draft is as a command for the shell: none, one whose output the model will read, one whose output it won't."""

    NONE = ""
    SHARED = "!"
    KEPT_OUT = "!!"


def shell_of(draft: str) -> Shell:
    """What `draft` is as a command for the shell."""
    return next((kind for kind in (Shell.KEPT_OUT, Shell.SHARED) if draft.startswith(kind)), Shell.NONE)


def is_for_shell(line: str) -> bool:
    """Whether `line` is one."""
    return shell_of(line) is not Shell.NONE
