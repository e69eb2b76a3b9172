from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shell_oracle import ShellWorld

from dsterm.core.tools import Effect
from dsterm.policy.shell import read_command

EXAMPLES = int(os.environ.get("DSTERM_FUZZ", "0"))
SETTINGS = settings(
    max_examples=EXAMPLES or 300,
    deadline=None,
    database=None,
    derandomize=not EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

UNLISTED = st.sampled_from(
    ["evilprog", "'evilprog'", '"evilprog"', "evil\\prog", "e''vilprog", "$'evilprog'", "./evilprog", "../evilprog", "ev?lprog",
     "/tmp/evilprog", "~/evilprog", "{evilprog,}", "${x}evilprog", "evilprog$x", "\\evilprog", "ls\u00a0", "lsx", "LS"]
)  # fmt: skip
CARRIERS = [
    "{}", "{} a b", "ls; {}", "ls;{}", "ls & {}", "ls\n{}", "ls | {}", "ls |& {}", "ls && {}", "ls || {}", "({})", "{{ {}; }}",
    "! {}", "time {}", "time -p {}", "timeout 5 {}", "timeout -k 1 -s KILL 5s {}", "nice -n 3 {}", "nohup {}", "command {}",
    "env {}", "env A=1 {}", "xargs {}", "xargs -n1 {}", "exec {}", "builtin {}", "sudo {}", "echo $({})", 'echo "$({})"',
    "echo `{}`", 'echo "`{}`"', "cat <({})", "ls > >({})", "cat < <({})", "x=$({})", "x=`{}`", "x=$({}) ls", "echo ${{x:-$({})}}",
    'echo "${{x:-$({})}}"', "echo $(( $({}) ))", "echo $[ $({}) ]", "if {}; then ls; fi", "if ls; then {}; fi",
    "if ls; then ls; else {}; fi", "if ls; then ls; elif {}; then ls; fi", "while {}; do ls; done", "until ls; do {}; done",
    "for x in $({}); do ls; done", "for x in a; do {}; done", "for ((x=$({}); x<1; x++)); do ls; done",
    "case $({}) in a) ls;; esac", "case a in a) {};; esac", "case a in $({})) ls;; esac", "select x in a; do {}; done",
    "f() {{ {}; }}; f", "function f {{ {}; }}; f", "ls() {{ {}; }}; ls", "coproc {}", "[ -f $({}) ]", "[[ a == $({}) ]]",
    "[[ -n $({}) ]] && ls", "test -f $({})", "cat <<EOF\n$({})\nEOF", "cat <<-EOF\n\t`{}`\n\tEOF", 'cat <<< "$({})"',
    "cat <<'EOF'\nx\nEOF\n{}", "ls # hi\n{}", "ls \\\n; {}", "ls \\\n\n{}", ">/dev/null {}", "2>&1 {}", "<a.txt {}",
    "{} >/dev/null",
    "find . -exec {} \\;", "find . -execdir {} {{}} +", "a[$({})]=1", "a=($({}))", "ls ${{a[$({})]}}", "echo $({}",
    "bash -c '{}'",
    "eval {}", "trap {} EXIT", "alias ls={}; ls", "PATH=. {}", "x=1 {}", "cd . && {}", "ls | while read x; do {}; done",
    "ls;\t{}",
]  # fmt: skip
LINES = st.recursive(
    UNLISTED,
    lambda inner: st.builds(lambda carrier, held: carrier.format(held), st.sampled_from(CARRIERS), inner),
    max_leaves=4,
)

TOKENS = [
    "ls", "cat", "echo", "grep x", "a", "b", "*", "'", "'", '"', '"', "$", "$x", "${", "}", "{", "(", ")", "$(", "`", "\\",
    "\n", "\n",
    "\\\n", ";", "|", "&", "&&", "||", ">", "<", "<<", "<<<", "2>&1", ">/dev/null", "#", "!", "[", "]", "[[", "]]", "if", "then",
    "fi", "else", "for", "x", "in", "do", "done", "while", "case", "esac", ";;", "evilprog", "evilprog", "evilprog", " ",
    " ", " ",
    " ", " ", " ", " ", "  ", "\t", "=", "x=", "$'", '$"', "<(", ">(", "$((", "))", "((", "time", "~", "{a,b}", "-n", "--",
    "true",
    "EOF", "<<EOF", "<<'EOF'", "function", "()", "\\ ", "\\'", '\\"', "\u00a0", "é", "${x}", "${x:-", "${#", "@", "&>", "|&",
    ";&", "select", "until", "coproc", "-f", "==", "PATH=.", "PATH", "-exec", "-v", "find . ", "sed -n 1p", "sort ",
    "printf %n", "{PATH}", ">&1",
    "; ls", "read ", "-o ", "%n", "<>", ">|", "xargs ", "${!", "-I", "[[ ", " ]]", " ]",
]  # fmt: skip
OPENINGS = ["ls ", "echo ", "cat a.txt ", "true\n", "for x in a; do ls ", "if true; then ls ", "{ ls ", "( ls ",
"echo $(ls ", 'echo "',
            "echo '", "ls && ", "find . ", "x=a\n", "[ -f a ] && ", ""]  # fmt: skip
ENDINGS = ["", "; done", "; fi", "; }", ")", '"', "'", "\n", " a", " evilprog", "\nevilprog", "#evilprog", ";evilprog"]
SOUP = st.builds(
    lambda opening, tokens, ending: opening + "".join(tokens) + ending,
    st.sampled_from(OPENINGS),
    st.lists(st.sampled_from(TOKENS), max_size=8),
    st.sampled_from(ENDINGS),
)


# Every letter that a program may know, alone and in bundles; what lies behind must not be written to, whatever it means.
LETTERS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.=", min_size=1, max_size=3)
LONG_OPTIONS = st.sampled_from(
    ["output", "out", "o", "compress-program", "comp", "pre", "in-place", "expression", "exec", "paginate", "files0-from",
    "check",
     "unified", "key", "width", "color", "label", "type", "set", "file", "reference", "fromfile", "info", "null-data", "sandbox",
     "hostname-bin", "search-zip", "glob", "regexp", "print0", "max-depth", "sort", "brief", "from-file", "to-file", "mime"]
)  # fmt: skip
OPERANDS = st.sampled_from(
    ["a.txt", "b", "out", "1", "-", "--", "+%F", "evilprog", "./evilprog", "1p", "'1p;w out'", "'s/x/y/w out'", "'1e evilprog'",
     "-delete", "-exec", "{}", "+", "';'", "-fprint", "-name", "-print", "-printf", "-ok", "-L", "'w out'", "*", "a*",
     "src/*", "HEAD",
     "rev-parse", "branch", "remote", "version", "symbolic-ref", "log", "status", "--show-current", "-v", "-c",
     "core.pager=evilprog"]
)  # fmt: skip
PROGRAMS = st.sampled_from(
    ["sort", "uniq", "tree", "file", "diff", "rg", "date", "find", "sed", "git", "grep", "cat", "ls", "head", "wc", "cut",
     "tr", "comm", "column", "stat", "du", "seq", "basename", "xargs", "jq", "nl", "od", "tac", "join", "paste", "fold",
     "expand", "cksum", "md5sum", "cmp", "numfmt", "realpath", "readlink", "env", "printf", "test"]
)  # fmt: skip
WORDS = st.one_of(
    LETTERS.map("-{}".format),
    LONG_OPTIONS.map("--{}".format),
    st.builds("--{}={}".format, LONG_OPTIONS, OPERANDS),
    OPERANDS,
    OPERANDS,
)
CALLS = st.builds(lambda program, words: " ".join([program, *words]), PROGRAMS, st.lists(WORDS, max_size=4))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> ShellWorld:
    return ShellWorld(tmp_path_factory.mktemp("shell"))


@SETTINGS
@given(line=LINES)
def test_fuzz_an_unlisted_program_is_never_classed_as_reading_wherever_it_stands(world: ShellWorld, line: str) -> None:
    reading = read_command(line)
    if line.count("`") > 2:
        # Backticks don't nest: what was meant to run inside two pairs may be a plain word between them. Bash decides.
        assert Effect.INSPECT not in reading.effects or world.harm(line) == ""
        return
    assert Effect.INSPECT not in reading.effects
    assert not reading.is_understood or not all(call.inspects for call in reading.calls)


@SETTINGS
@given(line=SOUP)
def test_fuzz_what_is_classed_as_reading_runs_nothing_else_in_a_real_bash(world: ShellWorld, line: str) -> None:
    if Effect.INSPECT in read_command(line).effects:
        assert world.harm(line) == ""


@SETTINGS
@given(line=CALLS)
def test_fuzz_options_of_listed_programs_run_and_write_nothing(world: ShellWorld, line: str) -> None:
    if Effect.INSPECT in read_command(line).effects:
        assert world.harm(line) == ""


@SETTINGS
@given(line=st.text(max_size=60))
def test_fuzz_any_text_is_read_without_an_error(line: str) -> None:
    reading = read_command(line)
    assert (Effect.INSPECT in reading.effects) != (Effect.EXECUTE in reading.effects)
    assert reading.is_understood or Effect.EXECUTE in reading.effects


def test_fuzz_the_traps_of_the_oracle_spring(world: ShellWorld) -> None:
    assert world.harm("evilprog x")
    assert world.harm("git status")
    assert world.harm("ls > c; rm c 2>/dev/null")
    (world.folder / "c").unlink()
    assert world.harm("ls | cat a.txt - b") == ""
