"""/review: what has changed since a commit, as one prompt for a turn that only reads."""

from __future__ import annotations

import msgspec

from dsterm.context.data_marks import mark_data
from dsterm.context.diff_text import pack_diff, split_diff
from dsterm.core.errors import UsageError
from dsterm.engine.calls.untracked import untracked_patches
from dsterm.engine.live import LiveSession
from dsterm.render.wording import format_count

_DIFF_CAP = 240_000
"""Characters of the diff that the model gets, some 60,000 tokens; the rest it can read with its tools."""

_READ_CAP = 16_000_000

_TASK = """\
Look for what is wrong: bugs, cases that are not handled, security, races, broken callers, missing or weak tests. Read the code \
around a change before you judge it. Name each finding as path:line with what goes wrong and when, the worst first, and say how \
sure you are. No praise, no summary of what changed. Say so plainly when you find nothing. Change nothing."""


class ReviewPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """The turn to run: `prompt` is shown as the user's words, `data` goes to the model with it."""

    prompt: str
    data: str


async def review_prompt(live: LiveSession, base: str) -> ReviewPrompt:
    """The work tree against `base` (empty: where this branch left the default one), new files included.

    UsageError when `base` names no commit, when nothing has changed, or where the folder is not trusted.
    """
    parts = live.parts
    if not parts.is_trusted:
        raise UsageError("git is used here only once you trust this folder. /trust yes says so.")
    name = base.strip()
    commit = await parts.git.review_base(name)
    patches = list(split_diff(await parts.git.diff(commit, staged=False, cap=_READ_CAP)))
    known = {patch.path for patch in patches}
    new = [path for path in await parts.git.untracked_files() if path not in known]
    patches += await untracked_patches(live, new)
    since = f"{name} ({commit[:10]})" if name else commit[:10]
    if not patches:
        raise UsageError(f"Nothing has changed since {since}. /review BASE compares with another commit or branch.")
    packed = pack_diff(patches, _DIFF_CAP)
    redact = parts.redact if parts.config.mask_secrets else str
    left_out = f"Not in it: {'; '.join(packed.missing)}.\n" if packed.missing else ""
    if packed.missing:
        live.notice(f"Left out of the review: {'; '.join(packed.missing)}.")
    prompt = f"Review the changes since {since}: {format_count(packed.files, 'file')}.\n\n{_TASK}"
    return ReviewPrompt(prompt=prompt, data=f"{left_out}{mark_data('diff', redact(packed.text))}")
