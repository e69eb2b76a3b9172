"""The command palette: every action, command and theme by name, over the one registry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Protocol, cast

import msgspec
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider

from dsterm.render.clean import clean_line
from dsterm.tui.keys import ACTIONS, Action, key_labels


class PaletteHost(Protocol):
    """What the palette asks of the app."""

    def palette_entries(self) -> Iterator[PaletteEntry]:
        """All there is to find."""
        ...


class PaletteEntry(msgspec.Struct, frozen=True):
    """One thing to find: its name, what stands beside it, what it does."""

    name: str
    note: str
    run: Callable[[], None]


def action_entries(run: Callable[[str], None]) -> Iterator[PaletteEntry]:
    """An entry for each action of the registry but those that only make sense as a key; `run` takes its method."""
    for action in ACTIONS:
        if not action.id.startswith(("scroll.", "palette", "turn.copy")):
            yield PaletteEntry(_sentence(action), _note(action), partial(run, action.method))


def _sentence(action: Action) -> str:
    return action.help[0].upper() + action.help[1:]


def _note(action: Action) -> str:
    return "  ".join(part for part in (action.slash, key_labels(action)) if part)


class ActionProvider(Provider):
    """Feeds the palette."""

    def _entries(self) -> Iterator[PaletteEntry]:
        return cast("PaletteHost", self.app).palette_entries()

    async def discover(self) -> Hits:
        """Everything, in the registry's order."""
        for entry in self._entries():
            yield DiscoveryHit(_plain(entry.name), entry.run, help=_plain(entry.note))

    async def search(self, query: str) -> AsyncIterator[Hit]:
        """What matches, best first."""
        matcher = self.matcher(query)
        for entry in self._entries():
            name = _plain(entry.name)
            score = max(matcher.match(name), 0.9 * matcher.match(entry.note))
            if score > 0:
                yield Hit(score, matcher.highlight(name), entry.run, text=name, help=_plain(entry.note))


def build_palette() -> CommandPalette:
    """The screen to push."""
    return CommandPalette(providers=[ActionProvider], placeholder="what do you want to do?")


def _plain(text: str) -> str:
    """`text` in which the palette, which reads markup, finds none."""
    return clean_line(text).replace("[", "(").replace("]", ")")
