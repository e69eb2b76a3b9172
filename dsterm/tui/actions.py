"""What the keys do: one small method for each action of the registry."""

from __future__ import annotations

import asyncio

from textual.app import App

from dsterm.core.errors import DstermError
from dsterm.core.events import NoticeLevel
from dsterm.core.models import PermissionMode
from dsterm.render.themes import Theme
from dsterm.tui.completion import CompletionPopup
from dsterm.tui.composer import Composer
from dsterm.tui.conversation import Command, Conversation, ScreenOptions
from dsterm.tui.help import HelpScreen
from dsterm.tui.keys import SCREEN_COMMANDS
from dsterm.tui.leader import LeaderScreen
from dsterm.tui.paint import Painter
from dsterm.tui.pickers import Pick, PickScreen, session_rows
from dsterm.tui.question import QuestionDock
from dsterm.tui.shell_line import is_for_shell
from dsterm.tui.terminal import report_mouse
from dsterm.tui.themes import ThemeShelf
from dsterm.tui.transcript_view import TranscriptView
from dsterm.tui.turns import Turns

_TWICE_SECONDS = 2.0
_SCREEN_METHODS = {
    "/help": "help",
    "/?": "help",
    "/reasoning": "fold_reasoning",
    "/tools": "fold_tools",
    "/diff": "changes",
    "/mouse": "toggle_mouse",
    "/redraw": "redraw",
    "/stop": "stop",
    "/quit": "quit",
    "/exit": "quit",
    "/q": "quit",
}


