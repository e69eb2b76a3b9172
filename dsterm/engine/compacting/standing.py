"""What dsterm itself knows of the messages that a summary stands for: the prompts, the files, the tasks, what holds now."""

from __future__ import annotations

from collections.abc import Sequence

from dsterm.context.compaction_text import Standing
from dsterm.core.events import Steered, ToolEnded, ToolRequested, TurnStarted
from dsterm.core.messages import Message
from dsterm.core.models import PermissionMode
from dsterm.core.tools import Outcome
from dsterm.engine.branch import branch
from dsterm.engine.live import LiveSession
from dsterm.engine.planning import PLAN_NOTE


def standing(live: LiveSession, late: Sequence[Message]) -> Standing:
    """What to say of the conversation before `late`, the messages that stay as they are."""
    notes = [live.parts.note(live.repo)]
    if live.permission_mode is PermissionMode.PLAN:
        notes.append(PLAN_NOTE)
    files = _Files()
    prompts: list[list[str]] = []
    for envelope in branch(live.journal.envelopes):
        match envelope.event:
            case TurnStarted(prompt=prompt):
                prompts.append([prompt])
            case Steered(text=text, note="") if prompts:
                prompts[-1].append(text)
            case ToolRequested() | ToolEnded() as event:
                files.take(event)
            case _:
                pass
    stays = {id(message) for message in (*late, *live.session.newest_words)}
    replaced = [
        "\n".join(said)
        for said, words in zip(prompts, live.session.words, strict=False)
        if not words or id(words[0]) not in stays
    ]
    return Standing(
        notes=tuple(filter(None, notes)),
        prompts=tuple(replaced),
        changed=files.changed,
        read=files.read,
        tasks=live.session.tasks,
    )


class _Files:
    """Files that tools read and changed, each once, the last one last."""

    def __init__(self) -> None:
        self._asked: dict[str, str] = {}
        self._read: dict[str, None] = {}
        self._lines: dict[str, tuple[int, int]] = {}

    def take(self, event: ToolRequested | ToolEnded) -> None:
        match event:
            case ToolRequested(call=call, plan=plan):
                if call.name == "read" and plan is not None and plan.subject:
                    self._asked[call.id] = plan.subject
            case ToolEnded(id=id_, result=result) if result.outcome is Outcome.DONE:
                subject = self._asked.pop(id_, "")
                if subject:
                    self._read.pop(subject, None)
                    self._read[subject] = None
                for diff in result.diffs:
                    added, removed = self._lines.pop(diff.path, (0, 0))
                    self._lines[diff.path] = added + diff.added, removed + diff.removed
            case ToolEnded():
                pass

    @property
    def changed(self) -> tuple[str, ...]:
        return tuple(f"{path} (+{added} −{removed})" for path, (added, removed) in self._lines.items())

    @property
    def read(self) -> tuple[str, ...]:
        return tuple(path for path in self._read if path not in self._lines)
