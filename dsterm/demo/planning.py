"""What the guide does in plan mode: it reads as ever, and where it would change or run something it answers with a plan."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dsterm.demo.reply import ReplyCall
from dsterm.demo.request import ChatRequest, Role
from dsterm.demo.steps import Step

_ON, _OFF = "[Plan mode is on", "[Plan mode is off"
_ACTS = frozenset({"edit", "apply_patch", "write", "bash"})
_ACCEPTED = re.compile(r"The plan is accepted\b")
_EDITED = re.compile(r"I edited the plan\b")
_REJECTED = re.compile(r"The plan is rejected\b")


def is_planning(request: ChatRequest) -> bool:
    """Whether plan mode is on, by the last note about it."""
    for message in reversed(request.messages):
        text = message.text or ""
        if message.role is Role.USER and (_ON in text or _OFF in text):
            return text.rfind(_ON) > text.rfind(_OFF)
    return False


def is_acceptance(words: str) -> bool:
    """Whether the user carries on with a plan as it was proposed."""
    return _ACCEPTED.match(words) is not None


def decided_otherwise(words: str) -> Step | None:
    """What there is to say to a plan that was edited or rejected: rules know one way only."""
    if _EDITED.match(words):
        return Step(
            text="I am driven by rules and can't follow a plan that was edited. Say the first request again, please."
        )
    if _REJECTED.match(words):
        return Step(
            text="I have no other plan: for each request my rules know one way only. Say something else, please."
        )
    return None


def planned(step: Step) -> Step:
    """`step`, or where it would change or run something the plan to do so."""
    acts = [call for call in step.calls if call.name in _ACTS]
    if not acts:
        return step
    return Step(
        thoughts=(*step.thoughts, "Plan mode is on, so I say what I would do instead of doing it."),
        doubts=step.doubts,
        text=f"# Plan\n\n{step.text}\n\n{_numbered(acts)}",
    )


def _numbered(calls: Sequence[ReplyCall]) -> str:
    lines = [f"{number}. {_described(call)}" for number, call in enumerate(calls, 1)]
    if any(call.name != "bash" for call in calls):
        lines.append(f"{len(lines) + 1}. Look at the result once more, and say what was not checked.")
    return "\n".join(lines)


def _described(call: ReplyCall) -> str:
    arguments = call.arguments if isinstance(call.arguments, dict) else {}
    match call.name:
        case "bash":
            return f"Run `{arguments.get('command')}`."
        case "apply_patch":
            patch = str(arguments.get("patch", ""))
            paths = re.findall(r"^\*\*\* \w+ File: (.+)$", patch, re.MULTILINE)
            return f"Change {', '.join(f'`{path}`' for path in paths)} with one patch, all or nothing."
        case _:
            return f"Change `{arguments.get('file_path')}`."
