"""Work that is finished once it began, whoever cancels: a write to disk can't be stopped half way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

_Result = TypeVar("_Result")


async def uninterrupted(work: Coroutine[object, object, _Result]) -> _Result:
    """Run `work` to its end; a cancellation that came meanwhile goes on after it."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    result = task.result()
    if cancelled is not None:
        raise cancelled
    return result
