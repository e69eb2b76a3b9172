"""The tool `todo_write`: the model's list of tasks, for the user to see."""

from __future__ import annotations

from typing import Annotated

import msgspec

from dsterm.core.tools import Outcome, Plan, PreparedCall, Progress, Task, TaskState, Tool, ToolResult
from dsterm.tools.checked_tool import CheckedTool


class Todo(msgspec.Struct, frozen=True):
    """One task as the model sends it."""

    content: str
    status: TaskState


class TodoWriteArguments(msgspec.Struct, frozen=True):
    """What `todo_write` takes."""

    todos: Annotated[tuple[Todo, ...], msgspec.Meta(max_length=100)]


def todo_write_tool() -> Tool:
    """`todo_write`, which touches nothing."""
    return CheckedTool("todo_write", TodoWriteArguments, _plan)


async def _plan(arguments: TodoWriteArguments) -> PreparedCall:
    tasks = tuple(Task(content=todo.content, state=todo.status) for todo in arguments.todos)
    done = sum(task.state is TaskState.COMPLETED for task in tasks)

    async def run(_progress: Progress) -> ToolResult:
        content = f"The list has {len(tasks)} task{'' if len(tasks) == 1 else 's'}, {done} completed."
        return ToolResult(outcome=Outcome.DONE, content=content, summary=f"{done} / {len(tasks)}", tasks=tasks)

    return PreparedCall(plan=Plan(effects=(), subject=f"{len(tasks)} tasks"), run=run)
