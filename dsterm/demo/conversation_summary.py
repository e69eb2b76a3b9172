"""Rule: the summary of a conversation, from its prompts, calls and files alone. It says that no model wrote it."""

from __future__ import annotations

import re
from collections import Counter

import msgspec

from dsterm.demo.patch_reading import data_blocks
from dsterm.demo.request import ChatRequest, Role
from dsterm.demo.steps import count, listing
from dsterm.demo.talk import call_arguments, plain_words

_PURPOSE = "the summary that stands in for"
_ENTRY = re.compile(r"^(USER|ASSISTANT|CALL|RESULT)(?: (\S+))?: ", re.MULTILINE)
_CHANGING = frozenset({"edit", "write", "apply_patch"})
_MOST_WORDS = 160
_MOST_LISTED = 20
_MOST_READ = 20_000


class _Gathered(msgspec.Struct):
    """What the conversation is made of: words of the user, calls by tool, files by what was done to them, the last answer."""

    said: list[str] = []
    tools: Counter[str] = msgspec.field(default_factory=Counter)
    read: dict[str, None] = {}
    changed: dict[str, None] = {}
    answer: str = ""

    def call(self, name: str, arguments: str) -> None:
        self.tools[name] += 1
        path = call_arguments(arguments).get("file_path")
        if isinstance(path, str):
            (self.changed if name in _CHANGING else self.read)[path] = None


def wants_summary(request: ChatRequest) -> bool:
    """Whether the request is for a summary of the conversation, in it or beside it."""
    return any(_PURPOSE in text[:400] for text in (request.prompt, request.messages[0].text or ""))


def conversation_summary(request: ChatRequest) -> str:
    """What can be told by counting and quoting."""
    found = _beside(request.prompt) if _PURPOSE in (request.messages[0].text or "") else _inside(request)
    calls = ", ".join(f"{number} {name}" for name, number in found.tools.most_common())
    parts = [
        "Written by dsterm's demo, which is no model: it counts and quotes, and knows nothing of decisions or reasons.",
        f"## Goal\n{listing([_short(text) for text in found.said], _MOST_LISTED)}" if found.said else "",
        f"## State\n{count(sum(found.tools.values()), 'tool call')}{f': {calls}' if calls else ''}.",
        _files(found),
        f"## Open\nThe last answer was: {_short(found.answer)}" if found.answer else "",
    ]
    return "\n\n".join(filter(None, parts))


def _inside(request: ChatRequest) -> _Gathered:
    found = _Gathered()
    for message in request.messages[:-1]:
        if message.role is Role.USER:
            found.said.append(message.text or "")
        elif message.role is Role.ASSISTANT:
            found.answer = message.text or found.answer
            for call in message.calls or ():
                found.call(call.name, call.arguments)
    return found


def _beside(text: str) -> _Gathered:
    """The conversation as one text, an entry each that begins with who speaks."""
    found = _Gathered()
    text = next((block for kind, block in data_blocks(text) if kind == "conversation"), text)
    marks = list(_ENTRY.finditer(text))
    for mark, end in zip(marks, [*(each.start() for each in marks[1:]), len(text)], strict=True):
        said = text[mark.end() : end].strip()
        match mark[1]:
            case "USER":
                found.said.append(said)
            case "ASSISTANT":
                found.answer = said
            case "CALL":
                found.call(mark[2] or "", said)
            case _:
                pass
    return found


def _files(found: _Gathered) -> str:
    lines = [f"`{path}`: changed" for path in found.changed]
    lines += [f"`{path}`: read" for path in found.read if path not in found.changed]
    return f"## Files\n{listing(lines, _MOST_LISTED)}" if lines else ""


def _short(text: str) -> str:
    """The words without what was put beside them, on one line."""
    words = " ".join(plain_words(text, _MOST_READ).split())
    return words if len(words) <= _MOST_WORDS else f"{words[:_MOST_WORDS]}…"
