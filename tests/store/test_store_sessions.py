from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import msgspec
import pytest

from dsterm import __version__
from dsterm.core.delta_events import MessageProgress, TextDelta
from dsterm.core.errors import DiskError, UsageError
from dsterm.core.events import (
    Envelope,
    Event,
    MessageAdded,
    Notice,
    StepEnded,
    StepStarted,
    TurnEnd,
    TurnEnded,
    TurnStarted,
    UnknownEvent,
)
from dsterm.core.messages import AssistantMessage
from dsterm.core.models import ThinkingMode
from dsterm.core.provider import StopReason
from dsterm.store.sessions import SessionStore, new_session_id

AT = datetime(2026, 11, 22, 14, 25, 30, tzinfo=UTC)
FOLDER = Path("/home/ada/repo")
EVENTS: list[Event] = [
    TurnStarted(prompt="Fix the naïve \u2028 parser\nand its test", note="n"),
    StepStarted(provider="novita", model="m", mode=ThinkingMode.THINK),
    MessageProgress(content="I", reasoning="hm"),
    MessageAdded(message=AssistantMessage(content="I did.", reasoning="hm")),
    StepEnded(stop=StopReason.STOP, model="m"),
    TurnEnded(reason=TurnEnd.ANSWERED),
]


def envelope(seq: int, event: Event, at: datetime = AT) -> Envelope:
    parent = f"e{seq - 1}" if seq > 1 else ""
    return Envelope(id=f"e{seq}", parent=parent, seq=seq, at=at + timedelta(seconds=seq), event=event)


def fill(store: SessionStore, name: str, folder: Path = FOLDER, at: datetime = AT) -> list[Envelope]:
    log = store.create(folder, name, at)
    envelopes = [envelope(seq, event, at) for seq, event in enumerate(EVENTS, start=1)]
    for each in envelopes:
        log.append(each, durable=not isinstance(each.event, MessageProgress))
    log.close()
    return envelopes


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    return SessionStore(tmp_path / "state" / "sessions")


def path_of(tmp_path: Path, name: str) -> Path:
    return tmp_path / "state" / "sessions" / f"{name}.jsonl"


def test_a_session_comes_back_as_it_was_written(store: SessionStore) -> None:
    envelopes = fill(store, "a")
    log = store.open("a")
    assert log.envelopes() == envelopes
    assert (log.id, log.folder, log.header.created, log.header.dsterm) == ("a", FOLDER, AT, __version__)
    log.close()


def test_an_event_is_on_disk_as_soon_as_append_returns_and_others_can_read_it(store: SessionStore) -> None:
    log = store.create(FOLDER, "a", AT)
    log.append(envelope(1, EVENTS[0]))
    assert store.read("a")[1] == [envelope(1, EVENTS[0])]
    log.close()


def test_a_log_goes_on_where_it_ended(store: SessionStore) -> None:
    envelopes = fill(store, "a")
    log = store.open("a")
    more = envelope(7, TurnStarted(prompt="again"))
    log.append(more)
    log.close()
    assert store.read("a")[1] == [*envelopes, more]


def test_logs_and_their_folder_are_private(store: SessionStore, tmp_path: Path) -> None:
    fill(store, "a")
    assert path_of(tmp_path, "a").stat().st_mode & 0o777 == 0o600
    assert path_of(tmp_path, "a").parent.stat().st_mode & 0o777 == 0o700


def test_a_delta_is_never_stored(store: SessionStore) -> None:
    log = store.create(FOLDER, "a", AT)
    with pytest.raises(ValueError, match="delta"):
        log.append(envelope(1, TextDelta("x")))
    log.close()


def test_a_log_cut_at_any_byte_opens_loses_only_the_torn_line_and_goes_on(store: SessionStore, tmp_path: Path) -> None:
    envelopes = fill(store, "a")
    whole = path_of(tmp_path, "a").read_bytes()
    ends = [0]
    while (end := whole.find(b"\n", ends[-1])) >= 0:
        ends.append(end + 1)
    for cut in range(len(whole) + 1):
        path_of(tmp_path, "cut").write_bytes(whole[:cut])
        # A line that lacks nothing but its line end is whole.
        kept = sum(cut >= end - 1 for end in ends[2:])
        assert store.read("cut")[1] == envelopes[:kept]
        log = store.open("cut")
        assert log.envelopes() == envelopes[:kept]
        extra = envelope(kept + 1, Notice(text="after"))
        log.append(extra, durable=False)
        assert log.envelopes() == [*envelopes[:kept], extra]
        log.close()


def test_zeros_at_the_end_after_a_power_cut_are_taken_off(store: SessionStore, tmp_path: Path) -> None:
    envelopes = fill(store, "a")
    with path_of(tmp_path, "a").open("ab") as file:
        file.write(b"\0" * 200_000)
    log = store.open("a")
    assert log.envelopes() == envelopes
    log.close()
    assert path_of(tmp_path, "a").read_bytes().endswith(b"}\n")


