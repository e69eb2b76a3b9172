from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from attach_fakes import SIZES, FakeDesk
from msgspec.structs import replace
from screen_fakes import FakeConversation, Wait, answer_turn
from screen_pilot import Start, screen_text, send, settle
from textual import events
from textual.pilot import Pilot

from dsterm.core.attachments import LeftOut, Level, PackChoice, Preset, SourceFile, Survey
from dsterm.core.messages import Pack
from dsterm.render.width import cells
from dsterm.tui.app import DstermApp
from dsterm.tui.attach.folders import Folder
from dsterm.tui.attach.key_page import KeyPage
from dsterm.tui.attach.page_lines import KEYS
from dsterm.tui.attach.row_lines import Prices, Scale, row_line
from dsterm.tui.attach.rows import Rows
from dsterm.tui.attach.screen import AttachScreen
from dsterm.tui.attach.tree import AttachTree


async def opened(app: DstermApp, pilot: Pilot[int], key: str = "f5") -> AttachScreen:
    await pilot.press(*key.split())
    await pilot.pause()
    assert isinstance(app.screen, AttachScreen)
    await ready(app.screen, pilot)
    return app.screen


async def ready(page: AttachScreen, pilot: Pilot[int]) -> None:
    """Wait until nothing is counted any more."""
    await page.workers.wait_for_complete(worker for worker in page.workers if worker.node is page)
    await pilot.pause()


def row(app: DstermApp, name: str) -> str:
    return next(line for line in screen_text(app) if f" {name}" in line and ("[" in line or " -  " in line))


def text(app: DstermApp) -> str:
    return "\n".join(screen_text(app))


async def go_to(page: AttachScreen, pilot: Pilot[int], path: str) -> None:
    """Put the cursor at a file or folder."""
    rows = page.work.rows
    assert rows is not None
    place = rows.reveal(path)
    page.changed()
    page.view.move_to(place)
    await pilot.pause()


def choice(page: AttachScreen) -> PackChoice:
    assert page.work.rows is not None
    return page.work.rows.tree.choice()


@pytest.mark.parametrize("key", ["f5", "ctrl+x a"])
async def test_the_keys_open_the_tree_of_the_workspace(start: Start, key: str) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        await opened(app, pilot, key)
        assert conversation.attachments.surveyed == [(".", PackChoice())]
        rows = screen_text(app)
        assert rows[0].startswith(" attach  .  1d293da5e1 with changes")
        assert rows[1] == " preset all"
        assert row(app, "everything").split() == [
            ">▾",
            "[x]",
            "everything",
            "13",
            "files",
            "81k",
            "8",
            "%",
            "$0.1297",
            "$0.0109",
        ]
        assert "lock file" in row(app, "uv.lock")
        assert "[ ]" in row(app, "uv.lock")


async def test_the_command_without_words_opens_it_and_with_words_attaches(start: Start) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "/attach")
        await pilot.pause()
        assert isinstance(app.screen, AttachScreen)
        await ready(app.screen, pilot)
        await pilot.press("escape")
        await pilot.pause()
        await send(pilot, app, "/attach ../other@v1")
        await settle(app, pilot)
        assert conversation.lines == ["/attach ../other@v1"]


async def test_enter_attaches_what_is_ticked(start: Start) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        page = await opened(app, pilot)
        await go_to(page, pilot, "docs/")
        await pilot.press("space")
        await go_to(page, pilot, "uv.lock")
        await pilot.press("space", "enter")
        await settle(app, pilot)
        assert not isinstance(app.screen, AttachScreen)
        assert conversation.attached == [(".", PackChoice(levels={"docs/": Level.OUT, "uv.lock": Level.FULL}))]
        assert "Attached ." in text(app)


async def test_esc_leaves_and_attaches_nothing(start: Start) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("escape")
        await settle(app, pilot)
        assert not isinstance(app.screen, AttachScreen)
        assert conversation.attached == []


async def test_what_is_chosen_while_a_turn_runs_waits_for_its_end(start: Start) -> None:
    conversation = FakeConversation([Wait("end"), *answer_turn("", "done")])
    async with start(conversation) as (app, pilot):
        await send(pilot, app, "go")
        await opened(app, pilot)
        await pilot.press("2", "enter")
        await pilot.pause()
        assert conversation.attached == []
        assert list(app.turns.queue) == ["/attach ."]
        conversation.gates["end"].set()
        await settle(app, pilot)
        assert conversation.attached == [(".", PackChoice(preset=Preset.SOURCE))]


