"""What varies from session to session, as a short note for the first user message: never part of the stable prefix."""

from __future__ import annotations

from datetime import date

import msgspec

_LONGEST = 200


class EnvironmentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Where and when a session runs; an empty text leaves its line out. Folder and branch names come from outside."""

    today: date
    folder: str
    system: str
    branch: str = ""


def environment_note(facts: EnvironmentFacts) -> str:
    """The facts as a block of lines that no name in them can break out of."""
    lines = {
        "date": facts.today.isoformat(),
        "folder": _plain(facts.folder),
        "system": _plain(facts.system),
        "git branch": _plain(facts.branch),
    }
    told = "\n".join(f"{name}: {value}" for name, value in lines.items() if value)
    return f"<environment>\n{told}\n</environment>"


def _plain(text: str) -> str:
    """One printable line without angle brackets."""
    kept = "".join(character if character.isprintable() and character not in "<>" else " " for character in text)
    return " ".join(kept.split())[:_LONGEST]
