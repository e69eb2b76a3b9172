"""Where things live on disk. Pure: the environment, the platform and the home folder are handed in, nothing is created."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

import msgspec

from dsterm.core.errors import SettingsError

_NAME = "dsterm"


class Paths(msgspec.Struct, frozen=True):
    """The three folders of dsterm: what the user wrote, what the program must keep, and what may be deleted at any time."""

    config: Path
    state: Path
    cache: Path

    @property
    def config_file(self) -> Path:
        """The user's settings."""
        return self.config / "config.toml"

    @property
    def catalog_file(self) -> Path:
        """The user's additions to the catalog of providers, models and prices."""
        return self.config / "catalog.toml"

    @property
    def keymap_file(self) -> Path:
        """The user's keys."""
        return self.config / "keymap.toml"

    @property
    def themes(self) -> Path:
        """The folder of the user's own themes."""
        return self.config / "themes"

    def key_file(self, provider: str) -> Path:
        """The file with the API key of `provider`, readable by the user alone."""
        return self.config / "keys" / provider

    def keyring_mark(self, provider: str) -> Path:
        """The file that says that the key of `provider` is in the keyring of the system."""
        return self.config / "keyring" / provider

    @property
    def sessions(self) -> Path:
        """The folder of session logs: the truth."""
        return self.state / "sessions"

    @property
    def index(self) -> Path:
        """The SQLite index over the logs; can always be made again from them."""
        return self.state / "index.db"

    @property
    def packs(self) -> Path:
        """The folder of attached repositories, frozen."""
        return self.state / "packs"

    @property
    def drafts(self) -> Path:
        """The folder of prompts that are being written."""
        return self.state / "drafts"

    @property
    def history(self) -> Path:
        """The prompts of all sessions."""
        return self.state / "history.jsonl"

    @property
    def trust(self) -> Path:
        """What the user granted to which project."""
        return self.state / "trust.json"

    @property
    def checkpoints(self) -> Path:
        """The folder of files saved before a turn's writes."""
        return self.state / "checkpoints"

    @property
    def command_logs(self) -> Path:
        """The folder of the whole output of commands."""
        return self.state / "commands"

    @property
    def logs(self) -> Path:
        """The folder of debug logs."""
        return self.state / "logs"

    @property
    def probes(self) -> Path:
        """The folder of what probes of providers found."""
        return self.state / "probes"

    @property
    def token_counts(self) -> Path:
        """The SQLite file of counted tokens, by what was counted."""
        return self.cache / "token-counts.db"

    @property
    def model_lists(self) -> Path:
        """The folder of what providers listed themselves."""
        return self.cache / "models"

    @property
    def clones(self) -> Path:
        """The folder of repositories cloned to be attached."""
        return self.cache / "clones"

    @property
    def project_caches(self) -> Path:
        """The folder with one folder a project, where its sandboxed commands keep what they download."""
        return self.cache / "projects"


def find_paths(environment: Mapping[str, str], platform: str, home: Path) -> Paths:
    """The folders for this user: DSTERM_HOME over everything, else XDG on every Unix, %APPDATA% and %LOCALAPPDATA% on Windows.

    `platform` is spelled as sys.platform does. SettingsError when DSTERM_HOME is not an absolute path.
    """
    chosen = environment.get("DSTERM_HOME", "")
    if chosen:
        return _paths_inside(_chosen_home(chosen, platform, home))
    if platform == "win32":
        local = _absolute(environment.get("LOCALAPPDATA", ""), platform) or home / "AppData" / "Local"
        roaming = _absolute(environment.get("APPDATA", ""), platform) or home / "AppData" / "Roaming"
        return Paths(config=roaming / _NAME, state=local / _NAME / "state", cache=local / _NAME / "cache")

    def folder(variable: str, default: Path) -> Path:
        return (_absolute(environment.get(variable, ""), platform) or default) / _NAME

    return Paths(
        config=folder("XDG_CONFIG_HOME", home / ".config"),
        state=folder("XDG_STATE_HOME", home / ".local" / "state"),
        cache=folder("XDG_CACHE_HOME", home / ".cache"),
    )


def _paths_inside(folder: Path) -> Paths:
    return Paths(config=folder / "config", state=folder / "state", cache=folder / "cache")


def _chosen_home(chosen: str, platform: str, home: Path) -> Path:
    if chosen == "~" or chosen.startswith("~/"):
        return home / chosen[2:]
    folder = _absolute(chosen, platform)
    if folder is None:
        raise SettingsError("DSTERM_HOME must be an absolute path, or begin with ~/; set it so, or unset it.")
    return folder


def _absolute(text: str, platform: str) -> Path | None:
    """`text` as a path if it is an absolute one: the XDG rules say that a relative one doesn't count."""
    pure = PureWindowsPath(text) if platform == "win32" else PurePosixPath(text)
    return Path(text) if pure.is_absolute() else None
