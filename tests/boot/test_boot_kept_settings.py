from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from dsterm.boot.kept_settings import keep_setting
from dsterm.core.errors import SettingsError


def test_a_setting_makes_the_file_where_there_is_none(tmp_path: Path) -> None:
    file = tmp_path / "config" / "config.toml"
    keep_setting(file, "provider", "deepseek")
    assert file.read_text() == 'provider = "deepseek"\n'


@pytest.mark.parametrize(
    "before",
    [
        "",
        "# mine\nmode = 'think'",
        'theme = "dusk"  # dark\nmode = "think"\n',
        "theme='dusk'\r\n",
        "[x]\ntheme = 'no'\n",
    ],
)
def test_only_that_setting_changes_and_comments_stay(tmp_path: Path, before: str) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(before.encode())
    keep_setting(file, "theme", "paper")
    after = file.read_text()
    assert tomllib.loads(after) == {**tomllib.loads(before), "theme": "paper"}
    assert before.count("# mine") == after.count("# mine")


@pytest.mark.parametrize("before", ["mode = ", 'theme = """\ndusk"""\n'])
def test_a_file_that_can_not_be_changed_safely_stays_as_it_is(tmp_path: Path, before: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(before)
    with pytest.raises(SettingsError, match="set theme there"):
        keep_setting(file, "theme", "paper")
    assert file.read_text() == before
