"""Rule: find the test that fails, and the small change of the code that makes it hold.

Tests are followed by a small evaluator; the tests themselves are run once, at the end, where there is a tool to run them.
"""

from __future__ import annotations

from collections.abc import Sequence

from dsterm.demo.bug_search import (
    Cure,
    Finding,
    Verdict,
    find_cure,
    follow_tests,
    imported_modules,
    module_name,
)
from dsterm.demo.changes import unique_replacement
from dsterm.demo.locate import known_texts, read_next
from dsterm.demo.outcome import unhappy_end
from dsterm.demo.reply import ReplyCall
from dsterm.demo.shell_run import TEST_FILE, exit_code, last_run, test_sources, tests_command, told
from dsterm.demo.steps import Step, bash, count, edit, glob, listing, read, todo_write
from dsterm.demo.talk import Exchange, Talk, listed_paths

_TASKS = ("Read the tests and what they test", "Find the test that fails", "Repair the code", "Run the tests")


def repair_tests(talk: Talk) -> Step:
    """The next step of repairing what a test complains about."""
    names = talk.last("glob")
    if names is None:
        return Step(
            thoughts=(
                "A failing test is a claim about the code: either the claim is wrong or the code is.",
                "I read the tests first, then the functions they call, and follow each assert by hand;",
                "then I know where it breaks before anything is run.",
            ),
            doubts=("A test that I can't follow stays unknown, and I must not count it as passing.",),
            text="I look for the tests and for the code they test.",
            calls=(*_todo(talk, 0), glob("*.py")),
        )
    paths = listed_paths(names.result)
    tests = [path for path in paths if TEST_FILE.fullmatch(path)]
    if not tests:
        return Step(text="I found no test files here: no `test_*.py` and no `*_test.py`.")
    step = read_next(talk, test_sources(paths), "These are the files with tests.") or read_next(
        talk, _tested(talk, paths, tests), "The tests say which modules they import; the bug is there."
    )
    if step:
        return step
    change = talk.last("edit")
    if change is None:
        return _repair(talk)
    after = talk.after_last("edit")
    if not after.has_read(change.path):
        return unhappy_end(change) or Step(
            thoughts=("The edit is in. I read the file once more and follow all tests through it again.",),
            calls=(*_todo(talk, 3), read(change.path)),
        )
    return _run(talk, after, paths) or _told(talk, change.path, last_run(after, _command(talk, paths)))


def _todo(talk: Talk, done: int) -> tuple[ReplyCall, ...]:
    return (todo_write(_TASKS, done),) if "todo_write" in talk.tools else ()


def _sources(talk: Talk) -> dict[str, str]:
    return {module_name(path): text for path, text in known_texts(talk, ".py")}


def _tested(talk: Talk, paths: Sequence[str], tests: Sequence[str]) -> list[str]:
    """The files of the modules that the tests import, and of those that these import."""
    by_name = {module_name(path): path for path in paths}
    texts = dict(known_texts(talk, ".py"))
    wanted: list[str] = []
    waiting = list(tests)
    while waiting:
        path = waiting.pop(0)
        for name in imported_modules(module_name(path), texts.get(path, "")):
            found = by_name.get(name)
            if found and found not in wanted:
                wanted.append(found)
                waiting.append(found)
    return wanted


def _repair(talk: Talk) -> Step:
    sources = _sources(talk)
    findings = follow_tests(sources)
    failing = [finding for finding in findings if finding.verdict is Verdict.FAILS]
    unknown = [finding for finding in findings if finding.verdict is Verdict.UNKNOWN]
    followed = f"I followed {count(len(findings) - len(unknown), 'test')} of {len(findings)} by hand"
    if not failing:
        rest = f" {_not_followed(unknown)}" if unknown else ""
        return Step(
            thoughts=(f"{followed}, and all of them hold.",),
            text=f"{followed}, and each of their asserts holds, so I see nothing to repair.{rest}",
        )
    complaint = "; ".join(f"`{finding.test}` wants `{finding.why}`" for finding in failing[:3])
    cure = find_cure(sources, findings)
    if cure is None:
        return Step(
            thoughts=(
                f"{followed}. {complaint}.",
                "I tried small changes one by one, and none of them makes all tests hold.",
            ),
            text=f"{_failures(failing)}\n\nNone of the small changes I know makes all tests hold, so I change nothing.",
        )
    return _change(talk, cure, followed, complaint, failing)


def _change(talk: Talk, cure: Cure, followed: str, complaint: str, failing: Sequence[Finding]) -> Step:
    path = next(path for path, _ in known_texts(talk, ".py") if module_name(path) == cure.module)
    before = _sources(talk)[cure.module]
    old, new = unique_replacement(before, cure.mutation.applied(before))
    mutation = cure.mutation
    return Step(
        thoughts=(
            f"{followed}. {complaint}, and that does not hold.",
            f"All of that goes through `{cure.function}` in `{path}`.",
            f"I try small changes there and follow every test again after each: number {cure.tried} makes all of them hold.",
            f"Line {mutation.line}: `{mutation.old}` should be `{mutation.new}`.",
        ),
        doubts=(
            "Could the test be wrong instead? The other tests hold with the change as well, so the code it is.",
            "Is there a smaller change? It is a single token, and it touches nothing but this one place.",
        ),
        text=(
            f"{_failures(failing)}\n\nThe cause is in `{path}:{mutation.line}`: "
            f"`{mutation.old}` should be `{mutation.new}` in `{cure.function}`."
        ),
        calls=(edit(path, old, new),),
    )


def _failures(failing: Sequence[Finding]) -> str:
    lines = [f"`{finding.test}` in `{finding.module}` fails: `{finding.why}`" for finding in failing]
    return f"{count(len(failing), 'failing test')}:\n\n{listing(lines)}"


def _not_followed(unknown: Sequence[Finding]) -> str:
    lines = [f"`{finding.test}`, because of {finding.why}" for finding in unknown]
    return f"Not followed, {count(len(unknown), 'test')}:\n\n{listing(lines)}"


def _command(talk: Talk, paths: Sequence[str]) -> str:
    return tests_command(paths, dict(known_texts(talk, ".py")))


def _run(talk: Talk, after: Talk, paths: Sequence[str]) -> Step | None:
    """The step that runs the tests, once; None where it is done, or nothing can run them."""
    command = _command(talk, paths)
    if "bash" not in talk.tools or last_run(after, command) is not None:
        return None
    return Step(
        thoughts=("By hand all is well. Following is not running, so now the tests run for real.",),
        text="Now I run the tests.",
        calls=(bash(command, "Run the tests"),),
    )


def _told(talk: Talk, path: str, ran: Exchange | None) -> Step:
    findings = follow_tests(_sources(talk))
    failing = [finding for finding in findings if finding.verdict is Verdict.FAILS]
    unknown = [finding for finding in findings if finding.verdict is Verdict.UNKNOWN]
    if failing:
        return Step(text=f"I changed `{path}`, but not all is well.\n\n{_failures(failing)}{_ran(ran)}")
    rest = f"\n\n{_not_followed(unknown)}" if unknown else ""
    holding = count(len(findings) - len(unknown), "test")
    followed = f"`{path}` is changed, and the {holding} that I can follow hold in the file as it is now."
    opening = "Repaired: " if ran is None or exit_code(ran) == 0 else "Not done yet: "
    return Step(
        thoughts=(f"Read again, followed again: {holding} hold.",), text=f"{opening}{followed}{rest}{_ran(ran)}"
    )


def _ran(ran: Exchange | None) -> str:
    return f"\n\n{told(ran)}" if ran else " I have no tool to run tests with, so please do."
