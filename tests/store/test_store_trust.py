from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.core.command_plan import CommandRule, Confinement
from dsterm.core.errors import DiskError, DstermError, SettingsError, UsageError
from dsterm.store.trust import Trust, TrustBook

RULE = CommandRule(words=("git", "status"))
NETWORK_RULE = CommandRule(words=("pip", "install"), confinement=Confinement.NETWORK)


class Noon:
    def now(self) -> datetime:
        return datetime(2026, 11, 22, 12, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "trust.json"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return folder(tmp_path / "home" / "ada")


@pytest.fixture
def book(file: Path, home: Path) -> TrustBook:
    return TrustBook(file, home=home, clock=Noon())


def folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def test_a_folder_is_unknown_until_the_user_says_something(book: TrustBook, file: Path, home: Path) -> None:
    place = folder(home / "project")
    assert book.trust_of(place) is Trust.UNKNOWN
    book.set_trust(place, True)
    assert book.trust_of(place) is Trust.TRUSTED
    book.set_trust(place, False)
    assert TrustBook(file, home=home).trust_of(place) is Trust.REFUSED
    assert file.stat().st_mode & 0o777 == 0o600
    assert "2026-11-22" in file.read_text()


def test_the_nearest_answer_wins(book: TrustBook, home: Path) -> None:
    outer, inner = folder(home / "work"), folder(home / "work" / "vendor" / "lib")
    book.set_trust(outer, True)
    assert book.trust_of(inner) is Trust.TRUSTED
    book.set_trust(inner.parent, False)
    assert book.trust_of(inner) is Trust.REFUSED
    book.set_trust(inner, True)
    assert book.trust_of(inner) is Trust.TRUSTED
    assert book.trust_of(folder(home / "workshop")) is Trust.UNKNOWN


def test_the_home_folder_and_those_around_it_cover_only_themselves(book: TrustBook, home: Path) -> None:
    project = folder(home / "project")
    for place in (home, home.parent, Path("/")):
        book.set_trust(place, True)
        assert book.trust_of(place) is Trust.TRUSTED
    assert book.trust_of(project) is Trust.UNKNOWN
    assert book.trust_of(folder(home.parent / "eve" / "project")) is Trust.UNKNOWN


def test_a_folder_that_everybody_may_write_to_covers_only_itself(book: TrustBook, home: Path) -> None:
    shared = folder(home / "shared")
    shared.chmod(0o1777)
    book.set_trust(shared, True)
    assert book.trust_of(shared) is Trust.TRUSTED
    assert book.trust_of(folder(shared / "planted")) is Trust.UNKNOWN


def test_a_link_is_what_it_leads_to(book: TrustBook, home: Path) -> None:
    good, evil = folder(home / "good"), folder(home / "evil")
    book.set_trust(good, True)
    link = good / "inside"
    link.symlink_to(evil)
    assert book.trust_of(link) is Trust.UNKNOWN
    way = home / "way"
    way.symlink_to(good)
    assert book.trust_of(way) is Trust.TRUSTED


def test_names_that_are_no_text_are_kept_apart(book: TrustBook, file: Path, home: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(home) + b"/\xff"))
    folder(odd)
    book.set_trust(odd, True)
    assert TrustBook(file, home=home).trust_of(odd) is Trust.TRUSTED
    for other in ("�", "\\xff", "\\udcff", "?"):
        assert book.trust_of(folder(home / other)) is Trust.UNKNOWN


def test_rules_hold_for_exactly_one_folder(book: TrustBook, file: Path, home: Path) -> None:
    place = folder(home / "project")
    for _ in range(2):
        book.keep_rule(place, RULE)
        book.keep_rule(place, NETWORK_RULE)
    assert TrustBook(file, home=home).rules(place) == (RULE, NETWORK_RULE)
    assert book.rules(folder(place / "inside")) == book.rules(home) == ()
    book.drop_rule(place, RULE)
    assert book.rules(place) == (NETWORK_RULE,)
    book.drop_rule(place, RULE)


