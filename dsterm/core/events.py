"""Every fact the engine announces: frozen, JSON-safe, in pairs that begin and end. Durable ones are the session log.

Contracts: every begin gets one end, also on interrupt, error and after a crash; refused, unknown and failed tool calls end
with ToolEnded; `seq` has no gaps in a session; unknown kinds are kept on load.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from dsterm.core.command_events import (
    CheckEnded,
    CheckStarted,
    JobChanged,
    PlanDecided,
    PlanProposed,
    UserCommandEnded,
    UserCommandStarted,
)
from dsterm.core.context_events import Compacted, OriginalsRestored, ResultsPruned
from dsterm.core.delta_events import (
    MessageProgress,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolProgress,
    WorkProgress,
)
from dsterm.core.instruction_events import InstructionsRead
from dsterm.core.mentions import Mention
from dsterm.core.messages import AssistantMessage, ToolCall
from dsterm.core.models import Cost, Forecast, PermissionMode, Price, ThinkingMode, Usage
from dsterm.core.provider import Failure, LeakedMarkup, StopReason
from dsterm.core.questions import QuestionAnswered, QuestionAsked
from dsterm.core.repo_events import RepoAttached, RepoChanged, RepoDetached
from dsterm.core.report_events import ReportShown
from dsterm.core.tools import Effect, Plan, Task, ToolResult
from dsterm.core.undo_events import ChangesSaved, CheckpointSaved, Rewound, Undone
from dsterm.core.wire_events import FellBack, Intervened, StepStalled


class TurnStarted(msgspec.Struct, frozen=True, kw_only=True, tag="TurnStarted"):
    """The user sent a prompt; on disk before anything is sent. `note` is what dsterm adds for the model alone, `mode` is what
    this turn alone is sent in; None: the mode that is chosen. `mentions` are what the prompt named, whose text is in the note.
    """

    prompt: str
    note: str = ""
    mode: ThinkingMode | None = None
    mentions: tuple[Mention, ...] = ()


class Steered(msgspec.Struct, frozen=True, kw_only=True, tag="Steered"):
    """The user added words between two steps, or the user's checks failed. `note` is what dsterm adds for the model alone,
    such as the text of what the words mention.
    """

    text: str
    note: str = ""
    mentions: tuple[Mention, ...] = ()


class TurnEnd(StrEnum):
    """Why a turn is over. UNFIT: the answer is not the JSON that was asked for."""

    ANSWERED = "answered"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    BUDGET = "budget"
    MAX_TURNS = "max-turns"
    CUT = "cut"
    UNFIT = "unfit"


class TurnEnded(msgspec.Struct, frozen=True, kw_only=True, tag="TurnEnded"):
    """The turn is over; `text` says why when it did not end with an answer."""

    reason: TurnEnd
    text: str = ""


class StepStarted(msgspec.Struct, frozen=True, kw_only=True, tag="StepStarted"):
    """A request is about to be sent. `digest` names the bytes of its system text, tools and messages; `broke` says why it is not
    the request before it with more messages behind (the mode, the model, ...), empty where it is; `broke_at` is then the first
    message that differs, in words, where that can be told.
    """

    provider: str
    model: str
    mode: ThinkingMode
    why: str = ""
    forecast: Forecast | None = None
    is_demo: bool = False
    digest: str = ""
    broke: str = ""
    broke_at: str = ""


class StepRetried(msgspec.Struct, frozen=True, kw_only=True, tag="StepRetried"):
    """The request failed; it is sent again after `wait` seconds, up to `limit` times (0: not said). What it streamed is void."""

    attempt: int
    wait: float
    cause: str
    limit: int = 0


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from sending: to the first delta with text (None: there was none), to the first word of the answer, in all."""

    first_token: float | None = None
    first_answer: float | None = None
    total: float = 0.0


class StepEnded(msgspec.Struct, frozen=True, kw_only=True, tag="StepEnded"):
    """The answer is complete, or will not come; `cost` None means unknown, `price` is the row it was billed with.

    `model` is the one that answered, `response_id` what the server calls the answer. `has_reasoned` is None where nothing came.
    `leaked` is the markup of tool calls that was taken out of the answer.
    """

    stop: StopReason
    model: str
    response_id: str = ""
    has_reasoned: bool | None = None
    usage: Usage | None = None
    cost: Cost | None = None
    price: Price | None = None
    timings: Timings = Timings()
    failure: Failure | None = None
    is_demo: bool = False
    leaked: tuple[LeakedMarkup, ...] = ()


