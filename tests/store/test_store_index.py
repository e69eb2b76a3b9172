from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from dsterm.core.errors import DiskError
from dsterm.core.events import AsideEnded, Envelope, Event, StepEnded, StepStarted, TurnStarted
from dsterm.core.models import Cost, Forecast, ThinkingMode, Usage
from dsterm.core.provider import StopReason
from dsterm.store.index import Index
from dsterm.store.ledger import Asked, Grouping
from dsterm.store.sessions import SessionStore

AT = datetime(2026, 11, 22, 23, 59, 0, tzinfo=UTC)
REPO = Path("/repo")
USAGE = Usage(prompt_tokens=100, completion_tokens=7, cached_tokens=64, reasoning_tokens=3)
COST = Cost(hit=Decimal("0.0000000000000000000000001"), miss=Decimal("0.1"), output=Decimal("0.2"))


def step(
    model: str = "pro", *, cost: Cost | None = COST, usage: Usage | None = USAGE, demo: bool = False
) -> list[Event]:
    return [
        StepStarted(provider="novita", model=model, mode=ThinkingMode.THINK, is_demo=demo),
        StepEnded(stop=StopReason.STOP, model=model, usage=usage, cost=cost, is_demo=demo),
    ]


def envelopes(events: list[Event], at: datetime = AT) -> list[Envelope]:
    return [
        Envelope(id=f"e{seq}", parent="", seq=seq, at=at + timedelta(seconds=seq), event=event)
        for seq, event in enumerate(events, start=1)
    ]


class Desk:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "state" / "index.db"
        self.store = SessionStore(folder / "state" / "sessions")
        self.index = Index(self.path, self.store)

    def write(
        self, name: str, events: list[Event], at: datetime = AT, folder: Path = REPO, *, book: bool = True
    ) -> None:
        log = self.store.create(folder, name, at)
        for envelope in envelopes(events, at):
            log.append(envelope, durable=False)
            if book:
                self.index.add(name, folder, envelope)
        log.close()

    def again(self) -> Index:
        self.index.close()
        self.index = Index(self.path, self.store)
        return self.index


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.index.close()


def test_a_request_is_booked_with_all_that_its_two_events_say(desk: Desk) -> None:
    desk.write("a", [TurnStarted(prompt="x"), *step("flash")])
    (row,) = desk.index.steps()
    assert (row.session, row.seq, row.folder, row.provider, row.model, row.mode) == (
        "a",
        3,
        "/repo",
        "novita",
        "flash",
        "think",
    )
    assert (row.usage, row.cost, row.at) == (USAGE, COST, AT + timedelta(seconds=3))


def test_sums_are_exact_to_the_last_digit(desk: Desk) -> None:
    desk.write("a", step() * 10)
    totals = desk.index.totals()
    assert totals.requests == 10
    assert totals.cost.hit == Decimal("0.000000000000000000000001")
    assert totals.cost.total == Decimal("3.000000000000000000000001")
    assert totals.usage.prompt_tokens == 1000


def test_an_unknown_price_is_counted_and_never_nothing(desk: Desk) -> None:
    desk.write("a", [*step(cost=None), *step(), *step(cost=None, usage=None)])
    totals = desk.index.totals()
    assert (totals.requests, totals.unpriced) == (3, 1)
    assert [row.cost for row in desk.index.steps()] == [None, COST, None]
    assert desk.index.steps()[2].usage is None


def test_demo_requests_are_left_out_unless_asked_for(desk: Desk) -> None:
    desk.write("a", [*step(demo=True), *step()])
    assert desk.index.totals().requests == 1
    assert desk.index.totals(Asked(with_demo=True)).requests == 2


def test_questions_narrow_by_session_folder_and_time(desk: Desk) -> None:
    desk.write("a", step())
    desk.write("b", step(), at=AT + timedelta(minutes=5), folder=Path("/other"))
    assert [row.session for row in desk.index.steps(Asked(session="a"))] == ["a"]
    assert [row.session for row in desk.index.steps(Asked(folder=Path("/other")))] == ["b"]
    assert [row.session for row in desk.index.steps(Asked(since=AT + timedelta(minutes=1)))] == ["b"]
    assert [row.session for row in desk.index.steps(Asked(before=AT + timedelta(minutes=1)))] == ["a"]


def test_sums_by_group(desk: Desk) -> None:
    desk.write("a", [*step("pro"), *step("flash"), *step("pro")])
    desk.write("b", step("flash"), at=AT + timedelta(minutes=5))
    by_model = desk.index.totals_by(Grouping.MODEL)
    assert {name: totals.requests for name, totals in by_model.items()} == {"pro": 2, "flash": 2}
    assert list(desk.index.totals_by(Grouping.DAY)) == ["2026-11-22", "2026-11-23"]
    for grouping in Grouping:
        groups = desk.index.totals_by(grouping).values()
        assert sum((totals.cost.total for totals in groups), Decimal(0)) == desk.index.totals().cost.total


def test_what_was_logged_but_not_booked_is_taken_in_at_the_next_start(desk: Desk) -> None:
    desk.write("a", step(), book=False)
    assert desk.index.totals().requests == 1
    desk.write("b", step(), book=False)
    assert desk.again().totals().requests == 2


def test_booking_twice_changes_nothing(desk: Desk) -> None:
    desk.write("a", step())
    for _ in range(2):
        assert desk.again().totals().requests == 1
        desk.index.rebuild()


def test_a_deleted_session_is_forgotten(desk: Desk, tmp_path: Path) -> None:
    desk.write("a", step())
    assert desk.again().totals().requests == 1
    (tmp_path / "state" / "sessions" / "a.jsonl").unlink()
    assert desk.again().totals().requests == 0


