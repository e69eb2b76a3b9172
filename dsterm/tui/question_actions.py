"""What the screen does about questions: puts them up, brings answers to the engine, the proposal to the user's editor."""

from __future__ import annotations

from msgspec.structs import replace

from dsterm.core.diff import diff_texts
from dsterm.core.errors import UsageError
from dsterm.core.events import NoticeLevel, ToolRequested
from dsterm.core.questions import QuestionAsked
from dsterm.core.review import FileReview, ProposedFile
from dsterm.tui.change_actions import ChangeActions
from dsterm.tui.conversation import Conversation, ScreenOptions
from dsterm.tui.editor import edit_files
from dsterm.tui.foot import Foot
from dsterm.tui.question import QuestionDock


class QuestionActions(ChangeActions, inherit_bindings=False):
    """The actions around questions."""

    def __init__(self, conversation: Conversation, options: ScreenOptions) -> None:
        super().__init__(conversation, options)
        self.foot: Foot
        self.plan_text = ""
        self._requests: dict[str, ToolRequested] = {}

    def note_request(self, request: ToolRequested) -> None:
        """A call is about to be decided; a question may come."""
        self._requests[request.call.id] = request

    def ask(self, question: QuestionAsked) -> None:
        """Put the question up. What it proposes is shown with it, unless the transcript ends with just that."""
        request = self._requests.get(question.call_id)
        plan = question.plan or (request.plan if request else None)
        texts: list[ProposedFile] = []
        if plan is None:
            proposed = self.conversation.proposed(question.id)
            texts = [file for file in proposed if file.text.strip() != self.plan_text.strip()]
        self.dock.ask(question, plan, texts)
        self.foot.draw()

    def settle_question(self, question_id: str) -> None:
        """It is answered, by whomever."""
        self.edits.pop(question_id, None)
        self.dock.drop(question_id)
        self.foot.draw()

    def forget_calls(self) -> None:
        """A turn is over: none of its calls waits any more; what a command beside it asks still does."""
        self._requests.clear()
        self.dock.drop_calls()
        self.foot.draw()

    def forget_questions(self) -> None:
        """Nothing waits for an answer any more."""
        self._requests.clear()
        self.edits.clear()
        self.dock.drop_all()

    def on_question_dock_answered(self, message: QuestionDock.Answered) -> None:
        """The user decided."""
        self.conversation.answer(message.question_id, message.answer)
        self.foot.draw()

    def on_question_dock_typed(self, message: QuestionDock.Typed) -> None:
        """Words for the composer."""
        self.composer.focus()
        if message.is_paste:
            self.composer.insert_paste(message.text)
        else:
            self.composer.insert(message.text)

    def on_question_dock_left(self, _message: QuestionDock.Left) -> None:
        """Back to writing."""
        self.composer.focus()

    def on_question_dock_resized(self, message: QuestionDock.Resized) -> None:
        """A question over the full screen, or docked again."""
        self.screen_stack[0].set_class(message.is_full, "-reviewing")

    def on_question_dock_edit_wanted(self, message: QuestionDock.EditWanted) -> None:
        """The proposal in the user's editor; what comes of it is shown before it is taken."""
        files = self.conversation.proposed(message.question_id)
        former = self.edits.pop(message.question_id, {})
        if not files:
            self.say("There is no text here to edit.", NoticeLevel.WARNING)
            return
        shown = [replace(file, text=former.get(file.path, file.text)) for file in files]
        try:
            texts = edit_files(self, self.options.editor, shown)
        except UsageError as error:
            self.say(str(error), NoticeLevel.WARNING)
            return
        self.refresh(layout=True)
        self.edits[message.question_id] = texts
        reviews = tuple(
            FileReview(path=file.path, text=texts[file.path]) for file in files if texts[file.path] != file.text
        )
        if not reviews and not former:
            self.say("Nothing was changed in the editor.")
            return
        if self.dock.is_of_change(message.question_id):
            diffs = [diff_texts(file.path, file.before, texts[file.path]) for file in files]
            self.dock.take_edits(message.question_id, reviews, diffs)
        else:
            edited = [replace(file, text=texts[file.path]) for file in files]
            self.dock.take_edits(message.question_id, reviews, texts=edited)

    def action_switch_focus(self) -> None:
        """From the composer to a question."""
        if self.dock.current is not None:
            self.dock.focus()
