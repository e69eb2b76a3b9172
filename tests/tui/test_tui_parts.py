from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style as Look
from screen_fakes import FakeConversation
from textual.geometry import Offset
from textual.selection import Selection

from dsterm.render.style import Line, Span, Style
from dsterm.tui.completion import candidates
from dsterm.tui.heights import Heights
from dsterm.tui.hints import Hints, hint_line
from dsterm.tui.keys import ACTIONS, SCREEN_COMMANDS, bindings, key_label, leader_actions
from dsterm.tui.paint import Painter
from dsterm.tui.paste import PasteShelf, as_text, is_image_data, is_image_path
from dsterm.tui.selecting import selected_text
from dsterm.tui.terminal import patch_key_decoder


@given(
    st.lists(st.integers(0, 9), max_size=30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 9)), max_size=30)
)
def test_heights_find_the_block_that_holds_a_line(heights: list[int], changes: list[tuple[int, int]]) -> None:
    table = Heights()
    for height in heights:
        table.append(height)
    for index, height in changes:
        if index < len(heights):
            table.set(index, height)
            heights[index] = height
    lines = [(index, row) for index, height in enumerate(heights) for row in range(height)]
    assert table.total == len(lines)
    assert [table.find(line) for line in range(len(lines))] == lines
    assert table.find(len(lines)) is None


def test_keys_are_bound_once_and_every_alt_key_has_a_twin() -> None:
    keys = [key for binding in bindings() for key in binding.key.split(",")]
    assert len(keys) == len(set(keys))
    assert len(leader_actions()) == sum(bool(action.leader) for action in ACTIONS)
    for action in ACTIONS:
        if any(key.startswith("alt+") for key in action.keys):
            assert action.leader or len(action.keys) > 1


def test_every_action_has_a_method_on_the_app() -> None:
    from dsterm.tui.app import DstermApp

    for action in ACTIONS:
        assert hasattr(DstermApp, f"action_{action.method.partition('(')[0]}"), action.id


def test_keys_are_written_as_people_write_them() -> None:
    assert key_label("ctrl+home") == "Ctrl+Home"
    assert key_label("pageup") == "PgUp"


def test_alt_and_enter_is_not_enter() -> None:
    from textual._ansi_sequences import ANSI_SEQUENCES_KEYS

    patch_key_decoder()
    assert [key.value for key in ANSI_SEQUENCES_KEYS["\x1b\r"]] == ["alt+enter"]
    assert [key.value for key in ANSI_SEQUENCES_KEYS["\x1bp"]] == ["alt+p"]
    assert [key.value for key in ANSI_SEQUENCES_KEYS["\x1bf"]] == ["ctrl+right"]


@given(st.lists(st.text(alphabet="ab\n [pasted123lines#]", min_size=1), max_size=6))
def test_pastes_come_back_as_they_were(texts: list[str]) -> None:
    shelf = PasteShelf()
    large = [text * 3 + "\n" * 41 for text in texts]
    assert shelf.expand(" ".join(shelf.fold(text) for text in large)) == " ".join(large)


def test_pictures_are_known_by_path_and_by_content() -> None:
    assert is_image_path("'/home/me/a b.PNG' ")
    assert is_image_path("file:///tmp/x.webp\n")
    assert not is_image_path("see shot.png\nand fix it")
    assert not is_image_path("print('x')")
    assert is_image_data("data:image/png;base64,AAAA")
    assert is_image_data("\x89PNG\r\n\x1a\n")
    assert not is_image_data("PNG is a format")


@given(st.text())
def test_no_paste_brings_a_control_character(text: str) -> None:
    assert not any((ord(each) < 32 and each not in "\n\t") or 127 <= ord(each) < 160 for each in as_text(text))


def test_completion_offers_names_aliases_and_choices() -> None:
    commands = (*FakeConversation().commands, *SCREEN_COMMANDS)
    assert [each.draft for each in candidates("/mo", commands)] == ["/model ", "/mode ", "/mouse"]
    assert [each.draft for each in candidates("/clear", commands)] == ["/new"]
    assert [each.draft for each in candidates("/model f", commands)] == ["/model flash"]
    assert [each.draft for each in candidates("/think max", commands)] == []
    assert candidates("model", commands) == ()
    assert candidates("/model flash now", commands) == ()
    assert candidates("/mo\n", commands) == ()


def test_selected_text_is_taken_from_its_own_lines_only() -> None:
    asked: list[int] = []

    def line(number: int) -> str:
        asked.append(number)
        return f"line {number}   "

    assert selected_text(Selection(Offset(5, 2), Offset(4, 4)), line, 100) == "2\nline 3\nline"
    assert asked == [2, 3, 4]
    assert selected_text(Selection(None, None), str, 3) == "0\n1\n2"


def test_the_painter_fills_the_width_and_joins_what_looks_alike() -> None:
    looks = {style: Look(color="white", bgcolor="black") for style in Style}
    strip = Painter(looks).strip(Line((Span("a"), Span("b", Style.DIM), Span("日本"))), 10)
    assert strip.text == "ab日本    "
    assert strip.cell_length == 10
    assert len(list(strip)) == 1
    assert Painter(looks).strip(Line((Span("too long"),)), 3).text == "too"


def test_the_hint_line_says_the_most_pressing_thing() -> None:
    assert hint_line(Hints(switch_note="costs more"), 60).text.strip() == "costs more"
    assert "working · 1 m 05 s" in hint_line(Hints(seconds=65.2, switch_note="x"), 60).text
    assert "waits for your answer" in hint_line(Hints(seconds=65.2, is_asking=True), 60).text
    assert hint_line(Hints(said="hello\x1b", seconds=1.0, queued=2), 60).text.split("  ")[0].strip() == "hello␛"
    assert hint_line(Hints(lines_below=3, is_following=False), 60).text.strip() == "3 new lines · Ctrl+End"
