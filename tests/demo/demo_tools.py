from __future__ import annotations

import fnmatch
import json
import re
import subprocess
from pathlib import Path

from dsterm.demo.guide import answer
from dsterm.demo.reply import Reply
from dsterm.demo.request import ChatRequest, read_request

NAMES = ("read", "glob", "grep", "edit", "apply_patch", "write", "todo_write", "bash", "job")
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in NAMES]


class LocalTools:
    """The tools that the guide calls, as simply as can be, in one folder."""

    def __init__(self, root: Path, refusal: str = "", refused: tuple[str, ...] = ("edit", "apply_patch")) -> None:
        self.root = root
        self.refusal = refusal
        self.refused = refused

    def run(self, name: str, arguments: dict) -> str:
        if self.refusal and name in self.refused:
            return self.refusal
        return getattr(self, name)(**arguments)

    def _files(self) -> list[Path]:
        files = (path for path in self.root.rglob("*") if path.is_file() and "cache" not in str(path))
        return sorted(files, key=lambda path: -path.stat().st_mtime)

    def read(self, file_path: str, offset: int = 1, limit: int = 2000) -> str:
        try:
            lines = (self.root / file_path).read_text().split("\n")
        except OSError:
            return f"There is no file {file_path}."
        lines = lines[:-1] if lines[-1] == "" else lines
        shown = lines[offset - 1 : offset - 1 + limit]
        last = offset - 1 + len(shown)
        end = (
            f"(Lines {offset}-{last} of {len(lines)}. Go on with offset {last + 1}.)" if last < len(lines) else "(End.)"
        )
        return "\n".join([*(f"{number}\t{line}" for number, line in enumerate(shown, offset)), end])

    def glob(self, pattern: str) -> str:
        names = [path.relative_to(self.root).as_posix() for path in self._files()]
        head, _, rest = pattern.partition("{")
        choices, _, tail = rest.partition("}")
        patterns = [f"{head}{choice}{tail}" for choice in choices.split(",")]
        found = [
            name
            for name in names
            if any(
                fnmatch.fnmatch(name if "/" in each else Path(name).name, each.replace("**/", "")) for each in patterns
            )
        ]
        if len(found) > 100:
            return "\n".join([*found[:100], f"(100 of {len(found)} files, newest first. Narrow the pattern.)"])
        return "\n".join([*found, f"({len(found)} files.)"])

    def grep(self, pattern: str) -> str:
        told, hits = [], 0
        for path in self._files():
            lines = path.read_text().split("\n")
            found = [f"{number}: {line}" for number, line in enumerate(lines, 1) if re.search(pattern, line)]
            if found:
                told += [path.relative_to(self.root).as_posix(), *found, ""]
                hits += len(found)
        return "\n".join([*told, f"({hits} hits in {len(told)} files.)"]) if hits else "(No match.)"

    def edit(self, file_path: str, old_string: str, new_string: str) -> str:
        path = self.root / file_path
        text = path.read_text()
        if text.count(old_string) != 1:
            return f"old_string occurs {text.count(old_string)} times; it must occur once."
        path.write_text(text.replace(old_string, new_string))
        return f"edited {file_path}: +1 −1"

    def apply_patch(self, patch: str) -> str:
        for part in patch.removesuffix("*** End Patch\n").split("*** Update File: ")[1:]:
            name, *hunks = part.split("\n@@\n")
            for hunk in hunks:
                lines = hunk.rstrip("\n").split("\n")
                old = "\n".join(line[1:] for line in lines if line[:1] in {" ", "-", ""})
                new = "\n".join(line[1:] for line in lines if line[:1] in {" ", "+", ""})
                said = self.edit(name, old, new)
                if not said.startswith("edited"):
                    return said
        return "edited files: +1 −1"

    def bash(self, command: str, description: str) -> str:
        done = subprocess.run(command, shell=True, cwd=self.root, capture_output=True, text=True, check=False)
        output = f"{done.stdout}{done.stderr}".rstrip("\n") or "(no output)"
        return f"{output}\n[exit code: {done.returncode}]" if done.returncode else output

    def todo_write(self, todos: list) -> str:
        return f"The list has {len(todos)} tasks."


def ask(messages: list, mode: dict, tools: list = TOOLS) -> ChatRequest:
    body = {"model": "deepseek/deepseek-v4-pro", "messages": messages, "tools": tools, **mode}
    return read_request(json.dumps(body).encode())


def drive(root: Path, prompt: str, refusal: str = "", mode: dict | None = None, refused: str = "") -> list[Reply]:
    """Talk with the guide until it answers without a call; every call is run in `root`."""
    tools = LocalTools(root, refusal, (refused,)) if refused else LocalTools(root, refusal)
    return go_on(tools, [{"role": "user", "content": prompt}], mode)


def go_on(tools: LocalTools, messages: list, mode: dict | None = None) -> list[Reply]:
    """The guide's replies to `messages`, which grow by all that is said, until it answers without a call."""
    replies = []
    for _ in range(20):
        reply = answer(ask(messages, mode or {}))
        replies.append(reply)
        if not reply.tool_calls:
            messages.append({"role": "assistant", "content": reply.text, "reasoning_content": reply.reasoning or " "})
            return replies
        calls = [
            {
                "id": f"call_{len(messages)}_{number}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.text},
            }
            for number, call in enumerate(reply.tool_calls)
        ]
        messages.append(
            {
                "role": "assistant",
                "content": reply.text,
                "reasoning_content": reply.reasoning or " ",
                "tool_calls": calls,
            }
        )
        for call, made in zip(calls, reply.tool_calls, strict=True):
            said = tools.run(made.name, dict(made.arguments))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": said})
    raise AssertionError("the guide goes round in circles")
