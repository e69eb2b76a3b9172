from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.core.errors import SettingsError, UsageError
from dsterm.core.models import ProviderCard
from dsterm.store.paths import Paths
from dsterm.store.secrets import MASK, check_key, find_key, redact, save_key

CARD = ProviderCard(name="novita", title="Novita", base_url="https://x", key_variables=("NOVITA_API_KEY", "OTHER_KEY"))


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
    path = save_key(CARD, "  sk-padded \n", paths)
    assert path.stat().st_mode & 0o777 == 0o600
    assert find_key(CARD, {}, paths) == "sk-padded"


def test_a_key_file_that_others_may_read_is_refused_with_the_command_to_run(paths: Paths) -> None:
    path = save_key(CARD, "sk-from-file", paths)
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
    path = save_key(CARD, "sk-from-file", paths)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not text"):
        find_key(CARD, {}, paths)


@pytest.mark.parametrize(
    "token",
    [
        "sk-0123456789abcdef",
        "sk_0123456789abcdef",
        "ghp_0123456789abcdefghij0123456789abcdef",
        "AKIAIOSFODNN7EXAMPLE",
        "xoxb-1234567890-abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefgh",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIB\nAAAA\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_is_shaped_like_a_token_is_masked(token: str) -> None:
    assert redact(f"before {token} after", []) == f"before {MASK} after"


def test_a_bearer_token_is_masked_and_its_header_kept() -> None:
    assert redact("Authorization: Bearer abcdefgh12345678", []) == f"Authorization: Bearer {MASK}"


def test_ordinary_words_stay() -> None:
    text = "task-force disk-usage the bearer of news, risk_of_something_long, sk-learn"
    assert redact(text, []) == text


def test_known_secrets_are_masked_wherever_they_stand_the_longer_first() -> None:
    assert redact("url?k=hunter22-long&x=hunter22", ["hunter22", "hunter22-long"]) == f"url?k={MASK}&x={MASK}"


@given(
    before=st.text(max_size=20),
    key=st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40),
    after=st.text(max_size=20),
)
def test_no_valid_key_survives_redaction(before: str, key: str, after: str) -> None:
    if key in MASK:
        return
    assert check_key(key, "x") == key
    assert key not in redact(before + key + after, {key}).replace(MASK, "\0")
