"""The server's own account of every request, so that a client's figures can be held against it."""

from __future__ import annotations

import msgspec

from dsterm.core.models import ThinkingMode, Usage


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One request, billed as `served` for what was generated; `model` is the one that was asked for.

    `id` is what the answer is called on the wire. `finish_reason` is empty, and `is_complete` false, when the client did not get
    the end of the answer.
    """

    id: str
    model: str
    mode: ThinkingMode
    usage: Usage
    served: str = ""
    finish_reason: str = ""
    is_complete: bool = False


class LedgerTotal(msgspec.Struct, frozen=True, kw_only=True):
    """What the requests of one model in one mode came to."""

    model: str
    mode: ThinkingMode
    requests: int
    usage: Usage


class LedgerPage(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /ledger` answers."""

    requests: tuple[LedgerEntry, ...]
    totals: tuple[LedgerTotal, ...]
    usage: Usage


class Ledger:
    """Requests in the order in which they ended."""

    def __init__(self) -> None:
        self._entries: list[LedgerEntry] = []

    def book(self, entry: LedgerEntry) -> None:
        """Add a request that has ended."""
        self._entries.append(entry)

    def page(self) -> LedgerPage:
        """Everything so far."""
        groups: dict[tuple[str, ThinkingMode], list[Usage]] = {}
        for entry in self._entries:
            groups.setdefault((entry.model, entry.mode), []).append(entry.usage)
        return LedgerPage(
            requests=tuple(self._entries),
            totals=tuple(
                LedgerTotal(model=model, mode=mode, requests=len(usages), usage=sum(usages, Usage()))
                for (model, mode), usages in groups.items()
            ),
            usage=sum((entry.usage for entry in self._entries), Usage()),
        )
