"""The tool `apply_patch`: a change over several files, all of them or none."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec

from dsterm.core.tools import PreparedCall, Tool
from dsterm.core.workspace import Workspace
from dsterm.tools.changes import Planned, prepare_changes
from dsterm.tools.checked_tool import CheckedTool
from dsterm.tools.patch_format import parse_patch
from dsterm.tools.patch_staging import Staging
from dsterm.tools.read_record import ReadRecord


class ApplyPatchArguments(msgspec.Struct, frozen=True):
    """What `apply_patch` takes."""

    patch: Annotated[str, msgspec.Meta(description="the patch text")]


def apply_patch_tool(workspace: Workspace, record: ReadRecord) -> Tool:
    """`apply_patch` over `workspace`; context lines prove what the model knows, so files need not stand in `record`."""

    async def plan(arguments: ApplyPatchArguments) -> PreparedCall:
        return await asyncio.to_thread(_plan_patch, workspace, record, arguments.patch)

    return CheckedTool("apply_patch", ApplyPatchArguments, plan)


def _plan_patch(workspace: Workspace, record: ReadRecord, text: str) -> PreparedCall:
    staging = Staging(workspace, record)
    for patch in parse_patch(text):
        staging.apply(patch)
    changes = staging.changes()
    planned = Planned(changes=changes, diffs=staging.diffs(changes), notes=tuple(staging.notes))
    return prepare_changes(workspace, record, planned)
