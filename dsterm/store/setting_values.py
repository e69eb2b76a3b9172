"""Whether a single setting's value can be used, and the sentence when it can't."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from enum import StrEnum
from urllib.parse import urlsplit

import msgspec

from dsterm.core.config import Config, FallbackConsent, ReasoningFold
from dsterm.core.errors import SettingsError
from dsterm.core.models import PermissionMode, ThinkingMode

_MOST_OUTPUT = 393_216
_LONGEST_TIMEOUT = 3600
_LONGEST_SHOWN = 60

_PLACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*/[!-~]+")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_CHOICES: dict[str, type[StrEnum]] = {
    "mode": ThinkingMode,
    "permission_mode": PermissionMode,
    "reasoning_fold": ReasoningFold,
    "fallback": FallbackConsent,
}

_ALLOWED = {
    "provider": "the name of a provider, such as novita",
    "model": "pro, flash or the id of a model",
    "theme": "the name of a theme",
    "base_url": "an address that begins with https:// or http://, without a user or password in it",
    "budget": "US dollars, more than 0",
    "ask_above": "US dollars, 0 for never",
    "max_turns": "a whole number of at least 1",
    "max_steps": "a whole number of at least 1",
    "max_output": f"tokens, a whole number from 1 to {_MOST_OUTPUT:,}",
    "attach_cap": "bytes, a whole number of at least 1",
    "append_system_prompt": "text",
    "allowed_tools": "a list of tool names",
    "disallowed_tools": "a list of tool names",
    "sandbox": "true or false",
    "sandbox_network": "true or false",
    "instructions": "true or false",
    "allow_urls": "true or false",
    "mask_secrets": "true or false",
    "command_timeout": f"seconds, a whole number from 1 to {_LONGEST_TIMEOUT:,}",
    "checks": "a list of commands, one line each, without control characters",
    "add_dirs": "a list of folders, without control characters",
    "fallbacks": 'lists of PROVIDER/MODEL by the model they stand in for, as flash = ["deepseek/flash"]',
    "idle_timeout": f"seconds, a whole number from 1 to {_LONGEST_TIMEOUT:,}",
    "ca_file": "the path of a file with certificates, without control characters",
    "mouse": "true or false",
    "debug": "true or false",
}

_TYPES = {field.name: field.type for field in msgspec.structs.fields(Config)}


def check_value(key: str, value: object, source: str, *, is_text: bool = False) -> object:
    """`value` in the type of the setting `key`; SettingsError names `source`, the key and what is allowed.

    `is_text` says that numbers and truth values come as text, as they do from a variable or a flag.
    """
    try:
        converted: object = msgspec.convert(value, _TYPES[key], strict=not is_text)
    except msgspec.ValidationError:
        converted = None
    if converted is None or not _is_usable(key, converted):
        raise SettingsError(f"{source}: `{key}` can't be {shown(value)}; allowed: {allowed(key)}.")
    return converted


def allowed(key: str) -> str:
    """What the setting `key` may be, in words."""
    choices = _CHOICES.get(key)
    if choices is not None:
        return ", ".join(choice.value for choice in choices)
    return _ALLOWED.get(key, "another kind of value")


def shown(value: object) -> str:
    """A value from outside, quoted, short and without control characters."""
    text = str(value) if isinstance(value, Decimal) else json.dumps(value, default=str)
    plain = "".join(character if character.isprintable() else "?" for character in text)
    return plain if len(plain) <= _LONGEST_SHOWN else f"{plain[:_LONGEST_SHOWN]}…"


def is_command(text: str) -> bool:
    """Whether `text` can be shown and run as one line: not blank, nothing in it that a screen would hide or obey."""
    return bool(text.strip()) and text.isprintable()


def is_place(text: str) -> bool:
    """Whether `text` names a model at a provider: `PROVIDER/MODEL`."""
    return _PLACE.fullmatch(text) is not None


def _is_usable(key: str, value: object) -> bool:
    match key, value:
        case ("budget", Decimal() as dollars):
            return dollars.is_finite() and dollars > 0
        case ("ask_above", Decimal() as dollars):
            return dollars.is_finite() and dollars >= 0
        case ("max_output", int() as tokens):
            return 1 <= tokens <= _MOST_OUTPUT
        case ("max_turns" | "max_steps" | "attach_cap", int() as number):
            return number >= 1
        case ("command_timeout" | "idle_timeout", int() as seconds):
            return 1 <= seconds <= _LONGEST_TIMEOUT
        case ("ca_file", str() as file):
            return not _CONTROL.search(file)
        case ("fallbacks", dict() as lists):
            return all(is_place(place) for places in lists.values() for place in places)
        case ("checks", tuple() as commands):
            return all(is_command(command) for command in commands)
        case ("add_dirs", tuple() as folders):
            return all(bool(folder.strip()) and not _CONTROL.search(folder) for folder in folders)
        case ("base_url", str() as address):
            return not address or _is_address(address)
        case ("provider" | "model" | "theme", str() as name):
            return bool(name.strip()) and name.isprintable()
        case _:
            return True


def _is_address(address: str) -> bool:
    if not address.isprintable() or " " in address:
        return False
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
