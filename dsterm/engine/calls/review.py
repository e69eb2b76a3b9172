"""A proposed change taken apart, so that a user can leave out hunks or write something else: what each file is and would be.

Works on the diffs of a plan and the files as they stand. Where these don't tell every byte that the change would leave (only
line endings differ, a file is not valid in its encoding), there is no proposal, and the change is taken or refused whole.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import msgspec

from dsterm.core.diff import ChangeKind, FileDiff, Hunk, LineKind
from dsterm.core.errors import ToolError, WorkspaceError
from dsterm.core.review import ProposedFile
from dsterm.core.tools import Plan
from dsterm.core.workspace import Workspace
from dsterm.tools.changes import content_of
from dsterm.tools.text_file import TextFile, decode

_NOTES = re.compile(r"mode [0-7]+ → (?P<mode>[0-7]+)|executable|(no )?final newline(?P<end> added| removed)?")


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """The proposed change of one file: the content `before` at `source`, and the `text` that it would get; None deletes it.

    `stands` is what is at the path of the diff now. `mode` is what the permission bits become, None for those it has.
    """

    diff: FileDiff
    source: str
    before: TextFile | None
    data: bytes | None
    stands: bytes | None
    text: str | None
    mode: int | None = None

    @property
    def parts(self) -> int:
        """How many hunks can be left out; a change without hunks is one part."""
        return max(1, len(self.diff.hunks))


def propose(workspace: Workspace, plan: Plan) -> tuple[Proposal, ...]:
    """The files of `plan`, one by one; empty where they can't be taken apart without guessing."""
    if not plan.diffs:
        return ()
    try:
        proposals = [_proposal(workspace, diff) for diff in plan.diffs]
    except (ToolError, WorkspaceError):
        return ()
    whole = tuple(proposal for proposal in proposals if proposal is not None)
    return whole if len(whole) == len(proposals) else ()


def proposed_files(proposals: Sequence[Proposal]) -> tuple[ProposedFile, ...]:
    """What an editor can show of them: every file that would be there."""
    return tuple(
        ProposedFile(path=each.diff.path, before=each.before.text if each.before else None, text=each.text)
        for each in proposals
        if each.text is not None
    )


def chosen_text(before: str, diff: FileDiff, left_out: Collection[int]) -> str | None:
    r"""`before`, lines ending with `\n`, with all hunks of `diff` but those `left_out`; None when one does not fit.

    A final newline that comes or goes belongs to the last hunk.
    """
    lines = before.split("\n")
    ends = lines[-1] == ""
    if ends:
        lines.pop()
    chosen: list[str] = []
    place = 0
    for index, hunk in enumerate(diff.hunks):
        old, new = _side(hunk, LineKind.ADDED), _side(hunk, LineKind.REMOVED)
        start = hunk.old_start - 1
        if start < place or lines[start : start + len(old)] != old:
            return None
        chosen += [*lines[place:start], *(old if index in left_out else new)]
        place = start + len(old)
    chosen += lines[place:]
    if max(0, len(diff.hunks) - 1) not in left_out:
        ends = _ends(diff.note, ends=ends)
    return "\n".join(chosen) + ("\n" if ends and chosen else "")


def _proposal(workspace: Workspace, diff: FileDiff) -> Proposal | None:
    notes = [_NOTES.fullmatch(note) for note in diff.note.split(", ")] if diff.note else []
    known = [note for note in notes if note is not None]
    if len(known) != len(notes):
        return None
    source = workspace.resolve(diff.old_path or diff.path)
    facts = workspace.facts(source)
    data = content_of(workspace, source)
    if (data is None) != (diff.kind is ChangeKind.CREATED and not diff.old_path):
        return None
    before = None if data is None else decode(data, diff.path)
    if before is not None and before.encoding.is_broken:
        return None
    start = "" if before is None or diff.kind is ChangeKind.CREATED else before.text
    text = chosen_text(start, diff, ())
    if text is None:
        return None
    return Proposal(
        diff=diff,
        source=workspace.display(source),
        before=before,
        data=data,
        stands=content_of(workspace, workspace.resolve(diff.path)),
        text=None if diff.kind is ChangeKind.DELETED else text,
        mode=_mode(known, facts.mode if facts is not None and diff.old_path else None),
    )


def _mode(notes: Sequence[re.Match[str]], mode: int | None) -> int | None:
    for note in notes:
        if note["mode"]:
            return int(note["mode"], 8)
        if note[0] == "executable":
            return (mode or 0o644) | 0o111
    return mode


def _side(hunk: Hunk, without: LineKind) -> list[str]:
    return [line.text for line in hunk.lines if line.kind is not without]


def _ends(note: str, *, ends: bool) -> bool:
    """Whether the last line ends with a newline after the change."""
    if "final newline added" in note:
        return True
    return ends and "final newline removed" not in note and "no final newline" not in note
