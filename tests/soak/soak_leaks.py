"""What a process holds: tasks, descriptors, sockets, threads, children, memory."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import threading
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path("/proc/self")


@dataclass(frozen=True)
class Held:
    """A count of everything; `memory` is bytes of resident memory. Threads of the event loop's own pool are left out."""

    tasks: int
    descriptors: tuple[str, ...]
    sockets: int
    threads: int
    children: int
    memory: int


def holds_now() -> Held:
    """What this process holds, after a garbage collection and with free memory given back."""
    gc.collect()
    # What the allocator merely keeps for later would look like a leak.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    links = descriptors()
    return Held(
        tasks=len(asyncio.all_tasks()) - 1,
        descriptors=links,
        sockets=sum(link.startswith("socket:") for link in links),
        threads=sum(not thread.name.startswith("asyncio_") for thread in threading.enumerate()),
        children=len((_FOLDER / "task" / str(os.getpid()) / "children").read_text().split()),
        memory=resident(),
    )


def descriptors() -> tuple[str, ...]:
    """What every open descriptor leads to."""
    links = []
    for name in os.listdir(_FOLDER / "fd"):  # noqa: PTH208 - the folder's own descriptor is gone again by the next line
        try:
            # A socket or pipe by its kind: its number says nothing.
            links.append(str((_FOLDER / "fd" / name).readlink()).partition("[")[0])
        except FileNotFoundError:
            continue
    return tuple(sorted(links))


def resident() -> int:
    """Bytes of resident memory."""
    return int((_FOLDER / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def settled(least: int, seconds: float = 3.0) -> None:
    """Wait until no more than `least` tasks are left beside this one, or the time is up."""
    for _ in range(int(seconds / 0.02)):
        if len(asyncio.all_tasks()) - 1 <= least:
            return
        await asyncio.sleep(0.02)
