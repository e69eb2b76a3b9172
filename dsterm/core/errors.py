"""Every error that dsterm raises on purpose, each with a sentence a user can act on.

DstermError             one sentence for the user, and the exit code of the program
├── UsageError          2: a wrong flag, an unknown model or mode, a path that is no repo
│   └── SettingsError   2: a settings, catalog or theme file that can't be used
├── DiskError           1: something of dsterm's own can't be read or written
├── ProviderError       1: no answer can be had at all (a failure inside a turn is a value, core.provider.Failure)
├── ContextOverflow     1: what is to be sent doesn't fit the context window
├── GitError            1: git is missing, refuses, or took too long
├── WorkspaceError      1: a path outside the workspace, or a file that can't be read or written
│   └── ProgramMissing  1: a program that is not installed, or only inside the workspace
└── ToolError           a tool call that can't be run; the sentence goes to the model, not to the user
"""

from __future__ import annotations


class DstermError(Exception):
    """Something went wrong that the user can do something about.

    `str(error)` is the whole text: what happened, what it means, what to do next, in one or two sentences.
    """

    exit_code = 1


class UsageError(DstermError):
    """The program was asked for something that it can't do as asked."""

    exit_code = 2


class SettingsError(UsageError):
    """A file of settings, models or colours says something that can't be used."""


class DiskError(DstermError):
    """A file or folder of dsterm's own can't be read or written."""


class ProviderError(DstermError):
    """The provider can't be used at all: no key, no address, no such model."""


class ContextOverflow(DstermError):
    """The next request would be larger than the model's context window."""


class GitError(DstermError):
    """git is missing, refused, or did not answer in time."""


class WorkspaceError(DstermError):
    """A path is outside the workspace, or a file there can't be read or written."""


class ProgramMissing(WorkspaceError):
    """A program is not installed, or stands only where the workspace could have put it."""


class ToolError(DstermError):
    """A tool call can't be prepared or run; the text tells the model what to do instead."""
