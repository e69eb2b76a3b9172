"""What happens in a session of the proof: what the user says and does outside, what the model answers, how long it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from proof_world import ProofWorld

Reply = dict[str, object]

_TEXT = (
    "the price of a parcel follows its zone and weight but not who sends it so each total is checked before anything leaves "
    "and what was promised first goes first unless the depot says otherwise which nobody may assume here"
)
_WORDS = _TEXT.split()
_MEDIAN, _SPREAD = 350.0, 0.7


@dataclass(frozen=True)
class Turn:
    """One turn: what the user does before, by hand and by slash command, the prompt, and all answers to it.

    `label` says what is special about it.
    """

    prompt: str
    replies: tuple[Reply, ...]
    label: str = ""
    before: tuple[Callable[[], None], ...] = ()
    commands: tuple[str, ...] = ()


@dataclass
class Writer:
    """Makes answers whose lengths vary as those of a model do: log-normally, by a seed."""

    seed: int
    _random: Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)

    def say(self, calls: tuple[tuple[str, dict[str, object]], ...] = (), scale: float = 1.0) -> Reply:
        """An answer that thinks and speaks, and makes `calls`; `scale` times as long as usual."""
        length = round(scale * _MEDIAN * math.exp(self._random.gauss(0.0, _SPREAD)))
        thought = max(8, round(length * self._random.uniform(0.3, 0.8)))
        return {
            "reasoning": self._words(thought),
            "text": self._words(max(4, length - thought)),
            "tool_calls": [{"name": name, "arguments": arguments} for name, arguments in calls],
        }

    def _words(self, number: int) -> str:
        return " ".join(self._random.choice(_WORDS) for _ in range(number)).capitalize() + "."


@dataclass
class Teller:
    """Takes a file for each thing that happens, none twice, so that all can be written down ahead."""

    world: ProofWorld
    writer: Writer

    def __post_init__(self) -> None:
        self._paths = iter([path for path in self.world.paths if path.endswith(".py")])

    def turns(self, number: int) -> Iterator[Turn]:
        """So many turns in one model and mode, in which everything happens that changes the repository."""
        kinds = (
            self.plain, self.reads, self.edits, self.edits_outside, self.mentions, self.runs, self.commits, self.switches,
            self.reads_and_edits, self.edits_while_away,
        )  # fmt: skip
        for place in range(number):
            yield kinds[place % len(kinds)](place)

    def plain(self, place: int) -> Turn:
        return Turn(f"What follows from that, in your words? ({place})", (self.writer.say(),))

    def reads(self, place: int) -> Turn:
        calls = tuple(("read", {"file_path": next(self._paths), "limit": 20 + place}) for _ in range(2))
        return Turn(f"Look at two of them. ({place})", (self.writer.say(calls), self.writer.say()), "2 reads")

    def reads_much(self, place: int) -> Turn:
        """What makes a conversation long enough to be worth summing up."""
        paths = [next(self._paths) for _ in range(6)]
        calls = tuple(("read", {"file_path": path}) for path in paths)
        return Turn(f"Look at all of these. ({place})", (self.writer.say(calls), self.writer.say()), "6 reads")

    def edits(self, place: int) -> Turn:
        replies = (self.writer.say((self._edit(place),)), self.writer.say((self._edit(place),)), self.writer.say())
        return Turn(f"Say in two of them which round it is. ({place})", replies, "2 edits by the model")

    def reads_and_edits(self, place: int) -> Turn:
        seen = ("grep", {"pattern": "def weigh_zone", "path": "part_000"})
        replies = (self.writer.say((seen,)), self.writer.say((self._edit(place),)), self.writer.say())
        return Turn(f"Find it and mend it. ({place})", replies, "grep, edit")

    def runs(self, place: int) -> Turn:
        calls = (("bash", {"command": "seq 1 200", "description": "Count"}),)
        return Turn(f"Count for me. ({place})", (self.writer.say(calls), self.writer.say()), "bash")

    def mentions(self, place: int) -> Turn:
        first, second = next(self._paths), next(self._paths)
        return Turn(f"Compare @{first} with @{second}:5-25, please. ({place})", (self.writer.say(),), "2 mentions")

    def edits_outside(self, place: int) -> Turn:
        paths = [next(self._paths) for _ in range(3)]
        change = [lambda path=path: self._append(path, place) for path in paths]
        new = f"part_000/new_{place}.py"
        return Turn(
            f"I changed a few files; what do you think? ({place})",
            (self.writer.say(),),
            "3 files edited, 1 new",
            (*change, lambda: self._append(new, place)),
        )

    def edits_while_away(self, place: int) -> Turn:
        """A command of the model's own changes a file: told between two steps."""
        path = next(self._paths)
        calls = (("bash", {"command": f"echo '# {place}' >> {path}", "description": "Change a file"}),)
        return Turn(f"Change it with the shell. ({place})", (self.writer.say(calls), self.writer.say()), "bash edits")

    def commits(self, place: int) -> Turn:
        return Turn(
            f"That is committed; go on. ({place})",
            (self.writer.say(),),
            "commit",
            (lambda: self.world.git("add", "-A"), lambda: self.world.git("commit", "-q", "-m", "Say so")),
        )

    def switches(self, place: int) -> Turn:
        paths = [next(self._paths) for _ in range(4)]

        def switch() -> None:
            self.world.git("switch", "-q", "-c", f"side-{place}")
            for path in paths:
                self._append(path, place)
            self.world.git("commit", "-q", "-a", "-m", "On the side")

        return Turn(f"I am on another branch now. ({place})", (self.writer.say(),), "branch switch", (switch,))

    def _edit(self, place: int) -> tuple[str, dict[str, object]]:
        path = next(self._paths)
        first = (self.world.folder / path).read_text(encoding="utf-8").split("\n", 1)[0]
        return "edit", {"file_path": path, "old_string": first, "new_string": f"{first}\n\nROUND = {place}"}

    def _append(self, path: str, place: int) -> None:
        with (self.world.folder / path).open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(f"\n\ndef added_in_round_{place}(parcel):\n    return parcel.weight * {place}\n")
