"""The one registry of what can be done from the screen: it feeds the key bindings, the leader key, help and the palette.

Names follow Textual: `alt+p`, `ctrl+t`, `pagedown`. An Alt key always has a twin, since not every terminal sends it.
"""

from __future__ import annotations

import msgspec
from textual.binding import Binding

LEADER = "ctrl+x"
"""The key that waits for a second one."""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do: `method` is the app's action, `keys` the main key and its twins, `leader` the key after Ctrl+X.

    `slash` is the same as a command.
    """

    id: str
    method: str
    help: str
    group: str
    keys: tuple[str, ...] = ()
    leader: str = ""
    slash: str = ""


def _command(id: str, line: str, help: str, leader: str = "") -> Action:  # noqa: A002
    return Action(id=id, method=f"line('{line}')", help=help, group="session", leader=leader, slash=line.strip())


_MODEL = "model and mode"
_TURN = "the turn"
_READ = "reading"
_PROGRAM = "program"

ACTIONS: tuple[Action, ...] = (
    Action(
        id="model.toggle",
        method="toggle_model",
        help="switch between Pro and Flash, for the next request",
        group=_MODEL,
        keys=("alt+p", "f2"),
        leader="m",
        slash="/model",
    ),
    Action(
        id="mode.cycle",
        method="cycle_mode",
        help="next mode: Non-think, Think, Think Max",
        group=_MODEL,
        keys=("ctrl+t", "f3", "alt+t"),
        leader="t",
        slash="/mode",
    ),
    Action(
        id="mode.non-think",
        method="line('/mode non-think')",
        help="set the mode to Non-think",
        group=_MODEL,
        leader="0",
    ),
    Action(id="mode.think", method="line('/mode think')", help="set the mode to Think", group=_MODEL, leader="1"),
    Action(
        id="mode.think-max",
        method="line('/mode think-max')",
        help="set the mode to Think Max",
        group=_MODEL,
        leader="2",
    ),
    Action(
        id="permission.cycle",
        method="cycle_permission",
        help="next permission mode: ask, accept-edits, plan",
        group=_MODEL,
        keys=("shift+tab", "alt+m"),
        leader="p",
        slash="/permissions",
    ),
    Action(
        id="turn.stop",
        method="escape",
        help="close what is open, deny a question, or stop the turn",
        group=_TURN,
        keys=("escape",),
        slash="/stop",
    ),
    Action(
        id="turn.copy",
        method="copy_or_stop",
        help="copy the selection; else stop, clear the draft, and twice: quit",
        group=_TURN,
        keys=("ctrl+c",),
    ),
    Action(id="paste.open", method="open_paste", help="open a large paste in the composer", group=_TURN, leader="e"),
    Action(
        id="attach",
        method="attach",
        help="choose what of a folder or repository goes into the window",
        group=_TURN,
        keys=("f5",),
        leader="a",
        slash="/attach",
    ),
    Action(
        id="forecast",
        method="line('/forecast')",
        help="what the next send costs, line by line, and why",
        group=_MODEL,
        keys=("f4",),
        leader="f",
        slash="/forecast",
    ),
    Action(
        id="reasoning.fold",
        method="fold_reasoning",
        help="fold or open all reasoning",
        group=_READ,
        keys=("alt+r",),
        leader="R",
        slash="/reasoning",
    ),
    Action(
        id="tools.fold",
        method="fold_tools",
        help="fold or open all tool output",
        group=_READ,
        keys=("alt+o",),
        leader="O",
        slash="/tools",
    ),
    Action(id="scroll.page-up", method="scroll_pages(-1)", help="a page up", group=_READ, keys=("pageup",)),
    Action(id="scroll.page-down", method="scroll_pages(1)", help="a page down", group=_READ, keys=("pagedown",)),
    Action(id="scroll.up", method="scroll_rows(-1)", help="a line up", group=_READ, keys=("ctrl+up",)),
    Action(id="scroll.down", method="scroll_rows(1)", help="a line down", group=_READ, keys=("ctrl+down",)),
    Action(id="scroll.top", method="scroll_top", help="to the beginning", group=_READ, keys=("ctrl+home",), leader="g"),
    Action(
        id="scroll.end",
        method="scroll_bottom",
        help="to the newest line, and follow it",
        group=_READ,
        keys=("ctrl+end",),
        leader="G",
    ),
    _command("session.new", "/new", "a new session", "n"),
    _command("session.resume", "/resume", "go on with an earlier session", "s"),
    Action(
        id="session.rewind",
        method="rewind",
        help="back to an earlier prompt (Esc Esc when nothing is written)",
        group="session",
        leader="r",
        slash="/rewind",
    ),
    _command("session.undo", "/undo", "take back what the last turn did to files", "z"),
    _command("session.redo", "/redo", "bring forward again what was taken back", "Z"),
    Action(
        id="session.diff",
        method="changes",
        help="all changes of this session, by turn and by file",
        group="session",
        leader="D",
        slash="/diff",
    ),
    _command("session.cost", "/cost", "what the session cost, by request", "$"),
    _command("session.status", "/status", "where things stand"),
    Action(id="theme", method="pick_theme", help="choose the colours", group=_PROGRAM, slash="/theme"),
    Action(id="palette", method="palette", help="find any action by name", group=_PROGRAM, keys=("alt+x",), leader="x"),
    Action(id="help", method="help", help="keys and commands", group=_PROGRAM, keys=("f1",), leader="?", slash="/help"),
    Action(
        id="redraw",
        method="redraw",
        help="draw it all anew",
        group=_PROGRAM,
        keys=("ctrl+l",),
        leader="l",
        slash="/redraw",
    ),
    Action(
        id="mouse",
        method="toggle_mouse",
        help="leave the mouse to the terminal, or take it back",
        group=_PROGRAM,
        keys=("f9",),
        leader="i",
        slash="/mouse",
    ),
    Action(
        id="suspend", method="suspend_process", help="to the shell; fg comes back", group=_PROGRAM, keys=("ctrl+z",)
    ),
    Action(id="quit", method="quit", help="leave (Ctrl+C or Ctrl+D twice)", group=_PROGRAM, leader="q", slash="/quit"),
)

COMPOSER_KEYS: tuple[tuple[str, str], ...] = (
    ("Enter", "send; while a turn runs: queue"),
    ("Enter, with nothing written", "after a stop in mid-reasoning: answer now, in Non-think  /answer"),
    ("Ctrl+Enter", "while a turn runs: tell it before its next step  /steer"),
    ("Shift+Enter  Ctrl+J  Alt+Enter  \\ Enter", "new line"),
    ("Up  Down", "earlier prompts, on the first and last line"),
    ("Tab", "take the completion; go to a question and back"),
    ("Ctrl+K", "palette when empty, else delete to the end of the line"),
    ("?", "help when empty"),
    ("!  !!", "a command of your own: its output goes into the context, or is kept out of it"),
    ("y  a  p  n", "answer a question: yes, all this session, always this rule, no because …"),
    ("h  e", "a change: hunk by hunk, or in $VISUAL or $EDITOR first"),
    ("r  w", "a server that says nothing: try again, keep waiting"),
    ("t  f", "a change: side by side, over the full screen; f also for a command"),
)
"""What the composer and the question do with keys of their own, for help."""


class ScreenCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A slash command that the screen itself answers."""

    name: str
    help: str
    aliases: tuple[str, ...] = ()
    usage: str = ""
    choices: tuple[str, ...] = ()


