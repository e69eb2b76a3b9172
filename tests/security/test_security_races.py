"""A folder that is one thing when it is looked at and another when it is used: somebody swaps it while calls are made."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from attack_world import OUTSIDE_SECRET, Call, World, bash, call, edit, needs_sandbox, patch, read, write
from e2e_program import finished

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]


@contextmanager
def running(step: Callable[[], None]) -> Iterator[None]:
    """Do `step` over and over until the block is over."""
    over = threading.Event()

    def loop() -> None:
        while not over.is_set():
            # A file of the attacked program may stand in the way for a moment.
            with suppress(OSError):
                step()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def swapping(place: Path, link_to: Path) -> Callable[[], None]:
    """`place` is what it was and a link to `link_to` in turns, each change in one step of the file system."""
    aside, link = place.with_name(place.name + ".aside"), place.with_name(place.name + ".link")

    def swap() -> None:
        if not link.is_symlink() and not place.is_symlink():
            link.symlink_to(link_to)
        if place.is_symlink():
            place.rename(link)
            aside.rename(place)
        else:
            place.rename(aside)
            link.rename(place)

    return swap


def outside_of(world: World) -> dict[str, str]:
    return {path.name: path.read_text() for path in world.outside.iterdir()}


def attack_while(world: World, step: Callable[[], None], calls: list, *flags: str, mode: str = "yolo"):
    process: subprocess.Popen[bytes] = world.start(calls, *flags, mode=mode)
    with process, running(step):
        return world.outcome(finished(process))


NOT_THE_SAME = {
    "read": lambda number: {"limit": 100 + number},
    "grep": lambda number: {"pattern": f"quiet|x{number}"},
    "bash": lambda number: {"description": f"look {number}"},
}


def again(wanted: Call, times: int) -> list[Call]:
    """The same so often, in other words each time: dsterm stops a call that is made again and again."""
    other = NOT_THE_SAME[wanted.name]
    return [Call(wanted.name, {**wanted.arguments, **other(number)}) for number in range(times)]


@pytest.fixture
def swapped(world) -> Callable[[], None]:
    world.put("swap/secret.txt", "harmless\n")
    return swapping(world.repo / "swap", world.outside)


@pytest.mark.parametrize(
    "wanted",
    [
        read("swap/secret.txt"),
        call("grep", pattern="quiet", path="swap"),
        call("grep", pattern="quiet"),
        read("swap/../swap/secret.txt"),
    ],
    ids=["read", "grep", "grep-everywhere", "read-behind-parent"],
)
def test_a_folder_swapped_for_a_link_shows_nothing_of_what_the_link_leads_to(world, swapped, wanted):
    outcome = attack_while(world, swapped, [again(wanted, 24)[:12], again(wanted, 24)[12:]])
    outcome.stood()
    assert "refused" not in outcome.endings
    outcome.nowhere(OUTSIDE_SECRET)


@pytest.mark.parametrize("swapped_for", ["outside", ".git/hooks"])
def test_a_folder_swapped_for_a_link_leads_no_write_away(world, swapped_for):
    world.put("swap/secret.txt", "harmless\n")
    target = world.outside if swapped_for == "outside" else world.repo / swapped_for
    before = sorted(target.iterdir())
    writes = [write(f"swap/new-{number}.txt") for number in range(10)]
    patches = [patch(f"*** Add File: swap/deep-{number}/added.txt", "+planted") for number in range(5)]
    edits = [edit("swap/secret.txt", "harmless", "harmless"), edit("swap/secret.txt", OUTSIDE_SECRET, "x")]
    calls = [again(read("swap/secret.txt"), 3), [*writes, *patches], edits]
    attack_while(world, swapping(world.repo / "swap", target), calls).stood()
    assert sorted(target.iterdir()) == before
    assert outside_of(world) == {"secret.txt": OUTSIDE_SECRET + "\n"}


def test_a_file_swapped_for_a_link_is_neither_read_nor_written_through(world):
    file = world.put("note.txt", "harmless\n")
    calls = [
        again(read("note.txt"), 12),
        [edit("note.txt", "harmless", "harmless!"), write("note.txt", "harmless\n")] * 6,
    ]
    outcome = attack_while(world, swapping(file, world.secret), calls)
    outcome.stood()
    outcome.nowhere(OUTSIDE_SECRET)
    assert outside_of(world) == {"secret.txt": OUTSIDE_SECRET + "\n"}


def test_a_file_swapped_for_a_pipe_holds_nothing_up(world):
    file, pipe = world.put("note.txt", "harmless\n"), world.repo / "note.pipe"
    aside = world.repo / "note.aside"
    os.mkfifo(pipe)

    def swap() -> None:
        file.rename(aside)
        pipe.rename(file)
        file.rename(pipe)
        aside.rename(file)

    attack_while(world, swap, [again(read("note.txt"), 12), call("grep", pattern="harm")]).stood()


@needs_sandbox
def test_a_folder_swapped_for_a_link_leads_no_command_away(world, swapped):
    command = "touch planted.txt; echo planted > secret.txt; sleep 0.05; touch planted2.txt"
    attack_while(world, swapped, again(bash(command, workdir="swap"), 5), mode="auto").stood()
    assert outside_of(world) == {"secret.txt": OUTSIDE_SECRET + "\n"}


@needs_sandbox
def test_a_command_that_swaps_folders_in_the_background_gains_nothing(world):
    world.put("swap/secret.txt", "harmless\n")
    swapper = f"while :; do mv swap a; ln -s {world.outside} swap; rm swap; mv a swap; done 2>/dev/null"
    planted = [write(f"swap/planted-{number}.txt") for number in range(8)]
    calls = [
        bash(swapper, run_in_background=True),
        again(read("swap/secret.txt"), 20)[:10],
        planted,
        again(read("swap/secret.txt"), 20)[10:],
    ]
    outcome = world.attack(calls)
    outcome.stood()
    outcome.nowhere(OUTSIDE_SECRET)
    assert outside_of(world) == {"secret.txt": OUTSIDE_SECRET + "\n"}
