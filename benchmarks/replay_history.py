"""Replay a git history: the tree moves one commit on before every turn, and a model is asked about all of it.

How much of each request would come from the provider's cache, by both rules, for four ways to send the repository; with dsterm's
own packs and diffs. `python -m benchmarks.replay_history [REPOSITORY] [--commits N] [--include GLOB]`; without a repository it
replays a made-up one. Nothing is sent anywhere.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import msgspec

from benchmarks.replay_caches import Caches, Sent, bill
from benchmarks.replay_layouts import Frozen, Layouts, Repacked, ReplayParts, read_tree, replay_parts
from benchmarks.replay_repository import Replayed, clone_history, made_up_history
from dsterm.core.attachments import PackChoice
from dsterm.core.models import Price
from dsterm.llm.catalog import load_catalog

_WORDS = "What would you change next, and where? " * 6
_ANSWER = "I would look at the function that was changed last and at its callers, and then write a test for it. " * 36
"""About 60 tokens of a prompt and 800 of an answer."""

_NAMES = {
    "path": "packed anew, by path",
    "age": "packed anew, least recently changed first",
    "frozen": "frozen, changes told as diffs",
    "renewed": "the same, taken anew at 25 %",
}


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """The requests of every layout, tokens of an answer, of the first pack and of the longest prompt, and what was told."""

    sent: dict[str, list[Sent]]
    answer_tokens: int
    notes: dict[str, str]


async def replay(repository: Replayed, choice: PackChoice, parts: ReplayParts) -> Replay:
    """Send a request a commit in each layout."""

    def count(text: str) -> int:
        return parts.counter.count_exactly([text])[0]

    layouts: Layouts = {
        "path": Repacked(parts, by_age=False),
        "age": Repacked(parts, by_age=True),
        "frozen": Frozen(parts, choice, is_renewed=False),
        "renewed": Frozen(parts, choice, is_renewed=True),
    }
    caches = {name: Caches(count) for name in layouts}
    sent: dict[str, list[Sent]] = {name: [] for name in layouts}
    for number, _ in enumerate(repository.states()):
        tree = await read_tree(parts, choice)
        for name, layout in layouts.items():
            prompt = await layout.prompt(tree, f"\n\nUser: {number} {_WORDS}\n\nAssistant: ")
            sent[name].append(caches[name].send(prompt, _ANSWER))
            layout.answered(_ANSWER)
        if sys.stderr.isatty():
            print(f"\r{number + 1} of {len(repository.commits)} commits", end="", file=sys.stderr)
    notes = {name: _note(layout) for name, layout in layouts.items()}
    return Replay(sent=sent, answer_tokens=count(_ANSWER), notes=notes)


def table(replayed: Replay) -> str:
    """A table in Markdown: hits by both rules, dollars for 100 turns at today's prices of Novita."""
    catalog = load_catalog()
    prices: tuple[Price, ...] = tuple(
        price for name in ("flash", "pro") if (price := catalog.model("novita", name).price) is not None
    )
    lines = [
        "| layout | hit %, 64-token prefix / whole units | Flash $ a 100 turns | Pro $ a 100 turns | longest prompt | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, sent in replayed.sent.items():
        prefix = bill(sent, lambda one: one.by_prefix, replayed.answer_tokens, prices)
        units = bill(sent, lambda one: one.by_units, replayed.answer_tokens, prices)
        dollars = [f"{one:.2f} / {other:.2f}" for one, other in zip(prefix.dollars, units.dollars, strict=True)]
        longest = max(one.tokens for one in sent)
        hits = f"{100 * prefix.hit:.1f} / {100 * units.hit:.1f}"
        lines.append(f"| {_NAMES[name]} | {hits} | {' | '.join(dollars)} | {longest:,} | {replayed.notes[name]} |")
    return "\n".join(lines)


def _note(layout: Repacked | Frozen) -> str:
    if isinstance(layout, Repacked):
        return ""
    more = f", {layout.partial} too large to tell whole" if layout.partial else ""
    return f"{layout.snapshots} snapshots, at most {layout.most_told:,} tokens told beside one{more}"


def main(words: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replay_history", description=__doc__)
    parser.add_argument("repository", nargs="?", type=Path)
    parser.add_argument("--commits", type=int, default=200)
    parser.add_argument("--include", action="append", default=[], metavar="GLOB")
    flags = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder).resolve() / "tree"
        if flags.repository is None:
            repository = made_up_history(place, flags.commits)
        else:
            repository = clone_history(flags.repository, place, flags.commits)
        choice = PackChoice(include=tuple(flags.include))
        replayed = asyncio.run(replay(repository, choice, replay_parts(place)))
    first = replayed.sent["frozen"][0].tokens
    print(f"{len(repository.commits)} commits, the first pack with its prompt {first:,} tokens\n\n{table(replayed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
