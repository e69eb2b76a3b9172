"""What the user granted to which folder: trust, command rules, checks, and how often a command was approved.

It is the user's own state and never read from a repository. A folder is known by its real path.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from dsterm.core.command_plan import CommandRule, Confinement
from dsterm.core.errors import DiskError, UsageError
from dsterm.core.services import Clock
from dsterm.store.secrets import find_secrets
from dsterm.store.trust_file import EMPTY, Fields, GrantDocument, TrustFile

_MOST_TALLIES = 200
_LONGEST_WORDS = 300


class Trust(StrEnum):
    """What the user said about a folder."""

    TRUSTED = "trusted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class ApprovedCalls(NamedTuple):
    """How often calls that begin with `words` were approved one by one."""

    words: tuple[str, ...]
    confinement: Confinement
    times: int


class _Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule as it is kept. One with a field unknown to this version may be narrower than it looks, so it doesn't count."""

    words: tuple[str, ...]
    confinement: Confinement
    since: str = ""


class _Tally(msgspec.Struct, frozen=True):
    words: tuple[str, ...]
    confinement: Confinement
    count: int


class _Folder(msgspec.Struct, frozen=True):
    """What is known of one folder; lists are kept entry by entry, so that what is not understood stays."""

    trust: Trust = Trust.UNKNOWN
    since: str = ""
    rules: tuple[msgspec.Raw, ...] = ()
    approved: tuple[msgspec.Raw, ...] = ()
    checks: tuple[str, ...] = ()


class TrustBook:
    """The grants at `path`; without a path, or with `is_kept` False, what is new is remembered for this run only.

    `home` is the user's home folder (asked of the system when it is not given); `clock` dates what is granted. Safe to share
    between threads and programs. Every method raises SettingsError for a file that is not a trust file, and DiskError; such a
    file is never overwritten.
    """

    def __init__(
        self, path: Path | None, *, home: Path | None = None, clock: Clock | None = None, is_kept: bool = True
    ) -> None:
        self._file = TrustFile(path) if path else None
        self._is_kept = is_kept
        self._home = os.path.realpath(home or Path.home())
        self._clock = clock
        self._unkept: GrantDocument | None = None
        self._guard = threading.Lock()

    def trust_of(self, folder: Path) -> Trust:
        """What holds for `folder`: the nearest answer, its own or that of a folder around it.

        An answer for the home folder, for one around it, or for one that everybody may write to covers nothing inside.
        """
        document = self._document()
        real = Path(os.path.realpath(folder))
        for place in (real, *real.parents):
            held = self._folder(document, place)
            if held.trust is not Trust.UNKNOWN and (place == real or self._covers_inside(place)):
                return held.trust
        return Trust.UNKNOWN

    def set_trust(self, folder: Path, is_trusted: bool) -> None:
        """Keep the user's answer about `folder`."""
        answer = Trust.TRUSTED if is_trusted else Trust.REFUSED
        self._change(folder, lambda held: msgspec.structs.replace(held, trust=answer, since=self._today()))

    def rules(self, folder: Path) -> tuple[CommandRule, ...]:
        """What the user always allows in exactly this folder, oldest first."""
        kept = (_decoded(entry, _Rule) for entry in self._folder(self._document(), folder).rules)
        rules = (CommandRule(words=rule.words, confinement=rule.confinement) for rule in kept if rule)
        return tuple(rule for rule in rules if not _fault(rule))

    def keep_rule(self, folder: Path, rule: CommandRule) -> None:
        """Allow what `rule` covers from now on. UsageError for one that covers too much or would keep a secret."""
        if fault := _fault(rule):
            raise UsageError(fault)
        if find_secrets(" ".join(rule.words), ()):
            raise UsageError("That rule has what looks like a key or password in it, so it is not kept.")
        entry = msgspec.Raw(msgspec.json.encode(_Rule(rule.words, rule.confinement, self._today())))

        def add(held: _Folder) -> _Folder:
            if any(_is_rule(kept, rule) for kept in held.rules):
                return held
            return msgspec.structs.replace(held, rules=(*held.rules, entry))

        self._change(folder, add)

    def drop_rule(self, folder: Path, rule: CommandRule) -> None:
        """Ask again about what `rule` covers; one that is not kept is no error."""

        def drop(held: _Folder) -> _Folder:
            return msgspec.structs.replace(held, rules=tuple(kept for kept in held.rules if not _is_rule(kept, rule)))

        self._change(folder, drop)

    def note_approved(self, folder: Path, words: tuple[str, ...], confinement: Confinement) -> None:
        """Count one approval of a call that begins with `words`; what is too long, or holds a secret, is not noted."""
        line = " ".join(words)
        if not words or len(line) > _LONGEST_WORDS or find_secrets(line, ()):
            return

        def count(held: _Folder) -> _Folder:
            tallies = [(entry, _decoded(entry, _Tally)) for entry in held.approved]
            known = next((tally for _, tally in tallies if tally and _names(tally, words, confinement)), None)
            others = [entry for entry, tally in tallies if tally is None or tally is not known]
            # The newest stand last, so that what was not seen for long goes first.
            entry = msgspec.json.encode(_Tally(words, confinement, (known.count if known else 0) + 1))
            return msgspec.structs.replace(held, approved=(*others[-_MOST_TALLIES + 1 :], msgspec.Raw(entry)))

        self._change(folder, count)

    def approved(self, folder: Path) -> tuple[ApprovedCalls, ...]:
        """What was approved one by one in exactly this folder, the most frequent first."""
        tallies = (_decoded(entry, _Tally) for entry in self._folder(self._document(), folder).approved)
        calls = [ApprovedCalls(tally.words, tally.confinement, tally.count) for tally in tallies if tally]
        return tuple(sorted(calls, key=lambda call: (-call.times, call.words, call.confinement)))

    def checks(self, folder: Path) -> tuple[str, ...]:
        """The checks that the user accepted or added for exactly this folder."""
        return self._folder(self._document(), folder).checks

    def set_checks(self, folder: Path, checks: tuple[str, ...]) -> None:
        """Keep `checks` instead of those kept so far."""
        self._change(folder, lambda held: msgspec.structs.replace(held, checks=tuple(dict.fromkeys(checks))))

    def _document(self) -> GrantDocument:
        if self._unkept is not None:
            return self._unkept
        if self._file is None:
            return EMPTY
        try:
            return self._file.read()
        except DiskError:
            if self._is_kept:
                raise
            # Who keeps nothing needs nothing of what was kept: everything is unknown, and asks.
            return EMPTY

    def _change(self, folder: Path, edit: Callable[[_Folder], _Folder]) -> None:
        with self._guard, self._editing():
            document = self._document()
            before = self._folder(document, folder)
            after = edit(before)
            if after == before:
                return
            key = _key(folder)
            fields = {**document.folders.get(key, {}), **_changed_fields(before, after)}
            changed = msgspec.structs.replace(document, folders={**document.folders, key: fields})
            if self._file and self._is_kept:
                self._file.write(changed)
            else:
                self._unkept = changed

    @contextmanager
    def _editing(self) -> Iterator[None]:
        if self._file and self._is_kept:
            with self._file.editing():
                yield
        else:
            yield

    def _folder(self, document: GrantDocument, folder: Path) -> _Folder:
        fields = document.folders.get(_key(folder))
        if fields is None:
            return _Folder()
        try:
            return msgspec.json.decode(msgspec.json.encode(fields), type=_Folder)
        except msgspec.ValidationError as error:
            if self._file is None:
                raise
            raise self._file.foreign(f"what it says about {folder} can't be understood") from error

    def _covers_inside(self, place: Path) -> bool:
        if Path(self._home).is_relative_to(place):
            return False
        try:
            return not place.stat().st_mode & stat.S_IWOTH
        except OSError:
            return False

    def _today(self) -> str:
        return self._clock.now().date().isoformat() if self._clock else ""


