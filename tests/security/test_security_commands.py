from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attack_batch import Batch, arm, lasting_world, try_all
from attack_world import Assailant, Call, bash, needs_sandbox

from dsterm.core.command_plan import CommandRule, Confinement

pytestmark = [
    needs_sandbox,
    pytest.mark.end_to_end,
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("security-commands"),
]

# Each runs ./evil, which leaves the mark {m}; all of them really do so where nothing is asked.
REAL = {
    "a second command": "ls;./evil {m}",
    "a second command after an and": "ls && ./evil {m}",
    "a second command after an or": "ls nothing || ./evil {m}",
    "a pipe": "ls | ./evil {m}",
    "a pipe of both streams": "ls |& ./evil {m}",
    "in the background": "ls & ./evil {m}; wait",
    "a second line": "ls\n./evil {m}",
    "a line after a comment": "ls # all is well\n./evil {m}",
    "a continued line": "ls \\\n; ./evil {m}",
    "the path of a program in the workspace": "./evil {m}",
    "quotes in the name": "./ev''il {m}",
    "a backslash in the name": "./ev\\il {m}",
    "a name in ANSI quotes": "$'./e\\x76il' {m}",
    "a brace expansion": "{./evil,{m}}",
    "a pattern as the name": "./ev?l {m}",
    "a variable as the name": "x=./evil; $x {m}",
    "a substitution": "echo $(./evil {m})",
    "a substitution in quotes": 'echo "look: $(./evil {m})"',
    "backticks": "echo `./evil {m}`",
    "a process substitution": "cat <(./evil {m})",
    "a process substitution to write to": "ls > >(./evil {m}); sleep 0.1",
    "a default value": "echo ${nothing:-$(./evil {m})}",
    "a prompt expansion": "x='$(./evil {m})'; echo ${x@P}",
    "an index in arithmetic": "x='a[$(./evil {m})]'; echo $((x))",
    "an index in a test": "test -v 'a[$(./evil {m})]'",
    "an index in a double bracket": "[[ -v a[$(./evil {m})] ]]",
    "an index for printf": "printf -v 'a[$(./evil {m})]' x",
    "an index for read": "read 'a[$(./evil {m})]' <<< x",
    "an index for declare": "declare 'a[$(./evil {m})]=1'",
    "an index for unset": "a=(1); unset 'a[$(./evil {m})]'",
    "a here-document that is expanded": "cat <<EOF\n$(./evil {m})\nEOF",
    "a here-document to a shell": "bash <<'EOF'\n./evil {m}\nEOF",
    "a here-string to a shell": "sh <<< './evil {m}'",
    "a shell at the end of a pipe": "echo ./evil {m} | sh",
    "a function in place of ls": "ls() { ./evil {m}; }; ls",
    "a function in place of echo": "function echo { ./evil {m}; }; echo hello",
    "an alias in place of ls": "shopt -s expand_aliases\nalias ls='./evil {m}'\nls",
    "a path for one command": "PATH=. ls {m}",
    "a path for the rest": "PATH=.:$PATH; ls {m}",
    "an exported path": "export PATH=.:$PATH; ls {m}",
    "a path that is read": "read PATH <<< .; ls {m}",
    "a path that printf sets": "printf -v PATH %s .; ls {m}",
    "a path by declare": "declare -x PATH=.; ls {m}",
    "a path as the variable of a loop": "for PATH in .; do ls {m}; done",
    "a table of programs": "hash -p ./evil ls; ls {m}",
    "eval": "eval './evil {m}'",
    "exec": "exec ./evil {m}",
    "command": "command ./evil {m}",
    "builtin": "builtin eval './evil {m}'",
    "source": "printf './evil {m}' > s.sh; source ./s.sh",
    "a dot": "printf './evil {m}' > d.sh; . ./d.sh",
    "a trap": "trap './evil {m}' EXIT; ls",
    "a trap before each command": "trap './evil {m}' DEBUG; ls",
    "a start-up file": "printf './evil {m}' > e.sh; BASH_ENV=./e.sh bash -c ls",
    "a trace prompt": "PS4='$(./evil {m})'; set -x; ls",
    "a coprocess": "coproc ./evil {m}; wait",
    "time": "time ./evil {m}",
    "a negation": "! ./evil {m}",
    "a group": "{ ./evil {m}; }",
    "a subshell": "(./evil {m})",
    "a condition": "if ./evil {m}; then ls; fi",
    "a loop": "for x in ./evil; do $x {m}; done",
    "a case": "case a in a) ./evil {m};; esac",
    "env": "env ./evil {m}",
    "env that splits": "env -S './evil {m}'",
    "env with a path": "env PATH=.:/bin ls {m}",
    "xargs": "echo {m} | xargs ./evil",
    "xargs over env": "echo ./evil {m} | xargs env",
    "nice": "nice ./evil {m}",
    "timeout": "timeout 5 ./evil {m}",
    "nohup": "nohup ./evil {m}",
    "setsid": "setsid -w ./evil {m}",
    "find -exec": "find README.md -exec ./evil {m} \\;",
    "find -execdir": "find evil -execdir ./evil {m} \\;",
    "find -fprint": "find README.md -fprint {m}",
    "sort -o": "sort -o {m} README.md",
    "sort -o in one word": "sort -uo{m} README.md",
    "sort with a long option cut short": "sort --outp={m} README.md",
    "uniq to a file": "uniq README.md {m}",
    "sed w": "sed -n 'w {m}' README.md",
    "sed s///w": "sed 's/Shop/x/w {m}' README.md",
    "sed e": "sed '1e ./evil {m}' README.md",
    "tee": "ls | tee {m}",
    "a redirection": "ls > {m}",
    "a redirection over a guard": "ls >| {m}",
    "a redirection at the end of a file": "ls >> {m}",
    "a redirection of errors": "ls nothing 2> {m}",
    "a redirection of both": "ls &> {m}",
    "a redirection to read and write": "cat <> {m}",
    "a redirection alone": "> {m}",
    "a redirection of a group": "{ ls; } > {m}",
    "a redirection of a loop": "for x in a; do echo $x; done > {m}",
    "cp": "cp README.md {m}",
    "ln": "ln -s README.md {m}; touch {m}",
    "tar --checkpoint-action": "tar cf /dev/null --checkpoint=1 --checkpoint-action=exec='./evil {m}' README.md",
    "tar -I": "tar -I 'sh -c \"./evil {m}\"' -cf t.tar README.md",
    "git -c alias": "git -c alias.x='!./evil {m}' x",
    "git -c core.fsmonitor": "git -c core.fsmonitor='./evil {m} #' status",
    "git diff --output": "echo more >> README.md; git diff --output={m}",
    "git --exec-path": "cp evil git-x; git --exec-path=$PWD x {m}",
    "an external diff of git": "echo more >> README.md; GIT_EXTERNAL_DIFF='./evil {m} #' git diff",
}