def test_a_damaged_line_in_the_middle_is_a_notice_in_its_place_and_the_file_stays(
    store: SessionStore, tmp_path: Path
) -> None:
    envelopes = fill(store, "a")
    path = path_of(tmp_path, "a")
    lines = path.read_bytes().split(b"\n")
    lines[3] = b"\xff" * len(lines[3])
    path.write_bytes(b"\n".join(lines))
    before = path.read_bytes()
    log = store.open("a")
    loaded = log.envelopes()
    log.close()
    assert loaded[:2] == envelopes[:2]
    assert loaded[3:] == envelopes[3:]
    assert isinstance(loaded[2].event, Notice)
    assert "Line 4" in loaded[2].event.text
    assert [each.seq for each in loaded] == [1, 2, 3, 4, 5, 6]
    assert path.read_bytes() == before


def test_a_lost_header_costs_no_event(store: SessionStore, tmp_path: Path) -> None:
    envelopes = fill(store, "a")
    path = path_of(tmp_path, "a")
    path.write_bytes(path.read_bytes().split(b"\n", 1)[1])
    log = store.open("a")
    assert log.id == "a"
    assert log.envelopes() == envelopes
    log.close()


@pytest.mark.parametrize(
    "event", [b'{"type":"FutureThing","x":[1,{"y":2}]}', b'{"type":"TurnEnded","reason":"a reason of tomorrow"}']
)
def test_an_event_of_another_version_is_kept_word_for_word(store: SessionStore, tmp_path: Path, event: bytes) -> None:
    fill(store, "a")
    path = path_of(tmp_path, "a")
    line = b'{"id":"e7","parent":"e6","seq":7,"at":"2026-11-22T15:00:00Z","event":' + event + b',"lane":"main"}\n'
    with path.open("ab") as file:
        file.write(line)
    log = store.open("a")
    last = log.envelopes()[-1]
    log.close()
    assert isinstance(last.event, UnknownEvent)
    assert bytes(last.event.raw) == event
    copy = store.create(FOLDER, "b", AT)
    copy.append(last)
    copy.close()
    assert path_of(tmp_path, "b").read_bytes().endswith(line)
    assert store.read("b")[1] == [last]


def test_a_log_of_a_newer_format_is_refused_and_left_alone(store: SessionStore, tmp_path: Path) -> None:
    fill(store, "a")
    path = path_of(tmp_path, "a")
    data = path.read_bytes().replace(b'"format":1', b'"format":2', 1)
    path.write_bytes(data)
    with pytest.raises(DiskError, match="update dsterm"):
        store.open("a")
    with pytest.raises(DiskError, match="update dsterm"):
        store.read("a")
    assert path.read_bytes() == data


def test_a_session_is_found_by_a_unique_beginning_of_its_id(store: SessionStore) -> None:
    for name in ("20261122-1", "20261122-2", "20261123-1", "20261123"):
        fill(store, name)
    assert store.find("20261122-2") == "20261122-2"
    assert store.find("20261123") == "20261123"
    assert store.find("20261123-") == "20261123-1"
    with pytest.raises(UsageError, match="2 sessions begin"):
        store.find("20261122")


@pytest.mark.parametrize("name", ["nope", "", "../secret", "a\nb", "*"])
def test_an_unknown_id_says_how_to_find_one(store: SessionStore, name: str) -> None:
    fill(store, "a")
    with pytest.raises(UsageError, match="--resume") as caught:
        store.open(name)
    assert "\n" not in str(caught.value)


def test_an_id_can_not_lead_out_of_the_folder(store: SessionStore) -> None:
    with pytest.raises(UsageError):
        store.create(FOLDER, "../a", AT)


def test_the_latest_session_of_a_folder_is_the_one_used_last_that_has_a_prompt(store: SessionStore) -> None:
    fill(store, "b", at=AT + timedelta(hours=2))
    fill(store, "c", at=AT)
    fill(store, "d", folder=Path("/other"), at=AT + timedelta(hours=9))
    store.create(FOLDER, "e", AT + timedelta(hours=5)).close()
    assert store.latest(FOLDER) == "b"
    log = store.open("c")
    log.append(envelope(7, Notice(text="later"), AT + timedelta(hours=3)))
    log.close()
    assert store.latest(FOLDER) == "c"
    assert store.latest(Path("/nowhere")) is None


