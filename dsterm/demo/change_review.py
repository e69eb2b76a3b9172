"""Rule: review a diff for what rules can see. It says what it looked for, so that nobody takes silence for approval."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dsterm.demo.patch_reading import ChangedFile, changed_files
from dsterm.demo.steps import Step, count, listing

_LONGEST_LINE = 120
_SHOWN = 25
_RULES = (
    (re.compile(r"^(?:<{7}|={7}|>{7})(?: |$)"), "a merge conflict that was not resolved"),
    (re.compile(r"\b(?:breakpoint\(\)|pdb\.set_trace\(|debugger;)"), "stops in a debugger"),
    (re.compile(r"^\s*(?:print\(|console\.log\(|dbg!\()"), "prints, perhaps left from debugging"),
    (re.compile(r"\bexcept\s*:|\bexcept\s+(?:Base)?Exception\s*:\s*pass\b"), "catches every error"),
    (re.compile(r"\b(?:TODO|FIXME|XXX)\b"), "says that it is not done"),
    (re.compile(r"[ \t]+$"), "ends with blanks"),
)
_TEST_PATH = re.compile(r"(?:^|/)tests?/|(?:^|/)test_|_test\.", re.IGNORECASE)
_CODE_PATH = re.compile(r"\.(?:py|js|ts|tsx|go|rs|java|c|cc|cpp|h|rb|php|cs|kt|swift)$")


def review_change(text: str) -> Step:
    """The review of the diff in the request `text`."""
    files = changed_files(text)
    if not files:
        return Step(text="The request holds no diff that I can read, so there is nothing that I could review.")
    findings = [*_of_lines(files), *_of_all(files)]
    added, removed = sum(len(file.added) for file in files), sum(file.removed for file in files)
    size = f"{count(len(files), 'file')}, +{added} -{removed}"
    looked = (
        "I looked at the added lines only, for conflicts, debugging leftovers, bare `except`, open TODOs, blanks at the end "
        f"and lines over {_LONGEST_LINE} characters, and whether tests came along. Whether the change is right I can't judge."
    )
    found = (
        f"{count(len(findings), 'finding')}:\n\n{listing(findings, _SHOWN)}" if findings else "My rules find nothing."
    )
    return Step(
        thoughts=(f"The diff has {size}. I go through the added lines, rule by rule.",),
        doubts=("Rules see shapes and no meaning: an empty list from me is not an approval.",),
        text=f"{size}. {found}\n\n{looked}",
    )


def _of_lines(files: Sequence[ChangedFile]) -> Iterator[str]:
    for file in files:
        for line in file.added:
            place = f"`{file.path}:{line.number}`"
            if why := next((why for pattern, why in _RULES if pattern.search(line.text)), ""):
                yield f"{place} {why}"
            elif len(line.text) > _LONGEST_LINE:
                yield f"{place} is {len(line.text)} characters long"


def _of_all(files: Sequence[ChangedFile]) -> Iterator[str]:
    code = [file.path for file in files if _CODE_PATH.search(file.path) and not _TEST_PATH.search(file.path)]
    if code and not any(_TEST_PATH.search(file.path) for file in files):
        yield f"{count(len(code), 'file')} of code changed, and no test"
