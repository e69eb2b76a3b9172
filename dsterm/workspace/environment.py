"""The environment that programs get: what they need to work, and no API keys, `GIT_*` or loader variables."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

_KEPT = frozenset(
    {"HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "TZ", "TMPDIR"}
    | {"XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"}
)
_FOR_NETWORK = frozenset(
    {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
    | {"SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "DBUS_SESSION_BUS_ADDRESS"}
)


def clean_environment(environment: Mapping[str, str], *, outside: Path, network: bool = False) -> dict[str, str]:
    """The part of `environment` that a program may see; PATH loses every entry inside the folder `outside`.

    `network` adds proxies, certificates and agents, for programs that go there on the user's behalf.
    """
    kept = _KEPT | _FOR_NETWORK if network else _KEPT
    cleaned = {name: value for name, value in environment.items() if name in kept}
    cleaned["PATH"] = os.pathsep.join(str(folder) for folder in path_folders(environment, outside=outside))
    return cleaned


def path_folders(environment: Mapping[str, str], *, outside: Path | None = None) -> list[Path]:
    """The absolute folders of PATH in order, without those inside `outside`."""
    folders = [Path(entry) for entry in environment.get("PATH", os.defpath).split(os.pathsep) if entry]
    return [folder for folder in folders if folder.is_absolute() and not (outside and is_inside(folder, outside))]


def environment_outside(environment: Mapping[str, str], roots: Sequence[Path]) -> dict[str, str]:
    """`environment` whose PATH has no entry inside any of `roots`."""
    folders = [folder for folder in path_folders(environment) if not any(is_inside(folder, root) for root in roots)]
    return {**environment, "PATH": os.pathsep.join(map(str, folders))}


def is_inside(path: Path, folder: Path) -> bool:
    """Whether `path` is `folder` or inside it, as written or with the links of either followed."""
    real = Path(os.path.realpath(folder))
    return path.is_relative_to(folder) or path.is_relative_to(real) or Path(os.path.realpath(path)).is_relative_to(real)
