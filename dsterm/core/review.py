"""What a user makes of a proposed change: hunks left out, other text in place of the proposed one."""

from __future__ import annotations

import msgspec

REVIEWED = "reviewed"
"""The answer of who looked at the hunks one by one; what was left out stands in its reviews."""

EDITED = "edited"
"""The answer of who changed the proposal in an editor; the new texts stand in its reviews."""


class ProposedFile(msgspec.Struct, frozen=True, kw_only=True):
    r"""A file as it would be, for an editor: lines end with `\n`. `before` is what stands there now, None for a new file."""

    path: str
    before: str | None
    text: str


class FileReview(msgspec.Struct, frozen=True, kw_only=True):
    """The user's word on one file: indices of the hunks left out (0 for a file without hunks), or `text` to be written."""

    path: str
    left_out: tuple[int, ...] = ()
    text: str | None = None
