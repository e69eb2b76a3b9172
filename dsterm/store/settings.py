"""The settings: defaults, then the user's file, the project's file, the environment and the flags, each value with its origin.

A project may only tighten: whatever else its file says is ignored with a notice, so that no repository can loosen anything.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec

from dsterm.core.config import Config
from dsterm.core.errors import SettingsError
from dsterm.core.models import PermissionMode
from dsterm.store.paths import Paths
from dsterm.store.setting_values import check_value, is_command, shown

_MOST_BYTES = 1_000_000
_STRICT_SWITCHES = {"sandbox": True, "sandbox_network": False, "mask_secrets": True, "allow_urls": False}
TIGHTENING = ("permission_mode", "budget", "max_turns", "disallowed_tools", "command_timeout", *_STRICT_SWITCHES)
"""The settings that a project may make stricter; it can set no others."""
_MOST_CHECKS = 5
_LONGEST_CHECK = 300
_STRICTEST_FIRST = (
    PermissionMode.PLAN,
    PermissionMode.ASK,
    PermissionMode.ACCEPT_EDITS,
    PermissionMode.AUTO,
    PermissionMode.YOLO,
)
_KEY_WORDS = ("key", "token", "secret")
_ADDING_UP = ("disallowed_tools", "add_dirs")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds, where each value comes from (`default`, a file, a variable or a flag), and what was ignored and why.

    `proposed_checks` are commands that a project would like to have run; they only run when the user takes them.
    """

    config: Config
    origins: Mapping[str, str]
    notices: tuple[str, ...] = ()
    proposed_checks: tuple[str, ...] = ()


class _Layers:
    """Values as they pile up; a later layer wins, but `disallowed_tools` and `add_dirs` add up.

    A ban is never lifted by another ban, and to add a folder takes none away.
    """

    def __init__(self) -> None:
        self.values: dict[str, object] = msgspec.structs.asdict(Config())
        self.origins = dict.fromkeys(self.values, "default")
        self.notices: list[str] = []
        self.proposed_checks: tuple[str, ...] = ()
        self._file = ""
        self._file_provider: object = None

    def settle_address(self) -> None:
        """Drop an address from a file where this run goes to another provider: it is not that one's, nor is its key for it."""
        is_of_file = self._file_provider is not None and self.origins["base_url"] == self._file
        if is_of_file and self.values["provider"] != self._file_provider:
            self.notices.append(
                f"{self._file}: `base_url` belongs to {self._file_provider} there, so {self.values['provider']} doesn't get it; "
                "--base-url gives it one."
            )
            self.put("base_url", "", "default")

    def end_of_file(self, path: str) -> None:
        """What is put from here on is of this run: what `path` says of an address is about the provider that holds now."""
        self._file, self._file_provider = path, self.values["provider"]

    def put(self, key: str, value: object, origin: str) -> None:
        if key in _ADDING_UP:
            value = tuple(dict.fromkeys((*_as_texts(self.values[key]), *_as_texts(value))))
        self.values[key] = value
        self.origins[key] = origin

    def tighten(self, key: str, value: object, origin: str) -> None:
        """Take a project's value where it is stricter than what holds so far."""
        if self._is_stricter(key, value):
            self.put(key, value, origin)
        elif value != self.values[key]:
            self.notices.append(f"{origin}: `{key}` would loosen what you set, so it is ignored.")

    def _is_stricter(self, key: str, value: object) -> bool:
        if key in _STRICT_SWITCHES:
            return value is _STRICT_SWITCHES[key] and value is not self.values[key]
        match value, self.values[key]:
            case PermissionMode() as new, PermissionMode() as old:
                return _STRICTEST_FIRST.index(new) < _STRICTEST_FIRST.index(old)
            case (Decimal() | int()) as new, (Decimal() | int()) as old:
                return new < old
            case ((Decimal() | int()), None):
                return True
            case _:
                return key == "disallowed_tools"


def load_settings(
    paths: Paths, environment: Mapping[str, str], flags: Mapping[str, object], project: Path | None
) -> Settings:
    """Everything that was set, by anyone. `flags` has the names of Config's fields, None where a flag was not given.

    `project` is the folder whose `.dsterm/config.toml` counts, None where the user trusts none: then nothing of it is read.
    SettingsError names the place, the key and what is allowed.
    """
    layers = _Layers()
    _add_user_file(layers, paths.config_file)
    layers.end_of_file(str(paths.config_file))
    if project is not None:
        _add_project_file(layers, project / ".dsterm" / "config.toml")
    for key in Config.__struct_fields__:
        variable = f"DSTERM_{key.upper()}"
        if text := environment.get(variable, ""):
            layers.put(key, check_value(key, _from_text(key, text), variable, is_text=True), variable)
    for key, value in flags.items():
        if value is not None:
            flag = f"--{key.replace('_', '-')}"
            if key not in layers.values:
                raise SettingsError(f"{flag} is no setting.{_nearest(key)}")
            layers.put(key, check_value(key, _from_flag(key, value), flag, is_text=True), flag)
    layers.settle_address()
    config = msgspec.convert(layers.values, Config)
    return Settings(
        config=config,
        origins=layers.origins,
        notices=tuple(layers.notices),
        proposed_checks=layers.proposed_checks,
    )


