"""Part of a proposed change, or what a user made of it in an editor: the call that lands it, and what the model is told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from dsterm.core.diff import ChangeKind, DiffLine, FileDiff, LineKind, diff_texts
from dsterm.core.errors import ToolError
from dsterm.core.review import FileReview
from dsterm.core.tools import Effect, Outcome, Plan, PreparedCall, Progress, ToolResult
from dsterm.core.workspace import Workspace
from dsterm.engine.calls.review import Proposal, chosen_text
from dsterm.tools.changes import content_of, describe
from dsterm.tools.line_changes import replaced
from dsterm.tools.syntax_check import new_problem
from dsterm.tools.text_diff import diff_of
from dsterm.tools.text_file import encode

_MOST_LINES = 200
"""Changed lines that are told word for word; the model can read the files for more."""


class _Landing(msgspec.Struct, kw_only=True):
    """What is to be written, and the sentences about it."""

    before: dict[Path, bytes | None]
    after: dict[Path, bytes | None]
    modes: dict[Path, int]
    diffs: list[FileDiff]
    words: list[str]


def revised_call(
    workspace: Workspace, proposals: Sequence[Proposal], reviews: Sequence[FileReview]
) -> PreparedCall | None:
    """The call that lands what the user wants of `proposals`; None when that is nothing. ToolError when it can't be written."""
    landing = _Landing(before={}, after={}, modes={}, diffs=[], words=[])
    by_path = {review.path: review for review in reviews}
    for proposal in proposals:
        _take(workspace, proposal, by_path.get(proposal.diff.path), landing)
    if not landing.diffs:
        return None
    diffs = tuple(landing.diffs)
    subject = diffs[0].path if len(diffs) == 1 else f"{len(diffs)} files"

    async def run(_progress: Progress) -> ToolResult:
        problems = await asyncio.to_thread(_land, workspace, landing)
        done = [describe(diff) for diff in diffs]
        again = "The files differ from what you proposed. Read them again before you change them further."
        return ToolResult(
            outcome=Outcome.DONE,
            content="\n".join((*done, *_shortened(landing.words), *problems, again)),
            summary=f"+{sum(diff.added for diff in diffs)} −{sum(diff.removed for diff in diffs)}",
            diffs=diffs,
        )

    return PreparedCall(plan=Plan(effects=(Effect.WRITE,), subject=subject, diffs=diffs), run=run)


def _take(workspace: Workspace, proposal: Proposal, review: FileReview | None, landing: _Landing) -> None:
    """Add to `landing` what the user wants of one file."""
    left_out = set(review.left_out) & set(range(proposal.parts)) if review else set()
    landing.words += _left_out_words(proposal, left_out)
    if len(left_out) == proposal.parts:
        return
    diff = proposal.diff
    text = proposal.text
    if text is not None and review is not None:
        text = _reviewed_text(proposal, review, left_out)
        if review.text is not None:
            landing.words += _edited_words(diff.path, proposal.text or "", text)
    source, target = workspace.resolve(proposal.source), workspace.resolve(diff.path)
    before = proposal.before.text if proposal.before and diff.kind is not ChangeKind.CREATED else None
    data = None if text is None else replaced(proposal.before, text) if proposal.before else encode(text)
    if data == proposal.stands and proposal.mode is None:
        return
    landing.before |= {target: proposal.stands, source: proposal.data}
    landing.after[target] = data
    if diff.kind is ChangeKind.RENAMED:
        landing.after[source] = None
    if proposal.mode is not None:
        landing.modes[target] = proposal.mode
    made = diff_of(diff.path, before, text, old_path=diff.old_path if diff.kind is ChangeKind.RENAMED else "")
    landing.diffs.append(msgspec.structs.replace(made, kind=diff.kind, old_path=diff.old_path))


def _reviewed_text(proposal: Proposal, review: FileReview, left_out: set[int]) -> str:
    if review.text is not None:
        return review.text.replace("\r\n", "\n")
    before = "" if proposal.diff.kind is ChangeKind.CREATED or not proposal.before else proposal.before.text
    text = chosen_text(before, proposal.diff, left_out)
    if text is None:
        raise ToolError(f"{proposal.diff.path} can't be changed in parts. Repeat the change.")
    return text


def _land(workspace: Workspace, landing: _Landing) -> list[str]:
    """Write everything, unless a file is no longer what it was; what newly fails to parse comes back."""
    for path, data in landing.before.items():
        if content_of(workspace, path) != data:
            raise ToolError(
                f"{workspace.display(path)} changed on disk while the change was waiting, so nothing was written. "
                "Read it again, then repeat the change."
            )
    workspace.write_all(landing.after, landing.modes)
    return [
        f"{workspace.display(path)}: {problem}"
        for path, data in landing.after.items()
        if (problem := new_problem(path, landing.before.get(path), data))
    ]


def _left_out_words(proposal: Proposal, left_out: set[int]) -> list[str]:
    diff = proposal.diff
    if not left_out:
        return []
    if not diff.hunks:
        return [f"The user left out the change of {diff.path}."]
    if len(left_out) == proposal.parts:
        words = [f"The user left out all of {diff.path}, which stays as it was:"]
    else:
        words = [f"The user left out {len(left_out)} of {len(diff.hunks)} hunks of {diff.path}:"]
    for index in sorted(left_out):
        words.append(f"@@ line {diff.hunks[index].old_start} @@")
        words += _marked(diff.hunks[index].lines)
    return words


def _edited_words(path: str, proposed: str, text: str) -> list[str]:
    diff = diff_texts(path, proposed, text, context=1)
    if proposed == text:
        return []
    words = [f"The user edited your proposal for {path} before it was written (- yours, + theirs):"]
    for hunk in diff.hunks:
        words.append(f"@@ line {hunk.new_start} @@")
        words += _marked(hunk.lines)
    return words if diff.hunks else [*words, "the final newline"]


def _marked(lines: Sequence[DiffLine]) -> list[str]:
    return [f"{line.kind}{line.text}" for line in lines if line.kind is not LineKind.CONTEXT]


def _shortened(words: Sequence[str]) -> Sequence[str]:
    if len(words) <= _MOST_LINES:
        return words
    return [*words[:_MOST_LINES], f"… {len(words) - _MOST_LINES} more lines"]


def is_untouched(proposals: Sequence[Proposal], reviews: Sequence[FileReview]) -> bool:
    """Whether the user wants all of it as it was proposed."""
    texts: Mapping[str, str | None] = {each.diff.path: each.text for each in proposals}
    return not any(
        review.left_out or (review.text is not None and review.text != texts.get(review.path)) for review in reviews
    )
