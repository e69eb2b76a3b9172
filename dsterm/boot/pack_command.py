"""`dsterm pack`: the text that attaching would send, on standard output, and what it costs, on standard error."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from dsterm.boot.assembly import open_git, open_sources
from dsterm.boot.pack_report import tell_figures
from dsterm.boot.plan import plan_launch
from dsterm.context.choice import folder_sums, levels
from dsterm.context.pack_content import PackContent, PackSource
from dsterm.context.pack_markup import write_markdown, write_xml
from dsterm.context.pack_text import write_text
from dsterm.context.path_globs import compile_globs
from dsterm.context.repo_pack import arrange_files
from dsterm.core.attachments import Level, PackChoice, Survey, WorkState
from dsterm.core.errors import ContextOverflow, DiskError, DstermError
from dsterm.core.services import Outline, SourceReader
from dsterm.engine.attaching.announcement import work_words
from dsterm.engine.attaching.counting import count_source, count_text
from dsterm.engine.attaching.packing import gather
from dsterm.engine.attaching.words import with_preset
from dsterm.flags import Parser, add_choice_flags, build_parser
from dsterm.headless.standard_output import tell
from dsterm.llm.tokens import V4Counter
from dsterm.render.clean import clean, clean_line
from dsterm.render.outline import TokenOutline
from dsterm.store.token_counts import TokenCounts

_DESCRIPTION = """\
Write the text that --attach would send: every file after its path, then a table of them. Needs neither key nor session.
Binary, generated, vendored, minified and very large files, lock files and what looks secret stay out, each with its reason.

  dsterm pack . > pack.txt                    this folder, without what git ignores
  dsterm pack .@v1.2 --preset source          as committed at a revision, the code alone
  dsterm pack src docs --exclude '*.svg'      two folders, one after the other
  dsterm pack . --since main --format xml     the files that differ from a branch
  dsterm pack . --outline tests/ -o pack.md --format markdown
"""
_EPILOG = """\
A glob reads as in .gitignore: *.py at any depth, /*.py here only, docs/ all in such a folder, src/**/*.ts. One that names a file
exactly takes it in although something speaks against it.
exit codes 0 written · 1 failed · 2 wrong usage · 130 interrupted
"""
_MOST_TOKENS = 16_000_000
"""More than any window holds, and about as much as should be put together in memory."""

_SECONDS_BETWEEN = 0.1


@dataclass(frozen=True)
class _Parts:
    """What attaching needs, without an engine."""

    sources: SourceReader
    counter: V4Counter
    token_counts: TokenCounts
    outline: Outline


def pack(words: list[str]) -> int:
    """Run `dsterm pack` with the flags in `words`; the exit code."""
    flags = _parser().parse_args(words)
    try:
        asyncio.run(_run(flags, dict(os.environ)))
    except DstermError as error:
        _clear_progress()
        tell(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _clear_progress()
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="dsterm pack",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="a folder, a file, PATH@REV or the address of a repository"
    )
    chosen = parser.add_argument_group("what goes in")
    add_choice_flags(chosen)
    chosen.add_argument("--preset", metavar="NAME", help="all (default), source, tests, docs or changed")
    chosen.add_argument("--since", metavar="REV", help="only files that differ from this revision")
    chosen.add_argument(
        "--outline", action="append", default=[], metavar="GLOB", help="of such files the signatures only, not the text"
    )
    written = parser.add_argument_group("how it is written")
    written.add_argument(
        "--format",
        choices=("text", "markdown", "xml"),
        default="text",
        help="text (default) is what is sent to the model",
    )
    written.add_argument("-o", "--output", metavar="FILE", help="write there instead of to standard output")
    written.add_argument(
        "--table",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="tokens, share of the window and dollars by folder on standard error (default: yes)",
    )
    return parser


async def _run(flags: argparse.Namespace, environment: Mapping[str, str]) -> None:
    plan = plan_launch(build_parser().parse_args(["-p", "--no-save"]), environment)
    parts = _Parts(
        sources=open_sources(plan, open_git(plan)),
        counter=V4Counter(),
        token_counts=TokenCounts(plan.paths.token_counts),
        outline=TokenOutline(),
    )
    choice = _choice(flags)
    gathered = [await _gather(parts, source, choice, flags.outline) for source in flags.paths]
    contents = await asyncio.to_thread(lambda: [arrange_files(one) for one in gathered])
    texts = await asyncio.to_thread(lambda: [write_text(content)[0] for content in contents])
    tokens = await asyncio.to_thread(lambda: sum(count_text(parts, text) for text in texts))
    _clear_progress()
    is_shown = flags.output is None and sys.stdout.isatty()
    if flags.table and not is_shown:
        tell_figures(plan, gathered, tokens)
    _write(flags.output, _formatted(flags.format, contents, texts), is_shown=is_shown)
    if flags.table and is_shown:
        tell_figures(plan, gathered, tokens)


def _choice(flags: argparse.Namespace) -> PackChoice:
    choice = PackChoice(include=tuple(flags.include), exclude=tuple(flags.exclude), tracked_only=flags.tracked_only)
    return with_preset(choice, flags.preset or "", flags.since or "")


async def _gather(parts: _Parts, source: str, choice: PackChoice, outlined: Sequence[str]) -> PackSource:
    say = _progress(source)
    survey = await count_source(parts, source, choice, say)
    if outlined:
        choice = replace(choice, levels=_outlined(survey, choice, outlined))
    total = folder_sums(survey, levels(survey, choice))[""]
    if total.tokens > _MOST_TOKENS:
        raise ContextOverflow(
            f"{source} has {total.tokens:,} tokens in {total.taken:,} files, too many for one text. Take a part of it with"
            " --include GLOB or --exclude GLOB."
        )
    return await gather(parts, survey, choice, say)


def _outlined(survey: Survey, choice: PackChoice, globs: Sequence[str]) -> dict[str, Level]:
    """OUTLINE for the files that fit, of those that go in at all."""
    fits = compile_globs(globs)
    pairs = zip(survey.files, levels(survey, choice), strict=True)
    return {file.path: Level.OUTLINE for file, level in pairs if level is not Level.OUT and fits(file.path)}


def _formatted(form: str, contents: Sequence[PackContent], texts: Sequence[str]) -> str:
    if form == "xml":
        return write_xml(contents)
    if form == "markdown":
        return "\n".join(write_markdown(content) for content in contents)
    return "\n".join(texts)


def _write(output: str | None, text: str, *, is_shown: bool) -> None:
    """Every byte as it is, but for a terminal, which would obey some of them."""
    if output is not None:
        try:
            Path(output).expanduser().write_bytes(text.encode())
        except OSError as error:
            raise DiskError(f"Can't write {output}: {(error.strerror or 'it failed').lower()}.") from error
    elif is_shown:
        sys.stdout.write(clean(text))
        sys.stdout.flush()
    else:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()


def _progress(source: str) -> Callable[[WorkState], None]:
    """Shows on one line how far it is, where somebody looks on."""
    shown_at = 0.0

    def say(state: WorkState) -> None:
        nonlocal shown_at
        now = time.monotonic()
        if sys.stderr.isatty() and now - shown_at > _SECONDS_BETWEEN:
            shown_at = now
            columns = os.get_terminal_size(sys.stderr.fileno()).columns
            sys.stderr.write(f"\r\x1b[K{clean_line(work_words(source, state))[: max(1, columns - 1)]}")
            sys.stderr.flush()

    return say


def _clear_progress() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
