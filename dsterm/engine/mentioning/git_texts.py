"""What git tells for a mention: what has changed since a commit, and the last commits."""

from __future__ import annotations

from msgspec.structs import replace

from dsterm.context.diff_text import pack_diff, split_diff
from dsterm.core.errors import GitError, UsageError
from dsterm.core.mentions import Mention, MentionKind
from dsterm.engine.mentioning.brought import Brought, one_line
from dsterm.engine.parts import EngineParts

_READ_CAP = 16_000_000
_DIFF_CAP = 240_000
_COMMITS = 20
_MOST_NEW = 200


async def bring_git(parts: EngineParts, mention: Mention) -> Brought:
    """`@diff`, `@diff:REV` or `@log`; a problem where git refuses or the folder is not trusted."""
    try:
        if mention.kind is MentionKind.LOG:
            return await _log(parts, mention)
        return await _diff(parts, mention)
    except (GitError, UsageError) as error:
        return Brought(mention=replace(mention, problem=str(error)))


async def _diff(parts: EngineParts, mention: Mention) -> Brought:
    """The work tree against HEAD or REV, and the names of files that git doesn't know."""
    since = mention.target or "HEAD"
    packed = pack_diff(split_diff(await parts.git.diff(mention.target, staged=False, cap=_READ_CAP)), _DIFF_CAP)
    new = [one_line(path) for path in await parts.git.untracked_files()]
    lines = [packed.text if packed.files else f"Nothing that git knows has changed since {one_line(since)}."]
    if new:
        more = [f"and {len(new) - _MOST_NEW} more"] if len(new) > _MOST_NEW else []
        lines.append("\n".join(("New files, not known to git:", *new[:_MOST_NEW], *more)))
    told = (f"Left out of {mention.written}: {'; '.join(packed.missing)}.",) if packed.missing else ()
    text = "\n".join((f"The changes since {one_line(since)}:", *lines))
    return Brought(mention=replace(mention, size=len(text.encode("utf-8", "replace"))), blocks=(text,), told=told)


async def _log(parts: EngineParts, mention: Mention) -> Brought:
    commits = await parts.git.recent_commits(_COMMITS)
    text = "\n".join(("The last commits, newest first:", *map(one_line, commits))) if commits else "There is no commit."
    return Brought(mention=replace(mention, size=len(text.encode("utf-8", "replace"))), blocks=(text,))
