"""`dsterm needles`: facts hidden in a long text are asked back, so that one sees how far a model sees. The price comes first."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec

from dsterm.boot.circumstances import SystemClock
from dsterm.boot.connections import require_key
from dsterm.boot.known_keys import KnownKeys
from dsterm.boot.models_command import plan_of
from dsterm.boot.needles_report import Outcome, outcome_lines, table_lines, written_report
from dsterm.boot.needles_run import Check, run_check
from dsterm.context.haystack import build_haystack
from dsterm.context.window import LEAST_OUTPUT, output_room
from dsterm.core.errors import DiskError, DstermError, UsageError
from dsterm.core.models import ModelCard, Usage
from dsterm.core.pricing import cost_of
from dsterm.flags import Parser, read_dollars
from dsterm.llm.tokens import V4Counter
from dsterm.render.clean import clean_line
from dsterm.render.wording import format_count, format_money

_SIZES = "100k,300k,600k,900k"
_BESIDE_TOKENS = 8_000
"""About as many are sent beside the text: the system text, the tools, the question."""

_ANSWER_TOKENS = 2_000
_NEEDLE_ANSWER_TOKENS = 60
"""About as many are answered, with the reasoning, and for each needle besides; only the price goes by it."""

_EPILOG = """\
A text of its own is made for each size: sentences put together at random from tables of words, the same for the same
--seed. Facts ("the code of the amber-heron-42 is 4190283") are spread evenly over it. It is attached as a user would
attach it, frozen, in a folder that no tool reaches, and all facts are asked back in one question, as JSON. An exact
value is found; "unknown" is missed; anything else is wrong.

  dsterm needles --demo --tokens 20k          try it for nothing; the demo searches the text, it is no model
  dsterm needles --tokens 100k                one size, on Flash: a cent or two
  dsterm needles --model pro --mode think-max --budget 2 --json needles.json
"""


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What a run needs of the machine: `ask` puts a question to the user, None where nobody is there."""

    environment: Mapping[str, str]
    write: Callable[[str], object]
    ask: Callable[[str], bool] | None


def run_needles(words: list[str]) -> int:
    """Run `dsterm needles` with the flags in `words`: 1 where not all was found, 130 after Ctrl+C, which keeps what was done."""

    def ask(question: str) -> bool:
        try:
            return input(question).strip().casefold() in {"y", "yes"}
        except EOFError:
            return False

    is_asked = sys.stdin.isatty() and sys.stdout.isatty()
    around = Around(
        environment=dict(os.environ),
        write=lambda line: print(clean_line(line), flush=True),
        ask=ask if is_asked else None,
    )
    return check_needles(build_needles_parser().parse_args(words), around)


def build_needles_parser() -> argparse.ArgumentParser:
    """The flags of the command."""
    parser = Parser(
        prog="dsterm needles",
        description="How far back in its window does a model still see? Hide facts in a long text and ask for them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--tokens", type=_sizes, default=_sizes(_SIZES), metavar="N,N", help=f"sizes of the text (default: {_SIZES})"
    )
    parser.add_argument("--needles", type=int, default=11, metavar="N", help="facts in each text (default: 11)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another one makes another text (default: 0)")
    parser.add_argument("-m", "--model", default="flash", metavar="pro|flash|ID", help="who is asked (default: flash)")
    parser.add_argument("--mode", default="non-think", metavar="non-think|think|think-max", help="default: non-think")
    parser.add_argument("--provider", metavar="NAME", help="default: your own")
    parser.add_argument("--base-url", metavar="URL", help="another address for that provider's API")
    parser.add_argument("--demo", action="store_true", help="ask the demo, which searches the text and costs nothing")
    parser.add_argument("--budget", type=read_dollars, metavar="USD", help="stop before all of it costs more")
    parser.add_argument("--yes", action="store_true", help="don't ask whether to go on")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was found out there, too")
    return parser


