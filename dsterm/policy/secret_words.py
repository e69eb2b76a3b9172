"""Files that look secret among the words of a call that would read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from dsterm.core.secret_names import looks_secret
from dsterm.policy.name_sets import names
from dsterm.policy.shell_words import Word

_NAMES_ONLY = names(
    "ls stat test [ [[ du basename dirname realpath readlink tree cd which type echo printf true false : touch mkdir rm rmdir"
    " chmod find fd fdfind"
)
"""These say that a file is there, or take it away; they don't show what is in it."""
_SEARCHES = names("grep egrep fgrep rg ag ack")
_RUNS = frozenset({"-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec", "--exec-batch"})
_USUAL = (".env", ".env.local", ".netrc", ".npmrc", ".pypirc", ".git-credentials", "id_rsa", "id_ed25519")
_LONGEST_PATH = 4096
_SCRIPT_SIGNS = re.compile(r"[;|&\n]")
_PARTS = re.compile(r"[=:@,]")


def secret_paths(words: Sequence[Word], opened: Sequence[str] = ()) -> tuple[str, ...]:
    """Which of the words, or of the files `opened` by redirections, look like they hold secrets."""
    program = words[0].text if words else ""
    texts = [word.text for word in words[1:] if "$(" not in word.source and "`" not in word.source]
    if program in _NAMES_ONLY and not _RUNS.intersection(texts):
        texts = []
    if program in _SEARCHES and not any(text.startswith(("-e", "-f", "--regexp", "--file")) for text in texts):
        pattern = next((text for text in texts if not text.startswith("-")), None)
        texts = [text for text in texts if text is not pattern]
    if program == "git":
        texts = [text for at, text in enumerate(texts) if at == 0 or texts[at - 1] not in {"-m", "--message"}]
    return tuple(dict.fromkeys(path for text in (*texts, *opened) if (path := _secret_part(text))))


def _secret_part(text: str) -> str:
    if len(text) > _LONGEST_PATH or _SCRIPT_SIGNS.search(text):
        return ""
    bare = re.sub(r"[\"'\\]", "", text)
    for part in (*reversed(_PARTS.split(bare)), bare):
        if part and (looks_secret(part) or _matches_secret(part)):
            return part
    return ""


def _matches_secret(pattern: str) -> bool:
    """Whether a file pattern that isn't met by just any name is met by that of a file with secrets."""
    name = pattern.rpartition("/")[2]
    if not re.search(r"[*?\[]", name) or not re.sub(r"[*?\[\].]", "", name):
        return False
    return any(fnmatchcase(usual, name) and usual.startswith(".") == name.startswith(".") for usual in _USUAL)
