"""What the engine announces about commands, plans and checks. Kept beside core.events, whose Event union they belong to."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from dsterm.core.commands import Job


class JobChanged(msgspec.Struct, frozen=True, kw_only=True, tag="JobChanged"):
    """A command went to the background, or one there is over."""

    job: Job


class UserCommandStarted(msgspec.Struct, frozen=True, kw_only=True, tag="UserCommandStarted"):
    """The user runs a command (`!command`, or `!!command` when `is_shared` is False); its output comes as ToolProgress `id`."""

    id: str
    command: str
    is_shared: bool = True


class UserCommandEnded(msgspec.Struct, frozen=True, kw_only=True, tag="UserCommandEnded"):
    """The user's command is over. Where it is shared, `output` stands in the conversation and takes `tokens` of the window.

    `exit_code` is None when it was stopped, or goes on in the background as `job`; `seconds` is how long it took.
    """

    id: str
    command: str
    output: str
    exit_code: int | None = None
    is_shared: bool = True
    tokens: int = 0
    seconds: float = 0.0
    job: str = ""


class PlanProposed(msgspec.Struct, frozen=True, kw_only=True, tag="PlanProposed"):
    """In plan mode, the model's answer is a plan for the user to decide about."""

    text: str


class PlanDecision(StrEnum):
    """What the user made of a plan."""

    ACCEPTED = "accepted"
    EDITED = "edited"
    REJECTED = "rejected"


class PlanDecided(msgspec.Struct, frozen=True, kw_only=True, tag="PlanDecided"):
    """The user decided: `text` is the plan as edited, or the reason against it."""

    decision: PlanDecision
    text: str = ""


class CheckStarted(msgspec.Struct, frozen=True, kw_only=True, tag="CheckStarted"):
    """A check of the user's runs after a turn that edited; its output comes as ToolProgress `id`. Rounds count from 1."""

    id: str
    command: str
    round: int


class CheckEnded(msgspec.Struct, frozen=True, kw_only=True, tag="CheckEnded"):
    """A check is over; `output` is what the model is told when it failed, `summary` says why it did not run."""

    id: str
    command: str
    round: int
    passed: bool
    output: str = ""
    summary: str = ""
    seconds: float = 0.0