SCREEN_COMMANDS: tuple[ScreenCommand, ...] = (
    ScreenCommand(name="/help", aliases=("/?",), usage="/help", help="keys and commands"),
    ScreenCommand(name="/theme", usage="/theme [NAME]", help="choose the colours"),
    ScreenCommand(name="/reasoning", usage="/reasoning", help="fold or open all reasoning"),
    ScreenCommand(name="/tools", usage="/tools", help="fold or open all tool output"),
    ScreenCommand(name="/diff", usage="/diff", help="all changes of this session, by turn and by file"),
    ScreenCommand(name="/mouse", usage="/mouse", help="leave the mouse to the terminal, or take it back"),
    ScreenCommand(name="/redraw", usage="/redraw", help="draw the screen anew"),
    ScreenCommand(name="/steer", usage="/steer WORDS", help="tell the running turn before its next step"),
    ScreenCommand(name="/stop", usage="/stop", help="stop the running turn"),
    ScreenCommand(name="/quit", aliases=("/exit", "/q"), usage="/quit", help="leave"),
)


def bindings() -> list[Binding]:
    """A binding for every action that has keys; its id is what a keymap would name."""
    return [
        Binding(",".join(action.keys), action.method, action.help, show=False, id=action.id)
        for action in ACTIONS
        if action.keys
    ]


def leader_actions() -> dict[str, Action]:
    """Actions by the character that follows the leader key."""
    return {action.leader: action for action in ACTIONS if action.leader}


def key_label(key: str) -> str:
    """A key as people write it: `alt+p` is `Alt+P`."""
    names = {"pageup": "PgUp", "pagedown": "PgDn", "escape": "Esc"}
    return "+".join(names.get(part, part.capitalize()) for part in key.split("+"))


def key_labels(action: Action) -> str:
    """All ways to reach an action by key, the main one first."""
    labels = [key_label(key) for key in action.keys]
    if action.leader:
        labels.append(f"{key_label(LEADER)} {action.leader}")
    return "  ".join(labels)
