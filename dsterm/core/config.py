"""What the user chose: one frozen value from defaults, files, environment and flags. A change makes a new one."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from dsterm.core.models import PermissionMode, ThinkingMode


class ReasoningFold(StrEnum):
    """When a reasoning block folds to one line."""

    ON_ANSWER = "on-answer"
    NEVER = "never"
    ALWAYS = "always"


class FallbackConsent(StrEnum):
    """Whether another provider may go on with a turn when the chosen one is overloaded or out of reach."""

    ASK = "ask"
    ALWAYS = "always"
    NEVER = "never"


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings. Names are those of the settings file; `budget` is US dollars, `max_output` tokens, `attach_cap` bytes a file.

    `max_turns` caps the model requests of a run (None: no cap), `max_steps` those of a single turn. `allowed_tools` run without
    asking, `disallowed_tools` never run. `sandbox` confines commands where it works, `sandbox_network` gives them the network
    there; `mask_secrets` hides token shapes in tool results from the model; `command_timeout` is seconds where a call names none;
    `checks` are commands that run after a turn that edited; `add_dirs` are further folders that tools may use. `fallbacks` are
    the models to go on with, in order, as `provider/model`, by the alias of the chosen one; `fallback` says whether it is asked.
    `instructions`: AGENTS.md is read; `allow_urls` lets pages that a prompt mentions be fetched, after a question;
    `ask_above` is US dollars: a send that costs so much more than it would out of the cache asks first (0: never asks).
    `idle_timeout` is how many seconds a server may send nothing; `ca_file` holds certificates to trust beside the usual ones.
    """

    provider: str = "novita"
    model: str = "pro"
    mode: ThinkingMode = ThinkingMode.THINK
    permission_mode: PermissionMode = PermissionMode.ASK
    base_url: str = ""
    theme: str = "dusk"
    reasoning_fold: ReasoningFold = ReasoningFold.ON_ANSWER
    budget: Decimal | None = None
    ask_above: Decimal = Decimal("0.05")
    max_turns: int | None = None
    max_steps: int = 100
    max_output: int = 65_536
    attach_cap: int = 1_000_000
    append_system_prompt: str = ""
    allowed_tools: tuple[str, ...] = ()
    disallowed_tools: tuple[str, ...] = ()
    sandbox: bool = True
    sandbox_network: bool = False
    mask_secrets: bool = True
    command_timeout: int = 120
    checks: tuple[str, ...] = ()
    add_dirs: tuple[str, ...] = ()
    fallbacks: dict[str, tuple[str, ...]] = {}
    fallback: FallbackConsent = FallbackConsent.ASK
    instructions: bool = True
    allow_urls: bool = False
    idle_timeout: int = 300
    ca_file: str = ""
    mouse: bool = True
    debug: bool = False
