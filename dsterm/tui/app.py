"""The screen: puts the parts together and routes what happens between them, nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from typing import ClassVar

from rich.segment import Segment, Segments
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import TextArea
from textual.worker import Worker, WorkerState

from dsterm.core.command_events import JobChanged, PlanProposed
from dsterm.core.delta_events import WorkProgress
from dsterm.core.errors import DstermError
from dsterm.core.events import Envelope, NoticeLevel, StepStarted, ToolRequested, TurnEnded
from dsterm.core.questions import QuestionAnswered, QuestionAsked
from dsterm.core.status import Status
from dsterm.core.undo_events import Rewound
from dsterm.render.clean import clean_line
from dsterm.render.themes import Theme
from dsterm.render.transcript import Transcript
from dsterm.tui.completion import CompletionPopup
from dsterm.tui.composer import Composer
from dsterm.tui.conversation import Conversation, ScreenOptions
from dsterm.tui.foot import Foot
from dsterm.tui.forecast_actions import ForecastActions
from dsterm.tui.greeting import greeting_lines
from dsterm.tui.hints import Hints
from dsterm.tui.keys import LEADER, bindings
from dsterm.tui.paint import Painter
from dsterm.tui.paste import as_text
from dsterm.tui.question import QuestionDock
from dsterm.tui.recall import Recall
from dsterm.tui.terminal import normal_key, restore_title, set_title
from dsterm.tui.themes import adopt, line_looks, screen_theme
from dsterm.tui.transcript_view import TranscriptSource, TranscriptView
from dsterm.tui.turns import Turns

_STATUS_SECONDS = 0.25
_READY = "ready"


class MainScreen(Screen[None], inherit_bindings=False):
    """The one screen; Tab and Ctrl+C belong to the app."""

    # Textual would look for the first widget that can have the focus, and the hidden question would eat the first keys.
    AUTO_FOCUS = "Composer"


class DstermApp(ForecastActions, inherit_bindings=False):
    """Transcript, question, composer, hint and status, over a Conversation."""

    CSS_PATH = "dsterm.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(),
        Binding(LEADER, "leader", show=False, id="leader"),
        Binding("tab", "switch_focus", show=False, id="focus.switch"),
    ]

    def __init__(self, conversation: Conversation, options: ScreenOptions) -> None:
        super().__init__(conversation, options)
        self.animation_level = "none"
        self.title = "dsterm"
        self.painter = Painter(line_looks(self.theme_in_use))
        adopt(self, self.theme_in_use)
        self.turns = Turns(conversation, self, options.clock)
        self.view = TranscriptView(self.painter, self._source())
        self.popup = CompletionPopup(lambda: self.all_commands)
        self.dock = QuestionDock(self.painter, self._quiet_seconds)
        self.composer = Composer(Recall(options.history), self.popup, self.mentions, self.turns.take_last)
        self.foot = Foot(self.painter, self._read_foot)
        self._key_at = float("-inf")
        self._status_timer: Timer | None = None
        self._is_work_told = False

    def _source(self) -> TranscriptSource:
        options = self.options

        def transcript() -> Transcript:
            return Transcript(count=options.count_tokens, fold=options.reasoning_fold, zone=options.zone)

        return TranscriptSource(
            transcript, options.clock, lambda width: greeting_lines(self.conversation.status(), width)
        )

    def get_default_screen(self) -> Screen[None]:
        """Our own, without Textual's keys."""
        return MainScreen()

    def compose(self) -> ComposeResult:
        """Only what is seen at once; the rest comes when it is asked for."""
        yield self.view
        yield self.dock
        yield self.popup
        yield self.mentions
        yield self.chips
        yield self.composer
        yield self.foot

    def on_mount(self) -> None:
        """What there is of the session; then, once painted, the rest."""
        self.composer.focus()
        self.view.load(self.conversation.branch())
        self.conversation.listen(self.show)
        if self._driver is not None:
            set_title(self._driver, self.options.title)
        self.turn_changed()
        self.call_after_refresh(self._painted)

    def on_unmount(self) -> None:
        """Leave the terminal as it was."""
        if self._driver is not None:
            restore_title(self._driver)

    def _painted(self) -> None:
        if self.themes.trouble:
            self.view.show(self.turns.notice(self.themes.trouble, NoticeLevel.WARNING))
        if self.options.on_ready is not None:
            self.run_worker(self.options.on_ready, thread=True, group=_READY, exit_on_error=False)
        if self.options.prompt.startswith("!"):
            # A command for the shell is only ever what was typed here.
            self.composer.set_draft(self.options.prompt)
        elif self.options.prompt:
            self.turns.send(self.options.prompt)
        self.call_after_refresh(self.begin_forecasts)

    def use_theme(self, theme: Theme) -> None:
        """Draw everything in these colours."""
        if theme.name == self.theme_in_use.name:
            return
        self.theme_in_use = theme
        self.painter.use(line_looks(theme))
        self.register_theme(screen_theme(theme))
        self.theme = screen_theme(theme).name
        self.view.refresh()
        self.foot.refresh()

    async def on_event(self, event: events.Event) -> None:
        """Keys get a name that bindings know, pastes are made safe to draw, and the time of both is noted."""
        if isinstance(event, events.Key) and not event.is_forwarded:
            self._key_at = self.options.clock.monotonic()
            event = normal_key(event)
        elif isinstance(event, events.Paste) and not event.is_forwarded:
            self._key_at = self.options.clock.monotonic()
            # Whatever has the focus would draw what it is given.
            event = events.Paste(as_text(event.text))
        await super().on_event(event)

    def _quiet_seconds(self) -> float:
        """How long nobody typed. A question that holds up no call leaves a draft the focus, however long that takes."""
        question = self.dock.current
        if question is not None and not question.call_id and self.composer.text:
            return 0.0
        return self.options.clock.monotonic() - self._key_at

    # Stage: what turns show themselves on.

    def start(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run a turn or a command; a bug in it must not take the screen down."""
        self.run_worker(work(), group="turns", exit_on_error=False)

    def show(self, envelope: Envelope) -> None:
        """One event of the conversation."""
        self.view.show(envelope)
        self.note_wait(envelope.event)
        match envelope.event:
            case StepStarted():
                self.view.set_price(self.conversation.status().model.price_at(self.options.clock.now()))
            case ToolRequested() as request:
                self.note_request(request)
            case PlanProposed(text=text):
                self.plan_text = text
            case QuestionAsked() as question:
                self.ask(question)
            case QuestionAnswered(id=question_id):
                self.settle_question(question_id)
            case TurnEnded():
                self.forget_calls()
            case JobChanged():
                self.foot.draw()
            case WorkProgress(text=text):
                self._is_work_told = True
                self.foot.say(text, NoticeLevel.INFO)
            case Rewound() as rewound:
                self.show_rewound(rewound, envelope.seq)
            case _:
                pass

    def session_changed(self) -> None:
        """Another session: draw it from its beginning."""
        self.forget_questions()
        self.view.load(self.conversation.branch())

    def turn_changed(self) -> None:
        """Something began or ended: the status ticks only meanwhile."""
        if self.turns.is_busy and self._status_timer is None:
            self._status_timer = self.set_interval(_STATUS_SECONDS, self._show_tick)
        elif not self.turns.is_busy and self._status_timer is not None:
            self._status_timer.stop()
            self._status_timer = None
        if self._is_work_told and not self.turns.is_busy:
            self._is_work_told = False
            self.foot.unsay()
        self.note_turn()
        self.composer.placeholder = Content(self.placeholder())
        self.composer.set_mode(self.conversation.status().mode)
        self.foot.draw()

    def _show_tick(self) -> None:
        self.view.tick()
        self.foot.tick()

    def _read_foot(self) -> tuple[Status, Hints]:
        status = self.conversation.status()
        return status, Hints(
            seconds=self.options.clock.monotonic() - self.turns.began if self.turns.is_running else None,
            wait=self.wait(status.provider_title),
            is_asking=self.dock.current is not None,
            can_refuse=self.dock.current is not None and self.dock.current.refusal is not None,
            goes_back=self.dock.goes_back,
            has_offer=not self.composer.text and self.offer() is not None,
            shell=self.composer.shell,
            switch_note=status.switch_note,
            next_send=self.next_send,
            queued=len(self.turns.queue),
            is_held=self.turns.is_held,
            lines_below=self.view.lines_below,
            is_following=self.view.is_following,
        )

    def say(self, text: str, level: NoticeLevel = NoticeLevel.INFO) -> None:
        """One sentence in the line above the status, for some seconds."""
        self._is_work_told = False
        self.foot.say(text, level)

    async def on_composer_submitted(self, message: Composer.Submitted) -> None:
        """Enter: a prompt, a command, or leave for a held queue to go. What was said before is out of date."""
        self.say("")
        text = message.text
        if text.strip():
            self._remember(text)
            self.view.follow()
        if message.is_steer:
            self.turns.steer(text)
        elif message.is_bare and self.take_offer():
            self.view.follow()
        else:
            await self.run_line(text)

    def _remember(self, text: str) -> None:
        try:
            self.composer.recall.add(text)
        except DstermError as error:
            self.say(str(error), NoticeLevel.WARNING)

    def on_composer_said(self, message: Composer.Said) -> None:
        """The composer has something to say."""
        self.say(message.text)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """The draft changed: offer what fits it."""
        if event.text_area is self.composer:
            self.popup.show_for(self.composer.text)
            self.weigh_draft()
            if self.composer.notice_draft():
                self.foot.draw()

    def on_transcript_view_moved(self, _message: TranscriptView.Moved) -> None:
        """Something stands below what is seen, or no longer does."""
        self.foot.draw()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A bug in a turn is told and logged; the conversation goes on."""
        if event.state is WorkerState.SUCCESS and event.worker.group == _READY:
            self.begin_forecasts()
        elif event.state is WorkerState.ERROR:
            words = f"Something in dsterm went wrong; nothing was lost. {self._logged(event.worker.error)}"
            self.view.show(self.turns.notice(words, NoticeLevel.ERROR))

    def _logged(self, error: BaseException | None) -> str:
        return self.options.log_crash(error) if error is not None else "There is no log of it."

    def _fatal_error(self) -> None:
        """A short message for the user, the traceback without local variables for the log."""
        where = self._logged(sys.exc_info()[1])
        self._exit_renderables.append(
            Segments([Segment(f"dsterm stopped; the session is saved. {clean_line(where)}\n")])
        )
        self._close_messages_no_wait()
