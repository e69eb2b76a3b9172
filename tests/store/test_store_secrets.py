from __future__ import annotations

from pathlib import Path

import pytest

from dsterm.core.errors import SettingsError, UsageError
from dsterm.core.models import ProviderCard
from dsterm.store.paths import Paths
from dsterm.store.secrets import find_key, known_keys, save_key

CARD = ProviderCard(name="novita", title="Novita", base_url="https://x", key_variables=("NOVITA_API_KEY", "OTHER_KEY"))


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about the other places, and must not ask the keyring of whoever runs them."""
    monkeypatch.setattr("dsterm.store.secrets.read_key", lambda _provider: None)
    monkeypatch.setattr("dsterm.store.secrets.write_key", lambda _provider, _key: False)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(config=tmp_path / "my config", state=tmp_path / "state", cache=tmp_path / "cache")


def test_the_general_variable_wins_then_the_providers_own_then_the_file(paths: Paths) -> None:
    save_key(CARD, "sk-from-file", paths)
    environment = {"DSTERM_API_KEY": "sk-general", "NOVITA_API_KEY": "sk-own", "OTHER_KEY": "sk-other"}
    assert find_key(CARD, environment, paths) == "sk-general"
    del environment["DSTERM_API_KEY"]
    assert find_key(CARD, environment, paths) == "sk-own"
    assert find_key(CARD, {"NOVITA_API_KEY": "", "OTHER_KEY": "sk-other"}, paths) == "sk-other"
    assert find_key(CARD, {}, paths) == "sk-from-file"


def test_there_may_be_no_key_at_all(paths: Paths) -> None:
    assert find_key(CARD, {"DEEPSEEK_API_KEY": "sk-not-for-novita"}, paths) is None


def test_the_demo_never_gets_a_real_key(paths: Paths) -> None:
    card = ProviderCard(name="demo", title="Demo", base_url="", is_demo=True)
    assert find_key(card, {"DSTERM_API_KEY": "sk-real-key"}, paths) is None


def test_a_saved_key_is_for_its_owner_alone(paths: Paths) -> None:
    words = save_key(CARD, "  sk-padded \n", paths)
    path = paths.key_file("novita")
    assert str(path) in words
    assert path.stat().st_mode & 0o777 == 0o600
    assert find_key(CARD, {}, paths) == "sk-padded"


def test_a_key_file_that_others_may_read_is_refused_with_the_command_to_run(paths: Paths) -> None:
    save_key(CARD, "sk-from-file", paths)
    path = paths.key_file("novita")
    path.chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600 '") as caught:
        find_key(CARD, {}, paths)
    assert "sk-from-file" not in str(caught.value)


@pytest.mark.parametrize("key", ["sk-with space", "sk-line\nbreak", "sk-bell\a12", "sk-schlüssel", "abc", "k" * 5000])
def test_a_malformed_key_is_refused_and_never_printed(paths: Paths, key: str) -> None:
    with pytest.raises(UsageError, match="NOVITA_API_KEY") as caught:
        find_key(CARD, {"NOVITA_API_KEY": key}, paths)
    assert key not in str(caught.value)
    with pytest.raises(UsageError):
        save_key(CARD, key, paths)


def test_a_provider_name_can_not_lead_out_of_the_key_folder(paths: Paths) -> None:
    card = ProviderCard(name="../../escape", title="", base_url="")
    with pytest.raises(SettingsError):
        find_key(card, {}, paths)


def test_a_key_file_that_is_no_text_is_one_sentence(paths: Paths) -> None:
    save_key(CARD, "sk-from-file", paths)
    path = paths.key_file("novita")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not text"):
        find_key(CARD, {}, paths)


def test_what_can_be_known_beforehand_comes_from_variables_named_like_keys_and_from_key_files(paths: Paths) -> None:
    save_key(CARD, "sk-from-file-1234", paths)
    other = paths.key_file("other")
    other.write_text("sk-open-to-all-1234")
    other.chmod(0o644)
    environment = {
        "NOVITA_API_KEY": "sk-novita-1234",
        "GITHUB_TOKEN": "gh-token-1234",
        "AWS_SECRET_ACCESS_KEY": "aws-1234-secret",
        "PGPASSWORD": "postgres",
        "DSTERM_API_KEY": "a1b2",
        "PATH": "/usr/bin/1234",
        "KEYBOARD": "us-layout-1234",
    }
    assert known_keys(environment, paths) == {
        "sk-from-file-1234",
        "sk-novita-1234",
        "gh-token-1234",
        "aws-1234-secret",
    }


def test_where_nothing_was_ever_kept_nothing_is_known(paths: Paths) -> None:
    assert known_keys({}, paths) == frozenset()
