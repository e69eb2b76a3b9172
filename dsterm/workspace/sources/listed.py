"""A listing of files that is not yet a survey, and what every kind of source does with one."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from dsterm.core.attachments import LeftOut


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """Files below a folder, in the order of their paths' bytes: the blob of each, empty where it is not known.

    `sizes` are those that are known; `named` is what is no file to attach, with the reason.
    """

    blobs: dict[str, str]
    sizes: Mapping[str, int] = {}
    named: Mapping[str, str] = {}
    commit: str = ""
    is_dirty: bool = False


def in_order(blobs: Mapping[str, str]) -> dict[str, str]:
    """The same in the order of the paths' bytes."""
    return {path: blobs[path] for path in sorted(blobs, key=path_bytes)}


def path_bytes(path: str) -> bytes:
    """A path as the disk has it."""
    return path.encode("utf-8", "surrogateescape")


def left_out(named: Mapping[str, str]) -> tuple[LeftOut, ...]:
    """What is only named, in the order of its bytes and as text that can be encoded."""
    return tuple(
        LeftOut(path=path_bytes(path).decode("utf-8", "replace"), reason=named[path])
        for path in sorted(named, key=path_bytes)
    )


def joined(outer: Listed, inner: Listed, name: str) -> Listed:
    """`outer` with the files of the folder `name` in it, which was only named so far."""
    named = {path: reason for path, reason in outer.named.items() if path.rstrip("/") != name}
    return msgspec.structs.replace(
        outer,
        blobs=in_order(outer.blobs | {f"{name}/{path}": blob for path, blob in inner.blobs.items()}),
        sizes={**outer.sizes, **{f"{name}/{path}": size for path, size in inner.sizes.items()}},
        named=named | {f"{name}/{path}": reason for path, reason in inner.named.items()},
        is_dirty=outer.is_dirty or inner.is_dirty,
    )
