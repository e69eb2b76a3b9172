"""Files and folders offered while a mention is written, in a list above the composer; searched in a thread, slice by slice."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from threading import Event

import msgspec
from textual.content import Content
from textual.widget import Widget

from dsterm.core.mentions import MentionPaths
from dsterm.render.clean import clean_code
from dsterm.render.width import cells, truncated
from dsterm.tui.mention_matching import PathIndex, common_start

_MOST_ROWS = 8
_OLD = 20.0
"""Seconds after which the list of files is made anew, beside the one that is used."""

_OPEN = re.compile(r'(?<![A-Za-z0-9_.+%\-@\\/`$])@(?:"(?P<quoted>[^"\n]*)|(?P<bare>[^\s"\'`<>|*@:]*))\Z')
_SPECIAL = {"diff": "what has changed since the last commit", "log": "the last commits"}


class Taken(msgspec.Struct, frozen=True):
    """What was chosen: `text` stands for the `length` characters before the cursor."""

    text: str
    length: int


class MentionPopup(Widget, can_focus=False):
    """The list. `follow` shows what fits the words before the cursor, `take_key` handles keys while it is open."""

    def __init__(self, load: Callable[[], Awaitable[MentionPaths]], now: Callable[[], float]) -> None:
        super().__init__()
        self.display = False
        self.taken: Taken | None = None
        self._load = load
        self._now = now
        self._index: PathIndex | None = None
        self._loaded_at = float("-inf")
        self._loading: asyncio.Task[None] | None = None
        self._stop = Event()
        self._query: str | None = None
        self._length = 0
        self._closed_at: str | None = None
        self._found: list[str] = []
        self._chosen = 0

    @property
    def is_open(self) -> bool:
        """Whether there is something to choose."""
        return bool(self._found)

    @property
    def paths(self) -> list[str]:
        """What is offered, best first."""
        return list(self._found)

    def follow(self, before: str) -> None:
        """Offer what fits the mention that `before`, the line up to the cursor, ends with; else nothing."""
        match = _OPEN.search(before)
        if match is None or before == self._closed_at:
            self._query = None
            self._show([])
            return
        self._closed_at = None
        query = match["quoted"] if match["quoted"] is not None else match["bare"]
        self._length = match.end() - match.start()
        if query == self._query and self.is_open:
            return
        self._query, self._chosen = query, 0
        if self._now() - self._loaded_at > _OLD and self._loading is None:
            self._loading = asyncio.create_task(self._make_index())
        self._search()

    def take_key(self, key: str) -> bool:
        """Whether the list used `key`; `taken` is set when that took a path."""
        self.taken = None
        if not self._found or self._query is None:
            return False
        match key:
            case "up" | "down":
                self._chosen = (self._chosen + (-1 if key == "up" else 1)) % len(self._found)
                self.refresh()
            case "enter" if self._is_whole(self._query):
                # What is written names a file already: Enter sends.
                self.close()
                return False
            case "enter":
                self._take(self._found[self._chosen], goes_on=False)
            case "tab":
                shared = common_start([path for path in self._found if path not in _SPECIAL], self._query)
                self._take(shared or self._found[self._chosen], goes_on=True)
            case _:
                return False
        return True

    def dismiss(self, before: str) -> None:
        """Esc: close, and stay closed until something else is written."""
        self.close()
        self._closed_at = before

    def close(self) -> None:
        """Offer nothing for now."""
        self._query = None
        self._show([])

    def _is_whole(self, query: str) -> bool:
        return query in _SPECIAL or (self._index is not None and query in self._index)

    def _take(self, path: str, *, goes_on: bool) -> None:
        """Folders stay open on Tab, so that what is in them is offered next."""
        from dsterm.context.mentions import write_mention  # noqa: PLC0415  only where something is taken

        length = self._length
        if path in _SPECIAL and (self._index is None or path not in self._index):
            written = f"@{path} "
        elif goes_on and path.endswith("/"):
            written = write_mention(path).removesuffix('"')
        else:
            written = f"{write_mention(path)} "
        self.close()
        self.taken = Taken(written, length)

    async def _make_index(self) -> None:
        try:
            known = await self._load()
            self._index = await asyncio.to_thread(PathIndex, known)
            self._loaded_at = self._now()
        finally:
            self._loading = None
        if self._query is not None:
            self._search()

    def _search(self) -> None:
        """Begin anew for the query of now; what runs for an earlier one ends after its slice."""
        self._stop.set()
        query, index = self._query, self._index
        if query is None:
            return
        if index is None:
            self._take_found(query, [])
            return
        stop = self._stop = Event()
        loop = asyncio.get_running_loop()

        def report(found: list[str]) -> None:
            if not stop.is_set() and self.is_mounted:
                self._take_found(query, found)

        def search() -> None:
            shown = False
            found: list[str] = []
            for found in index.search(query):
                if stop.is_set():
                    return
                if found and not shown:
                    shown = True
                    loop.call_soon_threadsafe(report, found)
            loop.call_soon_threadsafe(report, found)

        self.run_worker(search, thread=True, group="mentions", exit_on_error=False)

    def _take_found(self, query: str, found: list[str]) -> None:
        special = [word for word in _SPECIAL if word.startswith(query)]
        self._show([*found[:1], *special, *found[1:]] if query and found else [*special, *found])

    def _show(self, found: list[str]) -> None:
        self._found = found
        self._chosen = min(self._chosen, max(len(found) - 1, 0))
        rows = min(len(found), _MOST_ROWS)
        if self.display != bool(rows):
            self.display = bool(rows)
        if rows:
            self.styles.height = rows
        self.refresh()

    def render(self) -> Content:
        """The rows around the chosen one."""
        first = max(0, min(self._chosen - _MOST_ROWS + 1, len(self._found) - _MOST_ROWS))
        shown = self._found[first : first + _MOST_ROWS]
        return Content("\n").join(
            [self._row(path, is_chosen=first + place == self._chosen) for place, path in enumerate(shown)]
        )

    def _row(self, path: str, *, is_chosen: bool) -> Content:
        """The path; of one that is too wide its end, which tells it from others."""
        mark = Content.styled("▸ " if is_chosen else "  ", "$accent")
        room = max(self.size.width - 4, 8)
        shown = clean_code(path)
        if cells(shown) > room:
            shown = f"…{truncated(shown[::-1], room - 1).rstrip('…')[::-1]}"
        label = Content.styled(shown, "$accent" if is_chosen else "$foreground")
        note = _SPECIAL.get(path, "") if self._index is None or path not in self._index else ""
        return Content.assemble(mark, label, Content.styled(f"  {note}" if note else "", "$dim"))
