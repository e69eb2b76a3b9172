"""The variables that lead package managers and compilers to the project's own cache, and away from doors out of the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_OWN = {
    "XDG_CACHE_HOME": "xdg",
    "PIP_CACHE_DIR": "pip",
    "PIPENV_CACHE_DIR": "pipenv",
    "POETRY_CACHE_DIR": "poetry",
    "UV_CACHE_DIR": "uv",
    "npm_config_cache": "npm",
    "npm_config_devdir": "node-gyp",
    "npm_config_store_dir": "pnpm",
    "YARN_CACHE_FOLDER": "yarn",
    "BUN_INSTALL_CACHE_DIR": "bun",
    "DENO_DIR": "deno",
    "GOCACHE": "go-build",
    "CCACHE_DIR": "ccache",
    "SCCACHE_DIR": "sccache",
    "COMPOSER_CACHE_DIR": "composer",
    "NUGET_PACKAGES": "nuget",
    "MPLCONFIGDIR": "matplotlib",
    "PYTHON_HISTORY": "python-history",
}
_ONCE_FILLED = {"CARGO_HOME": "cargo", "GOMODCACHE": "go-modules", "GRADLE_USER_HOME": "gradle"}
"""Stores that also work read-only from the home folder: the project's own is used once something was fetched into it."""

_DOORS = frozenset(
    {
        "DBUS_SESSION_BUS_ADDRESS",
        "DBUS_SYSTEM_BUS_ADDRESS",
        "SSH_AUTH_SOCK",
        "SSH_AGENT_PID",
        "GPG_AGENT_INFO",
        "DISPLAY",
    }
    | {
        "WAYLAND_DISPLAY",
        "WAYLAND_SOCKET",
        "XAUTHORITY",
        "XDG_RUNTIME_DIR",
        "DOCKER_HOST",
        "CONTAINER_HOST",
        "TMUX",
        "STY",
    }
    | {
        "PULSE_SERVER",
        "WSL_INTEROP",
        "VSCODE_IPC_HOOK_CLI",
        "NOTIFY_SOCKET",
        "INVOCATION_ID",
        "KITTY_LISTEN_ON",
        "NVIM",
    }
)
_TEMPORARY = ("TMPDIR", "TMP", "TEMP")


def sandboxed_environment(
    environment: Mapping[str, str], cache: Path, temporary: Path, *, fetches: bool
) -> dict[str, str]:
    """`environment` for a command in the sandbox; `fetches` when it may reach the network and so fill every cache."""
    changed = {name: value for name, value in environment.items() if name not in _DOORS}
    changed |= {name: str(cache / folder) for name, folder in _OWN.items()}
    for name, folder in _ONCE_FILLED.items():
        if fetches or (cache / folder).is_dir():
            changed[name] = str(cache / folder)
    return changed | dict.fromkeys(_TEMPORARY, str(temporary))


def split_loader_variables(environment: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """`environment` without what would make any program load code, and that part: it may only hold inside the sandbox."""
    loading = {name: value for name, value in environment.items() if name.startswith(("LD_", "DYLD_", "GCONV_PATH"))}
    return {name: value for name, value in environment.items() if name not in loading}, loading