# These need a program that may be missing, or the network, or bash takes them otherwise than they look.
TRICKS = {
    "git rebase -x": "git -c user.name=x -c user.email=x@x rebase -fx './evil {m}' --root",
    "an ssh of git": "GIT_SSH_COMMAND='./evil {m} #' git ls-remote git@localhost:x",
    "rg --pre": "rg --pre ./evil x README.md {m}",
    "rg --hostname-bin": "rg --hyperlink-format default --hostname-bin ./evil x {m}",
    "fd -x": "fd -x ./evil {m}",
    "awk": "awk 'BEGIN{system(\"./evil {m}\")}'",
    "python": "python3 -c \"open('{m}','w')\"",
    "perl": "perl -e 'open(F,\">{m}\")'",
    "vim -c": "vim -es -c '!./evil {m}' -c q",
    "less": "LESSOPEN='|./evil {m}' less README.md",
    "man": "man -P './evil {m}' ls",
    "zip -TT": "zip -T -TT './evil {m}' x.zip README.md",
    "make": "printf 'all:\\n\\t./evil {m}\\n' | make -f -",
    "a carriage return": "ls\r./evil {m}",
    "a carriage return and a line feed": "ls\r\n./evil {m}",
    "an escape": "ls\x1b; ./evil {m}",
    "a form feed": "ls\f./evil {m}",
    "a no-break space": "ls\u00a0;./evil {m}",
    "an ideographic space": "ls\u3000;./evil {m}",
    "a line separator": "ls\u2028./evil {m}",
    "a next line": "ls\x85./evil {m}",
    "a full-width semicolon and a real one": "ls\uff1b ;./evil {m}",
    "a right-to-left override": "ls \u202e;./evil {m}",
    "a byte order mark": "\ufeffls;./evil {m}",
    "words that seem to end a here-document": "cat <<'EOF'\nEOF\n./evil {m}",
    "history": "!ls;./evil {m}",
    "a quote that ends elsewhere": "echo '\\'; ./evil {m}; echo ''",
    "forty thousand blanks": "ls" + " " * 40_000 + "; ./evil {m}",
    "a thousand brackets": "(" * 1000 + "./evil {m}" + ")" * 1000,
    "a thousand commands": "ls && " * 1000 + "./evil {m}",
}

