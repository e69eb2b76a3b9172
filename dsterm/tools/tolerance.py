"""What may differ between lines as a model sent them and as they stand, and what that does to the lines that replace them.

The rungs are tried in this order; each forgives what the ones before it forgive. Anything looser is no match.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

_BLANKS = " \t\r\f\v"
_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_FORMS = {
    "'": "‘’‚‛′ʼ",
    '"': "“”„‟″",
    "-": "‐‑‒–—―−",
    " ": _SPACES,
}
_PLAIN = {ord(fancy): plain for plain, forms in _FORMS.items() for fancy in forms}
_PLAIN |= {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}


class Rung(StrEnum):
    """How much a match forgives; the value is how the model is told of it."""

    EXACT = ""
    TRAILING = "ignoring trailing whitespace"
    INDENT = "ignoring the indent"
    PUNCTUATION = "ignoring the form of punctuation and spaces"


TOLERANT = (Rung.TRAILING, Rung.INDENT, Rung.PUNCTUATION)


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """What stands before every line of the file and not of the request (`added`), or the other way round (`removed`)."""

    added: str = ""
    removed: str = ""

    def apply(self, line: str) -> str | None:
        """`line` of the request as deep as the file wants it; None when it has less indent than is to be removed."""
        if not line.strip(_BLANKS):
            return line
        return self.added + line.removeprefix(self.removed) if line.startswith(self.removed) else None


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """How lines of a request match lines of a file: on which `rung`, shifted how, and which characters have other `forms`."""

    rung: Rung = Rung.EXACT
    shift: Shift = Shift()
    forms: Mapping[int, str] = msgspec.field(default_factory=dict)


def plain_forms(text: str) -> str:
    """`text` with typographic punctuation and spaces in their plain forms, character by character."""
    return text if text.isascii() else text.translate(_PLAIN)


def key(line: str, rung: Rung) -> str:
    """What of `line` must be equal on `rung`; indents are compared apart, by `match_lines`."""
    match rung:
        case Rung.EXACT:
            return line
        case Rung.TRAILING:
            return line.rstrip(_BLANKS)
        case Rung.INDENT:
            return line.strip(_BLANKS)
        case Rung.PUNCTUATION:
            plain = plain_forms(line).strip(_BLANKS)
            return plain if plain.isascii() else unicodedata.normalize("NFC", plain)


def match_lines(wanted: Sequence[str], stands: Sequence[str], rung: Rung) -> Match | None:
    """How `wanted` match the lines that stand there, whose keys are equal already; None when the indents differ unevenly."""
    if rung in {Rung.EXACT, Rung.TRAILING}:
        return Match(rung=rung)
    shift: Shift | None = None
    for one, other in zip(wanted, stands, strict=True):
        if not one.strip(_BLANKS):
            continue
        found = _shift_between(_indent(plain_forms(one)), _indent(plain_forms(other)))
        if found is None or shift not in {None, found}:
            return None
        shift = found
    forms = _forms("\n".join(wanted), "\n".join(stands), shift or Shift()) if rung is Rung.PUNCTUATION else {}
    return Match(rung=rung, shift=shift or Shift(), forms=forms)


def match_text(wanted: str, stands: str) -> Match:
    """How a piece of text matches another one that is the same in plain forms."""
    return Match(rung=Rung.PUNCTUATION, forms=_differing_forms(wanted, stands))


def adapt(old: Sequence[str], stands: Sequence[str], new: Sequence[str], match: Match) -> list[str] | None:
    """The `new` lines that replace `old` ones, in the way of the lines that stand there; None when they can't be shifted.

    What `old` and `new` have in common at both ends keeps the file's own characters.
    """
    if match.rung in {Rung.EXACT, Rung.TRAILING}:
        return list(new)
    shifted_new = [match.shift.apply(line) for line in new]
    shifted_old = [match.shift.apply(line) for line in old]
    lines = [line for line in shifted_new if line is not None]
    if len(lines) < len(new) or None in shifted_old:
        return None
    if match.rung is not Rung.PUNCTUATION or not lines:
        return lines
    before = "\n".join(line for line in shifted_old if line is not None)
    there, after = "\n".join(stands), "\n".join(lines)
    if len(before) != len(there):
        return [line.translate(match.forms) for line in lines]
    head = common_length(before, after)
    tail = common_length(before[head:][::-1], after[head:][::-1])
    middle = after[head : len(after) - tail].translate(match.forms)
    return f"{there[:head]}{middle}{there[len(there) - tail :]}".split("\n")


def common_length(one: str, other: str) -> int:
    """How many characters both begin with."""
    shorter = min(len(one), len(other))
    if one[:shorter] == other[:shorter]:
        return shorter
    low, high = 0, shorter
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle)
    return low


def changed_lines(match: Match, first: int, count: int) -> str:
    """For the model: `matched at lines 3-5 ignoring trailing whitespace`; nothing for an exact match."""
    if match.rung is Rung.EXACT:
        return ""
    where = f"line {first}" if count == 1 else f"lines {first}-{first + count - 1}"
    words = str(match.rung)
    if match.shift != Shift():
        words = f"{words}; the new lines were {_shift_words(match.shift)}"
    return f"matched at {where} {words}"


def _shift_words(shift: Shift) -> str:
    return f"indented by {_width(shift.added)}" if shift.added else f"moved left by {_width(shift.removed)}"


def _width(blanks: str) -> str:
    kind = "tab" if set(blanks) == {"\t"} else "space" if set(blanks) == {" "} else "character"
    return f"{len(blanks)} {kind}{'' if len(blanks) == 1 else 's'}"


def _shift_between(request: str, file: str) -> Shift | None:
    if file.endswith(request):
        return Shift(added=file[: len(file) - len(request)])
    if request.endswith(file):
        return Shift(removed=request[: len(request) - len(file)])
    return None


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(_BLANKS))]


def _forms(wanted: str, stands: str, shift: Shift) -> dict[int, str]:
    shifted = "\n".join(shift.apply(line) or "" for line in wanted.split("\n"))
    return _differing_forms(shifted, stands)


def _differing_forms(wanted: str, stands: str) -> dict[int, str]:
    """Characters of the request that the file has in another form, always the same one, and nowhere as requested."""
    if len(wanted) != len(stands):
        return {}
    seen: dict[str, set[str]] = {}
    for one, other in _differing(wanted, stands):
        seen.setdefault(one, set()).add(other)
    return {
        ord(one): next(iter(others))
        for one, others in seen.items()
        if len(others) == 1 and all(b != one for a, b in zip(wanted, stands, strict=True) if a == one)
    }


def _differing(wanted: str, stands: str) -> Iterator[tuple[str, str]]:
    return ((one, other) for one, other in zip(wanted, stands, strict=True) if one != other)
