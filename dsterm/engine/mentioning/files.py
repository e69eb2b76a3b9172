"""Files and folders that are mentioned: read inside the workspace and nowhere else, as text, up to a cap."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec.structs import replace

from dsterm.context.mentions import Found
from dsterm.core.attachments import DocumentText
from dsterm.core.errors import ToolError, WorkspaceError
from dsterm.core.mentions import Mention, MentionKind
from dsterm.core.secret_names import looks_secret
from dsterm.core.services import SourceReader
from dsterm.core.workspace import FileFacts, Workspace
from dsterm.engine.mentioning.brought import Brought, one_line
from dsterm.render.wording import format_count
from dsterm.tools.secret_files import secret_concerns
from dsterm.tools.text_encoding import showable
from dsterm.tools.text_file import decode
from dsterm.workspace.sources.documents import is_document, is_packed_document

FILE_CAP = 400_000
"""Characters of a file that are sent, some 100,000 tokens; the rest can be named by its lines."""

_MOST_NAMES = 1_000
_SMALL = 16_000
_FOLDER_CAP = 160_000
"""Of a folder, names and sizes; bytes up to which a file's text goes with them, and of all those texts."""


async def bring_path(workspace: Workspace, sources: SourceReader, found: Found) -> Brought | None:
    """The file or folder that `found` names; None where the words mean none. Secret-looking files are read, and said so."""
    mention = found.mention
    try:
        path = workspace.resolve(mention.target)
        facts = workspace.facts(path)
        if facts is None:
            return _missing(workspace, found)
        if facts.is_folder:
            return await _folder(workspace, replace(mention, kind=MentionKind.FOLDER, first=0, last=0), path)
        if is_document(mention.target) and is_packed_document(mention.target):
            data = await asyncio.to_thread(workspace.read, path)
            document = await sources.document(mention.target, data)
            return await asyncio.to_thread(_document, workspace, mention, path, document)
        return await asyncio.to_thread(_file, workspace, mention, path)
    except WorkspaceError as error:
        means_path = found.is_sure or "/" in mention.target
        return Brought(mention=replace(mention, problem=str(error))) if means_path else None


def place(workspace: Workspace, found: Found) -> tuple[Path, FileFacts] | None:
    """Where the file is that `found` names and how it stands; None for anything else."""
    try:
        path = workspace.resolve(found.mention.target)
        facts = workspace.facts(path)
    except WorkspaceError:
        return None
    return None if facts is None or facts.is_folder else (path, facts)


def _missing(workspace: Workspace, found: Found) -> Brought | None:
    """A word with an `@` may mean anything; a path whose first folder is there means a file."""
    target = found.mention.target
    top, slash, _ = target.lstrip("/").partition("/")
    if not found.is_sure and not (slash and top and workspace.facts(workspace.resolve(top)) is not None):
        return None
    return Brought(mention=replace(found.mention, problem=f"There is no file {target}."))


def _file(workspace: Workspace, mention: Mention, path: Path) -> Brought:
    name = workspace.display(path)
    data = workspace.read(path)
    mention = replace(mention, size=len(data))
    try:
        text = showable(decode(data, name).text)
    except ToolError:
        return Brought(mention=replace(mention, problem=f"{name} is no text, so it is not sent."))
    return _shown(workspace, mention, path, text, ((path, data),))


def _document(workspace: Workspace, mention: Mention, path: Path, document: DocumentText | None) -> Brought:
    """The text taken out of a document; the tools have not read the file by that."""
    name = workspace.display(path)
    if document is None or document.reason:
        why = document.reason if document else "no document"
        return Brought(mention=replace(mention, problem=f"{name} can't be sent: {why}."))
    mention = replace(mention, size=len(document.text.encode()))
    return _shown(workspace, mention, path, document.text, ())


def _shown(
    workspace: Workspace, mention: Mention, path: Path, text: str, read: tuple[tuple[Path, bytes], ...]
) -> Brought:
    """The lines of `text` that are asked for."""
    name = workspace.display(path)
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    first, last = _range(mention, len(lines))
    if first > max(len(lines), 1):
        words = f"{name} has {format_count(len(lines), 'line')}, so there is no line {first:,}."
        return Brought(mention=replace(mention, problem=words))
    shown, told = _capped(lines[first - 1 : last], name, first)
    whole = f"{one_line(name)}, {format_count(len(lines), 'line')}"
    is_part = first > 1 or first - 1 + len(shown) < len(lines)
    head = f"{one_line(name)}, lines {first}-{first - 1 + len(shown)} of {len(lines)}" if is_part else whole
    return Brought(
        mention=mention,
        blocks=("\n".join((f"{head}:", *shown)),),
        read=read,
        told=told,
        secrets=secret_concerns(workspace, {mention.target: path}),
    )


def _range(mention: Mention, count: int) -> tuple[int, int]:
    if not mention.first:
        return 1, count
    first, last = sorted((mention.first, mention.last or mention.first))
    return first, min(last, count)


def _capped(lines: list[str], name: str, first: int) -> tuple[list[str], tuple[str, ...]]:
    """As many lines as fit, and what to say where they are not all."""
    size = 0
    for index, line in enumerate(lines):
        size += len(line) + 1
        if size > FILE_CAP:
            kept = [*lines[:index]] or [line[:FILE_CAP]]
            rest = first + max(index, 1)
            return kept, (f"{name} is long: it is sent up to line {rest - 1:,}. Name the rest as @{name}:{rest}-…",)
    return lines, ()


async def _folder(workspace: Workspace, mention: Mention, path: Path) -> Brought:
    """Names and sizes of the files in it, and the text of the small ones while there is room."""
    files = await workspace.files(path)
    return await asyncio.to_thread(_listed, workspace, mention, path, files)


def _listed(workspace: Workspace, mention: Mention, path: Path, files: list[Path]) -> Brought:
    name = workspace.display(path)
    shown = files[:_MOST_NAMES]
    rows, texts, read, total = [], [], [], 0
    for file in shown:
        place_in, size, text, data = _entry(workspace, file, _FOLDER_CAP - total)
        rows.append(f"{one_line(place_in)}  {size}")
        if text:
            texts.append(f"{one_line(place_in)}:\n{text}")
            read.append((file, data))
            total += len(data)
    more = len(files) - len(shown)
    if more:
        rows.append(f"and {format_count(more, 'more file')}; glob finds them")
    head = f"{one_line(name)}/ has {format_count(len(files), 'file')}"
    told: tuple[str, ...] = ()
    if len(texts) < len(files):
        told = (
            f"{name}/: {len(texts)} of {format_count(len(files), 'file')} with their text, the others by name and size.",
        )
    listing = "\n".join((f"{head}, with their sizes in bytes:", *rows))
    return Brought(mention=replace(mention, size=total), blocks=(listing, *texts), read=tuple(read), told=told)


def _entry(workspace: Workspace, file: Path, room: int) -> tuple[str, str, str, bytes]:
    """Path, size or why there is none, text (empty where it is not sent) and bytes."""
    name = workspace.display(file)
    if looks_secret(name):
        return name, "looks like it holds secrets, not read", "", b""
    try:
        facts = workspace.facts(file)
        if facts is None or facts.is_folder:
            return name, "gone", "", b""
        if facts.size > min(_SMALL, room):
            return name, f"{facts.size}", "", b""
        data = workspace.read(file)
        return name, f"{len(data)}", showable(decode(data, name).text), data
    except WorkspaceError:
        return name, "can't be read", "", b""
    except ToolError:
        return name, "no text", "", b""