def test_a_list_shows_title_turns_time_and_folder_the_last_used_first(store: SessionStore, tmp_path: Path) -> None:
    fill(store, "a")
    fill(store, "b", folder=Path("/other"), at=AT + timedelta(days=1))
    log = store.open("a")
    log.append(envelope(7, TurnStarted(prompt="x" * 200_000 + '"event":{"type":"TurnStarted"')))
    log.close()
    path_of(tmp_path, "broken").write_bytes(b"\xff\n\xff\n")
    path_of(tmp_path, "folder").mkdir()
    first, second = store.list()
    assert (first.id, first.folder, first.turns) == ("b", "/other", 1)
    assert first.at == AT + timedelta(days=1, seconds=6)
    assert first.title == "Fix the naïve parser and its test"
    assert (second.id, second.turns) == ("a", 2)
    assert [each.id for each in store.list(FOLDER)] == ["a"]


def test_a_long_title_is_cut(store: SessionStore) -> None:
    log = store.create(FOLDER, "a", AT)
    log.append(envelope(1, TurnStarted(prompt="word " * 100)))
    log.close()
    assert len(store.list()[0].title) == 80


def test_without_a_folder_of_sessions_there_are_none(store: SessionStore) -> None:
    assert store.list() == []
    assert store.latest(FOLDER) is None


def test_the_same_session_is_not_opened_twice(store: SessionStore) -> None:
    log = store.create(FOLDER, "a", AT)
    with pytest.raises(UsageError, match="open in another dsterm"):
        store.open("a")
    log.close()
    log.close()
    store.open("a").close()


_HOLDER = """
import sys, time
from pathlib import Path
from dsterm.store.sessions import SessionStore
log = SessionStore(Path(sys.argv[1])).open("a")
print("open", flush=True)
time.sleep(60)
"""


def test_another_process_keeps_a_session_and_its_death_gives_it_back(store: SessionStore, tmp_path: Path) -> None:
    envelopes = fill(store, "a")
    command = [sys.executable, "-c", _HOLDER, str(tmp_path / "state" / "sessions")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(UsageError, match="open in another dsterm"):
            store.open("a")
        assert store.read("a")[1] == envelopes
        assert store.latest(FOLDER) == "a"
        holder.kill()
        holder.wait()
    log = store.open("a")
    assert log.envelopes() == envelopes
    log.close()


_WRITER = """
import resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from dsterm.core.errors import DiskError
from dsterm.core.events import Envelope, Notice
from dsterm.store.sessions import SessionStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
at = datetime(2026, 11, 22, tzinfo=UTC)
log = SessionStore(Path(sys.argv[1])).create(Path("/repo"), "a", at)
seq = 0
try:
    while True:
        log.append(Envelope(id=f"e{seq}", parent="", seq=seq, at=at, event=Notice(text="x" * 50)))
        seq += 1
except DiskError as error:
    print(error)
try:
    log.append(Envelope(id="after", parent="", seq=seq, at=at, event=Notice(text="")))
except DiskError as error:
    print(error)
print(seq)
"""


def test_a_full_disk_is_one_sentence_and_leaves_whole_lines_without_a_gap(store: SessionStore, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _WRITER, str(tmp_path / "state" / "sessions")]
    first, second, count = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert first.startswith("Can't write the session log")
    assert "not saved" in second
    assert path_of(tmp_path, "a").read_bytes().endswith(b"\n")
    assert [each.seq for each in store.read("a")[1]] == list(range(int(count)))


def test_a_home_that_can_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    store = SessionStore(tmp_path / "state" / "sessions")
    with pytest.raises(DiskError, match="DSTERM_HOME"):
        store.create(FOLDER, "a", AT)
    with pytest.raises(DiskError, match="folder of sessions"):
        store.list()


def test_creating_a_session_never_overwrites_one(store: SessionStore) -> None:
    envelopes = fill(store, "a")
    with pytest.raises(DiskError):
        store.create(FOLDER, "a", AT)
    assert store.read("a")[1] == envelopes


def test_ids_sort_by_time_whatever_the_zone_and_differ_by_chance() -> None:
    random = Random(1)
    early, late = new_session_id(AT, random), new_session_id(AT + timedelta(seconds=1), random)
    assert early.startswith("20261122-142530-")
    assert early < late
    assert new_session_id(AT, random) != early


def test_the_header_is_the_first_line(store: SessionStore, tmp_path: Path) -> None:
    fill(store, "a")
    first = path_of(tmp_path, "a").read_bytes().split(b"\n")[0]
    header = msgspec.json.decode(first)
    assert header == {
        "format": 1,
        "id": "a",
        "folder": str(FOLDER),
        "created": "2026-11-22T14:25:30Z",
        "dsterm": __version__,
    }


def test_ids_sort_by_time_also_within_a_second() -> None:
    begin = datetime(2026, 11, 22, 14, 25, 30, tzinfo=UTC)
    ids = [
        new_session_id(begin + timedelta(milliseconds=step), Random(step)) for step in (0, 1, 31, 32, 500, 999, 1000)
    ]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
