"""The environment that commands get: what a developer's tools need, and nothing that holds a key, asks, pages or loads code.

Commands of the model get a list of allowed variables; what names a place is dropped when the place is in the workspace,
as whoever writes the repository would choose what is loaded. That goes for PATH too: the programs of a virtual
environment inside the workspace are called by their path. Commands of the user get the user's own environment without keys.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from dsterm.core.command_plan import Confinement
from dsterm.workspace.environment import environment_outside, is_inside

JOB_MARK = "DSTERM_JOB"
"""The variable by which the processes of a job are found again, wherever they went."""

_PLAIN = frozenset({"USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "RUSTUP_TOOLCHAIN", "PYENV_VERSION"})
_LOCALE = re.compile(r"LC_[A-Z]+")
_PLACES = frozenset(
    {"TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "VIRTUAL_ENV", "CONDA_PREFIX"}
    | {
        "JAVA_HOME",
        "GOPATH",
        "GOROOT",
        "CARGO_HOME",
        "RUSTUP_HOME",
        "NVM_DIR",
        "PYENV_ROOT",
        "RBENV_ROOT",
        "SDKMAN_DIR",
    }
    | {"ANDROID_HOME", "DOTNET_ROOT", "VOLTA_HOME", "PNPM_HOME", "BUN_INSTALL", "DENO_DIR"}
)
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"})
_CERTIFICATES = frozenset(
    {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"}
)
_SHORTEST_KEY = 8
_OPEN_PLACES = frozenset({"SSH_AUTH_SOCK", "XDG_RUNTIME_DIR"})

_QUIET = {
    **dict.fromkeys(("PAGER", "GIT_PAGER", "MANPAGER", "SYSTEMD_PAGER", "GH_PAGER", "BAT_PAGER"), "cat"),
    "AWS_PAGER": "",
    **dict.fromkeys(("EDITOR", "VISUAL", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR"), "false"),
    "GIT_TERMINAL_PROMPT": "0",
    "GCM_INTERACTIVE": "never",
    "DEBIAN_FRONTEND": "noninteractive",
}
"""No terminal is there to page in, to edit in or to be asked in. `false` as an editor makes git name it and say what to use."""


def model_environment(
    environment: Mapping[str, str], roots: Sequence[Path], confinement: Confinement
) -> dict[str, str]:
    """What a command of the model gets, where it runs in `confinement`; nothing in it leads into the workspace `roots`."""
    kept = {
        name: value
        for name, value in environment.items()
        if name in _PLAIN or _LOCALE.fullmatch(name) or (name in _places(confinement) and _is_outside(value, roots))
    }
    if confinement is not Confinement.SANDBOX:
        # A proxy with a password in its address would hand that password to whatever the command runs.
        kept |= {name: value for name, value in environment.items() if name in _PROXIES and "@" not in value}
    if home := environment.get("HOME"):
        # The home stays even where it is the workspace itself: without it nothing works, and it is the user's own.
        kept["HOME"] = home
    path = environment_outside(environment, roots)["PATH"] or os.defpath
    return {**kept, "PATH": path, "TERM": "dumb", **_QUIET}


def user_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a command of the user gets: the user's own environment, with pagers and editors off."""
    return {**environment, **_QUIET}


def without_keys(environment: Mapping[str, str], key_variables: frozenset[str]) -> dict[str, str]:
    """`environment` without the variables that hold API keys, under these names or under others with the same value."""
    keys = [value for name, value in environment.items() if name in key_variables and len(value) >= _SHORTEST_KEY]
    return {
        name: value
        for name, value in environment.items()
        if name not in key_variables and not any(key in value for key in keys)
    }


def _places(confinement: Confinement) -> frozenset[str]:
    match confinement:
        case Confinement.SANDBOX:
            return _PLACES
        case Confinement.NETWORK:
            return _PLACES | _CERTIFICATES
        case Confinement.OPEN:
            return _PLACES | _CERTIFICATES | _OPEN_PLACES


def _is_outside(value: str, roots: Sequence[Path]) -> bool:
    """Whether every place in `value` (one, or several as in GOPATH) is absolute and outside the workspace."""
    places = [Path(part) for part in value.split(os.pathsep) if part]
    return bool(places) and all(
        place.is_absolute() and not any(is_inside(place, root) for root in roots) for place in places
    )
