"""What the environment and the folder bring along is neither loaded nor run, by dsterm, its git, its searches or commands."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from attack_world import bash, call, needs_sandbox, read
from e2e_program import DSTERM, finished

from dsterm.demo.reply import Reply

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]

WORK = [
    [read("src/shop.py"), call("grep", pattern="total"), call("glob", pattern="**/*.py"), read(".")],
    bash(
        "git status; git diff; git log -1; git ls-remote ssh://127.0.0.1:9/x; ls; cat README.md | grep -c Shop; "
        "python3 -c 'import json, this'; perl -e 1; node -e 1; tar cf /dev/null README.md; sh -c 'true'; bash -c 'true'; "
        "rg total; sort README.md; less README.md; crontab -e; git commit --allow-empty"
    ),
]

VARIABLES = {
    "bash-env": {"BASH_ENV": "{trap}"},
    "sh-env": {"ENV": "{trap}"},
    "prompt-command": {"PROMPT_COMMAND": "{trap}", "PS1": "$({trap})"},
    "traced": {"SHELLOPTS": "xtrace", "PS4": "$({trap})"},
    "function": {"BASH_FUNC_ls%%": "() { {trap}; }", "BASH_FUNC_git%%": "() { {trap}; }"},
    "python": {"PYTHONSTARTUP": "{trap}", "PYTHONBREAKPOINT": "trap.run"},
    "perl": {"PERL5OPT": "-Mtrap", "PERL5LIB": "{repo}"},
    "node": {"NODE_OPTIONS": "--require {repo}/trap.js"},
    "ruby": {"RUBYOPT": "-r{repo}/trap.rb"},
    "git-diff": {"GIT_EXTERNAL_DIFF": "{trap}"},
    "git-ssh": {"GIT_SSH_COMMAND": "{trap}", "GIT_SSH": "{trap}", "GIT_PROXY_COMMAND": "{trap}"},
    "git-config": {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": "{trap}"},
    "git-parameters": {"GIT_CONFIG_PARAMETERS": "'core.fsmonitor={trap}'"},
    "git-global": {"GIT_CONFIG_GLOBAL": "{repo}/evil.gitconfig", "GIT_CONFIG_SYSTEM": "{repo}/evil.gitconfig"},
    "git-exec-path": {"GIT_EXEC_PATH": "{repo}/bin"},
    "git-template": {"GIT_TEMPLATE_DIR": "{repo}/template", "GIT_ASKPASS": "{trap}", "SSH_ASKPASS": "{trap}"},
    "config-home": {"XDG_CONFIG_HOME": "{repo}/settings"},
    "pager": {"PAGER": "{trap}", "GIT_PAGER": "{trap}", "MANPAGER": "{trap}", "LESSOPEN": "|{trap} %s"},
    "editor": {"EDITOR": "{trap}", "VISUAL": "{trap}", "GIT_EDITOR": "{trap}", "BROWSER": "{trap}"},
    "ripgrep": {"RIPGREP_CONFIG_PATH": "{repo}/rg.conf"},
    "tar": {"TAR_OPTIONS": "--checkpoint=1 --checkpoint-action=exec={trap}"},
    "shell": {"SHELL": "{trap}", "CONFIG_SHELL": "{trap}"},
    "locale": {"LOCPATH": "{repo}", "GCONV_PATH": "{repo}", "LC_ALL": "xx_YY.EVIL", "NLSPATH": "{repo}/%N"},
    "path": {"PATH": "{repo}/bin:{path}"},
    "path-that-is-relative": {"PATH": "bin:./bin:.:{path}"},
    "path-with-a-gap": {"PATH": ":{path}:"},
    "path-through-a-link": {"PATH": "{folder}/way:{path}"},
    "temporary-folder": {"TMPDIR": "{repo}/bin", "TMP": "{repo}/bin", "TEMP": "{repo}/bin"},
    "virtual-environment": {
        "VIRTUAL_ENV": "{repo}",
        "CONDA_PREFIX": "{repo}",
        "PYENV_ROOT": "{repo}",
        "GOROOT": "{repo}",
    },
}
PROGRAMS = (
    "git rg bash sh bwrap python3 python env cat ls grep setsid true perl node tar sort less crontab ssh git-status git-diff "
    "git-ls-files git-log git-core trap security keyring uname lsb_release tmux"
)


@pytest.fixture
def trapped(world):
    """A workspace in which everything that could be loaded or run by its name is a trap."""
    trap = world.trap(world.repo / "trap")
    for name in PROGRAMS.split():
        world.trap(world.repo / "bin" / name)
    world.trap(world.repo / "git")
    world.trap(world.repo / "rg")
    (world.folder / "way").symlink_to(world.repo / "bin")
    run = f"import os; os.system('{trap}')\n"
    for name in (
        "sitecustomize",
        "usercustomize",
        "json",
        "msgspec",
        "argparse",
        "asyncio",
        "re",
        "openai",
        "this",
        "trap",
    ):
        world.put(f"{name}.py", run)
    world.put("trap.pm", f"system('{trap}'); 1;\n")
    world.put("trap.js", f"require('child_process').execSync('{trap}')\n")
    world.put("trap.rb", f"system('{trap}')\n")
    world.put("evil.gitconfig", f"[core]\n\tfsmonitor = {trap}\n\tpager = {trap}\n[diff]\n\texternal = {trap}\n")
    world.put("settings/git/config", f"[core]\n\tfsmonitor = {trap}\n\thooksPath = {world.repo}/bin\n")
    world.put("rg.conf", f"--pre={trap}\n")
    for name in (".envrc", ".bashrc", ".profile", ".bash_profile", ".zshenv", ".inputrc", ".direnvrc", ".lessfilter"):
        world.put(name, f"{trap}\n")
    world.put("template/hooks/post-checkout", f"#!/bin/sh\n{trap}\n").chmod(0o755)
    world.put(".python-version", "evil\n")
    world.put("pyvenv.cfg", f"home = {world.repo}/bin\n")
    return world


def filled(variables: dict[str, str], world) -> dict[str, str]:
    places = {"trap": world.repo / "trap", "repo": world.repo, "folder": world.folder, "path": os.environ["PATH"]}
    for name, place in places.items():
        variables = {key: value.replace(f"{{{name}}}", str(place)) for key, value in variables.items()}
    return variables


@pytest.mark.parametrize("name", VARIABLES)
def test_no_variable_makes_dsterm_or_a_command_run_what_the_workspace_holds(trapped, name):
    outcome = trapped.attack(WORK, env=filled(VARIABLES[name], trapped))
    outcome.stood()
    assert outcome.endings[:4] == ("done",) * 4
    trapped.not_sprung()


@pytest.mark.parametrize(
    "name", ["path", "git-config", "git-global", "git-diff", "path-through-a-link", "path-that-is-relative"]
)
def test_attaching_and_looking_at_a_repository_runs_nothing_of_the_environment(trapped, name):
    trapped.put("src/shop.py", "changed = 1\n")
    outcome = trapped.attack([], "--attach", ".", env=filled(VARIABLES[name], trapped))
    outcome.stood()
    assert "changed = 1" in outcome.wire
    trapped.not_sprung()


LEFT_OUT = (
    "LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT DYLD_INSERT_LIBRARIES PYTHONPATH PYTHONHOME PYTHONUSERBASE NODE_PATH JAVA_TOOL_OPTIONS "
    "_JAVA_OPTIONS GEM_PATH RUBYLIB LUA_PATH R_PROFILE CLASSPATH GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE MAKEFLAGS CC "
    "RUSTC_WRAPPER CARGO_BUILD_RUSTC_WRAPPER npm_config_script_shell PIP_CONFIG_FILE PIP_INDEX_URL GNUPGHOME DOCKER_HOST "
    "SSH_AUTH_SOCK DBUS_SESSION_BUS_ADDRESS XDG_RUNTIME_DIR DISPLAY WAYLAND_DISPLAY http_proxy"
)


@needs_sandbox
def test_no_variable_that_loads_code_or_leads_out_reaches_a_command(world):
    given = {
        name: f"{world.folder}/evil-place" for name in LEFT_OUT.split() if not name.startswith(("PYTHONHOME", "LD_"))
    }
    given |= {"LD_LIBRARY_PATH": f"{world.folder}/evil-place", "LD_PRELOAD": f"{world.folder}/evil-place.so"}
    outcome = world.attack([bash("env; cat /proc/self/environ | tr '\\0' '\\n'")], env=given)
    outcome.stood()
    assert "PATH=" in outcome.results[0]
    assert "evil-place" not in outcome.results[0]


@pytest.mark.parametrize("words", [("-m", "dsterm"), ("-P", "-m", "dsterm")])
@pytest.mark.parametrize("flags", [("--version",), ("--demo", "-p", "hi"), ("doctor",)])
def test_no_module_in_the_current_folder_takes_the_place_of_a_real_one(trapped, words, flags):
    started = [sys.executable, *words, *flags]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(started, cwd=trapped.repo, env=trapped.environment, **pipes) as process:
        done = finished(process)
    assert "Traceback" not in done.err + done.out
    assert done.out
    trapped.not_sprung()


@pytest.mark.parametrize("name", ["path", "path-that-is-relative", "path-through-a-link", "temporary-folder"])
def test_the_doctor_runs_no_program_of_the_folder(trapped, name):
    environment = trapped.environment | filled(VARIABLES[name], trapped)
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*DSTERM, "doctor"], cwd=trapped.repo, env=environment, **pipes) as process:
        done = finished(process)
    assert "sandbox" in done.out
    trapped.not_sprung()


@pytest.mark.parametrize("home", ["repo", "repo/settings"])
def test_a_home_that_is_the_workspace_itself_makes_no_command_read_its_start_files(trapped, home):
    outcome = trapped.attack(
        WORK, env={"HOME": str(trapped.folder / home), "BASH_ENV": "~/.bashrc", "ENV": "~/.profile"}
    )
    outcome.stood()
    trapped.not_sprung()


def test_an_answer_that_names_programs_of_the_workspace_runs_none(trapped):
    text = "```bash\n./trap\n```\n$(./trap) `./trap` \x1b]0;`./trap`\x07 !./trap\n/commit\n!!./trap"
    outcome = trapped.attack([Reply(text=text)])
    outcome.stood()
    trapped.not_sprung()
