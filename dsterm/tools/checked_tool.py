"""What every tool shares: its words from the `.md` file beside it, its schema, and checked arguments."""

from __future__ import annotations

import importlib.resources
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

import msgspec

from dsterm.core.tools import PreparedCall, Progress, ToolResult, ToolSpec
from dsterm.tools.arguments import check_arguments, schema_of

T = TypeVar("T", bound=msgspec.Struct)


class CheckedTool(Generic[T]):
    """The tool `name`: arguments are checked against `kind`, then `plan` works out what the call would do."""

    def __init__(self, name: str, kind: type[T], plan: Callable[[T], Awaitable[PreparedCall]]) -> None:
        self._kind = kind
        self._plan = plan
        text = importlib.resources.files("dsterm.tools").joinpath(f"{name}.md").read_text("utf-8")
        self._spec = ToolSpec(name=name, description=text.strip(), parameters=schema_of(kind))

    @property
    def spec(self) -> ToolSpec:
        """How the model is told of it."""
        return self._spec

    async def prepare(self, arguments: Mapping[str, object]) -> PreparedCall:
        """Check `arguments` and plan the call; what the model should know of its spelling is added to the result."""
        checked = check_arguments(self._spec.name, self._kind, arguments)
        prepared = await self._plan(checked.values)
        return _with_note(prepared, checked.note) if checked.note else prepared


def _with_note(prepared: PreparedCall, note: str) -> PreparedCall:
    async def run(progress: Progress) -> ToolResult:
        result = await prepared.run(progress)
        return msgspec.structs.replace(result, content=f"{result.content}\n{note}")

    wider = prepared.wider
    return PreparedCall(
        plan=prepared.plan, run=run, wider=(lambda lack: _with_note(wider(lack), note)) if wider else None
    )
