from __future__ import annotations

from screen_fakes import FakeConversation, ListMemory
from screen_pilot import Start, screen_text, settle
from textual import events

from dsterm.core.mentions import Mention, MentionKind, MentionPaths
from dsterm.tui.app import DstermApp
from dsterm.tui.mention_chips import Chip

PATHS = MentionPaths(
    paths=(
        ".github/workflows/ci.yml",
        "README.md",
        "docs/my notes.md",
        "src/app.py",
        "src/app_test.py",
        "src/core/deep/model.py",
        "src/core/deep/view.py",
        "文件/源.py",
    ),
    recent=("src/app_test.py",),
)


def known() -> FakeConversation:
    conversation = FakeConversation([])
    conversation.known = PATHS
    return conversation


async def offered(app: DstermApp, pilot, wanted: str) -> None:
    while wanted not in app.mentions.paths:
        await pilot.pause(0.02)


async def test_an_at_sign_offers_paths_and_enter_takes_one(start: Start) -> None:
    conversation = known()
    async with start(conversation) as (app, pilot):
        await pilot.press("s", "e", "e", "space", "at", "r", "e", "a", "d")
        await offered(app, pilot, "README.md")
        assert "README.md" in "\n".join(screen_text(app))
        await pilot.press("enter")
        assert app.composer.text == "see @README.md "
        assert not app.mentions.is_open
        assert conversation.prompts == []


async def test_tab_goes_on_in_a_folder(start: Start) -> None:
    async with start(known()) as (app, pilot):
        await pilot.press("at", "d", "e", "e", "p")
        await offered(app, pilot, "src/core/deep/")
        await pilot.press("tab")
        assert app.composer.text == "@src/core/deep/"
        await offered(app, pilot, "src/core/deep/view.py")
        await pilot.press("v")
        await pilot.pause(0.05)
        await offered(app, pilot, "src/core/deep/view.py")
        await pilot.press("enter")
        assert app.composer.text == "@src/core/deep/view.py "


async def test_a_path_with_a_blank_is_quoted(start: Start) -> None:
    async with start(known()) as (app, pilot):
        await pilot.press("at", "n", "o", "t", "e")
        await offered(app, pilot, "docs/my notes.md")
        await pilot.press("enter")
        assert app.composer.text == '@"docs/my notes.md" '


async def test_names_of_other_scripts_are_found(start: Start) -> None:
    async with start(known()) as (app, pilot):
        app.composer.insert("看@源")
        await offered(app, pilot, "文件/源.py")
        await pilot.press("enter")
        assert app.composer.text == "看@文件/源.py "


async def test_escape_closes_the_list_and_the_words_stay(start: Start) -> None:
    async with start(known()) as (app, pilot):
        await pilot.press("at", "a", "p", "p")
        await offered(app, pilot, "src/app.py")
        await pilot.press("escape")
        assert not app.mentions.is_open
        assert app.composer.text == "@app"


async def test_enter_sends_what_names_a_file_already(start: Start) -> None:
    conversation = known()
    async with start(conversation) as (app, pilot):
        app.composer.insert("@README.md")
        await offered(app, pilot, "README.md")
        await pilot.press("enter")
        await settle(app, pilot)
        assert conversation.prompts == ["@README.md"]


async def test_a_mail_address_offers_nothing(start: Start) -> None:
    async with start(known()) as (app, pilot):
        app.composer.insert("ann@app")
        await pilot.pause(0.1)
        assert not app.mentions.is_open


async def test_a_prompt_from_the_history_does_not_open_the_list(start: Start) -> None:
    async with start(known(), history=ListMemory("earlier", "see @README.md")) as (app, pilot):
        await pilot.press("up")
        await pilot.pause(0.1)
        assert not app.mentions.is_open
        await pilot.press("up")
        assert app.composer.text == "earlier"


async def test_without_files_git_can_still_be_mentioned(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        await pilot.press("at", "d", "i")
        await offered(app, pilot, "diff")
        await pilot.press("tab")
        assert app.composer.text == "@diff "


async def test_a_mention_has_a_chip_with_tokens_and_price(start: Start) -> None:
    conversation = known()
    conversation.mentions = (
        Mention(kind=MentionKind.FILE, written="@src/app.py:10-40", target="src/app.py", tokens=1_900),
        Mention(kind=MentionKind.FILE, written="@.env", problem="it looks like it holds secrets"),
    )
    async with start(conversation) as (app, pilot):
        app.composer.insert("see @src/app.py:10-40 and @.env ")
        while not app.chips.chips:
            await pilot.pause(0.02)
        await pilot.pause()
        row = "\n".join(screen_text(app))
        assert "@src/app.py:10-40 1.9k tok $0.0030" in row
        assert "@.env it looks like it holds secrets" in row
        assert app.chips.tokens == 1_900
        app.composer.set_draft("nothing")
        await pilot.pause(0.05)
        assert not app.chips.display


async def test_a_large_paste_has_a_chip_and_can_be_opened(start: Start) -> None:
    pasted = "\n".join(f"line {number}" for number in range(100))
    async with start(FakeConversation()) as (app, pilot):
        app.composer.post_message(events.Paste(pasted))
        while not app.chips.chips:
            await pilot.pause(0.02)
        (chip,) = app.chips.chips
        assert chip.label == "[pasted 100 lines]"
        assert chip.tokens > 100
        await pilot.press("space", "x")
        await pilot.press("ctrl+x", "e")
        await pilot.pause()
        assert app.composer.text == f"{pasted} x"


async def test_many_chips_are_counted_where_they_do_not_fit(start: Start) -> None:
    conversation = FakeConversation()
    conversation.mentions = tuple(
        Mention(kind=MentionKind.FILE, written=f"@src/file{number}.py", tokens=10) for number in range(9)
    )
    async with start(conversation) as (app, pilot):
        app.composer.insert(" ".join(mention.written for mention in conversation.mentions) + " ")
        while not app.chips.chips:
            await pilot.pause(0.02)
        await pilot.pause()
        row = next(line for line in screen_text(app) if "tok" in line and "@src/file0.py" in line)
        assert "more" in row
        assert len(row) <= 80


async def test_a_hostile_label_is_drawn_as_text(start: Start) -> None:
    async with start(FakeConversation()) as (app, pilot):
        app.chips.show_chips((Chip(label="@a\x1b[31m\u202eb", problem="no\nsuch\x07 file"),), None)
        await pilot.pause()
        shown = "\n".join(screen_text(app))
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "@a␛[31m⟨U+202E⟩b no such␇ file" in shown
