"""Hints that name slash commands, said with the flags that do the same where there is no screen."""

from __future__ import annotations

import re

_SAID_OTHERWISE = (
    ("/provider, or --provider at the start", "--provider"),
    ("Detach a repository with /detach, or start a new conversation with /new", "Attach less, or leave out --continue"),
    ("detach a repository with /detach, or start a new conversation with /new", "attach less, or leave out --continue"),
    ("Start a new conversation with /new", "Start a new conversation, without --continue"),
    ("/detach a repository, or begin anew with /new", "Attach less, or leave out --continue"),
    ("or begin anew with /new", "or leave out --continue"),
    ("Begin anew with /new", "Leave out --continue"),
    ("(/detach, /new)", "(attach less)"),
)
_COMMAND = re.compile(r"(?<![\w/.:])/(provider|model|mode)\b(?!/)")


def with_flags(text: str) -> str:
    """`text` with flags in the place of commands that only a screen has."""
    for screen, flags in _SAID_OTHERWISE:
        text = text.replace(screen, flags)
    return _COMMAND.sub(r"--\1", text)
