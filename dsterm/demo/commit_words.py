"""Rule: a commit message for a diff, from its files and counts alone. It says that no model wrote it."""

from __future__ import annotations

from collections.abc import Sequence

from dsterm.demo.patch_reading import ChangedFile, changed_files
from dsterm.demo.request import ChatRequest
from dsterm.demo.steps import count

_WIDTH = 72
_MOST_FILES = 20


def wants_commit_message(request: ChatRequest) -> bool:
    """Whether the request is for nothing but a commit message."""
    return not request.tools and "commit message" in (request.messages[0].text or "").partition(".")[0]


def commit_message(request: ChatRequest) -> str:
    """A message that can be used, with a line about where it comes from."""
    files = changed_files(request.prompt)
    if not files:
        return "demo: Change files\n\nWritten by dsterm's demo, which is no model and saw no diff."
    lines = [f"- {file.path}: {_what(file)}" for file in files[:_MOST_FILES]]
    more = [f"- and {len(files) - _MOST_FILES} more"] if len(files) > _MOST_FILES else []
    return "\n".join(
        [_subject(files), "", "Written by dsterm's demo, which is no model: it counts lines.", *lines, *more]
    )


def _subject(files: Sequence[ChangedFile]) -> str:
    if all(file.is_new for file in files):
        verb = "Add"
    elif all(file.is_deleted for file in files):
        verb = "Remove"
    else:
        verb = "Change"
    only = f"demo: {verb} {files[0].path}"
    if len(files) == 1 and len(only) <= _WIDTH:
        return only
    folders = {file.path.rpartition("/")[0] for file in files}
    where = f" in {next(iter(folders))}" if len(folders) == 1 and "" not in folders else ""
    subject = f"demo: {verb} {count(len(files), 'file')}{where}"
    return subject if len(subject) <= _WIDTH else f"demo: {verb} {count(len(files), 'file')}"


def _what(file: ChangedFile) -> str:
    state = "new, " if file.is_new else "deleted, " if file.is_deleted else ""
    return f"{state}+{len(file.added)} -{file.removed}"
