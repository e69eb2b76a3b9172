"""The screens of attaching and mentioning in a folder whose names steer terminals: every byte that is written is dsterm's own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest
from attack_screen import Screen, assert_only
from attack_world import World
from e2e_program import commit_all
from terminal import needs_tmux
from test_security_terminal import OWN, PAYLOADS, on_disk

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("security-terminal"),
    needs_tmux,
]


@pytest.fixture
def show(world: World) -> Iterator[Callable[[], Screen]]:
    """A screen in a folder where every name is a payload."""
    world.trust.set_trust(world.repo, is_trusted=True)
    for number, payload in enumerate(PAYLOADS.values()):
        odd = on_disk(payload)
        (world.repo / "src" / f"{number}{odd}.py").write_text(f"def f():\n    return {payload!r} # {odd}\n")
        (world.repo / f"d{number}{odd}").mkdir()
        (world.repo / f"d{number}{odd}" / f".env.{odd}").write_text("SETTING=1\n")
        (world.repo / f"d{number}{odd}" / "in.py").write_text("x = 1\n")
    subprocess.run(["git", "config", "core.quotePath", "false"], cwd=world.repo, check=True)
    commit_all(world.repo)
    for number, payload in enumerate(PAYLOADS.values()):
        (world.repo / "src" / f"new{number}{on_disk(payload)}.py").write_text("x = 1\n")
    screens: list[Screen] = []

    def begin() -> Screen:
        screens.append(Screen(world, size=(110, 44)))
        screens[-1].wait_for("Novita")
        return screens[-1]

    yield begin
    for screen in screens:
        screen.close()


def test_the_attach_screen_obeys_no_name(show):
    screen = show()
    screen.press("F5")
    screen.wait_for("everything", "fits beside")
    for keys in ("Down", "Right", "Down", "Right", "Space", "o", "End", "Home", "?", "Escape", "/", "x"):
        screen.press(keys)
        screen.settled()
    assert "␛" in screen.written
    assert_only(screen.written, OWN)


def test_words_about_an_attachment_obey_no_name(show):
    screen = show()
    screen.type("/attach . --include *")
    screen.press("Enter")
    screen.wait_for("may hold secrets")
    screen.settled()
    screen.press("y")
    screen.wait_for("Attached .")
    screen.type("@src/new")
    screen.settled()
    screen.press("Escape")
    screen.type(" @src @diff @log @nothing/x go ")
    screen.settled()
    screen.press("F4")
    screen.settled()
    screen.press("Escape")
    screen.press("Enter")
    screen.settled()
    for command in ("/context", "/snapshot", "/status", "/cache", "/compact"):
        screen.type(command)
        screen.press("Enter")
        screen.settled()
    assert_only(screen.written, OWN)
