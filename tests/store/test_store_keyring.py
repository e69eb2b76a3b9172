from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null

from dsterm.core.models import ProviderCard
from dsterm.store.keyring_keys import read_key, write_key
from dsterm.store.paths import Paths
from dsterm.store.secrets import find_key, save_key

CARD = ProviderCard(name="novita", title="Novita", base_url="https://x", key_variables=("NOVITA_API_KEY",))


class DictKeyring(KeyringBackend):
    """A keyring that works."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.asked = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


class BrokenKeyring(DictKeyring):
    """One whose daemon says something that nobody foresaw."""

    class OddError(Exception):
        pass

    def get_password(self, service: str, username: str) -> str | None:
        raise self.OddError("D-Bus said no")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise self.OddError("D-Bus said no")


class LockedKeyring(DictKeyring):
    """One that waits for somebody at a prompt."""

    def __init__(self) -> None:
        super().__init__()
        self.unlocked = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.unlocked.wait(5)
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        self.unlocked.wait(5)


class PlainFileKeyring(DictKeyring):
    """One that the package does not recommend, as those of plain files."""

    priority = 0.5


class ForgetfulKeyring(DictKeyring):
    """One that takes a key and loses it."""

    def set_password(self, service: str, username: str, password: str) -> None:
        return


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(config=tmp_path / "config", state=tmp_path / "state", cache=tmp_path / "cache")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    keyring.set_keyring(null.Keyring())
    yield
    keyring.set_keyring(null.Keyring())


@pytest.fixture
def working() -> DictKeyring:
    backend = DictKeyring()
    keyring.set_keyring(backend)
    return backend


def test_a_key_goes_to_the_keyring_and_no_file_is_left(paths: Paths, working: DictKeyring) -> None:
    keyring.set_keyring(null.Keyring())
    save_key(CARD, "sk-old-file-key-1", paths)
    keyring.set_keyring(working)
    words = save_key(CARD, "sk-new-key-2", paths)
    assert "keyring" in words
    assert working.kept == {("dsterm", "novita"): "sk-new-key-2"}
    assert find_key(CARD, {}, paths) == "sk-new-key-2"
    assert not any(b"sk-" in file.read_bytes() for file in paths.config.rglob("*") if file.is_file())


def test_a_variable_comes_first_and_the_keyring_is_not_even_asked(paths: Paths, working: DictKeyring) -> None:
    save_key(CARD, "sk-kept-key", paths)
    working.asked = 0
    assert find_key(CARD, {"NOVITA_API_KEY": "sk-variable"}, paths) == "sk-variable"
    assert working.asked == 0


def test_a_key_file_spares_the_keyring_unless_dsterm_kept_a_key_there(paths: Paths, working: DictKeyring) -> None:
    keyring.set_keyring(null.Keyring())
    save_key(CARD, "sk-file-key", paths)
    keyring.set_keyring(working)
    working.kept["dsterm", "novita"] = "sk-keyring-key"
    assert find_key(CARD, {}, paths) == "sk-file-key"
    assert working.asked == 0


def test_a_key_that_the_user_put_there_is_found_without_a_mark(paths: Paths, working: DictKeyring) -> None:
    working.kept["dsterm", "novita"] = "sk-by-hand"
    assert find_key(CARD, {}, paths) == "sk-by-hand"


def test_a_provider_that_needs_no_key_does_not_ask_the_keyring(paths: Paths, working: DictKeyring) -> None:
    assert find_key(ProviderCard(name="custom", title="", base_url="", needs_key=False), {}, paths) is None
    assert working.asked == 0


@pytest.mark.parametrize("backend", [fail.Keyring, null.Keyring, PlainFileKeyring, BrokenKeyring, ForgetfulKeyring])
def test_what_is_no_keyring_counts_as_none_and_the_file_takes_the_key(
    paths: Paths, backend: type[KeyringBackend], capfd: pytest.CaptureFixture[str]
) -> None:
    keyring.set_keyring(backend())
    assert find_key(CARD, {}, paths) is None
    words = save_key(CARD, "sk-for-the-file", paths)
    assert str(paths.key_file("novita")) in words
    assert find_key(CARD, {}, paths) == "sk-for-the-file"
    assert capfd.readouterr() == ("", "")


def test_a_key_saved_to_the_file_is_not_hidden_by_an_older_one_in_the_keyring(
    paths: Paths, working: DictKeyring
) -> None:
    save_key(CARD, "sk-older", paths)
    keyring.set_keyring(fail.Keyring())
    save_key(CARD, "sk-newer", paths)
    keyring.set_keyring(working)
    assert find_key(CARD, {}, paths) == "sk-newer"


def test_a_locked_keyring_does_not_hold_up_anything() -> None:
    backend = LockedKeyring()
    keyring.set_keyring(backend)
    started = time.monotonic()
    assert read_key("novita", seconds=0.1) is None
    assert not write_key("novita", "sk-key", seconds=0.1)
    assert time.monotonic() - started < 2
    backend.unlocked.set()


def test_a_stuck_keyring_is_waited_for_once_and_asked_again_when_it_is_free(working: DictKeyring) -> None:
    backend = LockedKeyring()
    keyring.set_keyring(backend)
    started = time.monotonic()
    for _ in range(10):
        assert read_key("novita", seconds=0.3) is None
    assert time.monotonic() - started < 2
    backend.unlocked.set()
    keyring.set_keyring(working)
    working.kept["dsterm", "novita"] = "sk-key"
    for thread in threading.enumerate():
        if thread.name == "keyring":
            thread.join(5)
    assert read_key("novita") == "sk-key"


def test_two_questions_at_once_are_both_answered(working: DictKeyring) -> None:
    working.kept["dsterm", "novita"] = "sk-key"
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: read_key("novita"), range(40))) == {"sk-key"}


def test_the_package_is_only_loaded_when_it_is_asked(paths: Paths) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from dsterm.core.models import ProviderCard\n"
        "from dsterm.store.paths import Paths\n"
        "from dsterm.store.secrets import find_key\n"
        "card = ProviderCard(name='novita', title='', base_url='', key_variables=('K',))\n"
        "paths = Paths(*[Path(sys.argv[1])] * 3)\n"
        "assert find_key(card, {'K': 'sk-some-key'}, paths) == 'sk-some-key'\n"
        "assert 'keyring' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script, str(paths.config)], check=True)
