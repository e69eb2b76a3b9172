from __future__ import annotations

import os
import sys
import time
from collections import Counter

import pytest
from soak_account import Account, compare
from soak_leaks import Held, holds_now
from soak_run import Report, Soak
from soak_world import SoakWorld
from wire_prefix import Visit, broken_prefixes, broken_rules, read_steps, read_visits

TURNS = int(os.environ.get("DSTERM_SOAK", "0"))
SEED = int(os.environ.get("DSTERM_SEED", "20261122"))
SAMPLE = 25

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.timeout(0 if TURNS else 60),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts what a process holds in /proc"),
]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def test_thousands_of_turns_with_faults_and_cancels_keep_history_books_and_process_in_order(tmp_path):
    share = 0.05 if TURNS else 0.3
    async with SoakWorld(tmp_path, share=share, seed=SEED, pace=2_000.0) as world:
        start = holds_now()
        soak = Soak(world, SEED, say)
        report = await soak.run(TURNS or SAMPLE)
        time.sleep(0.5)
        ledger = (await world.page("/ledger"))["requests"]
        models = (await world.page("/v1/models"))["data"]
    visits = read_visits(world.record)
    account = compare(report.booked, ledger, models)
    prefixes = broken_prefixes(visits, read_steps(world.logs))
    for line in figures(report, visits, account, start, prefixes):
        say(line)
    problems = [
        *report.problems,
        *refused_histories(visits),
        *(f"{problem} in request {visit.number}" for visit in visits for problem in broken_rules(visit.body)),
        *prefixes,
        *account.problems,
        *leaks(report),
    ]
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(problems[:40])


def refused_histories(visits: list[Visit]) -> list[str]:
    """What the server refused by its rules, so not by chance."""
    return [
        f"request {visit.number} was refused: {visit.problem}\n{visit.body.decode()[-3_000:]}"
        for visit in visits
        if visit.problem
    ]


def leaks(report: Report) -> list[str]:
    """What is held at the end, with all closed, that the first engines did not leave behind too."""
    early, last = report.held[: max(3, len(report.held) // 5)], report.held[-1]
    found = [f"{last.tasks} tasks are left"] if last.tasks else []
    known = Counter[str]()
    for held in early:
        known |= Counter(held.descriptors)
    more = Counter(last.descriptors) - known
    found += [f"descriptors are left: {dict(more)}"] if more else []
    for name in ("sockets", "threads", "children"):
        before, after = max(getattr(held, name) for held in early), getattr(last, name)
        found += [f"{name} grew from {before} to {after}"] if after > before else []
    warm, end = memory_early(report), last.memory
    if TURNS and end > warm * 1.10 + 4_000_000:
        found.append(f"memory grew from {warm / 1e6:.1f} to {end / 1e6:.1f} MB")
    return found


def memory_early(report: Report) -> int:
    """Memory once everything was used for the first time, after a fifth of the run."""
    return max(held.memory for held in report.held[: max(1, len(report.held) // 5)])


def figures(report: Report, visits: list[Visit], account: Account, start: Held, prefixes: list[str]) -> list[str]:
    """What docs/proofs.md tells."""
    faults = Counter(visit.fault for visit in visits if visit.fault)
    held = report.held
    return [
        f"{report.turns} turns in {report.seconds:.0f} s, {report.sessions} sessions, {report.resumed} resumed from disk",
        f"  ended: {dict(report.ends)}",
        f"  commands between: {dict(report.commands)}",
        f"  stopped at: {dict(sorted(report.cancels.items()))}",
        f"  errors shown: {dict(report.errors.most_common(12))}",
        f"{len(visits)} requests, {sum(faults.values())} with a fault ({sum(faults.values()) / max(1, len(visits)):.1%}) "
        f"of {len(faults)} kinds: {dict(sorted(faults.items()))}",
        f"{len(refused_histories(visits))} refused for what they carried, {len(prefixes)} that broke the prefix unnamed",
        *account.lines,
        f"tasks: {report.most_tasks} at most between turns, {held[-1].tasks} at the end",
        f"descriptors: {len(start.descriptors)} before, {len(held[0].descriptors)} after the first engine, "
        f"{len(held[-1].descriptors)} at the end; sockets {held[0].sockets} and {held[-1].sockets}; "
        f"threads {held[0].threads} and {held[-1].threads}; children {held[0].children} and {held[-1].children}",
        f"memory: {start.memory / 1e6:.1f} MB before, {memory_early(report) / 1e6:.1f} MB after a fifth, "
        f"{held[-1].memory / 1e6:.1f} MB at the end",
        f"problems in sessions: {len(report.problems)}",
    ]