class MessageAdded(msgspec.Struct, frozen=True, kw_only=True, tag="MessageAdded"):
    """The model's message is part of the conversation; supersedes MessageProgress."""

    message: AssistantMessage


class ToolRequested(msgspec.Struct, frozen=True, kw_only=True, tag="ToolRequested"):
    """A tool call is about to be decided; `plan` is None where the call can't even be prepared."""

    call: ToolCall
    plan: Plan | None = None

    @property
    def effects(self) -> tuple[Effect, ...]:
        """What the call would touch."""
        return self.plan.effects if self.plan else ()


class ToolEnded(msgspec.Struct, frozen=True, kw_only=True, tag="ToolEnded"):
    """The tool call `id` has its answer."""

    id: str
    result: ToolResult


class AsideEnded(msgspec.Struct, frozen=True, kw_only=True, tag="AsideEnded"):
    """A request beside the conversation is over (`purpose`: a commit message, ...); it was paid for like any other."""

    purpose: str
    ended: StepEnded
    provider: str = ""
    mode: ThinkingMode = ThinkingMode.NON_THINK


class ModelChanged(msgspec.Struct, frozen=True, kw_only=True, tag="ModelChanged"):
    """The next request goes to another model."""

    provider: str
    model: str


class ModeChanged(msgspec.Struct, frozen=True, kw_only=True, tag="ModeChanged"):
    """The next request is sent in another thinking mode."""

    mode: ThinkingMode


class PermissionModeChanged(msgspec.Struct, frozen=True, kw_only=True, tag="PermissionModeChanged"):
    """Another permission mode holds from here on."""

    mode: PermissionMode


class TasksChanged(msgspec.Struct, frozen=True, kw_only=True, tag="TasksChanged"):
    """The model's to-do list is this now."""

    tasks: tuple[Task, ...]


class NoticeLevel(StrEnum):
    """How much a notice matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Notice(msgspec.Struct, frozen=True, kw_only=True, tag="Notice"):
    """Words of dsterm's own for the reader; the model never sees them."""

    text: str
    level: NoticeLevel = NoticeLevel.INFO


class UnknownEvent(msgspec.Struct, frozen=True, kw_only=True, tag="UnknownEvent"):
    """An event of a kind that this version doesn't know, kept as it was read."""

    kind: str
    raw: msgspec.Raw


DELTAS = (TextDelta, ReasoningDelta, ToolCallDelta, ToolProgress, WorkProgress, StepStalled)
"""The kinds that are for screens only and never stored."""

Event = (
    TurnStarted
    | Steered
    | TurnEnded
    | StepStarted
    | StepRetried
    | StepEnded
    | TextDelta
    | ReasoningDelta
    | ToolCallDelta
    | MessageProgress
    | MessageAdded
    | ToolRequested
    | ToolProgress
    | WorkProgress
    | ToolEnded
    | QuestionAsked
    | QuestionAnswered
    | ModelChanged
    | ModeChanged
    | PermissionModeChanged
    | RepoAttached
    | RepoDetached
    | ResultsPruned
    | Compacted
    | OriginalsRestored
    | RepoChanged
    | InstructionsRead
    | TasksChanged
    | CheckpointSaved
    | ChangesSaved
    | Undone
    | Rewound
    | JobChanged
    | UserCommandStarted
    | UserCommandEnded
    | PlanProposed
    | PlanDecided
    | CheckStarted
    | CheckEnded
    | AsideEnded
    | Intervened
    | FellBack
    | StepStalled
    | Notice
    | ReportShown
    | UnknownEvent
)


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its place in the session: `parent` makes branches, `lane` tells conversations apart.

    A durable event has an `id` and the next `seq` from 1; a delta has an empty `id` and the `seq` of the last durable event.
    """

    id: str
    parent: str
    seq: int
    at: datetime
    event: Event
    lane: str = "main"
