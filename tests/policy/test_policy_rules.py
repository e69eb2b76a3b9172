from __future__ import annotations

import pytest

from dsterm.core.command_plan import CommandRule, Confinement, PlannedCommand, ProgramCall
from dsterm.core.tools import Effect
from dsterm.policy.rules import covers, rule_words, rules_for, uncovered
from dsterm.policy.shell import read_command

SANDBOX, NETWORK, OPEN = Confinement.SANDBOX, Confinement.NETWORK, Confinement.OPEN


def planned(line: str, confinement: Confinement | None = None) -> PlannedCommand:
    reading = read_command(line)
    place = NETWORK if Effect.NETWORK in reading.effects else SANDBOX
    return PlannedCommand(
        command=line,
        folder=".",
        confinement=confinement or place,
        calls=reading.calls,
        is_understood=reading.is_understood,
    )


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("pytest -q tests/x.py", "pytest …"),
        ("git commit -m x", "git commit …"),
        ("npm run test", "npm run test …"),
        ("npm run test -- --watch", "npm run test …"),
        ("npm test", "npm test …"),
        ("python -m pytest -q", "python -m pytest …"),
        ("python3.12 -m pytest -q", "python3.12 -m pytest …"),
        ("python -m pip install x", "python -m pip install … (with network)"),
        ("python scripts/x.py --a", "python scripts/x.py …"),
        ("python manage.py test", "python manage.py test …"),
        ("node build/x.js", "node build/x.js …"),
        ("make check", "make check …"),
        ("make check -j4", "make check …"),
        ("cargo test --all", "cargo test …"),
        ("go test ./...", "go test …"),
        ("uv run pytest -q", "uv run pytest …"),
        ("uv run python -m pytest", "uv run python -m pytest …"),
        ("uv run scripts/x.py a", "uv run scripts/x.py …"),
        ("poetry run ruff check .", "poetry run ruff …"),
        ("bundle exec rspec a", "bundle exec rspec …"),
        ("npx eslint src", "npx eslint … (with network)"),
        ("pip install x", "pip install … (with network)"),
        ("git push origin main", "git push … (with network)"),
        ("./scripts/build.sh --fast", "./scripts/build.sh …"),
        (".venv/bin/pytest -q", ".venv/bin/pytest …"),
        (".venv/bin/pip install x", ".venv/bin/pip install x … (with network)"),
        ("/usr/bin/git status", "/usr/bin/git status …"),
        ("some-tool deploy 'a b'", "some-tool deploy 'a b' …"),
        ("timeout 60 pytest -x", "pytest …"),
        ("pytest 2>&1 | tail -20", "pytest …"),
        ("cd a && pytest >/dev/null", "pytest …"),
    ],
)
def test_an_always_keeps_a_rule_that_says_what_runs_and_covers_the_same_line_next_time(line: str, rule: str) -> None:
    command = planned(line)
    rules = rules_for(command)
    assert [rule_words(one) for one in rules] == [rule]
    assert uncovered(command, rules) == ()


@pytest.mark.parametrize(
    "line",
    ["python", "python -c 'x'", "python -", "python -mpytest", "python -m runpy x", "python -m coverage run x",
    "python -X dev x.py", "node", "node -e 1",
     "bash x.sh", "sh -c ls", "git", "git -C a status", "git -c a=b status", "git rebase -i x", "git config a b", "npm run",
     "npm exec x", "npm",
     "npx", "npx -c x", "npx -p x y", "uv run", "uv run --with x pytest", "uv run python", "uv run bash x", "uv",
     "docker run x", "docker ps",
     "make", "make -f x", "make A=b", "cargo", "cargo +nightly test", "rm -rf x", "mv a b", "curl https://x.example", "some-tool",
     "sudo ls", "env a", "xargs a", "find . -delete", "sed -i s/a/b/ c", "awk x", "ssh a b", "eval x", "exec x", ". x",
     "source x", "tar xf a",
     "pytest > out", "A=1 pytest", "pytest $x", "pytest; $x", "pytest & rm x", "python /dev/stdin", "python ../x.py",
     "python /tmp/x.py", "poetry run"],
)  # fmt: skip
def test_nothing_is_offered_where_a_prefix_would_be_wider_than_it_reads(line: str) -> None:
    assert rules_for(planned(line)) == ()
    assert uncovered(planned(line), ())


def test_a_chain_needs_a_rule_for_each_program_and_none_for_those_that_only_read() -> None:
    command = planned("ls && pytest -q; ruff check . | head; pytest -x")
    assert [rule.words for rule in rules_for(command)] == [("pytest",), ("ruff",)]
    assert [call.words[0] for call in uncovered(command, [CommandRule(words=("pytest",))])] == ["ruff"]
    assert rules_for(planned("pytest && rm x")) == ()


def test_a_rule_covers_whole_words_only() -> None:
    call = ProgramCall(words=("git", "commit", "-m"), can_be_ruled=True)
    assert covers(call, CommandRule(words=("git", "commit")), SANDBOX)
    assert not covers(call, CommandRule(words=("git", "com")), SANDBOX)
    assert not covers(call, CommandRule(words=("git", "commit", "-m", "x")), SANDBOX)
    assert not covers(call, CommandRule(words=()), SANDBOX)


def test_a_rule_reaches_as_far_as_it_says_and_never_out_of_the_sandbox() -> None:
    call = ProgramCall(words=("pytest",), can_be_ruled=True)
    plain, network = CommandRule(words=("pytest",)), CommandRule(words=("pytest",), confinement=NETWORK)
    assert covers(call, plain, SANDBOX)
    assert covers(call, network, SANDBOX)
    assert covers(call, network, NETWORK)
    assert not covers(call, plain, NETWORK)
    assert not any(
        covers(call, rule, OPEN) for rule in (plain, network, CommandRule(words=("pytest",), confinement=OPEN))
    )


def test_a_call_that_a_prefix_does_not_tell_is_never_covered() -> None:
    assert not covers(ProgramCall(words=("pytest",)), CommandRule(words=("pytest",)), SANDBOX)


def test_without_a_sandbox_even_reading_is_not_covered() -> None:
    assert uncovered(planned("ls", OPEN), ())
    assert rules_for(planned("pytest", OPEN)) == ()


def test_what_is_not_understood_is_never_covered() -> None:
    assert uncovered(planned("pytest $("), [CommandRule(words=("pytest",))])
    assert uncovered(PlannedCommand(command="x", folder=".", confinement=SANDBOX, is_understood=False), ())