@pytest.mark.parametrize("damage", [b"", b"not a database at all" * 500])
def test_a_missing_or_foreign_file_is_made_again(desk: Desk, damage: bytes) -> None:
    desk.write("a", step() * 3)
    desk.index.close()
    for path in desk.path.parent.glob("index.db*"):
        path.unlink()
    if damage:
        desk.path.write_bytes(damage)
    assert desk.again().totals().cost.total == COST.total * 3


def test_a_file_damaged_anywhere_is_made_again(desk: Desk) -> None:
    desk.write("a", step() * 200)
    expected = desk.again().totals()
    desk.index.close()
    whole = desk.path.read_bytes()
    for start in range(0, len(whole), 4096):
        desk.path.write_bytes(whole[:start] + b"\xa5" * 4096 + whole[start + 4096 :])
        assert desk.again().totals() == expected
    desk.index.close()


def test_a_file_of_another_version_or_with_other_tables_is_made_again(desk: Desk) -> None:
    desk.write("a", step())
    for change in ("PRAGMA user_version = 99", "DROP TABLE steps", "ALTER TABLE steps RENAME COLUMN hit TO hits"):
        desk.index.close()
        connection = sqlite3.connect(desk.path)
        connection.execute(change)
        connection.commit()
        connection.close()
        assert desk.again().totals().cost == COST


def test_a_damaged_file_under_a_running_program_is_made_again(desk: Desk) -> None:
    desk.write("a", step())
    desk.index.close()
    desk.path.write_bytes(b"x" * 9000)
    desk.write("b", step())
    assert desk.index.totals().requests == 2


def test_an_index_that_can_not_be_opened_is_one_sentence(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.path.mkdir(parents=True)
    with pytest.raises(DiskError, match="session logs"):
        desk.index.totals()
    desk.index.close()


_BOOKER = """
import sys
from pathlib import Path
from test_store_index import Desk, step
desk = Desk(Path(sys.argv[1]))
desk.write(sys.argv[2], step() * 40)
assert desk.index.totals().requests >= 40
"""


def test_several_programs_at_once_all_get_their_rows_in(desk: Desk, tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    commands = [[sys.executable, "-c", _BOOKER, str(tmp_path), name] for name in ("a", "b", "c")]
    programs = [subprocess.Popen(command, cwd=here, stderr=subprocess.PIPE) for command in commands]
    for program in programs:
        _, errors = program.communicate()
        assert program.returncode == 0, errors.decode()
    assert desk.index.totals().requests == 120


def test_the_index_loads_sqlite_only_when_it_is_used() -> None:
    code = "import sys, dsterm.store.index; sys.exit('sqlite3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_request_beside_the_conversation_is_booked_by_its_purpose_also_from_the_log(desk: Desk) -> None:
    ended = StepEnded(stop=StopReason.STOP, model="flash", usage=USAGE, cost=COST)
    events: list[Event] = [*step("pro"), AsideEnded(purpose="commit message", ended=ended, provider="novita")]
    desk.write("a", events)
    row = desk.index.steps()[-1]
    assert (row.purpose, row.provider, row.mode, row.model, row.cost) == (
        "commit message",
        "novita",
        "non-think",
        "flash",
        COST,
    )
    by_purpose = desk.index.totals_by(Grouping.PURPOSE)
    assert {name: totals.requests for name, totals in by_purpose.items()} == {"conversation": 1, "commit message": 1}
    before = desk.index.steps()
    desk.index.rebuild()
    assert desk.index.steps() == before


def test_an_index_of_the_version_before_is_made_again(desk: Desk) -> None:
    desk.write("a", step())
    desk.index.close()
    connection = sqlite3.connect(desk.path)
    connection.executescript("ALTER TABLE steps DROP COLUMN purpose; PRAGMA user_version = 1;")
    connection.close()
    assert desk.again().totals().cost == COST


SAID = Forecast(prompt_tokens=99, cached_tokens=64, dollars=Decimal("0.000123"), output_low=3, output_high=9)


def said_step(said: Forecast | None) -> list[Event]:
    return [
        StepStarted(provider="novita", model="pro", mode=ThinkingMode.THINK, forecast=said),
        StepEnded(stop=StopReason.STOP, model="pro", usage=USAGE, cost=COST),
    ]


def test_what_was_forecast_of_a_request_and_its_turn_are_kept_with_it(desk: Desk) -> None:
    events = [TurnStarted(prompt="x"), *said_step(SAID), *said_step(None), TurnStarted(prompt="y"), *said_step(SAID)]
    desk.write("a", events)
    booked = desk.index.steps()
    assert [(row.turn, row.forecast) for row in booked] == [(1, SAID), (1, None), (6, SAID)]
    desk.index.rebuild()
    assert desk.index.steps() == booked


def test_the_newest_requests_come_in_their_order_and_wait_for_no_log(desk: Desk) -> None:
    desk.write("a", step() * 5)
    desk.write("b", step(), at=AT + timedelta(minutes=5), book=False)
    assert [row.seq for row in desk.index.recent(2)] == [8, 10]
    desk.index.catch_up()
    assert [row.session for row in desk.index.recent(2)] == ["a", "b"]
    assert [row.session for row in desk.index.steps(Asked(newest=2))] == ["a", "b"]


def test_catching_up_forgets_what_is_gone(desk: Desk, tmp_path: Path) -> None:
    desk.write("a", step())
    desk.index.catch_up()
    (tmp_path / "state" / "sessions" / "a.jsonl").unlink()
    again = desk.again()
    again.catch_up()
    assert again.recent(9) == []
