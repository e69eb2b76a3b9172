from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path

import msgspec
import pytest

from dsterm.boot.plan import LaunchPlan, plan_launch, with_trust
from dsterm.boot.screen import trust_details
from dsterm.boot.trust import SettledTrust, settle_trust
from dsterm.core.config import Config
from dsterm.core.errors import SettingsError, UsageError
from dsterm.core.models import PermissionMode
from dsterm.flags import build_parser
from dsterm.store.trust import Trust, TrustBook

STRICT = 'permission_mode = "plan"\nbudget = 1\ndisallowed_tools = ["write"]\ncommand_timeout = 9\nchecks = ["make"]\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / ".dsterm").mkdir(parents=True)
    (folder / ".dsterm/config.toml").write_text(STRICT)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    return folder


def plan(tmp_path: Path, *words: str) -> LaunchPlan:
    flags: argparse.Namespace = build_parser().parse_args(list(words))
    return plan_launch(flags, {"DSTERM_HOME": str(tmp_path / "home")})


@pytest.fixture
def book(tmp_path: Path) -> TrustBook:
    return TrustBook(None, home=tmp_path)


def test_the_flag_trusts_and_is_kept(book: TrustBook, tmp_path: Path) -> None:
    book.set_trust(tmp_path, False)
    assert settle_trust(book, tmp_path, says_trusted=True, is_headless=True) == SettledTrust(is_trusted=True)
    assert book.trust_of(tmp_path) is Trust.TRUSTED


@pytest.mark.parametrize("is_headless", [True, False])
def test_an_answer_from_before_holds_without_a_word(book: TrustBook, tmp_path: Path, is_headless: bool) -> None:
    for answer in (True, False):
        book.set_trust(tmp_path, answer)
        assert settle_trust(book, tmp_path, says_trusted=False, is_headless=is_headless) == SettledTrust(answer)


def test_an_unknown_folder_is_asked_about_where_there_is_a_screen_and_told_of_where_there_is_none(
    book: TrustBook, tmp_path: Path
) -> None:
    asked = settle_trust(book, tmp_path, says_trusted=False, is_headless=False)
    told = settle_trust(book, tmp_path, says_trusted=False, is_headless=True)
    assert asked == SettledTrust(is_trusted=False, must_ask=True)
    assert (told.is_trusted, told.must_ask) == (False, False)
    assert told.notice == "This folder is not trusted: its own settings are not read. --trust says that you trust it."
    assert book.trust_of(tmp_path) is Trust.UNKNOWN


def test_nothing_of_an_unknown_project_is_read(project: Path, tmp_path: Path) -> None:
    (project / ".dsterm/config.toml").unlink()
    os.mkfifo(project / ".dsterm/config.toml")
    for words in ((), ("-p", "hi"), ("-p", "hi", "--no-save")):
        launch = plan(tmp_path, *words)
        assert launch.config == Config()
        assert not launch.is_trusted
        assert launch.must_ask_trust == (not words)
        assert any("not trusted" in notice for notice in launch.notices) == bool(words)


def test_a_trusted_project_tightens_from_the_first_word_on(project: Path, tmp_path: Path) -> None:
    plan(tmp_path, "-p", "hi", "--trust")
    launch = plan(tmp_path, "-p", "hi", "--permission-mode", "auto")
    assert launch.is_trusted
    assert launch.notices == ()
    assert launch.config.permission_mode is PermissionMode.AUTO
    assert (launch.config.disallowed_tools, launch.config.command_timeout) == (("write",), 9)
    assert launch.proposed_checks == ("make",)
    assert launch.config.checks == ()


def test_trust_given_without_saving_is_for_this_run(project: Path, tmp_path: Path) -> None:
    assert plan(tmp_path, "-p", "hi", "--trust", "--no-save").is_trusted
    assert not (tmp_path / "home").exists()
    assert not plan(tmp_path, "-p", "hi").is_trusted