_Entry = TypeVar("_Entry", _Rule, _Tally)


def _decoded(entry: msgspec.Raw, kind: type[_Entry]) -> _Entry | None:
    """An entry of a list, None where it can't be understood: then it grants nothing."""
    try:
        return msgspec.json.decode(entry, type=kind)
    except msgspec.DecodeError:
        return None


def _changed_fields(before: _Folder, after: _Folder) -> Fields:
    names = [name for name in _Folder.__struct_fields__ if getattr(before, name) != getattr(after, name)]
    return {name: msgspec.Raw(msgspec.json.encode(getattr(after, name))) for name in names}


def _is_rule(entry: msgspec.Raw, rule: CommandRule) -> bool:
    kept = _decoded(entry, _Rule)
    return kept is not None and (kept.words, kept.confinement) == (rule.words, rule.confinement)


def _names(tally: _Tally, words: tuple[str, ...], confinement: Confinement) -> bool:
    return (tally.words, tally.confinement) == (words, confinement)


def _fault(rule: CommandRule) -> str:
    """Why a rule can't be kept, empty when it can."""
    if not rule.words or not rule.words[0].strip():
        return "A rule needs the words that a command begins with; without any it would allow everything."
    if rule.confinement is Confinement.OPEN:
        return "A rule only holds in the sandbox; what runs outside of it is asked about each time."
    if not all(word.isprintable() for word in rule.words):
        return "A rule can't hold control characters, as it could not be shown as it is."
    return ""


def _key(folder: Path) -> str:
    """The real path of `folder` as text; one whose name is not UTF-8 is spelled in bytes, so that no two share a spelling."""
    real = os.path.realpath(folder)
    try:
        real.encode()
    except UnicodeEncodeError:
        return f"bytes:{os.fsencode(real).hex()}"
    return real
