"""What a user may attach, taken apart: `PATH`, `PATH@REV`, or a plain git `URL[@REV]`."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from dsterm.core.errors import UsageError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:{1,2}(?://|[^/\\])")
_SCP_LIKE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^:].*")
_PLAIN_URL = re.compile(
    r"https://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?/\S+"
    r"|ssh://(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?/\S+"
    r"|file:///\S+"
)
_REVISION_OF_URL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]*")


class LocalSource(msgspec.Struct, frozen=True, kw_only=True):
    """A folder or a file on disk, as it stands or (`revision`) as committed."""

    folder: Path
    revision: str = ""


class RemoteSource(msgspec.Struct, frozen=True, kw_only=True):
    """A repository elsewhere, at a branch, tag or full commit; nothing means its default branch."""

    url: str
    revision: str = ""


def parse_source(source: str, root: Path) -> LocalSource | RemoteSource:
    """Take `source` apart; relative paths start at `root`. UsageError says what can be attached instead."""
    source = source.strip()
    if not source or not source.isprintable():
        raise UsageError("There is nothing to attach. Give a file, a folder, PATH@REVISION, or a git URL.")
    if source.startswith("-"):
        raise UsageError(f"{source} looks like a flag. Write a folder that is called so as ./{source}.")
    if (local := _existing(source, root)) is not None:
        return local
    if _SCHEME.match(source) or _SCP_LIKE.fullmatch(source):
        return _remote(source)
    raise UsageError(f"{source} is neither a file nor a folder here. Attach one that is there, or a git URL.")


def _existing(source: str, root: Path) -> LocalSource | None:
    """The longest front part that is a folder or a file; an `@` may stand in its name as well as before a revision."""
    ends = [len(source), *(match.start() for match in reversed(list(re.finditer("@", source))))]
    for end in ends:
        folder, revision = source[:end], source[end + 1 :]
        if not folder or not _is_there(place := _place(folder, root)):
            continue
        if end < len(source) and (not revision or revision.startswith("-")):
            raise UsageError(f"{revision or source} names no revision. Write PATH@REVISION, such as .@HEAD~1.")
        return LocalSource(folder=place.resolve(), revision=revision)
    return None


def _is_there(place: Path) -> bool:
    try:
        return place.is_dir() or place.is_file()
    except OSError:
        return False  # A name that is too long for the disk, for one.


def _place(folder: str, root: Path) -> Path:
    path = Path(folder)
    if folder.startswith("~"):
        try:
            return path.expanduser()
        except RuntimeError as error:
            raise UsageError(f"{folder} names no home folder on this machine. Write the path in full.") from error
    return root / path


def _remote(source: str) -> RemoteSource:
    url, revision = _split_revision(source)
    if re.match(r"\w+://[^/]*:[^/]*@", url):
        raise UsageError("That URL has a password in it. Leave it out; git's credential helper supplies it.")
    if not (_PLAIN_URL.fullmatch(url) or _SCP_LIKE.fullmatch(url)):
        raise UsageError("Only https://, ssh://, file:/// and user@host:path URLs can be attached. Write a plain one.")
    if revision and not _REVISION_OF_URL.fullmatch(revision):
        raise UsageError(f"{revision} names no branch, tag or commit. Write URL@BRANCH, URL@TAG or URL@COMMIT.")
    return RemoteSource(url=url, revision=revision)


def _split_revision(source: str) -> tuple[str, str]:
    """The URL and what follows the last `@` of its path; one right after a `/` belongs to the path."""
    start = source.find("/", source.find("://") + 3) if "://" in source else source.find(":")
    at = source.rfind("@")
    if at <= start or source[at - 1] == "/":
        return source, ""
    return source[:at], source[at + 1 :]
