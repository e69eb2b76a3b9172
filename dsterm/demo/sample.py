"""The sample repository: a small project with a real bug and a test that fails because of it."""

from __future__ import annotations

from pathlib import Path

from dsterm.core.errors import DiskError

_FILES = Path(__file__).with_name("sample_repo")
_SUFFIX = ".txt"
"""Every file of the sample carries it, so that no tool takes the sample for a part of dsterm; it is dropped on the way."""


def make_sample_repo(folder: Path) -> None:
    """Copy the sample into `folder`, which is made where it is missing; DiskError when it can't be written."""
    for source in sorted(_FILES.rglob(f"*{_SUFFIX}")):
        target = folder / source.relative_to(_FILES).parent / source.name.removesuffix(_SUFFIX)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
        except OSError as error:
            raise DiskError(
                f"The sample repository can't be written to {folder} ({error.strerror}); choose another folder."
            ) from error
