"""The keys of the composer, as people who know readline expect them."""

from __future__ import annotations

from textual.binding import Binding, BindingType

COMPOSER_KEYS: tuple[BindingType, ...] = (
    Binding("up", "cursor_up", show=False),
    Binding("down", "cursor_down", show=False),
    Binding("left", "cursor_left", show=False),
    Binding("right", "cursor_right", show=False),
    Binding("ctrl+left,alt+b", "cursor_word_left", show=False),
    Binding("ctrl+right,alt+f", "cursor_word_right", show=False),
    Binding("home,ctrl+a", "cursor_line_start", show=False),
    Binding("end,ctrl+e", "line_end", show=False),
    Binding("shift+up", "cursor_up(True)", show=False),
    Binding("shift+down", "cursor_down(True)", show=False),
    Binding("shift+left", "cursor_left(True)", show=False),
    Binding("shift+right", "cursor_right(True)", show=False),
    Binding("shift+home", "cursor_line_start(True)", show=False),
    Binding("shift+end", "cursor_line_end(True)", show=False),
    Binding("ctrl+shift+left", "cursor_word_left(True)", show=False),
    Binding("ctrl+shift+right", "cursor_word_right(True)", show=False),
    Binding("backspace", "rub_out", show=False),
    Binding("delete", "delete_right", show=False),
    Binding("ctrl+d", "delete_or_leave", show=False),
    Binding("ctrl+w,ctrl+backspace,alt+backspace", "kill_word", show=False),
    Binding("alt+delete,alt+d", "delete_word_right", show=False),
    Binding("ctrl+u", "kill_to_start", show=False),
    Binding("ctrl+k", "kill_to_end", show=False),
    Binding("ctrl+y", "yank", show=False),
    Binding("ctrl+underscore", "undo", show=False),
    Binding("ctrl+v", "paste", show=False),
)