@pytest.mark.parametrize(
    "rule",
    [
        CommandRule(words=()),
        CommandRule(words=("",)),
        CommandRule(words=(" ", "x")),
        CommandRule(words=("rm",), confinement=Confinement.OPEN),
        CommandRule(words=("echo", "\x1b[2Kgit status")),
        CommandRule(words=("echo", "a\u202eb")),
        CommandRule(words=("deploy", "--token", "ghp_0123456789abcdefghij0123456789abcdef")),
    ],
)
def test_a_rule_that_covers_too_much_or_hides_or_tells_something_is_refused(
    book: TrustBook, file: Path, home: Path, rule: CommandRule
) -> None:
    with pytest.raises(UsageError) as caught:
        book.keep_rule(home, rule)
    assert str(caught.value).isprintable()
    assert "ghp_" not in str(caught.value)
    assert not file.exists()


def test_what_reached_the_file_in_another_way_grants_no_more(book: TrustBook, file: Path, home: Path) -> None:
    rules = [
        {"words": ["git"], "confinement": "sandbox"},
        {"words": [], "confinement": "sandbox"},
        {"words": ["rm"], "confinement": "open"},
        {"words": ["make"], "confinement": "sandbox", "only_with": ["test"]},
        {"words": "ls", "confinement": "sandbox"},
        {"words": ["ls"], "confinement": "everywhere"},
        7,
    ]
    write(file, {"version": 1, "folders": {str(home): {"rules": rules}}})
    assert book.rules(home) == (CommandRule(words=("git",)),)
    book.keep_rule(home, RULE)
    assert json.loads(file.read_text())["folders"][str(home)]["rules"][:7] == rules


def test_fields_of_a_later_version_stay(book: TrustBook, file: Path, home: Path) -> None:
    write(file, {"version": 1, "new": {"a": [1]}, "folders": {str(home): {"colour": "red"}, "/x": {"y": 1.50}}})
    book.set_trust(home, True)
    kept = json.loads(file.read_text())
    assert kept["new"] == {"a": [1]}
    assert kept["folders"]["/x"] == {"y": 1.50}
    assert kept["folders"][str(home)] == {"colour": "red", "trust": "trusted", "since": "2026-11-22"}


def test_approvals_are_counted_by_words_and_confinement(book: TrustBook, file: Path, home: Path) -> None:
    for _ in range(3):
        book.note_approved(home, ("pytest", "-q"), Confinement.SANDBOX)
    book.note_approved(home, ("pytest", "-q"), Confinement.NETWORK)
    again = TrustBook(file, home=home).approved(home)
    assert again == (
        (("pytest", "-q"), Confinement.SANDBOX, 3),
        (("pytest", "-q"), Confinement.NETWORK, 1),
    )
    words, confinement, times = again[0]
    assert (words, confinement, times) == (("pytest", "-q"), Confinement.SANDBOX, 3)


def test_approvals_hold_no_secret_and_do_not_grow_without_end(file: Path, home: Path) -> None:
    book = TrustBook(file, home=home)
    book.note_approved(home, ("curl", "-H", "Authorization: Bearer 0123456789abcdef0123"), Confinement.NETWORK)
    book.note_approved(home, ("x" * 301,), Confinement.SANDBOX)
    book.note_approved(home, (), Confinement.SANDBOX)
    assert book.approved(home) == ()
    unkept = TrustBook(None, home=home)
    for number in range(230):
        unkept.note_approved(home, ("run", str(number)), Confinement.SANDBOX)
    words = {call.words[1] for call in unkept.approved(home)}
    assert words == {str(number) for number in range(30, 230)}


def test_checks_are_kept_in_their_order(book: TrustBook, file: Path, home: Path) -> None:
    assert book.checks(home) == ()
    book.set_checks(home, ("ruff check", "pytest -q", "ruff check"))
    assert TrustBook(file, home=home).checks(home) == ("ruff check", "pytest -q")
    book.set_checks(home, ())
    assert TrustBook(file, home=home).checks(home) == ()


@pytest.mark.parametrize("read_first", [True, False])
def test_without_a_place_grants_hold_for_this_run(file: Path, home: Path, read_first: bool) -> None:
    kept = TrustBook(file, home=home)
    kept.set_trust(home, True)
    before = file.read_bytes()
    for book in (TrustBook(file, home=home, is_kept=False), TrustBook(None, home=home)):
        if read_first:
            book.trust_of(home)
        book.keep_rule(home, RULE)
        book.set_checks(home, ("x",))
        assert book.rules(home) == (RULE,)
        assert book.checks(home) == ("x",)
    assert TrustBook(file, home=home, is_kept=False).trust_of(home) is Trust.TRUSTED
    assert file.read_bytes() == before
    assert kept.rules(home) == ()


