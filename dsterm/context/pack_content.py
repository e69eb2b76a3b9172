"""What stands in a pack and in which order, before it is written in one form or another.

Nothing of it depends on the machine, the clock, the order of reading or the name of the folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from dsterm.context.told_change import shown_path
from dsterm.core.attachments import LeftOut, Level, PackChoice, Preset, Survey
from dsterm.core.left_out_reasons import NOT_CHOSEN

_ORDER_RULE = (
    "Order of the files: by path those that did not change within the last 2,000 commits, then the least recently changed"
    " first."
)
_NAMED_CHANGES = 50


class PackSource(msgspec.Struct, frozen=True, kw_only=True):
    """What a pack is made of. `levels` go with `survey.files`; `texts` are by path: whole files and outlines, whichever the level
    says; `ages` are commits ago by path. A file at FULL or OUTLINE without a text is left out, with its reason in the survey.
    """

    survey: Survey
    choice: PackChoice
    levels: Sequence[Level]
    texts: Mapping[str, str]
    ages: Mapping[str, int]
    outline_tokens: Mapping[str, int] = {}


class PackSection(msgspec.Struct, frozen=True, kw_only=True):
    """A file in a pack, its text or outline included; a LISTED one has none. `tokens` are those of `text`; `reader` took it
    out of a document, empty where the file is its text.
    """

    path: str
    blob: str
    level: Level
    text: str
    tokens: int
    reader: str = ""


class PackContent(msgspec.Struct, frozen=True, kw_only=True):
    """The `sections` with a text, in the order of the pack; all files by path as the `table`; the `facts` that vary; what is left
    out, by path, those that were merely not chosen last.
    """

    sections: tuple[PackSection, ...]
    table: tuple[PackSection, ...]
    facts: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


def arrange(source: PackSource) -> PackContent:
    """Put the files of `source` in their order."""
    table: list[PackSection] = []
    left_out: list[LeftOut] = []
    for file, level in zip(source.survey.files, source.levels, strict=True):
        text = source.texts.get(file.path, "") if level is not Level.LISTED else ""
        is_missing = level in {Level.FULL, Level.OUTLINE} and file.path not in source.texts
        if level is Level.OUT or is_missing:
            left_out.append(LeftOut(path=file.path, reason=file.reason or NOT_CHOSEN))
            continue
        tokens = {Level.FULL: file.tokens, Level.OUTLINE: source.outline_tokens.get(file.path, 0)}.get(level, 0)
        reader = source.survey.documents.get(file.path, "") if level is not Level.LISTED else ""
        table.append(
            PackSection(path=file.path, blob=file.blob, level=level, text=text, tokens=max(0, tokens), reader=reader)
        )
    table.sort(key=_by_path)
    left_out += source.survey.named
    left_out.sort(key=lambda left: (left.reason == NOT_CHOSEN, _bytes(left.path)))
    ages = source.ages
    sections = [section for section in table if section.level is not Level.LISTED]
    # Stable: what is equally old stays in the order of paths. What is not among the ages is older than all of them.
    sections.sort(key=lambda section: -ages[section.path] if section.path in ages else -(1 << 62))
    return PackContent(
        sections=tuple(sections),
        table=tuple(table),
        facts=tuple(_facts(source, table)),
        left_out=tuple(left_out),
    )


def _by_path(section: PackSection) -> bytes:
    return _bytes(section.path)


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _facts(source: PackSource, table: Sequence[PackSection]) -> Iterator[str]:
    survey = source.survey
    yield _place(survey)
    if survey.commit:
        state = f"As committed at {survey.commit}."
        if survey.is_dirty and not survey.revision:
            state = f"Work tree on commit {survey.commit}, with uncommitted changes; its state is {_state(table)}."
        yield state
        if survey.is_dirty and survey.changed and not source.choice.since:
            changed = sorted(survey.changed, key=_bytes)
            more = f" and {len(changed) - _NAMED_CHANGES:,} more" if len(changed) > _NAMED_CHANGES else ""
            yield (
                "Changed since that commit: " + ", ".join(ascii(path) for path in changed[:_NAMED_CHANGES]) + more + "."
            )
    if readers := sorted({section.reader for section in table if section.reader}):
        yield f"Texts of documents were taken out by {'; '.join(readers)}."
    yield _ORDER_RULE if source.ages else "Order of the files: by path."
    if options := ", ".join(_options(source.choice)):
        yield f"Options: {options}."


def _place(survey: Survey) -> str:
    if survey.revision:
        return "These are files of a commit; tools can't reach them, they see the work tree."
    if survey.place is None:
        return "These files are not in the workspace; tools can't reach them."
    return (
        f"Paths are relative to {shown_path(survey.place + '/')} in the workspace."
        if survey.place
        else "Paths are relative to the workspace."
    )


def _state(table: Sequence[PackSection]) -> str:
    """A digest of which bytes stand at which path."""
    digest = hashlib.sha256()
    for section in table:
        digest.update(_bytes(section.path) + b"\0" + section.blob.encode() + b"\n")
    return digest.hexdigest()[:16]


def _options(choice: PackChoice) -> Iterator[str]:
    if choice.preset is not Preset.ALL:
        yield f"preset {choice.preset}" + (f" since {choice.since!a}" if choice.since else "")
    for name, globs in (("include", choice.include), ("exclude", choice.exclude), ("entered", choice.enters)):
        if globs:
            yield f"{name} {' '.join(map(ascii, globs))}"
    if choice.tracked_only:
        yield "tracked files only"
    if choice.takes_secrets:
        yield "with files that look secret"
