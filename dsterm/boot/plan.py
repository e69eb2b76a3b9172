"""What is to be run: flags, settings, folder and places, checked before anything starts."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from dsterm.boot.circumstances import SystemClock
from dsterm.boot.trust import settle_trust
from dsterm.core.attachments import PackChoice
from dsterm.core.config import Config
from dsterm.core.errors import UsageError
from dsterm.store.paths import Paths, find_paths
from dsterm.store.setting_values import is_place
from dsterm.store.settings import TIGHTENING, Settings, load_settings
from dsterm.store.trust import TrustBook


@dataclass(frozen=True)
class LaunchPlan:
    """A run, settled: `folder` is the workspace, `notices` are for the user, `chose_*` what flags said for a resumed session
    (an address is that of a provider, so it chooses that one too).

    `trust` is what the user granted anywhere; `must_ask_trust` says that this folder is unknown: it counts as not trusted until
    `with_trust` brings the answer. `proposed_checks` are what a trusted project would have run; `extra_roots` are the folders,
    resolved, that tools may use beside it; `chosen` are the settings that flags gave.
    """

    config: Config
    paths: Paths
    folder: Path
    environment: Mapping[str, str]
    prompt: str | None
    attachments: tuple[str, ...]
    attach_choice: PackChoice
    output_format: str | None
    is_headless: bool
    is_demo: bool
    is_saved: bool
    resume_latest: bool
    resume_id: str | None
    chose_provider: bool
    chose_model: bool
    chose_mode: bool
    notices: tuple[str, ...]
    trust: TrustBook
    is_trusted: bool
    must_ask_trust: bool
    chosen: Mapping[str, object]
    proposed_checks: tuple[str, ...] = ()
    extra_roots: tuple[Path, ...] = ()
    json_schema: Path | None = None
    wants_json_object: bool = False


def plan_launch(flags: argparse.Namespace, environment: Mapping[str, str]) -> LaunchPlan:
    """Check the flags against each other, find the folder, read the settings; UsageError, SettingsError or DiskError.

    Nothing of the folder is read before it is trusted.
    """
    _check_combination(flags)
    folder = _folder(flags.cwd)
    paths = find_paths(environment, sys.platform, Path.home())
    # Without a place to keep it, an answer holds for this run.
    trust = TrustBook(paths.trust, home=Path.home(), clock=SystemClock(), is_kept=not flags.no_save)
    settled = settle_trust(trust, folder, says_trusted=flags.trust, is_headless=flags.headless)
    chosen = _chosen(flags)
    settings = load_settings(paths, environment, chosen, folder if settled.is_trusted else None)
    extra_roots, left_out = _extra_roots(settings.config.add_dirs, folder)
    notices = (*settings.notices, *left_out, *((settled.notice,) if settled.notice else ()))
    return LaunchPlan(
        config=settings.config,
        paths=paths,
        folder=folder,
        environment=environment,
        prompt=flags.prompt,
        attachments=tuple(flags.attach),
        attach_choice=PackChoice(
            include=tuple(flags.include), exclude=tuple(flags.exclude), tracked_only=flags.tracked_only
        ),
        output_format=flags.output_format,
        is_headless=flags.headless,
        is_demo=settings.config.provider == "demo",
        is_saved=not flags.no_save,
        resume_latest=flags.resume_latest,
        resume_id=flags.resume,
        chose_provider=flags.demo or flags.provider is not None or flags.base_url is not None,
        chose_model=flags.model is not None,
        chose_mode=flags.mode is not None,
        notices=notices,
        trust=trust,
        is_trusted=settled.is_trusted,
        must_ask_trust=settled.must_ask,
        chosen=chosen,
        proposed_checks=settings.proposed_checks,
        extra_roots=extra_roots,
        json_schema=None if flags.json_schema is None else Path(flags.json_schema),
        wants_json_object=flags.json_object,
    )


def with_trust(plan: LaunchPlan, *, is_trusted: bool) -> tuple[LaunchPlan, tuple[str, ...]]:
    """`plan` with the user's answer about its folder, which is kept, and what there is to say about the project's settings.

    A project can only tighten, so whatever else was settled since stays. SettingsError for a project's file that can't be used.
    """
    plan.trust.set_trust(plan.folder, is_trusted=is_trusted)
    answered = dataclasses.replace(plan, is_trusted=is_trusted, must_ask_trust=False)
    if not is_trusted:
        return answered, ()
    settings = load_settings(plan.paths, plan.environment, plan.chosen, plan.folder)
    config = msgspec.structs.replace(plan.config, **_tightened(settings))
    notices = tuple(notice for notice in settings.notices if notice not in plan.notices)
    return dataclasses.replace(answered, config=config, proposed_checks=settings.proposed_checks), notices


def _tightened(settings: Settings) -> dict[str, object]:
    return {name: getattr(settings.config, name) for name in TIGHTENING}


def _chosen(flags: argparse.Namespace) -> dict[str, object]:
    """The settings that flags gave, None for those they did not."""
    return {
        "provider": "demo" if flags.demo else flags.provider,
        "model": flags.model,
        "mode": flags.mode,
        "permission_mode": flags.permission_mode,
        "base_url": flags.base_url,
        "theme": flags.theme,
        "budget": flags.budget,
        "max_turns": flags.max_turns,
        "append_system_prompt": flags.append_system_prompt,
        "allowed_tools": flags.allowed_tools or None,
        "disallowed_tools": flags.disallowed_tools or None,
        **_fallbacks(flags),
        "add_dirs": [_named_folder(name) for name in flags.add_dirs] or None,
        "sandbox": False if flags.no_sandbox else None,
        "sandbox_network": True if flags.allow_network else None,
        "instructions": False if flags.no_instructions else None,
        "allow_urls": True if flags.allow_urls else None,
        "mouse": False if flags.no_mouse else None,
        "debug": True if flags.debug else None,
    }


def _fallbacks(flags: argparse.Namespace) -> dict[str, object]:
    """What --fallback says: whatever model is chosen, these go on, and nobody is asked."""
    places = tuple(flags.fallback)
    for place in places:
        if not is_place(place):
            raise UsageError(f"--fallback can't be {place!r}; give PROVIDER/MODEL, as in --fallback deepseek/flash.")
    if not places:
        return {}
    models = {"pro", "flash", *([flags.model] if flags.model else [])}
    return {"fallbacks": dict.fromkeys(sorted(models), places), "fallback": "always"}


def _check_combination(flags: argparse.Namespace) -> None:
    if flags.demo and flags.provider not in {None, "demo"}:
        raise UsageError(f"--demo and --provider {flags.provider} exclude each other; leave one out.")
    if flags.resume is not None and flags.resume_latest:
        raise UsageError("--continue and --resume exclude each other; leave one out.")
    if flags.no_save and (flags.resume_latest or flags.resume is not None):
        raise UsageError("--no-save keeps nothing, so it can't go on with a session; leave one out.")
    wants_json = flags.json_schema is not None or flags.json_object
    if wants_json and not flags.headless:
        raise UsageError("--json-schema and --json-object go with -p; add -p, or leave them out.")
    if flags.json_schema is not None and flags.json_object:
        raise UsageError("--json-schema and --json-object exclude each other; leave one out.")
    if (flags.include or flags.exclude or flags.tracked_only) and not flags.attach:
        raise UsageError("--include, --exclude and --tracked-only say what of --attach is taken; add --attach PATH.")
    if flags.output_format and not flags.headless:
        raise UsageError("--output-format goes with -p; add -p, or leave it out.")


def _folder(chosen: str | None) -> Path:
    try:
        folder = Path(chosen).expanduser().resolve() if chosen else Path.cwd()
    except OSError as error:
        raise UsageError("The current folder is gone; change to another one.") from error
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; give an existing one with --cwd.")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise UsageError(f"{folder} can't be read; give another folder with --cwd.")
    return folder


def _named_folder(name: str) -> str:
    """A folder that --add-dir names, seen from where dsterm was started."""
    try:
        folder = Path(name).expanduser().resolve()
        if folder.is_dir():
            return str(folder)
    except (OSError, RuntimeError, ValueError):
        pass
    raise UsageError(f"{name} is not a folder that can be used; give an existing one with --add-dir.")


def _extra_roots(names: Sequence[str], folder: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The folders of `names`, resolved, without those that are part of `folder`; and why some are left out."""
    roots: dict[Path, None] = {}
    left_out = []
    for name in names:
        try:
            root = (folder / Path(name).expanduser()).resolve()
            is_there = root.is_dir()
        except (OSError, RuntimeError, ValueError):
            is_there = False
        if not is_there:
            left_out.append(f"{name} in add_dirs is not a folder that can be used, so it is left out.")
        elif not root.is_relative_to(folder.resolve()):
            roots[root] = None
    return tuple(roots), tuple(left_out)
