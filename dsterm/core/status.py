"""Where things stand now, as one frozen value: what the status line, `/status` and headless show."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dsterm.core.messages import Pack
from dsterm.core.models import Forecast, ModelCard, PermissionMode, ThinkingMode
from dsterm.core.tools import Task


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars so far: None is unknown, `is_estimate` says that a running answer is in it, `is_demo` that nothing is owed."""

    dollars: Decimal | None = Decimal(0)
    is_estimate: bool = False
    is_demo: bool = False


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot of the engine. Tokens: `context_tokens` fill the window of `model.context_window`; `hit_share` is 0 to 1,
    of the last request, None before the first. `sandbox` names what confines commands, empty where nothing does, None until
    that is known. `switch_note` says what an unsent change of model or mode costs. `answer_now` is there while a turn that was
    stopped in mid-reasoning can be answered at once, without more of it: what that request sends.
    """

    session_id: str
    model: ModelCard
    provider_title: str
    mode: ThinkingMode
    permission_mode: PermissionMode
    branch: str = ""
    dirty_files: int = 0
    context_tokens: int = 0
    is_context_estimate: bool = False
    hit_share: float | None = None
    turn: Spend = Spend()
    session: Spend = Spend()
    is_running: bool = False
    switch_note: str = ""
    answer_now: Forecast | None = None
    packs: tuple[Pack, ...] = ()
    tasks: tuple[Task, ...] = ()
    is_saved: bool = True
    sandbox: str | None = None
    is_trusted: bool = True
    running_jobs: int = 0
