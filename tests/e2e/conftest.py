from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e_program import PROGRAMS, SERVERS, DemoServer, Program, Recorder, commit_all
from wire_prefix import broken_prefixes, broken_rules, read_steps, read_visits


@pytest.fixture(autouse=True)
def kept_prefixes() -> Iterator[None]:
    """What the programs of a test sent keeps to the wire's rules: request N+1 is request N and a suffix, or says why not."""
    PROGRAMS.clear()
    began = time.time()
    yield
    visits = [visit for server in SERVERS for visit in read_visits(server.record, began)]
    logs = [log for program in PROGRAMS for log in program.logs]
    visits.sort(key=lambda visit: visit.at)
    refused = [
        f"request {visit.number} was refused: {visit.problem}" for visit in visits if "reasoning" in visit.problem
    ]
    rules = [f"request {visit.number}: {rule}" for visit in visits for rule in broken_rules(visit.body)]
    problems = [*refused, *rules, *broken_prefixes(visits, read_steps(logs))]
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="session")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    """The rule-driven assistant, one for all tests of a worker."""
    server = DemoServer(tmp_path_factory.mktemp("guide"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def scripted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    """A server that plays the SCENARIO of every module here, one for all tests of a worker.

    A scenario has for each prompt, which may stand behind other words and a colon, its replies in order; an only one is
    given as often as it is asked for.
    """
    modules = {item.module for item in request.session.items if hasattr(item.module, "SCENARIO")}
    table = [entry for module in modules for entry in module.SCENARIO.items()]
    assert len({prompt for prompt, _ in table}) == len(table), "two modules use the same prompt"
    replies = [
        {"match": f"(^|: |\\n){prompt}$", "times": 1 if len(answers) > 1 else 0, **reply}
        for prompt, answers in table
        for reply in answers
    ]
    folder = tmp_path_factory.mktemp("scripted")
    scenario = folder / "scenario.json"
    scenario.write_text(json.dumps({"replies": replies}), encoding="utf-8")
    server = DemoServer(folder, scenario)
    yield server
    server.close()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A small repository to work in."""
    folder = tmp_path / "repo"
    (folder / "src").mkdir(parents=True)
    (folder / "README.md").write_text("# Shop\n\nPrices and taxes.\n", encoding="utf-8")
    (folder / "src" / "shop.py").write_text("def total(net):\n    return net\n", encoding="utf-8")
    commit_all(folder)
    return folder


@pytest.fixture
def program(tmp_path: Path, repo: Path) -> Program:
    """dsterm in `repo`, which the user trusts, without a key and without a server."""
    program = Program(tmp_path / "home", repo)
    program.trust(repo)
    return program


@pytest.fixture
def stranger(tmp_path: Path, repo: Path) -> Program:
    """dsterm where it was never run before: no home, and a folder that nobody said anything about."""
    return Program(tmp_path / "home", repo)


@pytest.fixture
def record() -> Iterator[Callable[[DemoServer], Recorder]]:
    """Put a recorder before a server."""
    recorders: list[Recorder] = []

    def begin(server: DemoServer) -> Recorder:
        recorders.append(Recorder(server.url))
        return recorders[-1]

    yield begin
    for recorder in recorders:
        recorder.close()
