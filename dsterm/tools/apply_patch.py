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
from dsterm.tools.secret_files import require_read, resolved


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
    patches = parse_patch(text)
    for patch in patches:
        require_read(workspace, record, resolved(workspace, (patch.path, patch.other_path)))
        staging.apply(patch)
    changes = staging.changes()
    named = tuple(name for patch in patches for name in (patch.path, patch.new_path) if name)
    planned = Planned(changes=changes, diffs=staging.diffs(changes), named=named, notes=tuple(staging.notes))
    return prepare_changes(workspace, record, planned)