def test_what_another_program_granted_or_took_back_counts_at_once(file: Path, home: Path) -> None:
    one, two = TrustBook(file, home=home), TrustBook(file, home=home)
    one.keep_rule(home, RULE)
    assert two.rules(home) == (RULE,)
    two.keep_rule(home, NETWORK_RULE)
    two.drop_rule(home, RULE)
    assert one.rules(home) == (NETWORK_RULE,)


def test_two_programs_and_two_threads_at_once_lose_nothing(file: Path, home: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom dsterm.core.command_plan import CommandRule\n"
        "from dsterm.store.trust import TrustBook\n"
        "book = TrustBook(Path(sys.argv[1]), home=Path(sys.argv[2]))\n"
        "for number in range(15):\n    book.keep_rule(Path(sys.argv[2]), CommandRule(words=(sys.argv[3], str(number))))\n"
    )
    others = [subprocess.Popen([sys.executable, "-c", script, str(file), str(home), name]) for name in ("a", "b")]
    book = TrustBook(file, home=home)

    def keep(name: str) -> None:
        for number in range(15):
            book.keep_rule(home, CommandRule(words=(name, str(number))))

    threads = [threading.Thread(target=keep, args=(name,)) for name in ("c", "d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait() for other in others] == [0, 0]
    assert len(book.rules(home)) == 60


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"folders": {}}',
        b'{"version": 2, "folders": {}}',
        b'{"version": 1, "folders": []}',
        b'{"version": 1, "folders": {"/": 7}}',
        b'{"version": 1, "folders": {"/": {"trust": "very"}}}',
        b'{"version": 1, "folders": {"/": {"rules": {}}}}',
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_something_else_is_one_sentence_and_stays(book: TrustBook, file: Path, data: bytes) -> None:
    folder(file.parent)
    file.write_bytes(data)
    file.chmod(0o600)
    for attempt in (
        lambda: book.trust_of(Path("/")),
        lambda: book.rules(Path("/")),
        lambda: book.set_trust(Path("/"), True),
        lambda: book.keep_rule(Path("/"), RULE),
    ):
        with pytest.raises(SettingsError) as caught:
            attempt()
        assert str(file) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert file.read_bytes() == data


def test_a_file_that_others_may_write_to_grants_nothing(book: TrustBook, file: Path, home: Path) -> None:
    book.set_trust(home, True)
    file.chmod(0o666)
    with pytest.raises(SettingsError, match="chmod 600"):
        book.trust_of(home)


def test_a_pipe_in_its_place_is_not_waited_for(book: TrustBook, file: Path, home: Path) -> None:
    folder(file.parent)
    os.mkfifo(file, 0o600)
    with pytest.raises(SettingsError, match="not a file"):
        book.trust_of(home)


def test_a_place_that_can_not_be_written_is_one_sentence(tmp_path: Path, home: Path) -> None:
    (tmp_path / "flat").write_text("")
    with pytest.raises(DiskError):
        TrustBook(tmp_path / "flat" / "trust.json", home=home).set_trust(home, True)


def test_a_project_can_not_bring_its_own_grants(book: TrustBook, home: Path) -> None:
    place = folder(home / "evil")
    for name in ("trust.json", ".dsterm/trust.json", "state/trust.json"):
        write(place / name, {"version": 1, "folders": {str(place): {"trust": "trusted", "checks": ["x"]}}})
    assert book.trust_of(place) is Trust.UNKNOWN
    assert book.checks(place) == ()


@given(data=st.binary(max_size=60) | st.text(alphabet='{}[]":,1versionfold/', max_size=60).map(str.encode))
def test_any_bytes_are_a_grant_file_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.mktemp("t") / "trust.json"
    file.write_bytes(data)
    file.chmod(0o600)
    try:
        assert TrustBook(file).trust_of(file.parent) is Trust.UNKNOWN
    except DstermError as error:
        assert str(error).isprintable()


def write(path: Path, value: object) -> None:
    folder(path.parent)
    path.write_text(json.dumps(value))
    path.chmod(0o600)
