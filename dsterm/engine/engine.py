"""The engine's door: every front end runs turns and commands through it and shows the events that come out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from dsterm.context.data_marks import mark_data
from dsterm.core.attachments import PackChoice
from dsterm.core.command_events import JobChanged
from dsterm.core.commands import JobState
from dsterm.core.events import NoticeLevel
from dsterm.engine.branch import branch
from dsterm.engine.drive import Drive
from dsterm.engine.instructing import find_instructions
from dsterm.engine.mentioning.drafts import DraftMentions
from dsterm.engine.opening import Opening
from dsterm.engine.snapshot import snapshot

if TYPE_CHECKING:
    from dsterm.core.commands import Job
    from dsterm.core.events import Envelope
    from dsterm.core.forecasts import SendForecast
    from dsterm.core.mentions import Mention, MentionPaths
    from dsterm.core.models import ModelCard, ProviderCard, ThinkingMode
    from dsterm.core.provider import ResponseFormat
    from dsterm.core.questions import Answer
    from dsterm.core.review import ProposedFile
    from dsterm.core.status import Status
    from dsterm.engine.attaching.attachments import Attachments
    from dsterm.engine.forecasting.drafts import Drafts
    from dsterm.engine.live import LiveSession
    from dsterm.engine.parts import EngineParts
    from dsterm.engine.slash.commands import CommandSpec
    from dsterm.engine.undoing.rewind import RewindPoint
    from dsterm.engine.work import Work
    from dsterm.store.sessions import SessionSummary


class Engine:
    """One conversation at a time, over the rooms in `parts`.

    `run` and `command` yield envelopes until they are done; leaving the iteration early stops what they began and leaves a
    valid history. `answer`, `steer` and `interrupt` may be called meanwhile, from the same event loop.
    """

    def __init__(self, parts: EngineParts) -> None:
        self._parts = parts
        self._opening = Opening(parts)
        self._live = self._opening.new()
        self._drive = Drive(lambda: self._live)
        self._has_told_of_sandbox = False
        self._job_sessions: dict[str, str] = {}
        parts.commands.listen(self._job_changed)
        for sentence in parts.interrupted:
            self._live.notice(sentence, NoticeLevel.WARNING)
        self._mentions = DraftMentions(lambda: self._live)
        self._drafts: Drafts | None = None

    def resume(self, session_id: str) -> None:
        """Go on with the session whose id begins with `session_id`; UsageError when there is none."""
        self._go_on_with(self._opening.resume(session_id))

    def resume_latest(self) -> None:
        """Go on with the last session of this folder; UsageError when there is none."""
        self._go_on_with(self._opening.latest())

    def choose_model(self, model: ModelCard) -> None:
        """Send the next request to `model`."""
        self._live.choose_model(model)

    def choose(self, provider: str, model: str) -> None:
        """Send the next request elsewhere: to another provider, another model, or both; empty words leave what there is.

        Without a model it is the same at the other provider, else that of the settings. UsageError for what there is none of.
        """
        from dsterm.engine.steps.places import same_model  # noqa: PLC0415  only where something else is chosen

        live, catalog = self._live, self._parts.catalog
        card = catalog.provider(provider) if provider else live.provider
        if model:
            chosen = catalog.model(card.name, model)
        else:
            chosen = same_model(live, card) or catalog.model(card.name, self._parts.config.model)
        if (chosen.provider, chosen.id) != (live.model.provider, live.model.id):
            live.choose_model(chosen)

    def choose_mode(self, mode: ThinkingMode) -> None:
        """Send the next request in `mode`."""
        self._live.choose_mode(mode)

    def run(self, prompt: str, data: str = "", answer_format: ResponseFormat | None = None) -> AsyncIterator[Envelope]:
        """One turn: ends with TurnEnded whatever happens. `data` goes with it as data; keys in it are masked.

        With `answer_format` the answer is to be that JSON; the turn ends as UNFIT where it is not.
        """
        masked = self._parts.redact(data) if self._parts.config.mask_secrets else data
        marked = mark_data("standard input", masked) if masked else ""
        return self._drive.events(self._work.turn(prompt, marked, answer_format))

    def answer_now(self) -> AsyncIterator[Envelope]:
        """Answer a turn that was stopped in mid-reasoning, in Non-think; a Notice says when there is none.

        `status().answer_now` tells when this is offered, and what it sends.
        """
        return self._drive.events(self._work.answer_now())

    async def command(self, line: str) -> AsyncIterator[Envelope]:
        """A slash command, or a `!command` of the user's own; what goes wrong comes as a Notice.

        Beside a running turn its events come with that turn's.
        """
        if self._drive.is_running:
            await self._work.command(line)
            return
        async for envelope in self._drive.events(self._work.command(line)):
            yield envelope

    def attach(self, source: str, choice: PackChoice | None = None) -> AsyncIterator[Envelope]:
        """Attach a folder, a file, `PATH@REV` or a URL, or just what is chosen of it, unasked. Raises DstermError."""
        from dsterm.engine.attaching.attach import attach  # noqa: PLC0415  only when something is attached

        return self._drive.events(attach(self._live, source, choice or PackChoice(), asks=choice is None))

    @property
    def attachments(self) -> Attachments:
        """Looks at what can be attached."""
        from dsterm.engine.attaching.attachments import Attachments  # noqa: PLC0415  only when something is attached

        return Attachments(lambda: self._live)

    async def weigh(self, draft: str) -> tuple[Mention, ...]:
        """What `draft` mentions with `@`, with the tokens it will add; nothing is asked or sent."""
        return await self._mentions.weigh(draft)

    async def mention_paths(self) -> MentionPaths:
        """The files that a prompt can mention, by name."""
        return await self._mentions.paths()

    def answer(self, question_id: str, answer: Answer) -> None:
        """Answer a question that was asked."""
        self._live.questions.answer(question_id, answer)

    def proposed(self, question_id: str) -> tuple[ProposedFile, ...]:
        """The files of the change that a question is about, as they would be; none where they can't be edited."""
        return self._live.questions.proposed(question_id)

    def forecast(self, draft: str = "", pasted: Sequence[str] = (), mentioned: int = 0) -> SendForecast:
        """What sending `draft` now comes to, with `pasted` texts and `mentioned` tokens. Cheap; long texts are estimated."""
        if self._drafts is None:
            from dsterm.engine.forecasting.drafts import Drafts  # noqa: PLC0415  after the first frame

            self._drafts = Drafts(lambda: self._live)
        return self._drafts.forecast(draft, pasted, mentioned)

    async def count_draft(self, draft: str, pasted: Sequence[str] = ()) -> None:
        """Count what is long in it by the vocabulary, in a thread; the next forecast has it."""
        if self._drafts is not None:
            await self._drafts.count(draft, pasted)

    def listen(self, listener: Callable[[Envelope], None]) -> None:
        """Hear what happens while neither turn nor command runs, such as the end of a job in the background."""
        self._drive.listen(listener)

    def steer(self, text: str) -> None:
        """Say something to the model before its next step."""
        self._live.steering.append(text)

    def interrupt(self) -> None:
        """Stop what is running; it ends in order, with its events. What a command beside it asks is refused."""
        self._drive.interrupt()
        self._live.questions.refuse_all()

    def status(self) -> Status:
        """Where things stand now."""
        return snapshot(self._live, is_running=self._drive.is_running)

    def transcript(self) -> tuple[Envelope, ...]:
        """Every durable event of the session so far."""
        return tuple(self._live.journal.envelopes)

    def branch(self) -> tuple[Envelope, ...]:
        """Those of them that the conversation goes through; what it was rewound from is left out."""
        return tuple(branch(self._live.journal.envelopes))

    def rewind_points(self) -> tuple[RewindPoint, ...]:
        """The prompts that `/rewind N` goes back to, oldest first."""
        from dsterm.engine.undoing.rewind import rewind_points  # noqa: PLC0415  only when somebody wants to go back

        return rewind_points(self._live.journal.envelopes)

    def sessions(self) -> list[SessionSummary]:
        """The sessions of this folder, newest first."""
        return self._opening.sessions()

    @property
    def provider(self) -> ProviderCard:
        """Where the next request goes."""
        return self._live.provider

    @property
    def is_demo(self) -> bool:
        """Whether the provider is no model and its costs are owed to nobody."""
        return self._live.provider.is_demo

    @property
    def commands(self) -> tuple[CommandSpec, ...]:
        """The commands that `command` understands."""
        return tuple(command.spec for command in self._work.commands)

    async def refresh(self) -> None:
        """Look again where the workspace stands in git, and what confines commands."""
        self._live.repo = await self._parts.repo_state()
        await find_instructions(self._live)
        facts = await asyncio.to_thread(lambda: self._parts.commands.sandbox)
        self._live.sandbox = facts.name
        if not facts.name and self._parts.config.sandbox and not self._has_told_of_sandbox:
            self._has_told_of_sandbox = True
            self._live.notice(f"There is no sandbox here, so every command asks. {facts.trouble}", NoticeLevel.WARNING)

    def warm(self) -> None:
        """Load what the first request will need; call it in a thread, after the first paint."""
        self._parts.warm(self._live.provider)
        _load_work()
        if self._parts.index is not None:
            self._parts.past.load(self._parts.index, is_patient=True)

    async def close(self) -> None:
        """Stop what is running and give everything back."""
        await self._drive.close()
        await self._parts.commands.close()
        await self._live.close()
        if self._parts.index is not None:
            self._parts.index.close()
        self._parts.token_counts.close()

    @cached_property
    def _work(self) -> Work:
        return _load_work()(self._opening, lambda: self._live, self._switch, self._drive)

    def _job_changed(self, job: Job) -> None:
        """Show it; the model hears of the end of what it started in the same conversation."""
        self._live.emit(JobChanged(job=job))
        session_id = self._live.journal.session_id
        if job.state is JobState.RUNNING:
            self._job_sessions[job.id] = session_id
        elif not job.is_of_user and self._job_sessions.get(job.id) == session_id:
            self._live.ended_jobs.append(job)

    def _go_on_with(self, live: LiveSession) -> LiveSession:
        """Make `live` the session that is heard; the former one."""
        live.listener, self._live.listener = self._live.listener, None
        former, self._live = self._live, live
        return former

    async def _switch(self, live: LiveSession) -> None:
        await self._go_on_with(live).close()


def _load_work() -> type[Work]:
    from dsterm.engine.work import Work  # noqa: PLC0415  after the first frame

    return Work
