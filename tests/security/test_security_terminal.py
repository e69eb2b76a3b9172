from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from attack_screen import Screen, ask, assert_only, assert_plain, run
from attack_world import Call, Calls, World, bash, call, needs_sandbox, read, write
from terminal import needs_tmux

from dsterm.demo.reply import Refusal, Reply, StreamError

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(90), pytest.mark.xdist_group("security-terminal")]

PAYLOADS = {
    "CSI that clears": "\x1b[2J\x1b[H",
    "CSI that asks for an answer": "\x1b[6n\x1b[c\x1b[21t",
    "CSI that types": "\x1b[1337;7mP\x1b[?1049l",
    "OSC 0, the title": "\x1b]0;PWNED\x07",
    "OSC 8, a link": "\x1b]8;;http://evil.example\x07here\x1b]8;;\x07",
    "OSC 52, the clipboard": "\x1b]52;c;UFdORUQ=\x1b\\",
    "OSC 1337, a file": "\x1b]1337;File=name=eA==:eA==\x07",
    "DCS": "\x1bP1337P\x1b\\",
    "APC, PM and SOS": "\x1b_PWNED\x1b\\\x1b^PWNED\x1b\\\x1bXPWNED\x1b\\",
    "C1 CSI and OSC": "\x9b2J\x9d52;c;UFdORUQ=\x9c\x90q\x9c",
    "bells": "\x07\x07\x07",
    "a carriage return": "harmless\rharmful",
    "backspaces": "harmless\x08\x08\x08\x08harmful",
    "shifts and resets": "\x0e\x0f\x1bc\x1b(0\x1b7\x1b8",
    "tabulators and feeds": "\x0b\x0c\x1bD\x1bM\x85",
    "bidi overrides": "\u202egnp.exe\u202c \u2066x\u2069 \u200fy",
    "zero-width": "pay\u200bpal\u2060.c\ufeffom \u00ad",
    "tags": "hello\U000e0068\U000e0069\U000e007f",
    "DEL": "rm\x7f\x7fls",
    "NUL": "a\x00b",
    "line separators": "x\u2028dsterm: trust me\u2029y",
    "annotations": "x\ufff9y\ufffaz\ufffb",
    "an unfinished sequence": "end \x1b]52;c;UFdO",
}
ALL = "begin " + " ".join(PAYLOADS.values()) + " end"
OWN = {
    *("CSI m", "CSI H"),
    *(
        repr(f"\x1b[?{mode}{last}")
        for mode in (7, 25, 1000, 1003, 1004, 1006, 1015, 1049, 2004, 2026, 2048)
        for last in "hl"
    ),
    *(
        repr(each)
        for each in ("\x1b[>25u", "\x1b[<u", "\x1b[>1u", "\x1b[?2026$p", "\x1b[?2048$p", "\x1b[22;0t", "\x1b[23;0t")
    ),
    *(repr(f"\x1b]22;{shape}\x07") for shape in ("default", "pointer", "text")),
    repr("\x1b]0;dsterm · repo\x07"),
}
"""Every sequence that dsterm's screen needs; nothing else may reach the terminal."""


def on_disk(text: str) -> str:
    """As much of `text` as a file name takes."""
    return text.replace("\x00", "").replace("/", "")[:80]


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_the_record_would_show_what_is_obeyed(payload):
    assert_only("\x1b[1;2Hplain\r\n", OWN)
    with pytest.raises(AssertionError):
        assert_only(f"\x1b[1;2Hplain {payload} text\x1b[0m\r\n", OWN)


@needs_sandbox
@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_headless_text_obeys_nobody(world, payload):
    world.put("loud.txt", f"so {payload}\n")
    world.put(f"src/n{on_disk(payload)}.py", "x = 1\n")
    (world.repo / ".git" / "HEAD").write_text(f"ref: refs/heads/x{payload}\n")
    calls: list[Call] = [
        Call(f"bash{payload}", {"command": "ls"}),
        read(f"none{payload}"),
        write(f"new{on_disk(payload)}.txt", payload),
        bash(f"cat loud.txt; ls src; echo '{payload}'; none{payload}", description=payload),
        bash(f"curl http://localhost/{payload}", description=payload),
        call("todo_write", todos=[{"content": payload, "status": "pending"}]),
        call("job", id=payload, action="read"),
        Call("read", f'{{"file_path": "{payload}'),
    ]
    mark = world.order([calls], Reply(reasoning=f"hm {payload}", text=f"so {payload}!"))
    done = run(world, "-p", f"Do it {payload.replace(chr(0), '')}\n{mark}", "--permission-mode", "auto", "--trust")
    assert done.code == 0, done
    assert done.out.startswith("so ")
    assert_plain(done.out)
    assert_plain(done.err)
    assert all(line.startswith("dsterm: ") for line in done.err.splitlines())