class ScreenActions(App[int], inherit_bindings=False):
    """The actions; `DstermApp` adds what they act on."""

    def __init__(self, conversation: Conversation, options: ScreenOptions) -> None:
        super().__init__()
        self.conversation = conversation
        self.options = options
        self.turns: Turns
        self.view: TranscriptView
        self.composer: Composer
        self.popup: CompletionPopup
        self.dock: QuestionDock
        self.painter: Painter
        self.edits: dict[str, dict[str, str]] = {}
        self.stopped_at = float("-inf")
        self.themes = ThemeShelf(options.theme_folders)
        self.theme_in_use = self.themes.load(options.theme)
        self._leaving = ("", 0.0)
        self._has_mouse = options.mouse

    def use_theme(self, theme: Theme) -> None:
        """Draw everything in these colours."""
        raise NotImplementedError

    def say(self, text: str, level: NoticeLevel = NoticeLevel.INFO) -> None:
        """One sentence in the line above the status, for a while."""
        raise NotImplementedError

    def escape_idle(self) -> None:
        """Esc, and there was nothing to close or stop."""
        raise NotImplementedError

    @property
    def all_commands(self) -> tuple[Command, ...]:
        """The engine's commands and the screen's own."""
        return (*self.conversation.commands, *SCREEN_COMMANDS)

    async def run_line(self, line: str) -> None:
        """A prompt or a command, as typed."""
        if is_for_shell(line):
            if line.strip("! \n"):
                self.turns.send(line)
            else:
                self.say("Write a command behind the !, as in !git status.")
            return
        name, _, argument = line.strip().partition(" ")
        method = _SCREEN_METHODS.get(name)
        if method is not None:
            await self.run_action(method)
        elif name == "/steer":
            self.turns.steer(argument)
        elif name == "/theme":
            self._choose_theme(argument.strip())
        elif name == "/attach" and not argument.strip():
            await self.run_action("attach")
        elif name in {"/resume", "/sessions"} and not argument.strip():
            self.run_worker(self._pick_session(), group="picker", exclusive=True)
        elif name == "/rewind" and not argument.strip() and not self.turns.is_busy:
            await self.run_action("rewind")
        else:
            self.turns.send(line)

    async def action_line(self, line: str) -> None:
        """A command bound to a key."""
        await self.run_line(line)

    def action_toggle_model(self) -> None:
        """Pro to Flash and back."""
        is_pro = self.conversation.status().model.alias == "pro"
        self.turns.command(f"/model {'flash' if is_pro else 'pro'}")

    def action_cycle_mode(self) -> None:
        """The next thinking mode."""
        self.turns.command(f"/mode {self.conversation.status().mode.next}")

    def action_cycle_permission(self) -> None:
        """Ask, accept-edits, plan, ask; from auto and yolo to ask."""
        following = {
            PermissionMode.ASK: PermissionMode.ACCEPT_EDITS,
            PermissionMode.ACCEPT_EDITS: PermissionMode.PLAN,
        }
        self.turns.command(
            f"/permissions {following.get(self.conversation.status().permission_mode, PermissionMode.ASK)}"
        )

    def action_escape(self) -> None:
        """Close the list, refuse the question, stop the turn: the first that applies."""
        if self.popup.is_open:
            self.popup.dismiss_for(self.composer.text)
        elif self.dock.escape():
            pass
        elif self.turns.stop():
            self.stopped_at = self.options.clock.monotonic()
        elif self.screen.selections:
            self.screen.clear_selection()
        else:
            self.escape_idle()

    def action_stop(self) -> None:
        """Stop the turn, whatever is open."""
        self.turns.stop()

    def action_copy_or_stop(self) -> None:
        """Copy the selection, else stop the turn, else clear the draft, else leave at the second press."""
        selected = self.composer.selected_text or self.screen.get_selected_text()
        if selected:
            self.copy_to_clipboard(selected)
            lines = selected.count("\n") + 1
            self.say(f"Copied {lines} line{'s' if lines > 1 else ''} through the terminal, which may not allow it.")
            self.screen.clear_selection()
        elif self.turns.stop():
            self.dock.drop_all()
        elif self.composer.text:
            self.composer.set_draft("")
        else:
            self.action_leave("Ctrl+C")

    def action_leave(self, key: str) -> None:
        """The second press within two seconds leaves."""
        now = self.options.clock.monotonic()
        before, at = self._leaving
        self._leaving = (key, now)
        if before == key and now - at <= _TWICE_SECONDS:
            self.exit(0)
        else:
            self.say(f"{key} again leaves dsterm.")

    async def action_quit(self) -> None:
        """Leave at once."""
        self.exit(0)

    def action_drop_queue(self) -> None:
        """Forget the prompts that wait."""
        count = self.turns.drop()
        if count:
            self.say(f"Dropped {count} waiting prompt{'s' if count > 1 else ''}.")

    def action_fold_reasoning(self) -> None:
        """Fold all reasoning, or open all of it."""
        self.view.fold_reasoning()

    def action_fold_tools(self) -> None:
        """Fold all tool output, or open all of it."""
        self.view.fold_tools()

    def action_scroll_pages(self, pages: int) -> None:
        """Pages down, or up when negative."""
        self.view.scroll_lines(pages * max(1, self.view.size.height - 2))

    def action_scroll_rows(self, rows: int) -> None:
        """Lines down, or up when negative."""
        self.view.scroll_lines(rows)

    def action_scroll_top(self) -> None:
        """To the first line."""
        self.view.scroll_lines(-self.view.virtual_size.height)

    def action_scroll_bottom(self) -> None:
        """To the last line, and follow it."""
        self.view.follow()

    async def action_leader(self) -> None:
        """Wait for the second key."""

        async def run(method: str | None) -> None:
            if method is not None:
                await self.run_action(method)

        await self.push_screen(LeaderScreen(), run)

    async def action_help(self) -> None:
        """Keys and commands."""
        await self.push_screen(HelpScreen(self.all_commands))

    def action_redraw(self) -> None:
        """Draw everything anew, in case something else wrote to the terminal."""
        self.refresh(layout=True)

    def action_toggle_mouse(self) -> None:
        """Leave the mouse to the terminal, for its own selection, or take it back."""
        self._has_mouse = not self._has_mouse
        if self._driver is not None:
            report_mouse(self._driver, is_on=self._has_mouse)
        self.say(
            "The mouse scrolls and selects here."
            if self._has_mouse
            else "The mouse is the terminal's; F9 takes it back."
        )

    def action_pick_theme(self) -> None:
        """Choose the colours from a list."""
        self._choose_theme("")

    def _choose_theme(self, name: str) -> None:
        if name:
            try:
                self.use_theme(self.themes.find(name))
            except DstermError as error:
                self.say(str(error), NoticeLevel.WARNING)
            else:
                self._keep_theme(name)
            return
        before = self.theme_in_use

        def chosen(picked: str | None) -> None:
            self.use_theme(self.themes.load(picked) if picked else before)
            if picked and picked != before.name:
                self._keep_theme(picked)

        def preview(picked: str) -> None:
            self.use_theme(self.themes.load(picked))

        rows = [Pick(each, each) for each in self.themes.names()]
        self.push_screen(PickScreen("colours", rows, before.name, preview), chosen)

    def _keep_theme(self, name: str) -> None:
        if self.options.save_theme is None:
            return
        try:
            self.options.save_theme(name)
        except DstermError as error:
            self.say(str(error), NoticeLevel.WARNING)

    async def _pick_session(self) -> None:
        try:
            sessions = await asyncio.to_thread(self.conversation.sessions)
        except DstermError as error:
            self.say(str(error), NoticeLevel.WARNING)
            return
        here = self.conversation.status().session_id
        rows = [row for row in session_rows(sessions, self.options.clock.now()) if row.id != here]
        if not rows:
            self.say("There is no earlier session of this folder.")
            return
        picked = await self.push_screen_wait(PickScreen("earlier sessions", rows))
        if picked:
            self.turns.send(f"/resume {picked}")
