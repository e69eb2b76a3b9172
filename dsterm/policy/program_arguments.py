"""Programs that run what their arguments name: which words those are, and where a wrapper only passes on one command."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dsterm.policy.name_sets import names
from dsterm.policy.shell_words import Word

SHELLS = names("bash sh zsh dash ksh mksh fish csh tcsh rbash ash pwsh")
INTERPRETERS = names("node nodejs ruby perl php lua luajit Rscript tsx ts-node julia tclsh osascript")
PYTHON = re.compile(r"(?:python|pypy)[\d.]*")
RUNS_ANYTHING = SHELLS | names(
    "env xargs sudo doas su ssh eval exec source . builtin command trap alias unalias export set shopt enable hash bind"
    " complete declare local readonly typeset let read mapfile readarray unset coproc time busybox toybox parallel watch"
    " entr script expect strace ltrace gdb lldb setsid unshare chroot nsenter bwrap firejail flock chrt taskset ionice"
    " setarch stdbuf runuser start-stop-daemon systemd-run at batch crontab awk gawk mawk nawk find fd fdfind rg sed tar"
    " less more man vi vim nvim emacs ed ex nano socat nc ncat tmux screen rsync scp sqlite3 psql mysql m4 dc bc docker podman"
    " kubectl ipython jupyter deno bun ld.so time nice nohup timeout dotenv direnv op aws-vault chpst run-parts fakeroot"
)
"""No prefix of a call of these tells what will run."""

_RUNNING_OPTIONS = names(
    "--exec --execute --command --eval --pre --hostname-bin --compress-program --to-command --checkpoint-action"
    " --use-compress-program --rsh --rsync-path --upload-pack --receive-pack --exec-path --ext-diff --pager --editor"
    " --open-files-in-pager --script-shell --config-env --config --require --import --loader --init-file --rcfile"
)
_RUNNING_SINGLE = re.compile(r"-(?:exec|toolexec|vettool|ok|execdir|okdir|overlay|e|c)(?:=.*)?")
_DURATION = re.compile(r"\d+(?:\.\d+)?[smhd]?")
_TIMEOUT_FLAGS = re.compile(r"--preserve-status|--foreground|-v|--verbose|--(?:kill-after|signal)=\w+|-[ks]\w+")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_FIND_RUNS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_VALUED = {
    "env": "uSC",
    "sudo": "ugpCDhRrTtU",
    "doas": "uC",
    "xargs": "aEdILlnPs",
    "nice": "n",
    "timeout": "ks",
    "ionice": "cnpPu",
    "stdbuf": "ioe",
    "watch": "n",
    "time": "fo",
}


def unwrapped(words: Sequence[Word]) -> Sequence[Word]:
    """The command inside wrappers that change nothing but its time, its priority or its signals (`timeout 5 pytest`)."""
    while len(words) > 1 and (count := _wrapping(words)):
        words = words[count:]
    return words


def _wrapping(words: Sequence[Word]) -> int:
    """How many words at the front only wrap; none where that can't be told."""
    program, rest = words[0].source, [word.source if word.is_literal else "" for word in words[1:]]
    at = 0
    match program:
        case "timeout":
            while at < len(rest) and rest[at].startswith("-"):
                at += 2 if rest[at] in {"-k", "-s"} else 1
                if at > len(rest) or not (rest[at - 1].isalnum() or _TIMEOUT_FLAGS.fullmatch(rest[at - 1])):
                    return 0
            at = at + 1 if at < len(rest) and _DURATION.fullmatch(rest[at]) else len(rest)
        case "nice" if rest[:1] == ["-n"] and len(rest) > 1 and re.fullmatch(r"-?\d+", rest[1]):
            at = 2
        case "time" if rest[:1] == ["-p"]:
            at = 1
        case "nice" | "nohup" | "time":
            at = 0
        case "command":
            at = 0
        case _:
            return 0
    is_clear = at < len(rest) and bool(rest[at]) and not rest[at].startswith("-") and not _ASSIGNMENT.match(rest[at])
    return at + 1 if is_clear else 0


def named_commands(words: Sequence[Word]) -> tuple[tuple[Word, ...], ...]:
    """Commands that the arguments of this call name for it to run, as far as their place is known."""
    program = words[0].text.rpartition("/")[2]
    if program in {"find", "fd", "fdfind"}:
        starts = [
            at for at, word in enumerate(words) if word.text in _FIND_RUNS | {"-x", "-X", "--exec", "--exec-batch"}
        ]
        return tuple(tuple(words[at + 1 :]) for at in starts if words[at + 1 :])
    if (
        program
        in {"exec", "builtin", "command", "nohup", "setsid", "busybox", "toybox", "time", "parallel", "coproc"}
        | _VALUED.keys()
    ):
        inner = _after_options(program, words[1:])
        return (inner,) if inner else ()
    return ()


def _after_options(program: str, words: Sequence[Word]) -> tuple[Word, ...]:
    rest = list(words)
    while rest and (rest[0].text.startswith("-") or _ASSIGNMENT.match(rest[0].text)):
        flag = rest.pop(0).text
        takes_next = re.fullmatch(rf"-[{_VALUED.get(program, '') or ' '}]", flag)
        if takes_next and rest:
            rest.pop(0)
    if program == "timeout" and rest:
        rest.pop(0)
    return tuple(rest)


def named_script(words: Sequence[Word]) -> str | None:
    """The text that a shell is told to run (`bash -c TEXT`, `eval TEXT`), where it is literal."""
    program = words[0].text.rpartition("/")[2]
    if program in {"eval", "trap"}:
        taken = words[1:] if program == "eval" else words[1:2]
        return " ".join(word.text for word in taken) if taken and all(word.is_literal for word in taken) else None
    if program in SHELLS | {"su"}:
        for at, word in enumerate(words[1:-1], start=1):
            if re.fullmatch(r"-[a-zA-Z]*c[a-zA-Z]*", word.text) and words[at + 1].is_literal:
                return words[at + 1].text
    return None


def has_running_option(texts: Sequence[str]) -> bool:
    """Whether one of the options, whole or cut short, is known to name something to run."""
    for text in texts:
        option = text.partition("=")[0]
        if option.startswith("--") and len(option) > 2 and any(known.startswith(option) for known in _RUNNING_OPTIONS):
            return True
        if _RUNNING_SINGLE.fullmatch(text):
            return True
    return False