async def test_nothing_ticked_is_told(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("space", "enter")
        await pilot.pause()
        assert isinstance(app.screen, AttachScreen)
        assert "Nothing is ticked: Space ticks" in text(app)
        await pilot.press("down")
        await pilot.pause()
        assert "Nothing is ticked" not in text(app)


async def test_levels_are_set_for_files_and_folders(start: Start) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        page = await opened(app, pilot)
        await go_to(page, pilot, "src/shop/orders/")
        await pilot.press("o")
        await ready(page, pilot)
        assert conversation.attachments.outlines == ["src/shop/orders/models.py", "src/shop/orders/views.py"]
        assert "[o]" in row(app, "orders/")
        assert "outline" in row(app, "orders/")
        await go_to(page, pilot, "tests/test_cart.py")
        await pilot.press("l")
        await pilot.pause()
        assert "[l]" in row(app, "test_cart.py")
        assert "name only" in row(app, "test_cart.py")
        assert choice(page).levels == {"src/shop/orders/": Level.OUTLINE, "tests/test_cart.py": Level.LISTED}
        await go_to(page, pilot, "src/shop/orders/")
        await pilot.press("f")
        assert choice(page).levels == {"tests/test_cart.py": Level.LISTED}


async def test_presets_tick_by_kind_and_forget_what_was_ticked_by_hand(start: Start) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        page = await opened(app, pilot)
        await pilot.press("space")
        for key, preset in (("2", Preset.SOURCE), ("3", Preset.TESTS), ("4", Preset.DOCS), ("1", Preset.ALL)):
            await pilot.press(key)
            assert choice(page) == PackChoice(preset=preset)
            await pilot.pause()
            assert screen_text(app)[1] == f" preset {preset}"
        assert len(conversation.attachments.surveyed) == 1


@pytest.mark.parametrize(("typed", "since"), [("", "HEAD"), ("v1.2", "v1.2")])
async def test_changed_since_asks_for_the_commit(start: Start, typed: str, since: str) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        page = await opened(app, pilot)
        await pilot.press("5", *typed, "enter")
        await ready(page, pilot)
        assert choice(page) == PackChoice(preset=Preset.CHANGED, since=since)
        assert conversation.attachments.surveyed[-1] == (".", PackChoice(preset=Preset.CHANGED, since=since))
        assert screen_text(app)[1] == f" preset changed since {since}"
        assert "1 of 13 files" in text(app)
        await pilot.press("1")
        assert choice(page) == PackChoice()


async def test_tracked_files_only(start: Start) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        page = await opened(app, pilot)
        await go_to(page, pilot, "README.md")
        await pilot.press("space", "t")
        await ready(page, pilot)
        assert choice(page) == PackChoice(tracked_only=True, levels={"README.md": Level.OUT})
        assert "notes.txt" not in text(app)
        assert "tracked files only" in text(app)
        await pilot.press("t")
        await ready(page, pilot)
        assert "notes.txt" in text(app)


async def test_arrows_open_close_and_move(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        page = await opened(app, pilot)
        await pilot.press("down", "right")
        await pilot.pause()
        assert row(app, "guide.md")
        await pilot.press("right", "j", "k")
        assert page.view.cursor == 2
        await pilot.press("left")
        assert page.view.cursor == 1
        await pilot.press("left")
        await pilot.pause()
        assert "guide.md" not in text(app)
        await pilot.press("left")
        assert page.view.cursor == 0
        await pilot.press("end")
        assert page.view.cursor == 8
        await pilot.press("home", "pagedown", "pageup", "down")
        assert page.view.cursor == 1


async def test_typing_filters_and_esc_ends_it_before_it_leaves(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        page = await opened(app, pilot)
        await pilot.press("/", *"order")
        await pilot.pause()
        shown = text(app)
        assert "models.py" in shown
        assert "test_orders.py" in shown
        assert "guide.md" not in shown
        await pilot.press("down", "enter")
        await pilot.pause()
        assert " preset all · filter: order" in screen_text(app)
        await pilot.press("home", "space")
        assert choice(page).levels == {"src/shop/orders/": Level.OUT, "tests/test_orders.py": Level.OUT}
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, AttachScreen)
        assert "filter" not in screen_text(app)[1]
        assert row(app, "README.md")
        await pilot.press("/", "x", "escape")
        await pilot.pause()
        assert row(app, "README.md")


async def test_sorted_by_tokens_the_largest_come_first(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("s")
        await pilot.pause()
        lines = [line for line in screen_text(app) if "[" in line]
        assert [line.split("] ")[1].split()[0] for line in lines[:4]] == ["everything", "docs/", "uv.lock", "src/shop/"]
        assert "by tokens" in text(app)


async def test_a_submodule_is_entered(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        page = await opened(app, pilot)
        await pilot.press("e")
        await pilot.pause()
        assert "there is none at the cursor" in text(app)
        await go_to(page, pilot, "vendor/")
        await pilot.press("right", "down")
        await pilot.pause()
        assert "submodule, not entered" in text(app)
        await pilot.press("e")
        await ready(page, pilot)
        assert choice(page).enters == ("vendor/lib",)
        assert row(app, "vendor/lib/")


async def test_another_source_is_opened_and_one_that_is_none_leaves_what_there_was(start: Start) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        page = await opened(app, pilot)
        await pilot.press("g", "ctrl+u", *"nowhere", "enter")
        await ready(page, pilot)
        assert "There is no folder 'nowhere' here" in text(app)
        assert row(app, "README.md")
        await pilot.press("g", "ctrl+u", *"lib@v2", "enter")
        await ready(page, pilot)
        assert screen_text(app)[0].startswith(" attach  lib@v2")
        await pilot.press("enter")
        await settle(app, pilot)
        assert conversation.attached == [("lib@v2", PackChoice())]


async def test_what_is_attached_already_is_told_and_ticked(start: Start) -> None:
    conversation = FakeConversation()
    taken = PackChoice(preset=Preset.SOURCE, levels={"README.md": Level.LISTED, "tests/test_cart.py": Level.OUTLINE})
    conversation.now = replace(conversation.now, packs=(Pack(digest="d", source=".", tokens=48_100, choice=taken),))
    async with start(conversation) as (app, pilot):
        page = await opened(app, pilot)
        assert choice(page) == taken
        assert "attached already with 48k tokens: what is ticked; /detach takes that out" in text(app)
        assert conversation.attachments.outlines == ["tests/test_cart.py"]


async def test_while_it_counts_the_tree_can_be_used_and_what_was_ticked_holds(start: Start) -> None:
    conversation = FakeConversation()
    desk = conversation.attachments
    desk.hold = True
    async with start(conversation) as (app, pilot):
        await pilot.press("f5")
        await pilot.pause(0.4)
        assert isinstance(app.screen, AttachScreen)
        assert "38 % counted, ~61k tokens … Esc stops" in screen_text(app)[0]
        assert "~" in row(app, "docs/")
        await pilot.press("down", "right", "space")
        desk.gate.set()
        await ready(app.screen, pilot)
        assert "~" not in row(app, "docs/")
        assert row(app, "guide.md")
        assert choice(app.screen).levels == {"docs/": Level.OUT}
        assert "counted" not in screen_text(app)[0]


async def test_counts_fill_in_and_what_is_unknown_has_no_figures(start: Start) -> None:
    conversation = FakeConversation()
    desk = conversation.attachments
    desk.hold, desk.has_sizes, desk.known = True, False, 3
    async with start(conversation) as (app, pilot):
        await pilot.press("f5")
        await pilot.pause(0.4)
        assert row(app, "docs/").split()[1:] == ["[x]", "docs/", "2", "files", "49k", "5", "%", "$0.0785", "$0.0066"]
        assert row(app, "src/shop/").split()[1:] == ["[x]", "src/shop/", "5", "files", "…"]
        assert row(app, "everything").split()[2:] == ["everything", "13", "files", "…"]
        assert " 12 of 13 files · 9 not counted yet" in screen_text(app)
        desk.gate.set()
        assert isinstance(app.screen, AttachScreen)
        await ready(app.screen, pilot)
        assert "…" not in text(app)


async def test_esc_stops_the_count_and_keeps_the_tree(start: Start) -> None:
    conversation = FakeConversation()
    conversation.attachments.hold = True
    async with start(conversation) as (app, pilot):
        await pilot.press("f5")
        await pilot.pause(0.1)
        await pilot.press("escape")
        await pilot.pause(0.1)
        assert conversation.attachments.stopped == 1
        assert isinstance(app.screen, AttachScreen)
        assert "count stopped; r counts on" in screen_text(app)[0]
        assert row(app, "README.md")
        conversation.attachments.hold = False
        await pilot.press("r")
        await ready(app.screen, pilot)
        assert "count stopped" not in screen_text(app)[0]
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, AttachScreen)


async def test_a_bug_in_counting_is_told_and_ends_nothing(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def broken(*_: object) -> Survey:
        raise ZeroDivisionError

    conversation = FakeConversation()
    monkeypatch.setattr(conversation.attachments, "survey", broken)
    async with start(conversation) as (app, pilot):
        await pilot.press("f5")
        await pilot.pause(0.1)
        assert isinstance(app.screen, AttachScreen)
        assert "Something in dsterm went wrong with this source" in text(app)
        assert list(tmp_path.iterdir()) != []
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, AttachScreen)


async def test_what_does_not_fit_is_told_with_what_to_leave_out(start: Start) -> None:
    conversation = FakeConversation()
    conversation.attachments.room = 60_000
    async with start(conversation) as (app, pilot):
        page = await opened(app, pilot)
        assert "does not fit Pro by 21k tokens; d leaves out docs/reference.md (31k)" in text(app)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, AttachScreen)
        assert "That does not fit: d leaves out" in text(app)
        await pilot.press("d")
        await pilot.pause()
        assert choice(page).levels == {"docs/reference.md": Level.OUT}
        assert " fits beside what is in the window" in text(app)
        await pilot.press("enter")
        await settle(app, pilot)
        assert len(conversation.attached) == 1


async def test_unknown_prices_are_said_to_be_unknown(start: Start) -> None:
    conversation = FakeConversation()
    conversation.attachments.has_prices = False
    async with start(conversation) as (app, pilot):
        await opened(app, pilot)
        assert " Flash first unknown again unknown   Pro first unknown again unknown" in screen_text(app)
        assert row(app, "everything").endswith("unknown   unknown")


async def test_the_keys_are_told(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("?")
        await pilot.pause()
        assert isinstance(app.screen, KeyPage)
        shown = text(app)
        assert all(words in shown for _, words in KEYS)
        await pilot.press("?")
        await pilot.pause()
        assert isinstance(app.screen, AttachScreen)


async def test_clicks_tick_and_open_and_the_wheel_scrolls(start: Start) -> None:
    sizes = {**SIZES, **{f"many/f{number:03}.py": 10 for number in range(100)}}
    conversation = FakeConversation()
    conversation.attachments = FakeDesk(sizes)
    async with start(conversation) as (app, pilot):
        page = await opened(app, pilot)
        top = page.view.region.y
        lines = screen_text(app)
        docs = next(place for place, line in enumerate(lines) if " docs/" in line) - top
        await pilot.click(page.view, offset=(12, docs))
        await pilot.pause()
        assert row(app, "guide.md")
        assert "[x]" in row(app, "docs/")
        await pilot.click(page.view, offset=(6, docs))
        await pilot.pause()
        assert "[ ]" in row(app, "docs/")
        await pilot.click(page.view, offset=(12, docs + 1))
        await pilot.pause()
        assert "[x]" in row(app, "guide.md")
        assert "[~]" in row(app, "docs/")
        await go_to(page, pilot, "many/")
        await pilot.press("right", "home")
        await pilot.pause()
        await pilot._post_mouse_events([events.MouseScrollDown], page.view)
        await pilot.pause()
        assert page.view.scroll_offset.y == app.scroll_sensitivity_y
        assert page.view.cursor == 0


async def test_what_cannot_be_read_says_why(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        page = await opened(app, pilot)
        await go_to(page, pilot, "src/shop/static/logo.png")
        await pilot.press("space")
        await pilot.pause()
        assert "This file can't go in: binary." in text(app)


async def test_twenty_thousand_files_are_drawn_a_screen_at_a_time(start: Start) -> None:
    conversation = FakeConversation()
    conversation.attachments = FakeDesk({f"src/f{number:05}.py": 30 for number in range(20_000)})
    async with start(conversation) as (app, pilot):
        page = await opened(app, pilot)
        await go_to(page, pilot, "src/f10000.py")
        page.view.drawn = 0
        await pilot.press(*["down"] * 10)
        await pilot.pause()
        assert page.view.drawn <= 10 * page.view.size.height
        await pilot.press("end")
        await pilot.pause()
        assert "f19999.py" in text(app)


@pytest.mark.parametrize("size", [(50, 20), (80, 24), (140, 45)])
async def test_every_line_stays_within_the_screen(start: Start, size: tuple[int, int]) -> None:
    conversation = FakeConversation()
    conversation.attachments = FakeDesk({**SIZES, "漢字" * 30 + "/" + "文" * 80 + ".md": 12, "x" * 200 + ".py": 1})
    conversation.attachments.room = 60_000
    async with start(conversation, size=size) as (app, pilot):
        await opened(app, pilot)
        assert all(cells(line) <= size[0] for line in screen_text(app))
        assert row(app, "everything").split()[5] == "81k"
        assert "Enter attaches   Esc leaves" in screen_text(app)[-1]
        assert "$" in screen_text(app)[-4]


async def test_a_narrow_screen_still_names_the_row_and_all_tokens(start: Start) -> None:
    async with start(FakeConversation(), size=(50, 20)) as (app, pilot):
        page = await opened(app, pilot)
        await go_to(page, pilot, "docs/guide.md")
        rows = screen_text(app)
        assert any(line.startswith(" docs/guide.md ") and "Pro $" in line for line in rows)
        assert any(" tokens " in line and line.rstrip().endswith("%") for line in rows)


async def test_without_colour_the_box_and_a_word_tell_it_all(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with start(FakeConversation()) as (app, pilot):
        page = await opened(app, pilot)
        await go_to(page, pilot, "docs/guide.md")
        await pilot.press("space")
        await pilot.pause()
        assert row(app, "guide.md").lstrip().startswith(">")
        assert "left out" in row(app, "guide.md")
        assert "1 of 2" in row(app, "docs/")


@pytest.mark.parametrize("width", [30, 50, 80, 116, 200])
def test_hostile_names_are_made_safe_and_rows_keep_their_width(width: int) -> None:
    bad = "a\x1b]52;c;x\x07\u202e\u200b"
    files = (SourceFile(path=f"{bad}/{bad}.py", tokens=5, reason=f"{bad}"),)
    named = (LeftOut(path=f"{bad}/{bad}sub", reason=bad),)
    rows = Rows(AttachTree(Survey(source=bad, folder=Path(), files=files, named=named), PackChoice()))
    rows.open_all({each.path for each in rows.tree.root.walk()})
    scale = Scale(1_000, (Prices(bad, Decimal(1), None), Prices("Flash", None, Decimal(2))))
    for each in rows.rows:
        line = row_line(rows.tree, each, scale, width, is_cursor=isinstance(each.target, Folder))
        assert line.width <= width
        assert not set(line.text) & set("\x1b\x07\u202e\u200b")


@pytest.mark.parametrize("width", [76, 80, 100, 116, 140])
def test_figures_are_whole_beside_every_note(width: int) -> None:
    files = tuple(SourceFile(path=f"tests/test_{number}.py", tokens=13_246) for number in range(349))
    tree = AttachTree(Survey(source=".", folder=Path(), files=files), PackChoice())
    rows = Rows(tree)
    tree.set_level(rows.rows[1].target, Level.LISTED)
    scale = Scale(1_048_576, (Prices("Pro", Decimal("1.6"), Decimal("0.135")), Prices("Flash", Decimal("0.14"), None)))
    text = row_line(tree, rows.rows[1], scale, width, is_cursor=True).text
    assert "…" not in text
    assert "name only" in text


def test_the_screen_starts_without_it() -> None:
    code = "import sys, dsterm.tui.app; print(*[name for name in sys.modules if name.startswith('dsterm.tui.attach')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(loaded) == {"dsterm.tui.attach_actions", "dsterm.tui.attach_desk"}
