"""Rule: rename a word in all files that have it, with one patch."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dsterm.demo.changes import patch_of
from dsterm.demo.outcome import unhappy_end
from dsterm.demo.steps import Step, apply_patch, count, grep, listing, read
from dsterm.demo.talk import FileView, Hit, Talk, found_hits

_MOST_FILES = 20
_CUT = re.compile(r"only the first|narrow|truncated", re.IGNORECASE)


def rename(talk: Talk, old: str, new: str) -> Step:
    """The next step of renaming `old` to `new`."""
    change = talk.last("apply_patch")
    if change:
        return unhappy_end(change) or _checked(talk, old, new)
    searches = talk.results("grep")
    if not searches:
        return Step(
            thoughts=(
                f"The request is to rename `{old}` to `{new}`.",
                "I need every place where the old name stands as a whole word,",
                "and I want to know whether the new name is taken already.",
            ),
            doubts=(
                f"A plain text replacement would also hit longer names that only contain `{old}`, so word borders matter.",
                "Comments and documents count too: a name that survives there misleads the next reader.",
            ),
            text=f"I look for `{old}`, and whether `{new}` is in use already.",
            calls=(grep(_whole(old)), grep(_whole(new))),
        )
    hits = _hits(talk, old)
    if not hits:
        return Step(text=f"`{old}` stands nowhere in this repository as a whole word, so there is nothing to rename.")
    if any(_CUT.search(search.result.rstrip().rpartition("\n")[2]) for search in searches[:1]):
        return Step(
            text=f"`{old}` stands in more places than one search shows, so I would rename only some of them. I don't."
        )
    paths = list(dict.fromkeys(hit.path for hit in hits))
    if len(paths) > _MOST_FILES:
        return Step(text=f"`{old}` stands in {len(paths)} files; this demo renames in at most {_MOST_FILES}.")
    views = talk.files()
    return _read_places(talk, hits, views) or _patch(hits, views, old, new)


def _whole(word: str) -> str:
    return rf"\b{re.escape(word)}\b"


def _hits(talk: Talk, word: str) -> list[Hit]:
    """The places of `word` by the search that looked for it."""
    searched = [exchange for exchange in talk.results("grep") if exchange.arguments.get("pattern") == _whole(word)]
    return [hit for exchange in searched[:1] for hit in found_hits(exchange.result)]


def _read_places(talk: Talk, hits: Sequence[Hit], views: dict[str, FileView]) -> Step | None:
    """The step that reads the lines around the hits which are not known yet; each window is asked for once."""
    asked = {(exchange.path, exchange.arguments.get("offset", 1)) for exchange in talk.results("read")}
    calls, covered = [], set()
    for hit in hits:
        known = views[hit.path].lines if hit.path in views else {}
        if hit.line in known or hit.path in covered:
            continue
        offset = max(1, hit.line - 5) if (hit.path, 1) in asked else 1
        if (hit.path, offset) not in asked:
            covered.add(hit.path)
            calls.append(read(hit.path, offset))
    if not calls:
        return None
    paths = count(len(calls), "file")
    return Step(
        thoughts=(f"{count(len(hits), 'line')} to change. I read the {paths} around them before I touch anything.",),
        text=f"Found it on {count(len(hits), 'line')}. Reading {paths}.",
        calls=tuple(calls),
    )


def _patch(hits: Sequence[Hit], views: dict[str, FileView], old: str, new: str) -> Step:
    pattern = re.compile(_whole(old))
    changes: dict[str, list[tuple[int, str, str]]] = {}
    for path in dict.fromkeys(hit.path for hit in hits):
        lines = views[path].lines if path in views else {}
        wanted = sorted({hit.line for hit in hits if hit.path == path} & lines.keys())
        replaced = [(number, lines[number], pattern.sub(new, lines[number])) for number in wanted]
        changed = [change for change in replaced if change[1] != change[2]]
        if changed:
            changes[path] = changed
    if not changes:
        return Step(text=f"The search finds `{old}`, but I could not read the lines it names, so I change nothing.")
    size = sum(len(replaced) for replaced in changes.values())
    where = f"{count(size, 'line')} in {count(len(changes), 'file')}"
    return Step(
        thoughts=(
            f"Now I know every line. One patch changes {where}, all or nothing,",
            "so the repository never stands with half of the old name.",
        ),
        doubts=(
            "Whole words only: attributes of other classes with the same name would change as well, and I can't tell them",
            "apart by rules. The diff shows each line, so a reader can.",
        ),
        text=f"I rename `{old}` to `{new}`: {where}.",
        calls=(apply_patch(patch_of(changes, {path: view.lines for path, view in views.items()})),),
    )


def _checked(talk: Talk, old: str, new: str) -> Step:
    """Search once more before anything is claimed."""
    again = talk.after_last("apply_patch").last("grep")
    if again is None:
        return Step(
            thoughts=(f"The patch is in. I search once more: `{old}` should be gone.",), calls=(grep(_whole(old)),)
        )
    left = found_hits(again.result)
    if left:
        where = listing([f"`{hit.path}:{hit.line}`" for hit in left])
        return Step(text=f"I patched the files, but `{old}` still stands on {count(len(left), 'line')}:\n\n{where}")
    return _told(talk, old, new)


def _told(talk: Talk, old: str, new: str) -> Step:
    hits = _hits(talk, old)
    by_file = {path: sum(hit.path == path for hit in hits) for path in dict.fromkeys(hit.path for hit in hits)}
    lines = [f"`{path}`: {count(number, 'line')}" for path, number in by_file.items()]
    taken = _hits(talk, new)
    warning = f"\n\n`{new}` was in use before, for instance in `{taken[0].path}`: please look there." if taken else ""
    return Step(
        thoughts=("The old name is gone. What is left is to say what changed, and what I did not check.",),
        text=(
            f"`{old}` is now `{new}`:\n\n{listing(lines)}{warning}\n\n"
            "Whole words only, comments and documents included. I did not run anything: say `run the tests`."
        ),
    )
