"""Packs out of a few files in memory, and the reader that takes their text apart again by the rule that they state."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from dsterm.context.choice import levels
from dsterm.context.pack_content import PackSource
from dsterm.context.repo_pack import BuiltPack, build_pack
from dsterm.core.attachments import LeftOut, PackChoice, SourceFile, Survey


def source_of(
    files: Mapping[str, str],
    *,
    choice: PackChoice | None = None,
    ages: Mapping[str, int] | None = None,
    outlines: Mapping[str, str] | None = None,
    named: tuple[LeftOut, ...] = (),
    reasons: Mapping[str, str] | None = None,
    **survey: object,
) -> PackSource:
    """What a pack of `files` is made of; each character counts as a token."""
    listed = tuple(
        SourceFile(
            path=path,
            blob=hashlib.sha1(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest(),
            size=len(text),
            tokens=len(text),
            reason=(reasons or {}).get(path, ""),
        )
        for path, text in sorted(files.items(), key=lambda item: item[0].encode("utf-8", "surrogateescape"))
    )
    words = {"source": ".", "folder": Path("/home/ada/repo"), "place": "", **survey}
    of = Survey(files=listed, named=named, **words)  # type: ignore[arg-type]
    outlined = outlines or {}
    return PackSource(
        survey=of,
        choice=choice or PackChoice(),
        levels=levels(of, choice or PackChoice()),
        texts={**files, **outlined},
        ages=ages or {},
        outline_tokens={path: len(text) for path, text in outlined.items()},
    )


def build(files: Mapping[str, str], **more: object) -> BuiltPack:
    """The pack of `files`."""
    return build_pack(source_of(files, **more), len)  # type: ignore[arg-type]


def parse(text: str) -> dict[str, str]:
    """Read the files back: a path, then what stands between two equal fences, less the last line end."""
    files = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line.startswith("### "):
            continue
        fence = next(lines)
        assert re.fullmatch("`{3,}", fence)
        content = []
        while (inner := next(lines)) != fence:
            content.append(inner)
        path = line.removeprefix("### ")
        files[json.loads(path) if path.startswith('"') else path] = "\n".join(content)
    return files
