from __future__ import annotations

import os
from pathlib import Path

import pytest

from dsterm.core.errors import SettingsError
from dsterm.store.disk import make_private_folder
from dsterm.store.paths import find_paths

HOME = Path("/home/ada")


def test_dsterm_home_holds_all_three_folders_and_wins_over_xdg() -> None:
    paths = find_paths({"DSTERM_HOME": "/data/d", "XDG_CONFIG_HOME": "/elsewhere"}, "linux", HOME)
    assert (paths.config, paths.state, paths.cache) == (
        Path("/data/d/config"),
        Path("/data/d/state"),
        Path("/data/d/cache"),
    )


@pytest.mark.parametrize("platform", ["linux", "darwin", "freebsd14"])
def test_every_unix_follows_xdg(platform: str) -> None:
    environment = {"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "/k"}
    paths = find_paths(environment, platform, HOME)
    assert paths.config_file == Path("/c/dsterm/config.toml")
    assert paths.sessions == Path("/s/dsterm/sessions")
    assert paths.clones == Path("/k/dsterm/clones")


@pytest.mark.parametrize("environment", [{}, {"XDG_CONFIG_HOME": "relative"}, {"XDG_CONFIG_HOME": ""}])
def test_without_an_absolute_xdg_folder_the_usual_places_hold(environment: dict[str, str]) -> None:
    paths = find_paths(environment, "linux", HOME)
    assert paths.config == HOME / ".config/dsterm"
    assert paths.state == HOME / ".local/state/dsterm"
    assert paths.cache == HOME / ".cache/dsterm"


def test_windows_uses_appdata_for_settings_and_localappdata_for_the_rest() -> None:
    paths = find_paths({"APPDATA": "C:\\Roaming", "LOCALAPPDATA": "C:\\Local"}, "win32", HOME)
    assert paths.config == Path("C:\\Roaming") / "dsterm"
    assert paths.state == Path("C:\\Local") / "dsterm" / "state"
    assert paths.cache == Path("C:\\Local") / "dsterm" / "cache"


def test_a_tilde_in_dsterm_home_is_the_home_folder() -> None:
    assert find_paths({"DSTERM_HOME": "~/d"}, "linux", HOME).config == HOME / "d/config"


def test_a_relative_dsterm_home_is_refused() -> None:
    with pytest.raises(SettingsError, match="absolute"):
        find_paths({"DSTERM_HOME": "here"}, "linux", HOME)


def test_every_place_lies_in_one_of_the_three_folders() -> None:
    paths = find_paths({"DSTERM_HOME": "/d"}, "linux", HOME)
    config = [paths.catalog_file, paths.keymap_file, paths.themes, paths.key_file("novita")]
    config.append(paths.keyring_mark("novita"))
    state = [paths.index, paths.packs, paths.drafts, paths.history, paths.trust, paths.checkpoints, paths.logs]
    state.append(paths.command_logs)
    assert all(paths.cache in place.parents for place in (paths.clones, paths.project_caches))
    assert all(paths.config in place.parents for place in config)
    assert all(paths.state in place.parents for place in state)


@pytest.mark.skipif(os.name != "posix", reason="permissions are others there")
def test_a_private_folder_is_closed_to_others_and_so_is_all_that_had_to_be_made_above_it(tmp_path: Path) -> None:
    mode = tmp_path.stat().st_mode
    make_private_folder(tmp_path / "a" / "b" / "c")
    make_private_folder(tmp_path / "a" / "b" / "c")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")} == {0o700}
    assert tmp_path.stat().st_mode == mode
