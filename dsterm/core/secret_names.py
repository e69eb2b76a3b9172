"""Which files look like they hold keys or passwords, by name alone: they are asked about before they are read or attached."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

_NAMES = re.compile(
    r"\.env(?:\..+)?|\.envrc|.+\.env"
    r"|id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?(?:[-_.].*)?"
    r"|.+\.(?:pem|key|p12|pfx|jks|keystore|kdbx|asc|gpg|ppk|p8)"
    r"|\.netrc|_netrc|\.pgpass|\.my\.cnf|\.npmrc|\.pypirc|\.htpasswd|\.git-credentials|\.vault-token"
    r"|credentials(?:\.(?:json|toml|ya?ml|ini|csv|db|xml))?"
    r"|(?:.*[-_.])?secrets?\.(?:json|toml|ya?ml|ini|env|txt|tfvars)"
    r"|(?:service[-_]?account|client[-_]secret).*\.json"
    r"|terraform\.tfstate(?:\.backup)?|.+\.tfvars",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r".*\.(?:pub|example|sample|template|dist|tmpl|md)|\.env\.(?:example|sample|template|dist|defaults?)|.*\.pub\.asc",
    re.IGNORECASE,
)
_FOLDERS = frozenset({".ssh", ".gnupg", ".aws", ".azure", ".kube", ".password-store"})
WRITTEN = frozenset(
    {"py", "pyi", "js", "mjs", "ts", "tsx", "jsx", "go", "c", "h", "cc", "cpp", "hpp", "rs", "java", "kt", "rb", "php"}
    | {"cs", "swift", "scala", "sql", "sh", "md", "rst", "html", "css", "scss", "po", "svg", "png"}
)
"""Endings of what people write or draw, and keep no keys in."""
DESPITE = (".env", "id_")
"""How a name with one of those endings starts where it may hold secrets all the same: most are known without a match."""


def looks_secret(path: str | PurePath) -> bool:
    """Whether the file at `path` looks like it holds secrets; examples and public keys don't. The disk is not looked at."""
    pure = PurePath(path)
    return holds_secrets(pure.parts) or is_secret_name(pure.name)


def holds_secrets(parts: Iterable[str]) -> bool:
    """Whether one of these folders keeps keys, whatever the files in it are called."""
    return any(part.casefold() in _FOLDERS for part in parts)


def is_secret_name(name: str) -> bool:
    """Whether a file of this name looks like it holds secrets, wherever it is."""
    if name.rpartition(".")[2] in WRITTEN and not name.casefold().startswith(DESPITE):
        return False
    return _NAMES.fullmatch(name) is not None and _HARMLESS.fullmatch(name) is None
