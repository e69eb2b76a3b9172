from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from dsterm.boot.doctor import Patient, run_doctor
from dsterm.core.account import ProbedModel, ProbeResult
from dsterm.core.commands import SandboxFacts
from dsterm.core.models import Probed
from dsterm.store.provider_notes import ProviderNotes
from dsterm.workspace.confinement.sandbox import FoundSandbox

KEY = "sk-THIS-IS-THE-KEY-0123456789"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "project").mkdir(parents=True)
    return home


@pytest.fixture
def no_sandbox(monkeypatch: pytest.MonkeyPatch) -> str:
    facts = SandboxFacts(trouble="AppArmor forbids it.")
    monkeypatch.setattr("dsterm.boot.doctor.find_sandbox", lambda *_: FoundSandbox(None, facts))
    return facts.trouble


def report(home: Path, **environment: str) -> tuple[int, str]:
    lines: list[str] = []
    given = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "TERM": "xterm-256color"} | environment
    patient = Patient(environment=given, home=home, folder=home / "project", platform=sys.platform)
    return run_doctor(patient, lines.append), "".join(lines)


def test_each_line_begins_with_its_verdict_and_programs_are_found(home, no_sandbox):
    _, text = report(home)
    lines = text.splitlines()
    assert all(
        line.split()[0] in {"ok", "failed", "note"} for line in lines if line[:1].isalpha() and line[:1].islower()
    )
    assert any(line.startswith("ok      Python 3.") for line in lines)
    assert any(line.startswith("ok      git version") for line in lines)
    assert any(line.startswith("ok      ripgrep") for line in lines)


def test_a_missing_sandbox_fails_with_what_to_do(home, no_sandbox):
    code, text = report(home)
    assert code == 1
    assert f"failed  sandbox: {no_sandbox}" in text
    assert "/etc/apparmor.d/bwrap" in text


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox of Linux")
def test_the_sandbox_is_tried_promise_by_promise(home):
    code, text = report(home)
    if "can't confine anything" in text or "not installed" in text:
        pytest.skip("no sandbox here: " + next(line for line in text.splitlines() if "sandbox:" in line))
    assert code == 0, text
    assert text.count("ok      sandbox: ") == 16
    assert "Everything is in place." in text
    assert list((home / "project").iterdir()) == []


def test_a_key_is_named_by_its_place_and_never_shown(home, no_sandbox):
    _, text = report(home, NOVITA_API_KEY=KEY)
    assert "in the variable NOVITA_API_KEY" in text
    assert KEY not in text


def test_a_key_in_a_file_is_named_by_its_place_and_never_shown(home, no_sandbox):
    file = home / ".config/dsterm/keys/novita"
    file.parent.mkdir(parents=True)
    file.write_text(KEY)
    file.chmod(0o600)
    _, text = report(home)
    assert f"in {file}" in text
    assert KEY not in text


def test_a_key_file_that_others_may_read_fails(home, no_sandbox):
    file = home / ".config/dsterm/keys/novita"
    file.parent.mkdir(parents=True)
    file.write_text(KEY)
    file.chmod(0o644)
    code, text = report(home)
    assert code == 1
    assert "chmod 600" in text
    assert KEY not in text


def test_no_key_is_no_failure(home, no_sandbox):
    _, text = report(home)
    assert "note    no key yet" in text


def test_a_folder_that_can_not_be_written_fails(home, no_sandbox):
    (home / ".config").write_text("a file")
    code, text = report(home)
    assert code == 1
    assert "failed  settings: " in text


def test_a_missing_program_fails_with_what_to_do(home, no_sandbox, tmp_path):
    code, text = report(home, PATH=str(tmp_path))
    assert code == 1
    assert "failed  git is not installed" in text


def test_git_from_the_workspace_is_not_run(home, no_sandbox):
    fake = home / "project/git"
    fake.write_text(f"#!/bin/sh\ntouch {home}/evil\n")
    fake.chmod(0o755)
    report(home, PATH=f"{home}/project")
    assert not (home / "evil").exists()


def test_wrong_settings_of_places_are_said_not_raised(home, no_sandbox):
    code, text = report(home, DSTERM_HOME="relative")
    assert code == 1
    assert "DSTERM_HOME must be an absolute path" in text


def test_control_bytes_of_the_environment_do_not_reach_the_terminal(home, no_sandbox):
    _, text = report(home, TERM="x\x1b]0;evil\x07")
    assert "\x1b" not in text


def test_the_doctor_itself_needs_neither_the_engine_nor_a_screen():
    source = Path(sys.modules["dsterm.boot.doctor"].__file__ or "").read_text()
    assert "dsterm.engine" not in source
    code = (
        "import sys, types\nsys.modules['dsterm.boot'] = package = types.ModuleType('dsterm.boot')\n"
        "import dsterm\npackage.__path__ = [dsterm.__path__[0] + '/boot']\nimport dsterm.boot.doctor\n"
        "print([n for n in sys.modules if n.startswith(('dsterm.engine', 'textual', 'openai', 'keyring', 'git'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_last_probe_is_named_with_its_day(home, no_sandbox):
    _, text = report(home)
    assert "note    no provider was probed yet: dsterm doctor --probe asks one" in text
    found = Probed(on=date(2026, 11, 22))
    result = ProbeResult(
        provider="novita", origin="https://api.novita.ai", models=(ProbedModel(id="a\x1b[2J", found=found),)
    )
    state = home / ".local/state/dsterm"
    ProviderNotes(home / "unused", state / "probes").keep_probe(result)
    _, text = report(home)
    assert "ok      probe of novita at https://api.novita.ai: a?[2J 2026-11-22" in text
