"""What runs the commands of a shell: the jobs of this run, over the sandbox that works here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dsterm.boot.plan import LaunchPlan
from dsterm.core.commands import SandboxFacts
from dsterm.core.services import Clock
from dsterm.workspace.commands.jobs import Jobs, JobSetting
from dsterm.workspace.programs import program_folders
from dsterm.workspace.saved.checkpoints import project_name

if TYPE_CHECKING:
    from dsterm.workspace.confinement.sandbox import FoundSandbox, SandboxPlaces


def build_runner(
    plan: LaunchPlan, roots: tuple[Path, ...], key_variables: frozenset[str], redact: Callable[[str], str], clock: Clock
) -> Jobs:
    """The runner for the workspace `roots[0]`; no command sees `key_variables`, full output logs are kept where sessions are."""

    def find() -> FoundSandbox:
        from dsterm.workspace.confinement.sandbox import FoundSandbox, find_sandbox

        if not plan.config.sandbox:
            return FoundSandbox(None, SandboxFacts(trouble="it is switched off (--no-sandbox, or sandbox = false)."))
        return find_sandbox(sandbox_places(plan, roots), program_folders(plan.environment), sys.platform)

    return Jobs(
        JobSetting(
            find_sandbox=find,
            root=roots[0],
            extra_roots=roots[1:],
            environment=plan.environment,
            key_variables=key_variables,
            logs=plan.paths.command_logs if plan.is_saved else None,
            redact=redact,
            clock=clock,
        )
    )


def sandbox_places(plan: LaunchPlan, roots: tuple[Path, ...]) -> SandboxPlaces:
    """Where the sandbox stands for this launch."""
    from dsterm.workspace.confinement.sandbox import SandboxPlaces

    paths = plan.paths
    return SandboxPlaces(
        roots=roots,
        own_folders=(paths.config, paths.state, paths.cache),
        cache=paths.project_caches / project_name(roots[0]),
        home=Path.home(),
    )
