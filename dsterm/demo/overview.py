"""Rules: what is in this repository, and where does a text stand."""

from __future__ import annotations

import re
from collections import Counter

from msgspec.structs import replace

from dsterm.demo.locate import list_files, read_next
from dsterm.demo.steps import Step, count, grep, listing
from dsterm.demo.summary import describe
from dsterm.demo.talk import Talk, found_hits, listed_paths

_TELLING_FILES = "{README*,pyproject.toml,package.json,Cargo.toml,go.mod}"
_CUT = re.compile(r"\((?:[\d,]+) of ([\d,]+) files\b")
_TELLING = re.compile(r"(?:README(?:\.\w+)?|pyproject\.toml|package\.json|Cargo\.toml|go\.mod)", re.IGNORECASE)


def overview(talk: Talk) -> Step:
    """The next step of telling what is in the repository."""
    names = next(iter(talk.results("glob")), None)
    if names is None:
        why = "What is in a repository shows first in its list of files, then in what it says of itself."
        return list_files("**/*", why)
    paths = listed_paths(names.result)
    if not paths:
        return Step(text="There are no files here that I can see.")
    cut = _CUT.search(names.result)
    named = listed_paths(talk.results("glob")[-1].result)
    if cut and len(talk.results("glob")) == 1:
        return list_files(_TELLING_FILES, "The list is cut, so I look for the files that describe the project by name.")
    telling = sorted(
        (path for path in named if _TELLING.fullmatch(path)), key=lambda path: (not path.startswith("R"), path)
    )
    step = read_next(talk, telling[:3], "These files say what the project is.")
    if step:
        return step
    kinds = Counter(path.rpartition(".")[2] if "." in path else "no suffix" for path in paths)
    folders = Counter(path.partition("/")[0] + "/" if "/" in path else "top level" for path in paths)
    found = f"{cut[1]} files, the newest {len(paths)} of them here" if cut else count(len(paths), "file")
    told = [
        f"{found}: {', '.join(f'{number} {kind}' for kind, number in kinds.most_common(6))}.",
        listing([f"`{folder}`: {count(number, 'file')}" for folder, number in folders.most_common(12)]),
        *(describe(path, view.text) for path, view in talk.files().items()),
    ]
    return Step(
        thoughts=(
            "I have the list and what the project says of itself; counting and quoting is all I can do with them.",
        ),
        doubts=("A long list is cut by the tool, so the numbers are of the files I was shown.",),
        text="\n\n".join(told),
    )


def no_instructions(talk: Talk) -> Step:
    """The next step of an honest answer to /init: what there is to go by, and that no rule can write instructions from it."""
    step = overview(talk)
    if step.calls:
        return step
    words = "I write no `AGENTS.md`: that takes a model that understands the project. It would begin with this:"
    return replace(step, text=f"{words}\n\n{step.text}")


def search(talk: Talk, what: str) -> Step:
    """The next step of finding where `what` stands."""
    found = talk.last("grep")
    if found is None:
        return Step(
            thoughts=(f"Where `{what}` stands is a question for a search over all files.",),
            calls=(grep(re.escape(what)),),
        )
    hits = found_hits(found.result)
    if not hits:
        return Step(text=f"`{what}` stands nowhere in the files I can search.")
    files = len({hit.path for hit in hits})
    lines = [f"`{hit.path}:{hit.line}` {_inline(hit.text)}" for hit in hits]
    return Step(
        thoughts=("The search answers it; I only have to put the places in order.",),
        text=f"`{what}` stands on {count(len(hits), 'line')} in {count(files, 'file')}:\n\n{listing(lines, 20)}",
    )


def _inline(text: str) -> str:
    shown = text.strip()[:120]
    return f"`{shown}`" if shown and "`" not in shown else shown
