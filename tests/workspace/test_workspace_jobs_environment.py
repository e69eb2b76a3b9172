from __future__ import annotations

import os
from pathlib import Path

import pytest
from job_world import World

from dsterm.core.command_plan import Confinement
from dsterm.workspace.commands.command_environment import model_environment

SECRET = "sk-aaaaaaaaaaaaaaaaaaaaaaaa"
LOADERS = (
    *("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "PYTHONPATH", "PYTHONSTARTUP"),
    *("PYTHONHOME", "PYTHONINSPECT", "NODE_OPTIONS", "NODE_PATH", "BASH_ENV", "ENV"),
    *("PERL5LIB", "PERL5OPT", "RUBYOPT", "RUBYLIB", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS"),
    *("PROMPT_COMMAND", "LESSOPEN", "LESSCLOSE", "GIT_DIR", "GIT_SSH_COMMAND", "GIT_CONFIG_COUNT"),
    *("GIT_EXTERNAL_DIFF", "GIT_EXEC_PATH", "SHELLOPTS", "BASHOPTS", "PS4", "IFS"),
    *("CDPATH", "GLOBIGNORE", "RUSTC_WRAPPER", "CC", "MAKEFLAGS", "GOFLAGS"),
    *(
        "npm_config_script_shell",
        "AWS_SECRET_ACCESS_KEY",
        "GITHUB_TOKEN",
        "OPENAI_API_KEY",
        "DBUS_SESSION_BUS_ADDRESS",
        "SSH_ASKPASS",
    ),
    *("SUDO_ASKPASS", "PIP_INDEX_URL", "DOCKER_HOST"),
)


async def seen(tmp_path: Path, environment: dict[str, str], **more: object) -> dict[str, str]:
    world = World(tmp_path, environment)
    text = await world.text("/usr/bin/env -0 | tr '\\0\\n' '\\n '", **more)
    await world.jobs.close()
    return dict(line.partition("=")[::2] for line in text.splitlines())


@pytest.mark.parametrize("confinement", Confinement)
def test_no_command_gets_keys_or_what_loads_code(confinement, tmp_path):
    hostile = dict.fromkeys(LOADERS, "/usr/lib/evil") | {"BASH_FUNC_ls%%": "() { evil; }", "HOME": "/home/a"}
    kept = model_environment(hostile, [tmp_path], confinement)
    assert not set(kept) & (set(LOADERS) | {"BASH_FUNC_ls%%"})


async def test_the_real_child_sees_a_short_list(tmp_path):
    hostile = dict.fromkeys(LOADERS, "x") | {"NOVITA_API_KEY": SECRET, "LC_ALL": "C.UTF-8", "TZ": "UTC", "COPY": SECRET}
    found = await seen(tmp_path, hostile)
    assert SECRET not in str(found)
    assert set(found) <= {
        *(
            "PATH",
            "HOME",
            "LC_ALL",
            "TZ",
            "TERM",
            "PAGER",
            "GIT_PAGER",
            "MANPAGER",
            "SYSTEMD_PAGER",
            "GH_PAGER",
            "BAT_PAGER",
        ),
        *(
            "AWS_PAGER",
            "EDITOR",
            "VISUAL",
            "GIT_EDITOR",
            "GIT_SEQUENCE_EDITOR",
            "GIT_TERMINAL_PROMPT",
            "GCM_INTERACTIVE",
        ),
        *("DEBIAN_FRONTEND", "DSTERM_JOB", "PWD", "SHLVL", "_", "OLDPWD"),
    }
    assert found["TERM"] == "dumb" and found["PAGER"] == "cat" and found["TZ"] == "UTC"


async def test_bash_env_of_the_user_runs_nothing(tmp_path):
    script = tmp_path / "evil.sh"
    script.write_text("echo evil")
    world = World(tmp_path, {"BASH_ENV": str(script), "ENV": str(script)})
    (tmp_path / ".bashrc").write_text("echo evil")
    (tmp_path / ".bash_profile").write_text("echo evil")
    assert await world.text("true") == ""
    await world.jobs.close()


async def test_no_folder_of_the_workspace_is_on_path(tmp_path):
    inside = tmp_path / "work" / ".venv" / "bin"
    inside.mkdir(parents=True)
    (inside / "ls").write_text("#!/bin/sh\necho evil")
    (inside / "ls").chmod(0o755)
    (inside / "bash").write_text("#!/bin/sh\necho evil")
    (inside / "bash").chmod(0o755)
    (tmp_path / "link").symlink_to(inside)
    path = os.pathsep.join([str(inside), ".", "", ".venv/bin", str(tmp_path / "link"), os.environ["PATH"]])
    found = await seen(tmp_path, {"PATH": path, "VIRTUAL_ENV": str(inside.parent), "XDG_CONFIG_HOME": str(inside)})
    assert found["PATH"] == os.environ["PATH"]
    assert "VIRTUAL_ENV" not in found and "XDG_CONFIG_HOME" not in found


def test_places_outside_the_workspace_stay(tmp_path):
    given = {"VIRTUAL_ENV": "/opt/venv", "GOPATH": "/go:/go2", "CARGO_HOME": "relative", "HOME": str(tmp_path)}
    kept = model_environment(given, [tmp_path], Confinement.SANDBOX)
    assert (kept["VIRTUAL_ENV"], kept["GOPATH"], kept["HOME"]) == ("/opt/venv", "/go:/go2", str(tmp_path))
    assert "CARGO_HOME" not in kept
    assert "GOPATH" not in model_environment({"GOPATH": f"/go:{tmp_path}"}, [tmp_path], Confinement.SANDBOX)


def test_a_folder_that_was_added_counts_as_the_workspace(tmp_path):
    given = {"PATH": f"{tmp_path}/more/bin:/usr/bin", "VIRTUAL_ENV": f"{tmp_path}/more"}
    kept = model_environment(given, [tmp_path / "work", tmp_path / "more"], Confinement.SANDBOX)
    assert kept["PATH"] == "/usr/bin" and "VIRTUAL_ENV" not in kept


def test_what_the_network_needs_is_there_only_with_it(tmp_path):
    given = {
        "https_proxy": "http://proxy:3128",
        "HTTPS_PROXY": "http://me:password@proxy:3128",
        "SSL_CERT_FILE": "/etc/ssl/ours.pem",
        "SSH_AUTH_SOCK": "/run/agent",
    }
    assert not set(given) & set(model_environment(given, [tmp_path], Confinement.SANDBOX))
    networked = model_environment(given, [tmp_path], Confinement.NETWORK)
    assert set(given) & set(networked) == {"https_proxy", "SSL_CERT_FILE"}
    assert set(given) & set(model_environment(given, [tmp_path], Confinement.OPEN)) == {
        "https_proxy",
        "SSL_CERT_FILE",
        "SSH_AUTH_SOCK",
    }


async def test_the_users_own_command_has_the_users_environment_without_keys(tmp_path):
    given = {
        "NOVITA_API_KEY": SECRET,
        "SAME": f"Bearer {SECRET}",
        "PYTHONPATH": "/mine",
        "EDITOR": "vi",
        "PAGER": "less",
    }
    found = await seen(tmp_path, given, is_of_user=True)
    assert found["PYTHONPATH"] == "/mine" and (found["EDITOR"], found["PAGER"]) == ("false", "cat")
    assert SECRET not in str(found)


async def test_git_asks_nothing_and_opens_no_editor(tmp_path):
    world = World(tmp_path)
    text = await world.text(
        "git init -q . && git -c user.name=a -c user.email=a@b commit --allow-empty -e -m x; git -c core.pager=less log; true"
    )
    assert "problem with the editor" in text
    await world.jobs.close()
