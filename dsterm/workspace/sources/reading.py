"""The bytes of a source's files, some megabytes at a time: from disk without following a link, or from git's objects.

Every file that was read gets git's name for the bytes that were there, whatever the index said when it was listed: it may have
changed since, or a filter may have made it from what git keeps.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import msgspec

from dsterm.core.attachments import ReadFile, SourceFile
from dsterm.core.errors import GitError
from dsterm.core.left_out_reasons import GONE, MISSING, UNREADABLE
from dsterm.workspace.files.inside import Inside
from dsterm.workspace.files.open_folder import OpenFolder
from dsterm.workspace.git.git_hardening import GitCall, GitDoor
from dsterm.workspace.git.git_head import is_bare
from dsterm.workspace.sources.document_files import size_limit
from dsterm.workspace.sources.reasons import size_reason

_BATCH = 8_000_000
"""Bytes; enough for the tokenizer to work on at once, little enough to hold twice."""
_MOST_FILES = 4_000
_SHA_256 = 64
"""Hexadecimal digits of a name of an object, in the newer kind of repository."""
_TIMEOUT = 120.0


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """What to read of: the folder, which folders in it stay closed, bytes a file may have, digits of a blob's name."""

    folder: Path
    closed: tuple[Path, ...] = ()
    cap: int
    digits: int = 40


async def read_disk(reader: Reader, files: Sequence[SourceFile]) -> AsyncIterator[list[ReadFile]]:
    """`files` as they stand on disk, in their order."""
    inside = await asyncio.to_thread(_inside, reader)
    batches = _disk_batches(reader, inside, files)
    while batch := await asyncio.to_thread(next, batches, None):
        yield batch


async def read_objects(door: GitDoor, reader: Reader, files: Sequence[SourceFile]) -> AsyncIterator[list[ReadFile]]:
    """`files` as git keeps them, one `cat-file` a batch."""
    for batch in _object_batches(files, reader.cap):
        wanted = [file for file in batch if 0 <= file.size <= size_limit(file.path, reader.cap)]
        contents: dict[str, bytes] = {}
        if wanted:
            call = GitCall(
                arguments=("cat-file", "--batch"),
                folder=reader.folder,
                cap=sum(file.size + 128 for file in wanted),
                stdin="".join(f"{file.blob}\n" for file in wanted).encode("ascii"),
                timeout=_TIMEOUT,
                git_folder=reader.folder if is_bare(reader.folder) else None,
            )
            contents = cut_objects(await door.output(call), [file.blob for file in wanted])
        yield [_from_objects(file, contents, reader.cap) for file in batch]


def cut_objects(output: bytes, blobs: Sequence[str]) -> dict[str, bytes]:
    """Cut the answer of `cat-file --batch`: a line `BLOB TYPE SIZE`, that many bytes and a line end each. GitError."""
    contents: dict[str, bytes] = {}
    position = 0
    for blob in blobs:
        end = output.find(b"\n", position)
        header = output[position:end].split()
        if end < 0 or len(header) != 3 or not header[2].isdigit():
            raise GitError(f"git has no content for {blob}. Fetch the missing objects first.")
        position = end + 2 + int(header[2])
        contents[blob] = output[end + 1 : position - 1]
    return contents


def blob_name(data: bytes, digits: int = 40) -> str:
    """What git calls these bytes, in as many hexadecimal digits as its repository uses."""
    make = hashlib.sha256 if digits == _SHA_256 else hashlib.sha1
    name = make(b"blob %d\0" % len(data), usedforsecurity=False)
    name.update(data)
    return name.hexdigest()


def _inside(reader: Reader) -> Inside:
    return Inside(reader.folder, closed=reader.closed)


def _disk_batches(reader: Reader, inside: Inside, files: Sequence[SourceFile]) -> Iterator[list[ReadFile]]:
    batch: list[ReadFile] = []
    size = 0
    for parent, group in groupby(files, key=lambda file: file.path.rpartition("/")[0]):
        try:
            folder = inside.open_folder(reader.folder / parent)
        except OSError as error:
            batch += [_unread(file, error) for file in group]
            continue
        with folder:
            for file in group:
                found = _from_disk(reader, folder, file)
                batch.append(found)
                size += found.file.size if found.data is not None else 0
                if size >= _BATCH or len(batch) >= _MOST_FILES:
                    yield batch
                    batch, size = [], 0
    if batch:
        yield batch


def _from_disk(reader: Reader, folder: OpenFolder, file: SourceFile) -> ReadFile:
    try:
        descriptor = folder.open_regular(file.path.rpartition("/")[2])
        try:
            size = os.fstat(descriptor).st_size
            cap = size_limit(file.path, reader.cap)
            data = _bytes(descriptor, size) if size <= cap else b""
        finally:
            os.close(descriptor)
    except OSError as error:
        return _unread(file, error)
    if reason := size_reason(size, cap):
        return ReadFile(file=msgspec.structs.replace(file, size=size, reason=reason), data=None)
    return ReadFile(file=_known(file, blob_name(data, reader.digits), len(data)), data=data)


def _bytes(descriptor: int, size: int) -> bytes:
    """What the file holds, `size` bytes by all accounts; one that grows meanwhile is cut off there."""
    data = os.read(descriptor, size)
    while len(data) < size and (more := os.read(descriptor, size - len(data))):
        data += more
    return data


def _known(file: SourceFile, blob: str, size: int) -> SourceFile:
    return SourceFile(path=file.path, blob=blob, size=size, tokens=file.tokens, reason=file.reason)


def _unread(file: SourceFile, error: OSError) -> ReadFile:
    is_gone = isinstance(error, FileNotFoundError | NotADirectoryError)
    reason = GONE if is_gone else f"{UNREADABLE}: {error.strerror or 'no reason given'}"
    return ReadFile(file=msgspec.structs.replace(file, reason=reason), data=None)


def _object_batches(files: Sequence[SourceFile], cap: int) -> Iterator[list[SourceFile]]:
    batch: list[SourceFile] = []
    size = 0
    for file in files:
        batch.append(file)
        size += file.size if file.size <= size_limit(file.path, cap) else 0
        if size >= _BATCH or len(batch) >= _MOST_FILES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _from_objects(file: SourceFile, contents: dict[str, bytes], cap: int) -> ReadFile:
    if (data := contents.get(file.blob)) is not None:
        return ReadFile(file=file, data=data)
    reason = size_reason(file.size, size_limit(file.path, cap)) or MISSING
    return ReadFile(file=msgspec.structs.replace(file, reason=reason), data=None)
