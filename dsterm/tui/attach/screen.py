"""The attach screen: what its keys, its field and the mouse do."""

from __future__ import annotations

from msgspec.structs import replace
from textual import events
from textual.widgets import Input

from dsterm.core.attachments import LeftOut, Level, PackChoice, Preset
from dsterm.tui.attach.folders import Folder
from dsterm.tui.attach.key_page import KeyPage
from dsterm.tui.attach.page import AttachPage, Chosen
from dsterm.tui.attach.tree_view import TreeView

_PRESETS = {"1": Preset.ALL, "2": Preset.SOURCE, "3": Preset.TESTS, "4": Preset.DOCS}
_LEVELS = {"o": Level.OUTLINE, "l": Level.LISTED, "f": Level.FULL}
_FILTER, _SOURCE, _SINCE = "/", "g", "5"
_FIELDS = {
    _FILTER: "filter: words of the path",
    _SOURCE: "a folder, a file, PATH@REV or a URL",
    _SINCE: "changed since which commit, branch or tag? HEAD",
}
_WHILE_TYPING = frozenset({"up", "down", "pageup", "pagedown"})


class AttachScreen(AttachPage, inherit_bindings=False):
    """Enter dismisses with what was chosen, Esc with None."""

    def on_key(self, event: events.Key) -> None:
        """Keys of the tree; while the field is open, those that move in the tree."""
        if self.field:
            is_taken = self._take_field_key(event.key)
        else:
            is_taken = self._take_key(event.character if event.is_printable and event.character else event.key)
        if is_taken:
            event.stop()
            event.prevent_default()

    def on_input_changed(self, event: Input.Changed) -> None:
        """A filter shows at once what it lets through."""
        event.stop()
        if self.field == _FILTER:
            self._filter(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The field is done with."""
        event.stop()
        field, words = self.field, event.value.strip()
        self._close_field()
        if field == _SOURCE and words:
            self.open_source(words)
        elif field == _SINCE:
            self._reload(preset=Preset.CHANGED, since=words or "HEAD", levels={})

    def on_tree_view_moved(self, event: TreeView.Moved) -> None:
        """The line about the cursor's row is another."""
        event.stop()
        self.draw()

    def on_tree_view_clicked(self, event: TreeView.Clicked) -> None:
        """A click on a box or a file ticks, one on a folder's name opens or closes it."""
        event.stop()
        if event.is_box:
            self._toggle()
        else:
            self._turn(self.view.target)

    def _take_field_key(self, key: str) -> bool:
        if key in {"escape", "ctrl+c"}:
            if self.field == _FILTER:
                self._filter("")
            self._close_field()
            return True
        return key in _WHILE_TYPING and self.view.take_key(key)

    def _take_key(self, key: str) -> bool:
        if self.work.rows is not None:
            self.work.trouble = ""
        self.say("")
        match key:
            case "escape" | "ctrl+c" | "q":
                self._escape()
            case "enter":
                self._confirm()
            case "?":
                self.app.push_screen(KeyPage())
            case _ if key in _FIELDS:
                self._open_field(key)
            case _:
                return self.view.take_key(key) or self._take_tree_key(key)
        return True

    def _take_tree_key(self, key: str) -> bool:
        """What needs a tree."""
        rows = self.work.rows
        if rows is None:
            return False
        match key:
            case " ":
                self._toggle()
            case "right":
                self._open()
            case "left":
                self._close()
            case "s":
                rows.is_by_tokens = not rows.is_by_tokens
                self._lay_out()
            case "t":
                self._reload(tracked_only=not rows.tree.rule.tracked_only)
            case "r" if not self.is_working:
                self._reload()
            case "d" if self.lack[1]:
                rows.tree.leave_out(self.lack[1])
                self.changed()
            case "e":
                self._enter()
            case _ if key in _PRESETS:
                self._use_preset(_PRESETS[key])
            case _ if key in _LEVELS:
                self._set_level(_LEVELS[key])
            case _:
                return False
        return True

    def _escape(self) -> None:
        """Stop the work, else end the filter, else leave."""
        rows = self.work.rows
        if self.is_working:
            self.workers.cancel_node(self)
        elif rows is not None and rows.filter.strip():
            self._filter("")
        else:
            self.dismiss(None)

    def _confirm(self) -> None:
        rows = self.work.rows
        if rows is None:
            self.say("There is nothing to attach yet: g opens another source.", is_trouble=True)
        elif not rows.tree.total().files:
            self.say("Nothing is ticked: Space ticks, 1 ticks everything.", is_trouble=True)
        elif self.lack[0]:
            self.say("That does not fit: d leaves out what is suggested below, o takes outlines.", is_trouble=True)
        else:
            self.dismiss(Chosen(self.work.source, rows.tree.choice()))

    def _toggle(self) -> None:
        target, rows = self.view.target, self.work.rows
        if rows is None or target is None:
            return
        if isinstance(target, int) and not rows.tree.can_tick(target):
            self.say(f"This file can't go in: {rows.tree.files[target].reason}.", is_trouble=True)
            return
        rows.tree.toggle(target)
        self.changed()
        if isinstance(target, int) and rows.tree.is_uncounted_document(target) and not self.is_working:
            self._reload()

    def _set_level(self, level: Level) -> None:
        target, rows = self.view.target, self.work.rows
        if rows is None or target is None:
            return
        rows.tree.set_level(target, level)
        self.changed()
        if level is Level.OUTLINE:
            self.make_outlines()

    def _use_preset(self, preset: Preset) -> None:
        rows = self.work.rows
        if rows is not None:
            rows.tree.use_preset(preset)
            self.changed()

    def _turn(self, target: Folder | int | None) -> None:
        """Open the folder, or close it."""
        if isinstance(target, Folder) and target.parent is not None:
            target.is_open = not target.is_open
            self._lay_out()

    def _open(self) -> None:
        target = self.view.target
        if isinstance(target, Folder) and not target.is_open:
            self._turn(target)
        else:
            self.view.move_to(self.view.cursor + 1)

    def _close(self) -> None:
        target, rows = self.view.target, self.work.rows
        if isinstance(target, Folder) and target.is_open and target.parent is not None:
            self._turn(target)
        elif rows is not None and rows.rows:
            self.view.move_to(rows.parent(self.view.cursor))

    def _lay_out(self) -> None:
        rows, here = self.work.rows, self.view.here
        if rows is None:
            return
        rows.lay_out()
        place = rows.place(here.target) if here is not None else None
        self.view.cursor = place if place is not None else self.view.cursor
        self.changed()

    def _filter(self, words: str) -> None:
        rows, here = self.work.rows, self.view.target
        if rows is None or words == rows.filter:
            return
        rows.set_filter(words)
        if not words and isinstance(here, int):
            # What was found stays in sight.
            self.view.cursor = rows.reveal(rows.tree.files[here].path)
        else:
            place = rows.place(here) if here is not None else None
            first = next((at for at, row in enumerate(rows.rows) if isinstance(row.target, int)), 0)
            self.view.cursor = first if words or place is None else place
        self.changed()

    def _enter(self) -> None:
        """Go into what is named only."""
        here, rows = self.view.here, self.work.rows
        if rows is None or here is None or not isinstance(here.target, LeftOut):
            self.say("e goes into a submodule or a repository inside; there is none at the cursor.", is_trouble=True)
        else:
            self._reload(enters=(*rows.tree.rule.enters, here.target.path))

    def _reload(self, **changes: object) -> None:
        """List anew what may be other files now."""
        rows = self.work.rows
        choice = rows.tree.choice() if rows is not None else PackChoice()
        self.load(self.work.source or self.wanted, replace(choice, **changes))

    def _open_field(self, field: str) -> None:
        rows = self.work.rows
        self.field = field
        self.input.placeholder = _FIELDS[field]
        current = rows.filter if field == _FILTER and rows is not None else ""
        self.input.value = self.wanted if field == _SOURCE else current
        self.input.cursor_position = len(self.input.value)
        self.show_field(is_open=True)

    def _close_field(self) -> None:
        self.field = ""
        self.show_field(is_open=False)
