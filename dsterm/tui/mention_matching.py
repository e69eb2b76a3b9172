"""Finds the paths that a few typed letters mean: pure, in slices that each take some milliseconds, so that a key can end it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from dsterm.core.mentions import MentionPaths

MOST = 100
"""Results that are kept."""

_SLICE = 4_096

_Ranked = tuple[int, int, int, str]
"""How good a match is, whether it is recent (0) or not (1), its length, the path: the smallest is the best."""

_BASE_IS, _BASE_BEGINS, _BASE_HAS, _PATH_HAS, _LETTERS = 0, 2, 4, 6, 8


class PathIndex:
    """Files and their folders (ending in `/`), ready to be searched. Making one of 200,000 names takes a while: use a thread."""

    def __init__(self, known: MentionPaths) -> None:
        # Here, where nobody waits yet: the first search should not pay for it.
        from rapidfuzz import fuzz, process  # noqa: PLC0415  only where somebody searches
        from rapidfuzz.distance import LCSseq  # noqa: PLC0415

        self._extract, self._ratio, self._same_letters = process.extract, fuzz.ratio, LCSseq.similarity
        folders: dict[str, None] = {}
        for path in known.paths:
            end = path.rfind("/")
            while end > 0:
                folder = path[: end + 1]
                if folder in folders:
                    break
                folders[folder] = None
                end = path.rfind("/", 0, end)
        self.paths = [*folders, *known.paths]
        self._folded = [path.casefold() for path in self.paths]
        self._bases = [folded[folded.rfind("/", 0, -1) + 1 :] for folded in self._folded]
        self._names = frozenset(self.paths)
        self.recent = tuple(path for path in known.recent if path in self._names)
        self._is_recent = frozenset(self.recent)
        self._top = sorted(path for path in self.paths if "/" not in path[:-1])

    def __contains__(self, path: str) -> bool:
        return path in self._names

    def search(self, query: str) -> Iterator[list[str]]:
        """The best matches for `query` so far, best first, after each slice of the index; the last list is final."""
        wanted = query.casefold()
        if not wanted:
            yield list(dict.fromkeys((*self.recent[:8], *sorted(self._top, key=lambda path: not path.endswith("/")))))[
                :MOST
            ]
            return
        best = [self._ranked(path, wanted) for path in self.recent if _has_letters(wanted, path.casefold())]
        best = heapq.nsmallest(MOST, best)
        for start in range(0, len(self.paths), _SLICE):
            found = self._slice(wanted, start, min(start + _SLICE, len(self.paths)), best)
            best = heapq.nsmallest(MOST, {*best, *found}) if found else best
            yield [path for *_, path in best]
        if not self.paths:
            yield []

    def _slice(self, wanted: str, start: int, end: int, best: Sequence[_Ranked]) -> list[_Ranked]:
        """Matches of one slice; of the kinds that could no longer get among the best ones none is looked for."""
        worst = best[-1][0] if len(best) >= MOST else _LETTERS + 2
        bases, folded = self._bases, self._folded
        hits = [at for at in range(start, end) if bases[at].startswith(wanted)]
        if worst >= _BASE_HAS and len(hits) < MOST:
            hits += [at for at in range(start, end) if wanted in bases[at]]
        if worst >= _PATH_HAS and len(hits) < MOST:
            hits += [at for at in range(start, end) if wanted in folded[at]]
        if worst >= _LETTERS and len(best) + len(hits) < MOST and len(wanted) > 1:
            hits += self._by_letters(wanted, start, end)
        return heapq.nsmallest(MOST, [self._ranked(self.paths[at], wanted) for at in dict.fromkeys(hits)])

    def _by_letters(self, wanted: str, start: int, end: int) -> list[int]:
        """Paths that have the letters in their order, those first whose last part is most alike."""
        window = self._folded[start:end]
        found = self._extract(wanted, window, scorer=self._same_letters, score_cutoff=len(wanted), limit=None)
        places = [start + at for _, _, at in found]
        if len(places) <= MOST:
            return places
        alike = self._extract(wanted, [self._bases[at] for at in places], scorer=self._ratio, limit=MOST)
        return [places[at] for _, _, at in alike]

    def _ranked(self, path: str, wanted: str) -> _Ranked:
        folded = path.casefold()
        base = folded[folded.rfind("/", 0, -1) + 1 :]
        is_recent = path in self._is_recent
        if base == wanted or base.rstrip("/") == wanted or base.partition(".")[0] == wanted:
            kind = _BASE_IS
        elif base.startswith(wanted):
            kind = _BASE_BEGINS
        elif wanted in base:
            kind = _BASE_HAS - (base[base.index(wanted) - 1] in "_-. ")
        elif wanted in folded:
            kind = _PATH_HAS - (folded.startswith(wanted) or f"/{wanted}" in folded)
        else:
            kind = _LETTERS
        return (max(kind - 3, 0) if is_recent else kind, not is_recent, len(path), path)


def common_start(paths: Sequence[str], query: str) -> str:
    """The longest folder that all of `paths` lie in, where it begins with `query` and says more; else nothing."""
    if not paths:
        return ""
    first, last = min(paths), max(paths)
    same = 0
    for one, other in zip(first, last, strict=False):
        if one != other:
            break
        same += 1
    folder = first[: first.rfind("/", 0, same) + 1]
    return folder if len(folder) > len(query) and folder.casefold().startswith(query.casefold()) else ""


def _has_letters(wanted: str, text: str) -> bool:
    letters = iter(text)
    return all(letter in letters for letter in wanted)
