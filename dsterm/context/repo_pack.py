"""What the user attached as frozen text: the same files give the same bytes, on every machine and at any time.

Nothing that varies stands before the files, so a pack that differs at its end still shares its beginning in the provider's
cache. Each file stands in a fence longer than any run of backticks inside it, so no content can end its own fence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from dsterm.context.pack_content import PackContent, PackSource, arrange
from dsterm.context.pack_text import write_text
from dsterm.core.attachments import LeftOut, PackedFile, PackManifest
from dsterm.core.errors import UsageError
from dsterm.core.messages import Pack


class BuiltPack(msgspec.Struct, frozen=True, kw_only=True):
    """A pack ready to be kept and attached: its text, its figures, what stands where in it, and the files that are not."""

    text: str
    pack: Pack
    manifest: PackManifest
    left_out: tuple[LeftOut, ...]


def build_pack(source: PackSource, count: Callable[[str], int]) -> BuiltPack:
    """Write the files of `source` as one text and `count` its tokens; blocks, so call it in a thread.

    UsageError when no file is left to attach.
    """
    survey = source.survey
    content = arrange_files(source)
    text, starts = write_text(content)
    data = text.encode()
    pack = Pack(
        digest=hashlib.sha256(data).hexdigest(),
        source=survey.source,
        commit=survey.commit,
        is_dirty=survey.is_dirty and not survey.revision,
        files=len(content.sections),
        tokens=count(text),
        size=len(data),
        choice=source.choice,
        place=survey.place,
        is_followed=survey.is_followed,
    )
    return BuiltPack(text=text, pack=pack, manifest=_manifest(content, starts), left_out=content.left_out)


def arrange_files(source: PackSource) -> PackContent:
    """The files of `source` in their order; UsageError when there are none."""
    content = arrange(source)
    if not content.table:
        why = "that are chosen; give other globs or another preset"
        reasons = {file.reason for file in source.survey.files}
        if all(reasons):
            why = "to attach; name another folder or repository"
            if len(reasons) == 1:
                why = f"to attach: {reasons.pop()}"
        raise UsageError(f"{source.survey.source} has no text files {why}.")
    return content


def _manifest(content: PackContent, starts: dict[str, int]) -> PackManifest:
    return PackManifest(
        files=tuple(
            PackedFile(
                path=section.path,
                blob=section.blob,
                level=section.level,
                tokens=section.tokens,
                start=starts.get(section.path, 0),
                length=len(section.text),
                reader=section.reader,
            )
            for section in content.table
        )
    )