FAULTS = {
    "a refusal": Reply(refusal=Refusal(status=400, message=f"bad {ALL} request")),
    "a page": Reply(refusal=Refusal(status=403, body=f"<title>{ALL}</title>")),
    "an error in the stream": Reply(text="well", faults=(StreamError(after=2, message=ALL, code=400),)),
    "an unknown end": Reply(text="well", finish_reason=ALL),
    "another model": Reply(text="well", model=ALL),
}


@pytest.mark.parametrize("reply", FAULTS.values(), ids=FAULTS.keys())
def test_what_a_server_complains_of_is_text(world, reply):
    mark = world.order([], reply)
    done = run(world, "-p", mark, "--trust")
    assert "begin" in done.err or done.code == 0, done
    assert_plain(done.out)
    assert_plain(done.err)


@pytest.fixture
def show(world: World) -> Iterator[Callable[..., Screen]]:
    """Open screens that are closed again, in a folder that the user trusts."""
    world.trust.set_trust(world.repo, is_trusted=True)
    screens: list[Screen] = []

    def begin(calls: Calls, *flags: str, replies: Sequence[Reply] = (), size: tuple[int, int] = (100, 40)) -> Screen:
        screens.append(ask(world, calls, *flags, replies=replies, size=size))
        return screens[-1]

    yield begin
    for screen in screens:
        screen.close()


QUESTION = "y yes"


@needs_tmux
def test_an_answer_and_its_reasoning_are_text_on_the_screen(show):
    screen = show([], replies=(Reply(reasoning=ALL, text=f"{ALL}\n\n```\n{ALL}\n```\n\n| {ALL} |\n| --- |\n\nfinis"),))
    screen.wait_for("finis")
    screen.press("M-r")
    screen.settled()
    assert "␛]52;c;" in screen.written
    assert_only(screen.written, OWN)


@needs_tmux
@needs_sandbox
def test_calls_and_output_of_commands_are_text_on_the_screen(show, world):
    world.put("loud.txt", ALL)
    world.put(f"src/{on_disk(ALL)}.py", "x = 1\n")
    calls = [Call(f"read{ALL}", {"file_path": ALL}), bash("cat loud.txt; ls -N src; grep -r begin .", description=ALL)]
    screen = show(
        [*calls, call("glob", pattern="**/*.py"), call("grep", pattern="begin")], replies=(Reply(text="finis"),)
    )
    screen.wait_for("finis")
    screen.press("M-o")
    screen.settled()
    assert_only(screen.written, OWN)


@needs_tmux
@needs_sandbox
def test_a_question_about_a_command_is_text_on_the_screen(show):
    screen = show([bash(f"make '{ALL.replace(chr(0), '')}'", description=ALL)])
    screen.wait_for(QUESTION)
    assert "␛" in screen.settled()
    assert_only(screen.written, OWN)


@needs_tmux
def test_a_question_about_a_file_is_text_on_the_screen(show):
    screen = show([write("new \u202etxt.py", ALL)])
    screen.wait_for(QUESTION)
    screen.settled()
    assert_only(screen.written, OWN)


@needs_tmux
def test_a_command_of_the_users_prints_text_on_the_screen(show, world):
    world.put("loud.txt", ALL)
    screen = show([], replies=(Reply(text="finis"),))
    screen.wait_for("finis")
    screen.type("!cat loud.txt; printf '\\033[31mred\\033[0m\\n'")
    screen.press("Enter")
    screen.wait_for("exit 0")
    screen.settled()
    assert_only(screen.written, OWN)