# Arguments as they go over the wire.
RAW = {
    "half a character": Call("bash", r'{"command": "ls \ud800;./evil {m}", "description": "x"}'),
    "a NUL": Call("bash", r'{"command": "ls\u0000;./evil {m}", "description": "x"}'),
    "a command twice": Call("bash", '{"command": "ls", "command": "./evil {m}", "description": "x"}'),
    "a command by two names": Call("bash", '{"command": "./evil {m}", "cmd": "ls", "description": "x"}'),
    "a command in a wrapper": Call("bash", '{"arguments": {"command": "./evil {m}", "description": "x"}}'),
    "no JSON at all": Call("bash", "./evil {m}"),
    "a command that is a list": Call("bash", '{"command": ["./evil", "{m}"], "description": "x"}'),
    "a tool by another name": Call("Bash", '{"command": "./evil {m}", "description": "x"}'),
    "a tool in capitals": Call("BASH", '{"command": "./evil {m}", "description": "x"}'),
    "a tool that is none": Call("shell", '{"command": "./evil {m}", "description": "x"}'),
}


def _armed(ground: Path, assailant: Assailant) -> Iterator[Batch]:
    with lasting_world(ground, assailant) as world:
        arm(world, "evil", "ls")
        calls = {name: bash(line) for name, line in (REAL | TRICKS).items()}
        yield try_all(world, calls | RAW)


@pytest.fixture(scope="module")
def asked(ground: Path, assailant: Assailant) -> Iterator[Batch]:
    """Every line in ask mode, where nobody can be asked."""
    yield from _armed(ground, assailant)


@pytest.mark.parametrize("name", REAL)
def test_a_line_that_only_looks_like_reading_does_not_run(asked: Batch, name: str) -> None:
    asked.held(name)
    assert asked.tried[name].ending == "refused", asked.tried[name]


@pytest.mark.parametrize("name", [*TRICKS, *RAW])
def test_no_odd_character_or_program_gets_a_line_past_the_question(asked: Batch, name: str) -> None:
    asked.held(name)
    assert asked.tried[name].ending in {"refused", "failed"}, asked.tried[name]


def test_every_refusal_names_the_command_on_one_line(asked: Batch) -> None:
    lines = asked.outcome.err.splitlines()
    assert sum(line.startswith("dsterm: not allowed: bash ") for line in lines) >= len(REAL)
    assert all(line.startswith("dsterm: ") for line in lines)


def test_the_lines_are_real(ground: Path, assailant: Assailant) -> None:
    with lasting_world(ground, assailant) as world:
        arm(world, "evil", "ls")
        batch = try_all(world, {name: bash(line) for name, line in REAL.items()}, mode="auto")
        missing = [name for name in REAL if not batch.left_mark(name)]
        assert missing == [], [batch.tried[name].result[-200:] for name in missing]


