"""What a rule of the guide decides: thoughts, words, tool calls. One step becomes one reply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from dsterm.demo.reply import ReplyCall


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of the guide. `thoughts` are shown while it thinks, `doubts` only with the most thinking; no calls: the end."""

    thoughts: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    text: str = ""
    calls: tuple[ReplyCall, ...] = ()


def read(path: str, offset: int = 1) -> ReplyCall:
    """Read a file, from line `offset` on."""
    arguments: dict[str, object] = {"file_path": path}
    return ReplyCall(name="read", arguments=arguments if offset <= 1 else arguments | {"offset": offset})


def glob(pattern: str) -> ReplyCall:
    """List files; a pattern without `/` matches names at any depth."""
    return ReplyCall(name="glob", arguments={"pattern": pattern})


def grep(pattern: str) -> ReplyCall:
    """Search all files for a regular expression."""
    return ReplyCall(name="grep", arguments={"pattern": pattern})


def edit(path: str, old: str, new: str) -> ReplyCall:
    """Replace a text that stands once in a file."""
    return ReplyCall(name="edit", arguments={"file_path": path, "old_string": old, "new_string": new})


def apply_patch(patch: str) -> ReplyCall:
    """Change several files at once."""
    return ReplyCall(name="apply_patch", arguments={"patch": patch})


def bash(command: str, description: str) -> ReplyCall:
    """Run a command line."""
    return ReplyCall(name="bash", arguments={"command": command, "description": description})


def todo_write(tasks: Iterable[str], done: int) -> ReplyCall:
    """Show the tasks: the first `done` completed, the next one under way."""
    states = [
        {"content": task, "status": "completed" if number < done else "in_progress" if number == done else "pending"}
        for number, task in enumerate(tasks)
    ]
    return ReplyCall(name="todo_write", arguments={"todos": states})


def listing(items: Sequence[str], shown: int = 12) -> str:
    """A Markdown list of the first `shown` items, as deep as they are indented, saying how many more there are."""
    lines = [f"{' ' * (len(item) - len(item.lstrip()))}- {item.lstrip()}" for item in items[:shown]]
    if len(items) > shown:
        lines.append(f"- and {len(items) - shown} more")
    return "\n".join(lines)


def count(number: int, thing: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