@needs_tmux
@pytest.mark.parametrize(
    "branch", [ALL, "x\u202egnp", "x\x1b]0;PWNED\x07", "main\u200b"], ids=["all", "bidi", "OSC", "zero-width"]
)
def test_the_name_of_a_branch_is_text_on_the_screen(show, world, branch):
    (world.repo / ".git" / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
    screen = show([], replies=(Reply(text="finis"),))
    screen.wait_for("finis")
    screen.settled()
    assert_only(screen.written, OWN)


@needs_tmux
def test_a_plan_is_text_on_the_screen(show):
    screen = show([], "--permission-mode", "plan", replies=(Reply(text=f"# Plan\n\n1. {ALL}\n"),))
    screen.wait_for("Carry out this plan?")
    screen.settled()
    assert_only(screen.written, OWN)


@needs_tmux
@pytest.mark.parametrize("name", ["a refusal", "an error in the stream", "another model"])
def test_the_error_of_a_server_is_text_on_the_screen(show, name):
    screen = show([], replies=(FAULTS[name],))
    screen.wait_for("begin" if name != "another model" else "well")
    screen.settled()
    assert_only(screen.written, OWN)


@needs_tmux
def test_the_title_of_a_session_is_text_on_the_screen(show, world):
    mark = world.order([], Reply(text="finis"))
    assert run(world, "-p", f"{ALL.replace(chr(0), '')} {mark}").code == 0
    screen = show([], replies=(Reply(text="finis"),))
    screen.wait_for("finis")
    screen.type("/resume")
    screen.press("Enter")
    screen.wait_for("begin")
    screen.settled()
    assert_only(screen.written, OWN)


@needs_tmux
def test_the_words_of_a_commit_are_text_on_the_screen(show, world):
    mark = world.order([], Reply(text=f"Change {ALL}\n\n{ALL}"))
    world.put("src/shop.py", f"def total(net):\n    return net  # {mark}\n")
    screen = show([], replies=(Reply(text="finis"),))
    screen.wait_for("finis")
    screen.type("/commit")
    screen.press("Enter")
    screen.wait_for("a all 1 changed file")
    time.sleep(0.4)
    screen.press("a")
    screen.wait_for("Change begin")
    screen.settled()
    assert_only(screen.written, OWN)


BAR = "▌"
FORGED = "\n".join(
    (
        "Run this command?",
        f"{BAR} Run this command?",
        f"{BAR}",
        f"{BAR}   touch sprung",
        f"{BAR}",
        f"{BAR} y yes, once   n no",
        "",
        "```",
        f"{BAR} Run this command?",
        f"{BAR} y yes, once   n no",
        "```",
        f"\x1b[38;1H{BAR} y yes\r{BAR} y yes",
    )
)


def first_column(screen: str) -> str:
    return "".join(line[:1] for line in screen.splitlines())


@needs_tmux
def test_a_drawn_question_does_not_look_like_one_and_a_key_for_it_does_nothing(show, world):
    screen = show([], replies=(Reply(text=FORGED + "\n\nfinis"),))
    screen.wait_for("finis")
    shown = screen.settled()
    assert "Run this command?" in shown
    assert BAR not in first_column(shown)
    requests = len(world.recorder.bodies)
    screen.press("y")
    screen.press("y")
    shown = screen.settled()
    assert "┃ yy" in shown
    assert len(world.recorder.bodies) == requests
    world.not_sprung()


@needs_tmux
@needs_sandbox
def test_a_real_question_stands_behind_its_bar_whatever_the_command_draws(show, world):
    drawn = f"echo '\n{FORGED}\n'; touch sprung"
    screen = show([bash(drawn.replace("\x1b", ""), description="Run this command?\n▌ y yes")], size=(80, 30))
    screen.wait_for(QUESTION)
    assert BAR in first_column(screen.settled())
    time.sleep(0.4)
    screen.press("n")
    screen.wait_for("because")
    time.sleep(0.4)
    screen.press("Enter")
    screen.wait_for("That was all.")
    world.not_sprung()


@needs_tmux
@needs_sandbox
@pytest.mark.parametrize(
    "fill", ["\n", "\n: ", " \\\n", "\t" * 40], ids=["lines", "nothings", "continued", "tabulators"]
)
def test_the_end_of_a_command_can_not_be_pushed_off_the_screen_unseen(show, fill):
    screen = show([bash("ls" + fill * 120 + "; touch sprung")], size=(80, 24))
    screen.wait_for(QUESTION)
    shown = screen.settled()
    assert "touch sprung" in shown or "more line" in shown or "⋮" in shown or "…" in shown, shown


@needs_tmux
def test_a_key_pressed_before_the_question_is_no_answer(show, world):
    screen = show([write("sprung", "x")])
    for _ in range(40):
        screen.press("y")
        if QUESTION in screen.screen():
            break
        time.sleep(0.02)
    screen.press("y")
    screen.wait_for(QUESTION)
    assert not os.path.lexists(world.repo / "sprung")
