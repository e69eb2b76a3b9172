from __future__ import annotations

from pathlib import Path

import pytest

from dsterm.workspace.confinement.git_obeyed import Obeyed, risky_settings
from dsterm.workspace.confinement.secret_places import secret_places
from dsterm.workspace.confinement.survey import survey


@pytest.mark.parametrize(
    "text",
    [
        "[core]\n\tfsmonitor = x",
        "[core] fsmonitor = x",
        "[CORE]\nFSMONITOR=x",
        "[alias]\nst = !sh",
        "[include]\npath = x",
        "[core]\nhooksPath=x",
        '[filter "x"]\nclean = y',
        '[remote "o"]\nurl = ext::sh -c evil',
        '[remote "o"]\nurl = -x',
        "[core.fsmonitor]\nx=y",
        "not a line",
        "[core]\nfilemode = true\n[core]sshCommand=x",
        "\ufeff[core]\nfsmonitor=x",
        "[core]\r\nfsmonitor=x\r\n",
        '[remote "a\\"]\\n[core]"]\nvcs = x',
        "[core]\nbare=false\n;x\n fsmonitor",
        " " * 20_000,
        '[submodule "a"]\nupdate = !x',
        "[core]\nworktree=/",
    ],
)
def test_settings_that_could_name_a_program_are_seen_however_they_are_written(text):
    assert risky_settings(Obeyed(text.encode(), 0o644))


def test_a_usual_configuration_is_harmless():
    text = (
        "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n# x\n"
        '[remote "origin"]\n\turl = git@example.org:a/b.git\n'
        '\tfetch = +refs/heads/*:refs/remotes/origin/*\n[branch "main"]\n\tremote = origin\n\tmerge = refs/heads/main\n'
    )
    assert risky_settings(Obeyed(text.encode(), 0o644)) == frozenset()


def test_the_survey_finds_secrets_and_repositories_and_follows_no_links(tmp_path):
    for name in ("a/.git/HEAD", "a/key.pem", "node_modules/x/.env", "b/HEAD", "b/objects/x", "b/refs/x", ".aws/config"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "loop").symlink_to(".")
    found = survey(tmp_path)
    assert found.secrets == (tmp_path / ".aws", tmp_path / "a/key.pem")
    assert found.git_places == (tmp_path / "a/.git", tmp_path / "b")
    assert found.is_whole


def test_the_survey_says_when_there_was_more_than_it_looked_at(tmp_path):
    (tmp_path / "/".join("abcdefghijklmnop")).mkdir(parents=True)
    assert not survey(tmp_path).is_whole


def test_secret_places_follow_a_moved_configuration_folder(tmp_path):
    (tmp_path / "conf/gh").mkdir(parents=True)
    assert tmp_path / "conf/gh" in secret_places((tmp_path / "home",), tmp_path / "conf")


def test_the_home_of_root_is_closed_to_others():
    assert (Path("/root") in secret_places((Path("/home/u"),))) == Path("/root").is_dir()
    assert Path("/root") not in secret_places((Path("/root"),))
