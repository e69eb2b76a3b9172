from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dsterm.core.diff import FileDiff, diff_texts
from dsterm.core.events import Envelope, Notice, ToolEnded, ToolRequested
from dsterm.core.messages import ToolCall
from dsterm.core.tools import Effect, Outcome, Plan, ToolResult
from dsterm.engine.masked_log import MaskedLog
from dsterm.store.masking import redact

TOKEN = "ghp_aB3xK9mQ2vR7tW5yZ8nD4fG6hJ1pL0sC"
BODY = "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MbzYLdZ7ZvVy7F7V"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n{BODY}\n-----END RSA PRIVATE KEY-----"


class Lines:
    def __init__(self) -> None:
        self.kept: list[tuple[Envelope, bool]] = []
        self.is_closed = False

    def append(self, envelope: Envelope, *, durable: bool = True) -> None:
        self.kept.append((envelope, durable))

    def close(self) -> None:
        self.is_closed = True


def written(event: ToolRequested | ToolEnded | Notice) -> Envelope:
    lines = Lines()
    log = MaskedLog(lines, lambda text: redact(text, ()))
    envelope = Envelope(id="a", parent="", seq=1, at=datetime(2026, 1, 2, tzinfo=UTC), event=event)
    log.append(envelope, durable=False)
    log.close()
    assert lines.is_closed
    ((kept, durable),) = lines.kept
    assert not durable
    assert (kept.id, kept.seq, kept.at) == (envelope.id, envelope.seq, envelope.at)
    return kept


def events(diff: FileDiff) -> list[ToolRequested | ToolEnded]:
    call = ToolCall(id="1", name="edit", arguments="{}")
    return [
        ToolRequested(call=call, plan=Plan(effects=(Effect.WRITE,), subject="a", diffs=(diff,))),
        ToolEnded(id="1", result=ToolResult(outcome=Outcome.DONE, content="done", diffs=(diff,))),
    ]


def diff_of(event: ToolRequested | ToolEnded | Notice) -> FileDiff:
    match event:
        case ToolRequested(plan=Plan(diffs=(diff,))) | ToolEnded(result=ToolResult(diffs=(diff,))):
            return diff
        case _:
            raise AssertionError(event)


@pytest.mark.parametrize(("secret", "piece"), [(TOKEN, TOKEN), (PEM, BODY)])
def test_a_secret_beside_a_changed_line_is_not_written_and_every_line_keeps_its_kind(secret: str, piece: str) -> None:
    diff = diff_texts("a", f"one\n{secret}\nend\n", f"two\n{secret}\nend\n")
    for event in events(diff):
        masked = diff_of(written(event).event)
        assert piece not in repr(masked)
        assert [line.kind for hunk in masked.hunks for line in hunk.lines] == [
            line.kind for hunk in diff.hunks for line in hunk.lines
        ]
        assert piece in repr(event)


def test_a_diff_without_a_secret_and_every_other_event_are_written_as_they_are() -> None:
    for event in (*events(diff_texts("a", "one\n", "two\n")), Notice(text="hello")):
        assert written(event).event == event
