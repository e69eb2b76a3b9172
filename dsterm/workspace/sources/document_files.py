"""Which files of a source are documents, and what of them speaks for or against taking them in."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from dsterm.core.attachments import SourceFile
from dsterm.core.left_out_reasons import is_final
from dsterm.workspace.sources.documents import (
    DOCUMENT,
    LAST_LETTERS,
    form_of,
    is_document,
    is_packed_document,
    missing_reason,
    reader_of,
)
from dsterm.workspace.sources.reasons import size_reason

DOCUMENT_CAP = 64_000_000
"""Bytes; pictures and typefaces make documents large whose text is short."""


def size_limit(path: str, cap: int) -> int:
    """How many bytes the file may have where any other may have `cap`."""
    return max(cap, DOCUMENT_CAP) if is_document(path) and is_packed_document(path) else cap


def find_documents(
    files: Sequence[SourceFile], *, cap: int, is_asked_for: bool
) -> tuple[tuple[SourceFile, ...], dict[str, str]]:
    """`files` with what is to be said of the documents among them, and what reads each of these, by path.

    In a plain folder, or named alone, they are asked for. In a repository a page is source text, and the text of any other is
    taken only where it is named.
    """
    documents: dict[str, str] = {}
    found: dict[int, SourceFile] = {}
    ended = [place for place, file in enumerate(files) if file.path[-1:] in LAST_LETTERS]
    for place in ended:
        file = files[place]
        if not is_document(file.path):
            continue
        form = form_of(file.path)
        if form == "html" and not is_asked_for:
            continue
        if reader := reader_of(form):
            documents[file.path] = reader
        found[place] = replace(file, reason=_reason(file, form, cap, is_asked_for=is_asked_for))
    if not found:
        return tuple(files), documents
    return tuple(found.get(place, file) for place, file in enumerate(files)), documents


def _reason(file: SourceFile, form: str, cap: int, *, is_asked_for: bool) -> str:
    reason = file.reason
    if file.size > cap and reason == size_reason(file.size, cap):
        reason = size_reason(file.size, size_limit(file.path, cap))
    if is_final(reason):
        return reason
    if not reader_of(form):
        return missing_reason(form)
    return reason or ("" if is_asked_for else DOCUMENT)
