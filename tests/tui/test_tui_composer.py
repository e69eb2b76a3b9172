from __future__ import annotations

import pytest
from screen_fakes import FakeConversation, ListMemory
from screen_pilot import Start, screen_text, send, settle
from textual import events

from dsterm.core.errors import DiskError
from dsterm.tui.terminal import normal_key


@pytest.mark.parametrize("key", ["shift+enter", "ctrl+j", "alt+enter"])
async def test_these_keys_make_a_new_line(start: Start, key: str) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        await pilot.press("a", key, "b")
        assert app.composer.text == "a\nb"
        assert conversation.prompts == []


async def test_enter_after_a_backslash_makes_a_new_line(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        await pilot.press("a", "backslash", "enter", "b")
        assert app.composer.text == "a\nb"


def test_xterms_shift_enter_gets_its_name() -> None:
    assert normal_key(events.Key("shift+\r", "\r")).key == "shift+enter"


async def test_a_paste_of_many_lines_is_inserted_and_not_sent(start: Start) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        app.composer.post_message(events.Paste("one\r\ntwo\rthree\n"))
        await pilot.pause()
        assert app.composer.text == "one\ntwo\nthree\n"
        assert conversation.prompts == []


async def test_a_large_paste_is_a_chip_and_sent_in_full(start: Start) -> None:
    conversation = FakeConversation([])
    pasted = "\n".join(f"line {number}" for number in range(214))
    async with start(conversation) as (app, pilot):
        await pilot.press("a", "space")
        app.composer.post_message(events.Paste(pasted))
        await pilot.pause()
        assert app.composer.text == "a [pasted 214 lines]"
        await pilot.press("enter")
        await settle(app, pilot)
        assert conversation.prompts == [f"a {pasted}"]


async def test_backspace_deletes_a_chip_whole(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        app.composer.post_message(events.Paste("x\n" * 100))
        await pilot.pause()
        await pilot.press("backspace")
        assert app.composer.text == ""


async def test_keys_that_come_at_once_with_an_enter_inside_are_not_sent(start: Start) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        for character in "first line":
            app.post_message(events.Key("space" if character == " " else character, character))
        app.post_message(events.Key("enter", "\r"))
        for character in "second":
            app.post_message(events.Key(character, character))
        await pilot.pause(0.2)
        assert app.composer.text == "first line\nsecond"
        assert conversation.prompts == []


async def test_control_characters_of_a_paste_become_visible(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        app.composer.post_message(events.Paste("a\x1b[31mb"))
        await pilot.pause()
        assert app.composer.text == "a␛[31mb"


async def test_a_pasted_picture_gets_one_sentence(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        app.composer.post_message(events.Paste("/home/me/shot.png"))
        await pilot.pause()
        await pilot.pause()
        assert "These models read text only" in screen_text(app)[-2]
        app.composer.set_draft("")
        app.composer.post_message(events.Paste("data:image/png;base64,AAAA"))
        await pilot.pause()
        assert app.composer.text == ""


async def test_up_and_down_walk_through_earlier_prompts_and_keep_the_draft(start: Start) -> None:
    memory = ListMemory("one", "two\nlines")
    async with start(FakeConversation(), history=memory) as (app, pilot):
        await pilot.press(*"draft", "up")
        assert app.composer.text == "two\nlines"
        await pilot.press("up", "up")
        assert app.composer.text == "one"
        await pilot.press("up")
        assert app.composer.text == "one"
        await pilot.press("down")
        assert app.composer.text == "two\nlines"
        await pilot.press("down", "down")
        assert app.composer.text == "draft"


async def test_what_is_sent_is_remembered(start: Start) -> None:
    memory = ListMemory()
    async with start(FakeConversation([]), history=memory) as (app, pilot):
        await send(pilot, app, "remember me")
        await settle(app, pilot)
        assert memory.texts == ["remember me"]


class BrokenMemory(ListMemory):
    def entries(self) -> list[str]:
        raise DiskError("The history can't be read.")

    def add(self, text: str) -> None:
        raise DiskError("The history can't be written.")


async def test_a_history_that_can_not_be_kept_is_said_and_loses_nothing(start: Start) -> None:
    conversation = FakeConversation([])
    async with start(conversation, history=BrokenMemory()) as (app, pilot):
        await pilot.press("up")
        await pilot.pause()
        assert "The history can't be read." in screen_text(app)[-2]
        await send(pilot, app, "go on")
        await settle(app, pilot)
        assert "The history can't be written." in screen_text(app)[-2]
        assert conversation.prompts == ["go on"]


async def test_the_composer_grows_to_a_third_of_the_screen(start: Start) -> None:
    async with start(FakeConversation(), size=(80, 30)) as (app, pilot):
        assert app.composer.size.height == 2
        app.composer.insert("line\n" * 30)
        await pilot.pause()
        assert app.composer.outer_size.height == 9


async def test_the_bar_shows_the_mode(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        assert screen_text(app)[-4].startswith("┃")
        await pilot.press("ctrl+t")
        await pilot.pause()
        assert screen_text(app)[-4].startswith("║")
        await pilot.press("f3")
        await pilot.pause()
        assert screen_text(app)[-4].startswith("│")
        assert "Non-think" in screen_text(app)[-1]


async def test_readline_keys_kill_and_yank(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        await pilot.press(*"keep this", "ctrl+w")
        assert app.composer.text == "keep "
        await pilot.press("ctrl+y", "home", "ctrl+k")
        assert app.composer.text == ""
        await pilot.press("ctrl+y")
        assert app.composer.text == "keep this"
        await pilot.press("ctrl+u")
        assert app.composer.text == ""


async def test_commands_are_offered_and_tab_takes_one(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        await pilot.press(*"/mo")
        await pilot.pause()
        assert any(row.startswith(" ▸ /model [pro|flash|ID]") for row in screen_text(app))
        await pilot.press("tab")
        await pilot.pause()
        assert app.composer.text == "/model "
        assert any(row.strip() == "flash" for row in screen_text(app))


async def test_enter_on_a_completion_that_needs_nothing_more_runs_it(start: Start) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        await pilot.press(*"/cos")
        await pilot.pause()
        await pilot.press("enter")
        await settle(app, pilot)
        assert conversation.lines == ["/cost"]


async def test_enter_on_a_command_without_its_argument_sends_it_as_it_is(start: Start) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        await pilot.press(*"/cost", "enter")
        await settle(app, pilot)
        assert conversation.lines == ["/cost"]


async def test_a_choice_is_taken_with_the_arrows(start: Start) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        await pilot.press(*"/model ")
        await pilot.pause()
        await pilot.press("down", "down", "enter")
        await settle(app, pilot)
        assert conversation.lines == ["/model flash"]


async def test_esc_closes_the_list_and_nothing_else(start: Start) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        await pilot.press(*"/mo")
        await pilot.pause()
        await pilot.press("escape")
        await pilot.pause()
        assert not app.popup.display
        assert app.composer.text == "/mo"
        assert conversation.interrupts == 0


async def test_ctrl_c_clears_the_draft_and_twice_leaves(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        await pilot.press("a", "ctrl+c")
        assert app.composer.text == ""
        await pilot.press("ctrl+c")
        assert "Ctrl+C again leaves" in screen_text(app)[-2]
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert app.return_code == 0


async def test_ctrl_d_twice_on_an_empty_draft_leaves(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        await pilot.press("a", "left", "ctrl+d")
        assert app.composer.text == ""
        await pilot.press("ctrl+d", "ctrl+d")
        await pilot.pause()
        assert app.return_code == 0


async def test_enter_goes_by_what_is_written_and_not_by_an_older_list(start: Start) -> None:
    conversation = FakeConversation()
    async with start(conversation) as (app, pilot):
        await pilot.press("slash", "m")
        await pilot.pause()
        assert app.popup.is_open
        # As when letters and Enter arrive together: the list has not heard of the last ones yet.
        with app.composer.prevent(app.composer.Changed):
            app.composer.load_text("/cost")
        await pilot.press("enter")
        await pilot.pause()
        assert conversation.lines == ["/cost"]
