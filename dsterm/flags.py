"""Every flag of the program, with the help that teaches it. Imports argparse and nothing of dsterm but its version."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from dsterm import __version__

_DESCRIPTION = """\
A chat and coding assistant in the terminal for DeepSeek V4 Pro and V4 Flash.

  dsterm                          the screen, in this folder
  dsterm --demo                   look round without a key: a real server, no model
  dsterm -p "why does X fail?"    one answer on standard output
  git diff | dsterm -p "review"   the same, with more on standard input
  dsterm pack . > pack.txt        the text that --attach sends, and what it costs
  dsterm needles --tokens 100k    how far back in its window a model still sees; says the price first
  dsterm models                   prices, limits and modes, and where they are from
  dsterm doctor                   is everything in place, and does the sandbox hold?
"""

_EPILOG = """\
keys       DSTERM_API_KEY, else the provider's own: NOVITA_API_KEY, DEEPSEEK_API_KEY, OPENROUTER_API_KEY, ...
settings   config.toml in ~/.config/dsterm (DSTERM_HOME moves everything into one folder)
exit codes 0 answered · 1 failed · 2 wrong usage or settings · 3 stopped by budget or --max-turns ·
           4 the answer is not the JSON that was asked for · 130 interrupted
"""


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong."""

    def error(self, message: str) -> NoReturn:
        """Say it on standard error and leave with exit code 2."""
        text, hint = message.removeprefix("argument "), f"See {self.prog} --help."
        unknown = re.match(r"unrecognized arguments: (\S+)", text)
        if unknown and not unknown[1].startswith("-"):
            text, hint = f"there is more than one prompt: {unknown[1]}", "Put the prompt in quotation marks."
        elif unknown:
            flag = unknown[1].partition("=")[0]
            text = f"there is no flag {flag}"
            near = difflib.get_close_matches(flag, self._option_string_actions, n=1)
            hint = f"Did you mean {near[0]}?" if near else hint
        shown = "".join(character if character.isprintable() else "?" for character in text)
        sys.stderr.write(f"dsterm: {shown}. {hint}\n")
        raise SystemExit(2)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = Parser(
        prog="dsterm",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("prompt", nargs="?", help="what to ask; without -p the screen opens and asks it")
    parser.add_argument("-V", "--version", action="version", version=f"dsterm {__version__}")
    _add_model_flags(parser)
    _add_work_flags(parser)
    _add_session_flags(parser)
    _add_headless_flags(parser)
    return parser


def _add_model_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("model")
    group.add_argument("-m", "--model", metavar="pro|flash|ID", help="which model answers (default: pro)")
    group.add_argument("--mode", metavar="non-think|think|think-max", help="how much it reasons first (default: think)")
    group.add_argument(
        "--provider",
        metavar="NAME",
        help="novita (default), deepseek, siliconflow, deepinfra, openrouter; on your own machine llamacpp, vllm, sglang, "
        "ollama; any other server: custom, with --base-url",
    )
    group.add_argument(
        "--base-url", metavar="URL", help="another address for that provider's API, as a server of your own"
    )
    group.add_argument(
        "--fallback",
        action="append",
        default=[],
        metavar="PROVIDER/MODEL",
        help="who goes on, unasked, when that provider is overloaded or out of reach; several are tried in turn",
    )
    group.add_argument(
        "--demo", action="store_true", help="talk to the demo provider: a real server on this machine, no model"
    )


def _add_work_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("work")
    group.add_argument("-C", "--cwd", metavar="DIR", help="the folder to work in (default: the current one)")
    group.add_argument("--cd", dest="cwd", help=argparse.SUPPRESS)
    group.add_argument(
        "--attach",
        action="append",
        default=[],
        metavar="PATH",
        help="put a folder, a file or a git repo into the window: PATH, PATH@REV or URL; several with several --attach",
    )
    add_choice_flags(group)
    group.add_argument(
        "--add-dir",
        dest="add_dirs",
        action="append",
        default=[],
        metavar="DIR",
        help="another folder that tools may use, beside this one",
    )
    group.add_argument(
        "--trust",
        action="store_true",
        help="say that you trust this folder: its own settings are read, and /commit works",
    )
    group.add_argument(
        "--no-sandbox",
        action="store_true",
        help="run commands without the sandbox; each of them then asks",
    )
    group.add_argument(
        "--allow-network",
        action="store_true",
        help="give sandboxed commands the network",
    )
    group.add_argument(
        "--permission-mode",
        metavar="MODE",
        help="ask (default), accept-edits, auto (sandboxed commands run), plan (nothing runs), yolo (nothing asks)",
    )
    for flag, alias, text in (
        ("--allowed-tools", "--allowedTools", "tools that need no question, as edit,write,bash (in the sandbox)"),
        ("--disallowed-tools", "--disallowedTools", "tools that never run"),
    ):
        group.add_argument(flag, action="append", default=[], metavar="TOOLS", help=text)
        group.add_argument(alias, action="append", dest=flag[2:].replace("-", "_"), help=argparse.SUPPRESS)
    group.add_argument("--append-system-prompt", metavar="TEXT", help="more for the system text")
    group.add_argument("--budget", type=read_dollars, metavar="USD", help="stop before this run costs more")
    group.add_argument("--max-budget-usd", dest="budget", type=read_dollars, help=argparse.SUPPRESS)


def add_choice_flags(group: argparse._ArgumentGroup) -> None:
    """The flags that say what of a source is taken."""
    group.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="GLOB",
        help="of what is attached, only such files: '*.py', src/",
    )
    group.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="GLOB",
        help="of what is attached, no such files: tests/, '*.sql'",
    )
    group.add_argument("--tracked-only", action="store_true", help="attach no files that git doesn't know")


def _add_session_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("session")
    group.add_argument(
        "-c", "--continue", dest="resume_latest", action="store_true", help="go on with the last session of this folder"
    )
    group.add_argument("-r", "--resume", metavar="ID", help="go on with session ID (its beginning is enough)")
    group.add_argument(
        "--allow-urls",
        action="store_true",
        help="fetch pages that a prompt mentions, as in @https://…; each asks first",
    )
    group.add_argument("--no-instructions", action="store_true", help="read no AGENTS.md")
    group.add_argument("--no-save", action="store_true", help="keep nothing of this session on disk")
    group.add_argument("--theme", metavar="NAME", help="colours of the screen")
    group.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    group.add_argument("--debug", action="store_true", help="log requests and responses, redacted, in the state folder")


def _add_headless_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("one answer, no screen")
    group.add_argument(
        "-p", "--print", dest="headless", action="store_true", help="print the answer and exit; asks nothing"
    )
    group.add_argument(
        "--output-format",
        choices=("text", "json", "stream-json"),
        metavar="text|json|stream-json",
        help="default: text",
    )
    group.add_argument(
        "--json-schema",
        metavar="FILE",
        help="the answer is JSON that fits this schema, checked here; exit code 4 if not",
    )
    group.add_argument("--json-object", action="store_true", help="the answer is a JSON object, whatever is in it")
    group.add_argument("--max-turns", type=_count, metavar="N", help="stop after N model requests")


def read_dollars(text: str) -> Decimal:
    """An amount in US dollars, as a flag takes it."""
    try:
        amount = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount <= 0:
        raise argparse.ArgumentTypeError("takes an amount in US dollars above 0, like 0.50")
    return amount


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("takes a whole number from 1")
    return int(text)
