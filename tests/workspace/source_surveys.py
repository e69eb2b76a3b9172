"""Surveys and readings of sources, in few words."""

from __future__ import annotations

from dsterm.core.attachments import PackChoice, ReadFile, Survey
from dsterm.workspace.sources.sources import Sources


async def survey(sources: Sources, source: str = ".", choice: PackChoice | None = None) -> Survey:
    return await sources.survey(source, choice or PackChoice(), lambda _state: None)


async def read(sources: Sources, found: Survey) -> dict[str, ReadFile]:
    return {one.file.path: one async for batch in sources.read(found, found.files) for one in batch}


async def texts(sources: Sources, found: Survey) -> dict[str, bytes]:
    """What was read, without what could not be and what there is a reason against."""
    files = await read(sources, found)
    return {path: one.data for path, one in files.items() if one.data is not None and not one.file.reason}


def paths(found: Survey) -> list[str]:
    return [file.path for file in found.files]


def reasons(found: Survey) -> dict[str, str]:
    return {file.path: file.reason for file in found.files if file.reason}


def named(found: Survey) -> dict[str, str]:
    return {one.path: one.reason for one in found.named}
