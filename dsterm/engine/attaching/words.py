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
    choice = PackChoice()
    rest = iter(words)
    for word in rest:
        flag, has_value, value = word.partition("=")
        if not word.startswith("--"):
            sources.append(word)
        elif word == "--tracked-only":
            choice = msgspec.structs.replace(choice, tracked_only=True)
        elif flag in {"--include", "--exclude", "--preset", "--since"}:
            given = value if has_value else _next(rest, flag)
            match flag:
                case "--include":
                    include.append(given)
                case "--exclude":
                    exclude.append(given)
                case "--preset":
                    choice = msgspec.structs.replace(choice, preset=read_preset(given))
                case _:
                    choice = msgspec.structs.replace(choice, preset=Preset.CHANGED, since=given)
        else:
            raise UsageError(
                f"/attach has no flag {flag}. It takes --include, --exclude, --preset, --since, --tracked-only."
            )
    if not sources:
        raise UsageError(
            "/attach takes a folder, a file, PATH@REV or the address of a repository; several at once if you like."
        )
    return sources, checked(msgspec.structs.replace(choice, include=tuple(include), exclude=tuple(exclude)))


def read_preset(name: str) -> Preset:
    """The preset called `name`; UsageError when there is none."""
    try:
        return Preset(name)
    except ValueError as error:
        raise UsageError(f"There is no preset {name!r}. They are {_PRESETS}.") from error


def checked(choice: PackChoice) -> PackChoice:
    """`choice`; UsageError where it does not hold together."""
    if choice.preset is Preset.CHANGED and not choice.since:
        return msgspec.structs.replace(choice, since="HEAD")
    if choice.since and choice.preset is not Preset.CHANGED:
        raise UsageError(
            "--since takes the files that changed, so it goes with no other preset; narrow it with --include."
        )
    return choice


def _next(rest: Iterator[str], flag: str) -> str:
    value = next(rest, "")
    if not value:
        raise UsageError(f"{flag} takes a value, as in --include '*.py' or --since main.")
    return value
