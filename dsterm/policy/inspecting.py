"""Which calls only read: a list of programs, with the options and arguments that they may have. All else runs things.

A call counts only if nothing that the workspace holds can turn it into running something. That leaves out most of git: its
status, diff, log and even ls-files run what a repository's configuration names (fsmonitor, external diff, signatures).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from dsterm.policy.inspecting_options import (
    READING_OPTIONS,
    objectionable_find,
    objectionable_option,
    objectionable_printf,
    objectionable_sed,
)
from dsterm.policy.name_sets import names
from dsterm.policy.shell_words import Word

READS_WHATEVER_IT_GETS = names(
    "cat ls head tail wc grep egrep fgrep echo pwd true false : basename dirname realpath readlink stat du df nl cut tr comm"
    " paste join fold tac rev od cksum md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum seq expand unexpand id"
    " whoami uname nproc cmp column which type cd sleep jq printenv groups"
)
"""No argument makes these write to a file or run a program, whatever it is, on Linux or macOS (where `arch` would)."""

_GIT = frozenset(
    {("--version",), ("version",), ("branch", "--show-current"), ("remote",), ("remote", "-v"), ("symbolic-ref", "HEAD"),
     ("symbolic-ref", "--short", "HEAD")}
)  # fmt: skip
_GIT_REV_PARSE = names(
    "--show-toplevel --git-dir --absolute-git-dir --show-prefix --show-cdup --is-inside-work-tree --is-inside-git-dir"
    " --is-bare-repository --git-common-dir --abbrev-ref --verify --short -q --quiet --symbolic-full-name HEAD"
)
_TEST_UNARY = names("-e -f -d -r -w -x -s -L -h -n -z -b -c -p -S -u -g -k -O -G -N")
_TEST_BINARY = names("= == != -nt -ot -ef")
_TEST_NUMBERS = names("-eq -ne -lt -le -gt -ge")
_READ_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_XARGS_FLAGS = re.compile(r"-0|-r|-t|-0r|-r0|--null|--no-run-if-empty|-[nPL]\d+|-I\{\}|-d\\n")
_BUILTINS = frozenset({":", "cd", "type"})


def objection(words: Sequence[Word]) -> str | None:
    """Why a call of these words may do more than read, as a sentence without its end; None when it only reads."""
    program = words[0].text if words else ""
    if not words or words[0].source != program or not words[0].is_literal:
        return "what runs is only known when it runs"
    if program in READS_WHATEVER_IT_GETS:
        return None
    if program in {"[", "[[", "test"}:
        return None if _is_harmless_test(words) else "its test is not one of the plain ones"
    if program == "printf":
        odd = objectionable_printf([words[1].text if words[1].is_literal else "-"] if len(words) > 1 else [])
        return None if odd is None else "printf with such a format can set variables"
    if program == "xargs":
        return _xargs_objection(words[1:])
    arguments = words[1:]
    found = _objectionable(program, arguments)
    if found is None:
        return None
    if not found:
        return f"{program} is not on the list of programs that only read"
    if program == "git":
        return f"git {arguments[0].source} may change the repository, or run what its configuration names"
    return f"{program} may do more with {found}"


def _objectionable(program: str, arguments: Sequence[Word]) -> str | None:
    """What makes a call more than reading: one of its words, or nothing but the program itself; None when it only reads."""
    texts = [word.text for word in arguments]
    known = {"find", "sed", "git", "read", "command", "env", "fdfind"} | READING_OPTIONS.keys()
    if program not in known:
        return ""
    unsure = next((word.source for word in arguments if not (word.is_literal or word.is_fixed)), None)
    if unsure is not None:
        return unsure
    # A pattern can be any number of words.
    pattern = next((word.source for word in arguments if not word.is_one), None)
    match program:
        case "find":
            return objectionable_find(texts)
        case "sed":
            script = next((word for word in arguments if not word.text.startswith("-")), None)
            return script.source if script is not None and not script.is_literal else objectionable_sed(texts)
        case "git":
            is_reading = tuple(texts) in _GIT or (texts[:1] == ["rev-parse"] and set(texts[1:]) <= _GIT_REV_PARSE)
            return None if is_reading else " ".join(texts[:1])
        case "read":
            return next((text for text in texts if text != "-r" and not _READ_NAME.fullmatch(text)), None)
        case "command":
            return None if texts[:1] in (["-v"], ["-V"]) else ""
        case "env":
            return texts[0] if texts else None
    options = READING_OPTIONS["fd" if program == "fdfind" else program]
    if options.operands is not None and pattern is not None:
        return pattern
    return objectionable_option("fd" if program == "fdfind" else program, texts)


def _is_harmless_test(words: Sequence[Word]) -> bool:
    """Whether it is `OPERATOR word` or `word OPERATOR word` with an operator that evaluates nothing.

    In `[[` the number operators calculate, and `-v` looks into arrays: both can be made to run commands.
    """
    is_double = words[0].text == "[["
    closing = {"[": "]", "[[": "]]"}.get(words[0].text)
    if closing is not None and words[-1].source != closing:
        return False
    inner = list(words[1:] if words[0].text == "test" else words[1:-1])
    while len(inner) > 1 and inner[0].source == "!":
        inner = inner[1:]
    # Within double brackets no word is split; elsewhere one that isn't quoted may turn into several.
    if not all(word.is_one or (is_double and re.fullmatch(r"\$\w+", word.source)) for word in inner):
        return False
    binary = _TEST_BINARY if is_double else _TEST_BINARY | _TEST_NUMBERS
    match inner:
        case [word]:
            return word.source not in {"!", "("}
        case [operator, _]:
            return operator.source in _TEST_UNARY
        case [first, operator, _]:
            return operator.source in binary and first.source not in {"!", "("}
    return False


def _xargs_objection(words: Sequence[Word]) -> str | None:
    rest = list(words)
    while rest and rest[0].source.startswith("-"):
        flag = rest.pop(0).source
        following = rest[0].source if rest else ""
        if (flag in {"-n", "-P", "-L"} and following.isdigit()) or (flag == "-I" and following == "{}"):
            rest.pop(0)
        elif not _XARGS_FLAGS.fullmatch(flag):
            return f"xargs may do more with {flag}"
    if not rest:
        return None
    if rest[0].source in READS_WHATEVER_IT_GETS - _BUILTINS and rest[0].is_literal:
        return None
    return f"xargs runs {rest[0].source}"
