"""From a listing to the files of a survey: why each would stay out, by its name and by what the source itself says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from dsterm.core.attachments import SourceFile
from dsterm.core.errors import UsageError
from dsterm.core.left_out_reasons import HOLDS_KEYS, MISSING, ODD_NAME, OWN
from dsterm.workspace.files.inside import Inside
from dsterm.workspace.git.git_head import find_work_tree
from dsterm.workspace.sources.commit_listing import Repository
from dsterm.workspace.sources.git_listing import parse_tree
from dsterm.workspace.sources.ignore_rules import LARGEST, RULE_FILES, RuleBook, attribute_book, source_rules
from dsterm.workspace.sources.listed import Listed
from dsterm.workspace.sources.plain_folder import read_small
from dsterm.workspace.sources.reading import cut_objects
from dsterm.workspace.sources.reasons import GENERATED, VENDORED, name_reasons, size_reason

_MOST_BYTES = 16_000_000
"""Of all ignore and attributes files of a source."""

_ATTRIBUTES = {"linguist-generated": GENERATED, "linguist-vendored": VENDORED}


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a survey, and what can only be named."""

    files: tuple[SourceFile, ...]
    named: Mapping[str, str]


class Judge(msgspec.Struct, frozen=True, kw_only=True):
    """Judges the files below `folder`: `closed` are dsterm's own folders, `cap` bytes a file may have at most."""

    folder: Path
    cap: int
    closed: tuple[Path, ...] = ()
    takes_secrets: bool = False

    def on_disk(self, listed: Listed) -> Judged:
        """Files that stand on disk, where their rules do, too; call it in a thread."""
        tree = find_work_tree(self.folder)
        prefix = _prefix(self.folder, tree)
        rules = [prefix + path for path in _rule_files(listed.blobs)]
        if tree and prefix:
            above = [*reversed(self.folder.parents), self.folder]
            rules += [
                f"{_prefix(place, tree)}{name}" for place in above if place.is_relative_to(tree) for name in RULE_FILES
            ]
        contents = _contents(tree or self.folder, dict.fromkeys(rules)) if rules else {}
        return self._judged(listed, contents, prefix)

    async def of_commit(self, repository: Repository, listed: Listed) -> Judged:
        """Files of a commit, with the rules that it holds itself. GitError."""
        prefix = _prefix(self.folder, find_work_tree(self.folder))
        rules = {prefix + path: listed.blobs[path] for path in _rule_files(listed.blobs)}
        if prefix:
            parts = prefix.split("/")[:-1]
            above = ["/".join((*parts[:depth], name)) for depth in range(len(parts)) for name in RULE_FILES]
            tree = await repository.output("ls-tree", "-l", "-z", "--full-tree", listed.commit, "--", *above)
            rules |= {file.path: file.blob for file in parse_tree(tree).files if 0 <= file.size <= LARGEST}
        rules = {
            path: blob for path, blob in rules.items() if listed.sizes.get(path.removeprefix(prefix), 0) <= LARGEST
        }
        rules = {path: blob for path, blob in rules.items() if listed.sizes.get(path.removeprefix(prefix), 0) >= 0}
        contents: dict[str, bytes] = {}
        if rules:
            names = "".join(f"{blob}\n" for blob in rules.values()).encode("ascii")
            objects = cut_objects(await repository.output("cat-file", "--batch", stdin=names), [*rules.values()])
            contents = {path: objects[blob] for path, blob in rules.items()}
        return self._judged(listed, contents, prefix)

    def _judged(self, listed: Listed, contents: Mapping[str, bytes], prefix: str) -> Judged:
        sizes = listed.sizes
        reasons = dict(zip(listed.blobs, name_reasons(listed.blobs, takes_secrets=self.takes_secrets), strict=True))
        if contents:
            self._by_rules(reasons, contents, prefix)
        for path, size in sizes.items():
            if (size < 0 or size > self.cap) and not reasons.get(path, OWN):
                reasons[path] = size_reason(size, self.cap) or MISSING
        for inside in self._closed_below():
            reasons |= {path: OWN for path in reasons if path.startswith(inside)}
        odd = [path for path, why in reasons.items() if why is ODD_NAME]
        # Bytes that are no text can't be told of, only shown in place of.
        unsayable = {path: ODD_NAME for path in odd if not _is_sayable(path)}
        files = [
            SourceFile(path=path, blob=blob, size=sizes.get(path, -1), reason=reasons[path])
            for path, blob in listed.blobs.items()
            if path not in unsayable
        ]
        return Judged(files=tuple(files), named={**listed.named, **unsayable})

    def _by_rules(self, reasons: dict[str, str], contents: Mapping[str, bytes], prefix: str) -> None:
        """Put into `reasons` what the source says itself, which a name alone doesn't."""
        ignored = source_rules(contents)
        books = [(says, attribute_book(contents, name, says)) for name, says in _ATTRIBUTES.items()]
        for path, reason in reasons.items():
            if reason not in {ODD_NAME, HOLDS_KEYS}:
                reasons[path] = ignored.says(prefix + path) or _by_attributes(prefix + path, reason, books)

    def _closed_below(self) -> list[str]:
        if any(self.folder.is_relative_to(closed) for closed in self.closed):
            return [""]
        below = [closed for closed in self.closed if closed.is_relative_to(self.folder)]
        return [f"{closed.relative_to(self.folder).as_posix()}/" for closed in below]


def _by_attributes(path: str, reason: str, books: Iterable[tuple[str, RuleBook]]) -> str:
    for says, book in books:
        found = book.says(path)
        if found:
            reason = reason or says
        elif found == "" and reason == says:
            reason = ""
    return reason


def _rule_files(paths: Iterable[str]) -> list[str]:
    """The files of rules among `paths`."""
    return [path for path in paths if path.endswith(RULE_FILES) and path.rpartition("/")[2] in RULE_FILES]


def _contents(top: Path, paths: Iterable[str]) -> dict[str, bytes]:
    """What the small files at `paths` hold, of those that can be read without following a link. UsageError for too much."""
    inside = Inside(top)
    contents = {}
    size = 0
    for path in paths:
        parent, _, name = path.rpartition("/")
        try:
            with inside.open_folder(top / parent) as folder:
                content = read_small(folder, name)
        except OSError:
            continue  # Gone, or behind a link.
        if content is not None:
            contents[path] = content
            size += len(content)
            if size > _MOST_BYTES:
                raise UsageError(
                    f"The files of rules come to more than {_MOST_BYTES:,} bytes. Attach a folder further down."
                )
    return contents


def _prefix(folder: Path, tree: Path | None) -> str:
    """Where `folder` lies in the work tree, ending in `/`; nothing at its top or without one."""
    return f"{folder.relative_to(tree).as_posix()}/" if tree and tree != folder else ""


def _is_sayable(path: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in path)