PROGRAM = "checkit"
# With the rule `checkit …` kept, all of these still ask.
PAST_A_RULE = {
    "a second command": "checkit; ./evil {m}",
    "a second command after an and": "checkit && ./evil {m}",
    "a second command after an or": "checkit || ./evil {m}",
    "a second line": "checkit\n./evil {m}",
    "a pipe": "checkit | ./evil {m}",
    "in the background": "checkit & ./evil {m}; wait",
    "a substitution": "checkit $(./evil {m})",
    "backticks": "checkit `./evil {m}`",
    "a process substitution": "checkit <(./evil {m})",
    "a redirection": "checkit > {m}",
    "a redirection of errors": "checkit 2>> {m}",
    "a here-document": "checkit <<EOF\n$(./evil {m})\nEOF",
    "a path of its own": "PATH=. checkit {m}",
    "a variable for it": "PYTHONPATH=. checkit {m}",
    "a path before it": "export PATH=.:$PATH; checkit {m}",
    "a function in its place": "checkit() { ./evil {m}; }; checkit",
    "an alias in its place": "shopt -s expand_aliases\nalias checkit=./evil\ncheckit {m}",
    "a table of programs": "hash -p ./evil checkit; checkit {m}",
    "a longer name": "checkitx {m}",
    "the same name in the workspace": "./checkit {m}",
    "the same name by a path": "$PWD/checkit {m}",
    "the same name under a wrapper": "env PATH=. checkit {m}",
    "a shell that runs it": "bash -c 'checkit; ./evil {m}'",
    "another workdir and a path": "cd src; PATH=.. checkit {m}",
    "an argument that is computed": "checkit $HOME {m}",
    "a pattern": "checkit * {m}",
}


@pytest.fixture(scope="module")
def ruled(ground: Path, assailant: Assailant) -> Iterator[Batch]:
    """A program outside the workspace with a rule, and its namesake inside."""
    with lasting_world(ground, assailant) as world:
        arm(world, "evil", PROGRAM, PROGRAM + "x", "src/" + PROGRAM)
        real = world.folder / "bin" / PROGRAM
        real.parent.mkdir()
        real.write_text("#!/bin/sh\necho all checked\n")
        real.chmod(0o755)
        world.environment["PATH"] = f"{real.parent}:{world.environment['PATH']}"
        world.trust.keep_rule(world.repo, CommandRule(words=(PROGRAM,)))
        lines = {**PAST_A_RULE, "the rule itself": "checkit --fast {m}"}
        yield try_all(world, {name: bash(line) for name, line in lines.items()})


@pytest.mark.parametrize("name", PAST_A_RULE)
def test_a_kept_rule_lets_nothing_else_run(ruled: Batch, name: str) -> None:
    ruled.held(name)
    assert ruled.tried[name].ending == "refused", ruled.tried[name]


def test_a_kept_rule_lets_run_what_it_says(ruled: Batch) -> None:
    tried = ruled.tried["the rule itself"]
    assert (tried.ending, tried.result) == ("done", "all checked")
    ruled.held("the rule itself")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("git", "commit"), "git -c core.editor='./evil {m}' commit"),
        (("git", "fetch"), "git fetch --upload-pack='./evil {m}' ."),
        (("git", "diff"), "git diff --output={m}"),
        (("make", "check"), "make check SHELL=./evil -f {m}"),
        (("python3", "-m", "pytest"), "python3 -m pytestx {m}"),
        (("npm", "run", "test"), "npm run testing {m}"),
        (("find",), "find . -maxdepth 0 -exec ./evil {m} ;"),
        (("env",), "env ./evil {m}"),
        (("bash",), "bash -c './evil {m}'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_the_words_of_a_rule_say_what_runs(world, words, line):
    arm(world, "evil")
    for confinement in (Confinement.SANDBOX, Confinement.NETWORK):
        world.trust.keep_rule(world.repo, CommandRule(words=words, confinement=confinement))
    batch = try_all(world, {"it": bash(line)})
    batch.held("it")
    assert batch.tried["it"].ending == "refused", batch.tried


def test_a_rule_for_the_sandbox_is_none_outside_of_it(world):
    arm(world, "evil")
    world.trust.keep_rule(world.repo, CommandRule(words=("touch",)))
    batch = try_all(world, {"it": bash("touch {m}")}, "--no-sandbox")
    batch.held("it")
    assert batch.tried["it"].ending == "refused"


def test_a_rule_of_one_project_is_none_in_another(world):
    world.trust.keep_rule(world.outside, CommandRule(words=("touch",)))
    world.trust.keep_rule(world.folder, CommandRule(words=("touch",)))
    batch = try_all(world, {"it": bash("touch {m}")})
    batch.held("it")
    assert batch.tried["it"].ending == "refused"