def check_needles(flags: argparse.Namespace, around: Around) -> int:
    """What `run_needles` does, with what it needs of the machine handed over."""
    keys = KnownKeys()
    try:
        return _check(flags, around, keys)
    except DstermError as error:
        sys.stderr.write(f"dsterm: {clean_line(keys.redact(str(error)))}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _check(flags: argparse.Namespace, around: Around, keys: KnownKeys) -> int:
    if flags.demo and (flags.provider or flags.base_url):
        raise UsageError("--demo is a provider of its own; leave out --provider and --base-url.")
    plan = plan_of("demo" if flags.demo else flags.provider, flags.base_url, around.environment)
    keys.learn(plan.environment, plan.paths)
    from dsterm.boot.catalogs import open_catalog

    catalog, _ = open_catalog(plan)
    provider = catalog.provider(plan.config.provider)
    model = catalog.model(provider.name, flags.model)
    if not provider.is_demo:
        require_key(plan, provider)
    _require_room(flags.tokens, model)
    most = _announce(flags, around, model, provider.title)
    if flags.budget is not None and most is not None and most > flags.budget:
        around.write(f"That may be over the budget of {format_money(flags.budget)}: it stops before it would pass it.")
    if provider.is_demo:
        around.write("It is the demo's play money: nothing is owed. The demo searches the text, it is no model.")
    elif not flags.yes:
        if around.ask is None:
            raise UsageError("This costs money and nobody is here to be asked; add --yes if that is all right.")
        if not around.ask("Go on? [y/N] "):
            return 0
    outcomes, is_stopped = _run_all(flags, around, model)
    for line in table_lines(outcomes):
        around.write(line)
    if flags.json is not None:
        _write(flags.json, written_report(outcomes, model.id, flags.mode, flags.seed))
    if is_stopped:
        return 130
    return int(any(outcome.problem or outcome.missing for outcome in outcomes) or len(outcomes) < len(flags.tokens))


def _run_all(flags: argparse.Namespace, around: Around, model: ModelCard) -> tuple[list[Outcome], bool]:
    """What was found out, and whether Ctrl+C ended it."""
    counter = V4Counter()
    outcomes: list[Outcome] = []
    spent = Decimal(0)
    for tokens in flags.tokens:
        left = None if flags.budget is None else flags.budget - spent
        expected = _dollars(tokens, flags.needles, model)
        if left is not None and (left <= 0 or (expected is not None and expected > left)):
            around.write(
                f"Stopped before {tokens:,} tokens: about {format_money(expected)} is more than the budget has left."
            )
            break
        try:
            around.write(f"{tokens:,} tokens: made, attached, asked …")
            haystack = build_haystack(tokens, flags.needles, flags.seed, counter.count_exactly)
            with tempfile.TemporaryDirectory(prefix="dsterm-needles-") as folder:
                check = Check(tokens=tokens, haystack=haystack, words=_words(flags, left), folder=Path(folder))
                outcome = run_check(check)
        except KeyboardInterrupt:
            around.write("Stopped.")
            return outcomes, True
        outcomes.append(outcome)
        spent += outcome.dollars
        for line in outcome_lines(outcome):
            around.write(line)
    return outcomes, False


def _words(flags: argparse.Namespace, left: Decimal | None) -> tuple[str, ...]:
    """The flags of dsterm that say whom to ask and how."""
    words = [f"--model={flags.model}", f"--mode={flags.mode}"]
    words += ["--demo"] if flags.demo else []
    words += [f"--provider={flags.provider}"] if flags.provider else []
    words += [f"--base-url={flags.base_url}"] if flags.base_url else []
    return (*words, f"--budget={left}") if left is not None else tuple(words)


def _announce(flags: argparse.Namespace, around: Around, model: ModelCard, provider: str) -> Decimal | None:
    """Say what it may cost, and return it."""
    sizes = ", ".join(f"{tokens:,}" for tokens in flags.tokens)
    around.write(
        f"{format_count(len(flags.tokens), 'request')} to {provider} as {model.id}, {flags.mode}: texts of {sizes} tokens with"
        f" {format_count(flags.needles, 'needle')} each."
    )
    known = [_dollars(tokens, flags.needles, model) for tokens in flags.tokens]
    if any(one is None for one in known):
        around.write("What they cost is not known: the catalog has no price.")
        return None
    total = sum((one for one in known if one is not None), Decimal(0))
    around.write(f"They cost about {format_money(total)}, with nothing cached; long reasoning costs more.")
    return total


def _dollars(tokens: int, needles: int, model: ModelCard) -> Decimal | None:
    usage = Usage(
        prompt_tokens=tokens + _BESIDE_TOKENS, completion_tokens=_ANSWER_TOKENS + needles * _NEEDLE_ANSWER_TOKENS
    )
    cost = cost_of(usage, model.price_at(SystemClock().now()))
    return None if cost is None else cost.total


def _require_room(sizes: Sequence[int], model: ModelCard) -> None:
    for tokens in sizes:
        room = output_room(model, tokens + _BESIDE_TOKENS)
        if room < LEAST_OUTPUT:
            raise UsageError(
                f"A text of {tokens:,} tokens leaves no room for an answer in the window of {model.context_window:,} of"
                f" {model.short_title}; it is about {LEAST_OUTPUT - room:,} too many."
            )


def _sizes(text: str) -> tuple[int, ...]:
    sizes = []
    for word in text.split(","):
        number = word.strip().casefold().replace("_", "")
        factor = 1_000 if number.endswith("k") else 1_000_000 if number.endswith("m") else 1
        digits = number.rstrip("km") if factor > 1 else number
        if not digits.isascii() or not digits.isdigit():
            raise argparse.ArgumentTypeError("takes numbers of tokens with commas between, like 100k,300k")
        sizes.append(int(digits) * factor)
    return tuple(sizes)


def _write(path: Path, data: bytes) -> None:
    try:
        path.expanduser().write_bytes(data)
    except OSError as error:
        raise DiskError(f"Can't write {path}: {(error.strerror or 'it failed').lower()}.") from error
