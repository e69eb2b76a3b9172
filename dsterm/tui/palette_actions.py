"""The palette: every action, command and theme by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from dsterm.tui.actions import ScreenActions
from dsterm.tui.palette import PaletteEntry, action_entries, build_palette


class PaletteActions(ScreenActions, inherit_bindings=False):
    """The actions, and the way to any of them."""

    async def action_palette(self) -> None:
        """Find anything by name."""
        await self.push_screen(build_palette())

    def palette_entries(self) -> Iterator[PaletteEntry]:
        """Actions, commands without an action of their own, themes."""

        def run(method: str) -> None:
            self.call_later(self.run_action, method)

        def command(line: str) -> None:
            self.call_later(self.run_line, line)

        entries = list(action_entries(run))
        yield from entries
        slashes = " ".join(entry.note for entry in entries).split()
        for each in self.all_commands:
            if each.name not in slashes:
                is_whole = not each.usage.removeprefix(each.name).strip()
                run_it = partial(command, each.name) if is_whole else partial(self._begin_command, f"{each.name} ")
                yield PaletteEntry(each.help.capitalize(), each.usage, run_it)
        for name in self.themes.names():
            yield PaletteEntry(f"Colours: {name}", f"/theme {name}", partial(self._choose_theme, name))

    def _begin_command(self, draft: str) -> None:
        self.composer.focus()
        self.composer.set_draft(draft)