def _add_user_file(layers: _Layers, path: Path) -> None:
    for key, value in _read_table(path).items():
        if key not in layers.values:
            if any(word in key.lower() for word in _KEY_WORDS):
                raise SettingsError(
                    f"{path}: {shown(key)} is no setting. A key belongs in DSTERM_API_KEY, not in this file."
                )
            raise SettingsError(f"{path}: {shown(key)} is no setting.{_nearest(key)}")
        layers.put(key, check_value(key, value, str(path)), str(path))


def _add_project_file(layers: _Layers, path: Path) -> None:
    ignored = []
    for key, value in _read_table(path).items():
        if key in TIGHTENING:
            layers.tighten(key, check_value(key, value, str(path)), str(path))
        elif key == "checks":
            _propose_checks(layers, value, str(path))
        else:
            ignored.append(shown(key))
    if ignored:
        some = ", ".join(ignored[:5]) + (" and more" if len(ignored) > 5 else "")
        layers.notices.append(f"{path}: ignored {some}. A project may only tighten {', '.join(TIGHTENING)}.")


def _propose_checks(layers: _Layers, value: object, origin: str) -> None:
    """Take up what a project proposes, which nothing runs yet; all of it or nothing."""
    commands = [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []
    is_usable = isinstance(value, list) and len(commands) == len(value) <= _MOST_CHECKS
    if is_usable and all(is_command(command) and len(command) <= _LONGEST_CHECK for command in commands):
        layers.proposed_checks = tuple(dict.fromkeys(commands))
    else:
        layers.notices.append(
            f"{origin}: `checks` is ignored; a project may propose at most {_MOST_CHECKS} commands, each one line of at most "
            f"{_LONGEST_CHECK} characters."
        )


def _read_table(path: Path) -> dict[str, object]:
    """The TOML table in `path`, empty where there is no such file."""
    try:
        if not path.exists():
            return {}
        if not path.is_file():
            # A pipe would be waited for, a device read without end.
            raise SettingsError(f"{path} is not a file; move it away.")
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise SettingsError(f"{path} can't be read: {reason}. Correct its permissions, or move it away.") from error
    if len(data) > _MOST_BYTES:
        raise SettingsError(f"{path} is larger than {_MOST_BYTES:,} bytes, too large for settings; move it away.")
    try:
        return tomllib.loads(data.decode("utf-8-sig"), parse_float=Decimal)
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text; write it again, or move it away.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {str(error)[:200]!r}. Correct it, or move it away.") from error
    except RecursionError as error:
        raise SettingsError(f"{path} is nested too deeply; write it again, or move it away.") from error


def _nearest(key: str) -> str:
    found = difflib.get_close_matches(key.lower().replace("-", "_"), Config.__struct_fields__, n=1)
    return f" Did you mean `{found[0]}`?" if found else f" There are: {', '.join(Config.__struct_fields__)}."


def _from_text(key: str, text: str) -> object:
    """A variable's text as the setting wants it: tools are separated by commas or blanks, checks by lines, folders as in PATH."""
    if key == "checks":
        return [line for line in text.splitlines() if line.strip()]
    if key == "add_dirs":
        return [folder for folder in text.split(os.pathsep) if folder]
    if key == "fallbacks":
        return _fallbacks_from(text)
    return text.replace(",", " ").split() if key.endswith("_tools") else text


def _fallbacks_from(text: str) -> object:
    """`flash=deepseek/flash flash=siliconflow/flash` as a table of lists; the text itself where it is none."""
    lists: dict[str, list[str]] = {}
    for entry in text.replace(",", " ").split():
        model, sign, place = entry.partition("=")
        if not sign:
            return text
        lists.setdefault(model, []).append(place)
    return lists


def _from_flag(key: str, value: object) -> object:
    if key in {"checks", "add_dirs"}:
        return [value] if isinstance(value, str) else value
    if not key.endswith("_tools"):
        return value
    entries = [value] if isinstance(value, str) else value
    if not isinstance(entries, list | tuple):
        return value
    return [name for entry in entries for name in str(entry).replace(",", " ").split()]


def _as_texts(value: object) -> tuple[str, ...]:
    return tuple(str(name) for name in value) if isinstance(value, list | tuple) else ()