def test_a_yes_on_the_screen_brings_the_projects_settings_and_keeps_what_was_chosen_since(
    project: Path, tmp_path: Path
) -> None:
    launch = plan(tmp_path, "--model", "flash")
    launch = dataclasses.replace(launch, config=msgspec.structs.replace(launch.config, provider="demo"), is_demo=True)
    answered, notices = with_trust(launch, is_trusted=True)
    assert (answered.is_trusted, answered.must_ask_trust, answered.is_demo) == (True, False, True)
    assert (answered.config.provider, answered.config.model) == ("demo", "flash")
    assert answered.config.permission_mode is PermissionMode.PLAN
    assert answered.proposed_checks == ("make",)
    assert notices == ()
    assert plan(tmp_path).is_trusted


def test_a_no_on_the_screen_reads_nothing_and_is_not_asked_again(project: Path, tmp_path: Path) -> None:
    answered, notices = with_trust(plan(tmp_path), is_trusted=False)
    assert answered.config == Config()
    assert (answered.is_trusted, answered.must_ask_trust, answered.proposed_checks, notices) == (False, False, (), ())
    again = plan(tmp_path)
    assert (again.is_trusted, again.must_ask_trust) == (False, False)


def test_what_a_project_may_not_set_is_told_after_the_yes(project: Path, tmp_path: Path) -> None:
    (project / ".dsterm/config.toml").write_text(
        'base_url = "https://evil.example"\nsandbox = false\nallowed_tools = ["x"]\n'
    )
    answered, notices = with_trust(plan(tmp_path), is_trusted=True)
    assert answered.config == Config()
    assert len(notices) == 2


def test_a_link_to_a_trusted_folder_is_that_folder_and_a_copy_is_not(project: Path, tmp_path: Path) -> None:
    plan(tmp_path, "-p", "hi", "--trust")
    (tmp_path / "way").symlink_to(project)
    (tmp_path / "other").mkdir()
    assert plan(tmp_path, "-p", "hi", "-C", str(tmp_path / "way")).is_trusted
    assert not plan(tmp_path, "-p", "hi", "-C", str(tmp_path / "other")).is_trusted


def test_a_grant_file_that_can_not_be_read_stops_the_launch(project: Path, tmp_path: Path) -> None:
    file = tmp_path / "home/state/trust.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    file.chmod(0o600)
    with pytest.raises(SettingsError, match=r"trust\.json"):
        plan(tmp_path, "-p", "hi", "--trust")
    assert file.read_text() == "{"


def test_further_folders_are_real_ones_outside_of_the_first(project: Path, tmp_path: Path) -> None:
    other, user = tmp_path / "other", tmp_path / "user" / "lib"
    for folder in (other, user, project / "inside"):
        folder.mkdir(parents=True)
    (tmp_path / "way").symlink_to(other)
    config = tmp_path / "home/config/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('add_dirs = ["~/lib", "/gone/away"]')
    launch = plan(tmp_path, "--add-dir", "../way", "--add-dir", str(other), "--add-dir", "inside")
    assert launch.extra_roots == (user, other)
    assert len(launch.notices) == 1
    assert "/gone/away" in launch.notices[0]


@pytest.mark.parametrize("name", ["missing", ".dsterm/config.toml", "a\0b", "~nobody-of-that-name/x"])
def test_a_further_folder_that_is_none_is_wrong_usage(project: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="--add-dir"):
        plan(tmp_path, "--add-dir", name)


def test_the_sandbox_is_opened_by_the_users_flags_alone(project: Path, tmp_path: Path) -> None:
    launch = plan(tmp_path, "--no-sandbox", "--allow-network")
    assert (launch.config.sandbox, launch.config.sandbox_network) == (False, True)
    assert (plan(tmp_path).config.sandbox, plan(tmp_path).config.sandbox_network) == (True, False)


def test_the_page_names_settings_and_hooks_but_not_the_samples_of_git(project: Path) -> None:
    hooks = project / ".git/hooks"
    hooks.mkdir(parents=True)
    (hooks / "pre-commit.sample").write_text("exit 1\n")
    assert trust_details(project) == [".dsterm/config.toml: the project's own settings"]
    (hooks / "pre-commit").write_text("exit 1\n")
    assert trust_details(project)[1:] == [".git/hooks: git hooks, which only /commit runs"]
    assert trust_details(project / "nowhere") == []
