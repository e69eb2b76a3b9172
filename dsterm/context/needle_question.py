"""What is asked about a haystack, in which form the answer is wanted, and how it is judged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum

from dsterm.context.haystack import Needle

ASKED = "Needle check:"
"""How the question begins; dsterm's own demo knows it by that."""

UNKNOWN = "unknown"


class Verdict(StrEnum):
    """What became of one needle."""

    FOUND = "found"
    MISSED = "missed"
    WRONG = "wrong"


def question(needles: Sequence[Needle]) -> str:
    """The prompt; asked in the order of the names, which says nothing about where they stand."""
    names = "\n".join(f"- {name}" for name in sorted(needle.key for needle in needles))
    return (
        f"{ASKED} somewhere in the attached chapters stands the code of each thing below, once, in a sentence of its own."
        f' Answer with all codes by name, exactly as they are written; write "{UNKNOWN}" for one that is not there. Use no'
        f" tools.\n{names}"
    )


def answer_schema(needles: Sequence[Needle]) -> str:
    """The JSON schema of the answer: every name with a text."""
    names = sorted(needle.key for needle in needles)
    return json.dumps(
        {
            "type": "object",
            "properties": {name: {"type": "string"} for name in names},
            "required": names,
            "additionalProperties": False,
        }
    )


def judge(needles: Sequence[Needle], answer: Mapping[str, object]) -> list[Verdict]:
    """What became of each, in their order: an exact value, none, or another one."""
    verdicts = []
    for needle in needles:
        said = str(answer.get(needle.key, "")).strip()
        if said == needle.value:
            verdicts.append(Verdict.FOUND)
        else:
            verdicts.append(Verdict.MISSED if said.casefold() in {"", UNKNOWN} else Verdict.WRONG)
    return verdicts
