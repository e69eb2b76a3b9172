"""All tools in one import, so that they can be loaded after the first frame."""

from __future__ import annotations

from dsterm.core.tools import Tool
from dsterm.core.workspace import Workspace
from dsterm.tools.apply_patch import apply_patch_tool
from dsterm.tools.bash import bash_tool
from dsterm.tools.edit import edit_tool
from dsterm.tools.glob import glob_tool
from dsterm.tools.grep import grep_tool
from dsterm.tools.job import job_tool
from dsterm.tools.read import read_tool
from dsterm.tools.read_record import ReadRecord
from dsterm.tools.todo_write import todo_write_tool
from dsterm.tools.write import write_tool

__all__ = ["bash_tool", "file_tools", "job_tool", "todo_write_tool"]


def file_tools(workspace: Workspace, record: ReadRecord) -> list[Tool]:
    """Those that read and change files, in the order of the request; `record` is of what the model has read."""
    return [
        read_tool(workspace, record),
        glob_tool(workspace),
        grep_tool(workspace),
        edit_tool(workspace, record),
        apply_patch_tool(workspace, record),
        write_tool(workspace, record),
    ]
