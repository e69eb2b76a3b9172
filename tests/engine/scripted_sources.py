"""A source to attach that is only words: a.py, and a .env where a secret is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from dsterm.core.attachments import PackChoice, ReadFile, SourceFile, Survey, WorkStage, WorkState
from dsterm.core.left_out_reasons import HOLDS_KEYS


class ScriptedSources:
    """The same two files whatever is named, as of a commit, so that nothing follows them."""

    def __init__(self, folder: Path, text: str, secret: str) -> None:
        self._folder = folder
        self._texts = {"a.py": text} | ({".env": secret} if secret else {})

    async def survey(self, source: str, choice: PackChoice, tell: Callable[[WorkState], None]) -> Survey:
        tell(WorkState(stage=WorkStage.LISTING, done=len(self._texts)))
        files = tuple(
            SourceFile(
                path=path,
                blob=f"{len(text):040x}",
                size=len(text),
                reason=HOLDS_KEYS if path == ".env" and not choice.takes_secrets else "",
            )
            for path, text in sorted(self._texts.items())
        )
        return Survey(source=source, folder=self._folder, revision="c" * 40, commit="c" * 40, files=files)

    async def read(self, _survey: Survey, files: Sequence[SourceFile]) -> AsyncIterator[list[ReadFile]]:
        for file in files:
            data = self._texts[file.path].encode()
            yield [ReadFile(file=replace(file, size=len(data)), data=data)]

    async def ages(self, _survey: Survey) -> Mapping[str, int]:
        return {}
