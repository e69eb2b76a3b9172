"""What is to be run: flags, settings, folder and places, checked before anything starts."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dsterm.core.config import Config
from dsterm.core.errors import UsageError
from dsterm.store.paths import Paths, find_paths
from dsterm.store.settings import load_settings


@dataclass(frozen=True)
class LaunchPlan:
    """A run, settled: `folder` is the workspace, `notices` are for the user, `chose_*` what flags said for a resumed session."""

    config: Config
    paths: Paths
    folder: Path
    environment: Mapping[str, str]
    prompt: str | None
    attachments: tuple[str, ...]
    output_format: str | None
    is_headless: bool
    is_demo: bool
    is_saved: bool
    resume_latest: bool
    resume_id: str | None
    chose_model: bool
    chose_mode: bool
    notices: tuple[str, ...]


def plan_launch(flags: argparse.Namespace, environment: Mapping[str, str]) -> LaunchPlan:
    """Check the flags against each other, find the folder, read the settings; UsageError or SettingsError."""
    _check_combination(flags)
    folder = _folder(flags.cwd)
    paths = find_paths(environment, sys.platform, Path.home())
    provider = _provider(flags, environment)
    chosen = {
        "provider": provider,
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
        "mouse": False if flags.no_mouse else None,
        "debug": True if flags.debug else None,
    }
    settings = load_settings(paths, environment, chosen, folder)
    return LaunchPlan(
        config=settings.config,
        paths=paths,
        folder=folder,
        environment=environment,
        prompt=flags.prompt,
        attachments=tuple(flags.attach),
        output_format=flags.output_format,
        is_headless=flags.headless,
        is_demo=settings.config.provider == "demo",
        is_saved=not flags.no_save,
        resume_latest=flags.resume_latest,
        resume_id=flags.resume,
        chose_model=flags.model is not None,
        chose_mode=flags.mode is not None,
        notices=settings.notices,
    )


def _check_combination(flags: argparse.Namespace) -> None:
    if flags.demo and flags.provider not in {None, "demo"}:
        raise UsageError(f"--demo and --provider {flags.provider} exclude each other; leave one out.")
    if flags.resume is not None and flags.resume_latest:
        raise UsageError("--continue and --resume exclude each other; leave one out.")
    if flags.no_save and (flags.resume_latest or flags.resume is not None):
        raise UsageError("--no-save keeps nothing, so it can't go on with a session; leave one out.")
    if flags.output_format and not flags.headless:
        raise UsageError("--output-format goes with -p; add -p, or leave it out.")


def _provider(flags: argparse.Namespace, environment: Mapping[str, str]) -> str | None:
    """The provider that the flags name."""
    return "demo" if flags.demo else flags.provider


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
