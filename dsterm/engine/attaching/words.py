"""The words after /attach: sources and what to take of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from dsterm.core.attachments import PackChoice, Preset
from dsterm.core.errors import UsageError

_PRESETS = ", ".join(Preset)


def read_words(words: Sequence[str]) -> tuple[list[str], PackChoice]:
    """The sources and the choice; UsageError for a flag that there isn't, or that lacks its value."""
    sources: list[str] = []
    include: list[str] = []
    exclude: list[str] = []
    preset = since = ""
    is_tracked_only = False
    rest = iter(words)
    for word in rest:
        flag, has_value, value = word.partition("=")
        if not word.startswith("--"):
            sources.append(word)
        elif word == "--tracked-only":
            is_tracked_only = True
        elif flag in {"--include", "--exclude", "--preset", "--since"}:
            given = value if has_value else _next(rest, flag)
            match flag:
                case "--include":
                    include.append(given)
                case "--exclude":
                    exclude.append(given)
                case "--preset":
                    preset = given
                case _:
                    since = given
        else:
            raise UsageError(
                f"/attach has no flag {flag}. It takes --include, --exclude, --preset, --since, --tracked-only."
            )
    if not sources:
        raise UsageError(
            "/attach takes a folder, a file, PATH@REV or the address of a repository; several at once if you like."
        )
    chosen = PackChoice(include=tuple(include), exclude=tuple(exclude), tracked_only=is_tracked_only)
    return sources, with_preset(chosen, preset, since)


def with_preset(choice: PackChoice, preset: str, since: str) -> PackChoice:
    """`choice` with the preset of that name and the files that changed since that revision, where they are given. UsageError."""
    named = _preset(preset) if preset else Preset.CHANGED if since else Preset.ALL
    if since and named is not Preset.CHANGED:
        raise UsageError(
            "--since takes the files that changed, so it goes with no other preset; narrow it with --include."
        )
    if named is Preset.CHANGED:
        since = since or "HEAD"
    return msgspec.structs.replace(choice, preset=named, since=since)


def _preset(name: str) -> Preset:
    try:
        return Preset(name)
    except ValueError as error:
        raise UsageError(f"There is no preset {name!r}. They are {_PRESETS}.") from error


def _next(rest: Iterator[str], flag: str) -> str:
    value = next(rest, "")
    if not value:
        raise UsageError(f"{flag} takes a value, as in --include '*.py' or --since main.")
    return value
