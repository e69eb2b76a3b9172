from __future__ import annotations

import sys

import msgspec
import pytest

from benchmarks import __main__ as command
from benchmarks.figures import BenchmarkError, Row, Sheet, bar, stretch
from benchmarks.flood import END, flood_scenario
from benchmarks.machine import this_machine
from benchmarks.measure import in_pairs, run_child
from benchmarks.repository import make_repository
from benchmarks.startup import heavy_among
from benchmarks.table import format_figure, format_report, make_report
from benchmarks.terminal import plain
from dsterm.demo.chunks import pieces


def row(*runs, limit=None):
    return Row(group="g", name="thing", unit="s", runs=runs, bar=limit)


def report(*rows, failures=None):
    return make_report(this_machine(), rows, failures or {})


@pytest.fixture
def one_group(monkeypatch, tmp_path):
    def choose(measure):
        monkeypatch.setattr(command, "GROUPS", {"g": ("about it", measure)})
        monkeypatch.setattr(command, "LATEST", tmp_path / "results" / "latest.json")
        return command.LATEST

    return choose


def test_the_median_is_judged_and_not_a_single_slow_run():
    assert row(0.1, 9.0, 0.2, limit=bar(0.2)).holds


def test_a_row_without_a_bar_holds_nothing():
    assert row(1.0).holds is None
    assert not row(1.0).breaks_a_bar


def test_a_missed_stretch_does_not_fail_the_run():
    assert row(2.0, limit=stretch(1.0)).holds is False
    assert report(row(2.0, limit=stretch(1.0))).holds


def test_a_broken_bar_fails_the_run_and_is_named():
    broken = report(row(2.0, limit=bar(1.0)), row(0.5, limit=bar(1.0)))
    assert not broken.holds
    assert [line.holds for line in broken.rows] == [False, True]
    assert format_report(broken).splitlines()[-1] == "Broken: g: thing"


def test_what_could_not_be_measured_fails_the_run():
    unmeasured = report(failures={"screen": "It ended."})
    assert not unmeasured.holds
    assert "screen: not measured. It ended." in format_report(unmeasured)


def test_a_good_run_says_so():
    assert format_report(report(row(0.5, limit=bar(1.0)))).endswith("Every bar holds.")


@pytest.mark.parametrize(
    ("figure", "shown"), [(0.0134, "0.013"), (1.416, "1.42"), (97.31, "97.3"), (12345.6, "12,346"), (3.0, "3")]
)
def test_figures_are_shown_with_three_digits_or_so(figure, shown):
    assert format_figure(figure) == shown


def test_pairs_are_run_in_turn_and_the_first_round_is_thrown_away():
    done = []

    def note(name):
        done.append(name)
        return f"{name}{len(done)}"

    assert in_pairs(lambda: note("a"), lambda: note("b"), 2) == [("a3", "b4"), ("a5", "b6")]
    assert done == ["a", "b"] * 3


def test_a_child_is_charged_for_its_work_and_gives_its_output(tmp_path):
    cost = run_child((sys.executable, "-c", "print(sum(range(10)))"), environment={}, folder=tmp_path)
    assert cost.output == b"45\n"
    assert cost.cpu > 0
    assert 1 < cost.peak < 1000


def test_a_child_that_fails_is_an_error_with_its_last_words(tmp_path):
    with pytest.raises(BenchmarkError, match="exit code 3: no luck"):
        run_child(
            (sys.executable, "-c", "import sys; print('no luck', file=sys.stderr); sys.exit(3)"),
            environment={},
            folder=tmp_path,
        )


def test_a_child_that_takes_too_long_is_ended(tmp_path):
    with pytest.raises(BenchmarkError, match="exit code -9"):
        run_child((sys.executable, "-c", "import time; time.sleep(60)"), environment={}, folder=tmp_path, seconds=0.5)


def test_the_flood_has_exactly_the_tokens_it_is_named_after():
    text = msgspec.json.decode(flood_scenario(20_000))["replies"][0]["text"]
    assert len(pieces(text)) == 20_000
    assert text.count(END) == 1
    assert text.endswith(END)


def test_a_repository_is_the_same_every_time(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        make_repository(tmp_path / name, 12, 300)
    heads = [(tmp_path / name / ".git" / "refs" / "heads" / "main").read_text() for name in ("one", "two")]
    assert heads[0] == heads[1]


def test_heavy_packages_are_found_among_modules():
    assert heavy_among(["sys", "git", "gitignore", "textual.app", "textual"]) == ["textual", "git"]


def test_escape_sequences_are_not_text():
    assert plain(b"\x1b[?2026h\x1b[1;2H\x1b[38;2;1;2;3mA\x1b[0mB\x1b]0;title\x07C\x1b7\x1bPq\x1b\\D") == b"ABCD"


def test_the_exit_code_and_the_json_tell_a_broken_bar(one_group, capsys, tmp_path):
    def measure(_bench):
        sheet = Sheet("g")
        sheet.add("thing", "s", [2.0], bar(1.0))
        return sheet.rows

    latest = one_group(measure)
    assert command.main([]) == 1
    assert command.main(["--no-gate", "--json", str(tmp_path / "copy.json")]) == 0
    assert msgspec.json.decode(latest.read_bytes())["rows"][0]["holds"] is False
    assert (tmp_path / "copy.json").read_bytes() == latest.read_bytes()
    assert "NO" in capsys.readouterr().out


def test_a_group_that_fails_leaves_the_rest_of_the_table(one_group, capsys):
    def measure(_bench):
        raise BenchmarkError("No luck.")

    one_group(measure)
    assert command.main([]) == 1
    assert "g: not measured. No luck." in capsys.readouterr().out
