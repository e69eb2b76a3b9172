"""Puts the rooms together: from a launch plan to an Engine."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
from errno import EACCES
from pathlib import Path
from random import SystemRandom

from dsterm.boot.catalogs import open_catalog
from dsterm.boot.circumstances import SystemClock, new_event_id
from dsterm.boot.command_runner import build_runner
from dsterm.boot.connections import Connections, missing_key, require_key
from dsterm.boot.known_keys import KnownKeys
from dsterm.boot.plan import LaunchPlan
from dsterm.context.environment_note import EnvironmentFacts, environment_note
from dsterm.context.prompt import system_prompt
from dsterm.core.commands import CommandReading, CommandRunner
from dsterm.core.config import Config
from dsterm.core.errors import DiskError, GitError, UsageError
from dsterm.core.models import ProviderCard
from dsterm.core.services import Clock
from dsterm.demo.sample import make_sample_repo
from dsterm.engine.engine import Engine
from dsterm.engine.parts import EngineParts, RepoState
from dsterm.llm.catalog import Catalog
from dsterm.llm.tokens import V4Counter
from dsterm.render.outline import TokenOutline
from dsterm.store.disk import disk_error, make_private_folder
from dsterm.store.index import Index
from dsterm.store.packs import PackFolder
from dsterm.store.sessions import SessionStore, new_session_id
from dsterm.store.token_counts import TokenCounts
from dsterm.tools.toolbox import Toolbox, build_toolbox
from dsterm.workspace.environment import environment_outside
from dsterm.workspace.files.instruction_files import read_instruction_files
from dsterm.workspace.files.local import LocalWorkspace
from dsterm.workspace.git.git import Git
from dsterm.workspace.git.user_git import UserGit
from dsterm.workspace.programs import find_program, program_folders
from dsterm.workspace.saved.checkpoints import Checkpoints, project_name
from dsterm.workspace.sources.sources import Sources


def build_engine(plan: LaunchPlan, keys: KnownKeys, demo_url: str) -> Engine:
    """The engine that `plan` asks for, with its session new or resumed.

    UsageError for an unknown model, a missing or malformed key or session; DiskError when nothing can be saved.
    """
    parts = build_parts(plan, keys, demo_url)
    config = plan.config
    parts.catalog.model(config.provider, config.model)
    _check_fallbacks(config, parts.catalog)
    resumes = plan.resume_latest or plan.resume_id is not None
    if plan.chose_provider or not resumes:
        require_key(plan, parts.catalog.provider(config.provider))
    engine = Engine(parts)
    if plan.resume_latest:
        engine.resume_latest()
    elif plan.resume_id is not None:
        engine.resume(plan.resume_id)
    if resumes:
        engine.choose(config.provider if plan.chose_provider else "", config.model if plan.chose_model else "")
        require_key(plan, engine.provider)
    if plan.chose_mode:
        engine.choose_mode(config.mode)
    return engine


def _check_fallbacks(config: Config, catalog: Catalog) -> None:
    """UsageError for a fallback that names nothing: better now than in an outage."""
    for alias, places in config.fallbacks.items():
        for place in places:
            provider, _, model = place.partition("/")
            try:
                catalog.model(provider, model)
            except UsageError as error:
                raise UsageError(f"fallbacks.{alias}: {place} can't be used. {error}") from error


def build_parts(plan: LaunchPlan, keys: KnownKeys, demo_url: str) -> EngineParts:
    """Every room, over the real disk, clock and network."""
    config = plan.config
    catalog, passed_over = open_catalog(plan, demo_url)
    variables = frozenset({"DSTERM_API_KEY", *(name for card in catalog.providers for name in card.key_variables)})
    clock, random, counter = SystemClock(), SystemRandom(), V4Counter()
    workspace = _workspace(plan)
    commands = build_runner(plan, (workspace.root, *plan.extra_roots), variables, keys.redact, clock)
    git, connections = open_git(plan), Connections(plan, keys)
    sessions = _sessions(plan)
    index = Index(plan.paths.index, sessions) if sessions else None
    checkpoints = _checkpoints(plan, workspace.root, git, is_kept=sessions is not None)
    return EngineParts(
        config=config,
        catalog=catalog,
        connect=connections.connect,
        missing_key=lambda card: missing_key(plan, card),
        warm=lambda card: _warm(card, connections, index),
        toolbox=_toolbox(plan, workspace, commands),
        commands=commands,
        trust=plan.trust,
        git=git,
        user_git=UserGit(_find_git(plan), workspace.root, environment=plan.environment, keys=variables),
        redact=keys.redact,
        find_secrets=keys.find,
        is_trusted=plan.is_trusted,
        instructions=lambda: read_instruction_files(
            plan.folder, plan.paths.config, is_trusted=plan.is_trusted, closed=_own_folders(plan)
        ),
        proposed_checks=plan.proposed_checks,
        workspace=workspace,
        checkpoints=checkpoints,
        counter=counter,
        clock=clock,
        new_id=lambda: new_event_id(random),
        new_session_id=lambda: new_session_id(clock.now(), random),
        jitter=random.random,
        system=system_prompt(config.append_system_prompt),
        folder=plan.folder,
        sources=open_sources(plan, git),
        outline=TokenOutline(),
        token_counts=TokenCounts(plan.paths.token_counts),
        repo_state=lambda: _repo_state(git),
        note=lambda repo: _note(plan.folder, clock, repo),
        packs=PackFolder(plan.paths.packs) if sessions else None,
        sessions=sessions,
        index=index,
        can_ask=not plan.is_headless,
        interrupted=(*_interrupted(checkpoints), *passed_over),
    )


def _workspace(plan: LaunchPlan) -> LocalWorkspace:
    return LocalWorkspace(
        plan.folder,
        program_folders=program_folders(plan.environment),
        environment=plan.environment,
        extra_roots=plan.extra_roots,
        closed=_own_folders(plan),
        is_trusted=plan.is_trusted,
    )


def _checkpoints(plan: LaunchPlan, root: Path, git: Git, *, is_kept: bool) -> Checkpoints:
    folder = plan.paths.checkpoints / project_name(root) if is_kept else None
    return Checkpoints(root, folder, extra_roots=plan.extra_roots, closed=_own_folders(plan), door=git.door)


def _own_folders(plan: LaunchPlan) -> tuple[Path, ...]:
    return (plan.paths.config, plan.paths.state, plan.paths.cache)


def _toolbox(plan: LaunchPlan, workspace: LocalWorkspace, commands: CommandRunner) -> Toolbox:
    config = plan.config
    toolbox = build_toolbox(
        workspace,
        runner=commands,
        reader=_read_command,
        timeout_seconds=config.command_timeout,
        has_network=lambda: config.sandbox_network,
    )
    if named := (*config.allowed_tools, *config.disallowed_tools):
        _check_tool_names(named, tuple(spec.name for spec in toolbox.specs))
    return toolbox


def _read_command(line: str) -> CommandReading:
    from dsterm.policy.shell import read_command

    return read_command(line)


def _find_git(plan: LaunchPlan) -> Path | None:
    return find_program("git", program_folders(plan.environment), outside=_roots(plan))


def _roots(plan: LaunchPlan) -> tuple[Path, ...]:
    return (plan.folder, *plan.extra_roots)


def open_git(plan: LaunchPlan) -> Git:
    """The git of the folder of `plan`, found outside it."""
    return Git(
        _find_git(plan),
        plan.folder,
        environment=environment_outside(plan.environment, _roots(plan)),
        is_trusted=plan.is_trusted,
    )


async def demo_repository(plan: LaunchPlan, folder: Path) -> None:
    """Fill `folder` with the sample project and make a git repository of it."""
    make_sample_repo(folder)
    git = open_git(dataclasses.replace(plan, folder=folder))
    await git.begin("A small project with a bug in it")


def _interrupted(checkpoints: Checkpoints) -> tuple[str, ...]:
    """What to say about changes that were cut off by a crash."""
    return tuple(
        f"dsterm was stopped in the middle of changing {len(found.files)} files here. /resume {found.session} says which of "
        "them are new; /undo there takes them back."
        for found in checkpoints.clean_up()
    )


def _warm(card: ProviderCard, connections: Connections, index: Index | None) -> None:
    """Load what a request needs, so that the first one waits for nothing; runs in a thread."""
    connections.warm(card)
    if index is not None:
        # What is wrong with the index is told when the first cost can't be booked.
        with contextlib.suppress(DiskError):
            index.open()


def _sessions(plan: LaunchPlan) -> SessionStore | None:
    if not plan.is_saved:
        return None
    # Found out before anything is sent: what can't be kept should not be paid for.
    make_private_folder(plan.paths.sessions)
    if not os.access(plan.paths.sessions, os.R_OK | os.W_OK | os.X_OK):
        raise disk_error("save sessions in", plan.paths.sessions, PermissionError(EACCES, os.strerror(EACCES)))
    return SessionStore(plan.paths.sessions)


def _check_tool_names(names: tuple[str, ...], known: tuple[str, ...]) -> None:
    for name in names:
        if name not in known:
            raise UsageError(f"There is no tool {name!r}. The tools are {', '.join(known)}.")


def open_sources(plan: LaunchPlan, git: Git) -> Sources:
    """What lists and reads what is attached."""
    return Sources(
        git.door, plan.folder, clones=plan.paths.clones, closed=_own_folders(plan), cap=plan.config.attach_cap
    )


async def _repo_state(git: Git) -> RepoState:
    try:
        return RepoState(branch=git.branch(), dirty_files=await git.dirty_count())
    except (GitError, UsageError):
        # The count is a decoration of the status line; a slow or broken repository must not hold up a prompt.
        return RepoState(branch=git.branch())


def _note(folder: Path, clock: Clock, repo: RepoState) -> str:
    facts = EnvironmentFacts(
        today=clock.now().date(), folder=folder.name, system=platform.system() or "unknown", branch=repo.branch
    )
    return environment_note(facts)
