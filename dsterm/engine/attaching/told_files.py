"""What the model was told of attached files, folded from the branch: packs, what was told since, its own edits.

It counts only what stands in the conversation now, so it holds after a resume, a rewind, a /detach and a compaction alike.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from dsterm.core.attachments import Level, PackManifest
from dsterm.core.blob_names import blob_name
from dsterm.core.diff import FileDiff
from dsterm.core.errors import DiskError
from dsterm.core.events import Envelope, ToolEnded, ToolRequested
from dsterm.core.messages import Pack
from dsterm.core.repo_events import ChangedFile, RepoAttached, RepoChanged
from dsterm.core.tools import Outcome
from dsterm.core.undo_events import ChangesSaved, CheckpointSaved, SavedFile


class ToldFile(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A file as the model knows it: `blob` names its bytes, `pack` is the digest of what it belongs to.

    Its text stands in that pack from `start`, or is kept by its SHA-256 `kept`, or in the checkpoint `saved`; none of them where
    only its name was told. `stale` names the bytes that stood there when it was told to be out of date, empty when it is not.
    `reader` took its text out of a document, so its bytes are not known; empty for any other file.
    """

    pack: str
    level: Level
    blob: str
    start: int = -1
    length: int = 0
    kept: str = ""
    saved: SavedFile | None = None
    stale: str = ""
    reader: str = ""

    @property
    def has_text(self) -> bool:
        """Whether more than its name was told."""
        return self.start >= 0 or bool(self.kept) or self.saved is not None


class ToldTexts:
    """Finds the texts that the model was told: `load` by SHA-256, `content` in a checkpoint. Both raise DiskError."""

    def __init__(self, load: Callable[[str], str], content: Callable[[SavedFile], bytes]) -> None:
        self._load = load
        self._content = content

    def text(self, file: ToldFile) -> str | None:
        """The text, or outline, of `file`; None where it is gone, which is never guessed at."""
        try:
            if file.start >= 0:
                return self._load(file.pack)[file.start : file.start + file.length]
            if file.kept:
                return self._load(file.kept)
            return None if file.saved is None else self._content(file.saved).decode()
        except (DiskError, UnicodeDecodeError):
            return None


def workspace_path(pack: Pack, path: str) -> str:
    """The path of a file of `pack` relative to the workspace."""
    return f"{pack.place}/{path}" if pack.place else path


def told_files(
    branch: Iterable[Envelope],
    packs: Collection[Pack],
    calls: Collection[str],
    manifest: Callable[[str], PackManifest],
    texts: ToldTexts,
) -> dict[str, ToldFile]:
    """The files of `packs` by their paths in the workspace. `calls` are the tool calls that stand in the conversation."""
    fold = _Fold({pack.digest: pack for pack in packs}, calls, manifest, texts)
    for envelope in branch:
        fold.take(envelope)
    return fold.told


class _Fold:
    def __init__(
        self,
        packs: Mapping[str, Pack],
        calls: Collection[str],
        manifest: Callable[[str], PackManifest],
        texts: ToldTexts,
    ) -> None:
        self.told: dict[str, ToldFile] = {}
        self._attached: list[Pack] = []
        self._packs = packs
        self._calls = calls
        self._manifest = manifest
        self._texts = texts
        self._before: dict[str, tuple[SavedFile, ...]] = {}
        self._edits: dict[str, tuple[tuple[SavedFile, SavedFile], ...]] = {}
        self._asked: dict[str, tuple[FileDiff, ...]] = {}

    def take(self, envelope: Envelope) -> None:
        match envelope.event:
            case RepoAttached(pack=pack) if pack.digest in self._packs:
                self._attach(pack)
            case RepoChanged(digest=digest, files=files) if digest in self._packs:
                for file in files:
                    self._change(digest, file)
            case ToolRequested(call=call, plan=plan) if plan is not None and call.id in self._calls:
                self._asked[call.id] = plan.diffs
            case CheckpointSaved(call_id=call_id, files=files, tree=None) if call_id in self._calls:
                self._before[call_id] = files
            case ChangesSaved(call_id=call_id, files=files) if call_id in self._before:
                after = {file.path: file for file in files}
                pairs = ((before, after.get(before.path)) for before in self._before.pop(call_id))
                self._edits[call_id] = tuple((before, left) for before, left in pairs if left is not None)
            case ToolEnded(id=call_id, result=result) if call_id in self._edits:
                edits = self._edits.pop(call_id)
                # What the user changed before it was written is told as what it is.
                if result.outcome is Outcome.DONE and result.diffs == self._asked.get(call_id):
                    for before, left in edits:
                        self._edit(before, left)
            case _:
                pass

    def _attach(self, pack: Pack) -> None:
        self._attached.append(pack)
        for file in self._manifest(pack.digest).files:
            path = workspace_path(pack, file.path)
            former = self.told.get(path)
            if former is None or former.level is not Level.FULL or file.level is Level.FULL:
                start = -1 if file.level is Level.LISTED else file.start
                self.told[path] = ToldFile(
                    pack=pack.digest,
                    level=file.level,
                    blob=file.blob,
                    start=start,
                    length=file.length,
                    reader=file.reader,
                )

    def _change(self, digest: str, file: ChangedFile) -> None:
        """Take in what was told, where it fits what the model knew."""
        source = file.old_path or file.path
        former = self.told.get(source)
        if file.is_stale:
            stale = file.after or "gone"
            new = ToldFile(pack=digest, level=file.level, blob="", stale=stale)
            self.told[file.path] = new if former is None else msgspec.structs.replace(former, stale=stale)
            return
        if not file.is_whole and (former.blob if former else "") != file.before:
            return
        self.told.pop(source, None)
        if file.after:
            self.told[file.path] = ToldFile(
                pack=digest,
                level=file.level,
                blob=file.after,
                kept=file.kept,
                reader=former.reader if former else "",
            )

    def _edit(self, before: SavedFile, left: SavedFile) -> None:
        """The model knows what its own edit made of a text that it knew."""
        if before.blob == left.blob or stat.S_ISLNK(before.mode) or stat.S_ISLNK(left.mode):
            return
        former = self.told.get(before.path)
        if former is None:
            if not before.is_there and (owner := self._owner(before.path)):
                self.told[before.path] = ToldFile(pack=owner, level=Level.FULL, blob=left.blob, saved=left)
            return
        if former.level is not Level.FULL or former.reader or not self._is_text_of(former, before.blob):
            return
        if left.is_there:
            self.told[before.path] = ToldFile(pack=former.pack, level=Level.FULL, blob=left.blob, saved=left)
        else:
            del self.told[before.path]

    def _owner(self, path: str) -> str:
        """The pack that a new file at `path` belongs to."""
        fitting = (one for one in self._attached if path.startswith(f"{one.place}/" if one.place else ""))
        return next((one.digest for one in fitting), "")

    def _is_text_of(self, file: ToldFile, blob: str) -> bool:
        if file.blob == blob:
            return True
        text = self._texts.text(file)
        return text is not None and blob_name(text.encode(), len(blob)) == blob
