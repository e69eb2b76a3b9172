"""What attaching says: how far it is, and at its end what it means in tokens and dollars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dsterm.context.choice import levels
from dsterm.context.pack_content import PackSource
from dsterm.context.pack_quote import PackQuote
from dsterm.context.path_globs import idle_globs
from dsterm.context.repo_pack import BuiltPack
from dsterm.core.attachments import Level, WorkStage, WorkState
from dsterm.core.left_out_reasons import NOT_CHOSEN
from dsterm.render.wording import format_count, format_money, format_share, format_tokens

_BYTES_PER_TOKEN = 3.6
"""About, for files that were not counted because they stay out anyway."""


def work_words(source: str, state: WorkState) -> str:
    """How far the work on `source` is, for people."""
    counted = f"{state.done:,} of {state.total:,} files" if state.total else ""
    tokens = f"{format_tokens(state.tokens)} tokens" if state.tokens else ""
    more = [state.detail]
    match state.stage:
        case WorkStage.FETCHING:
            words = f"fetching {source}"
        case WorkStage.LISTING:
            words = f"listing {source}"
            more.append(format_count(state.done, "file") if state.done else "")
        case WorkStage.COUNTING:
            words = f"counting {source}"
            more += [counted, tokens]
        case WorkStage.WRITING:
            words = f"reading {source}"
            more += [counted, tokens]
    told = ", ".join(filter(None, more))
    return f"{words}: {told}" if told else words


def announcement(built: BuiltPack, source: PackSource, quotes: Sequence[PackQuote]) -> str:
    """What was attached, what it costs, what was left out; `quotes` begin with the model that is chosen."""
    pack = built.pack
    commit = f" at {pack.commit[:10]}{' with changes' if pack.is_dirty else ''}" if pack.commit else ""
    prices = ", ".join(f"{quote.title} {_price(quote)}" for quote in quotes)
    fits = "".join(f" It does not fit {quote.title} any more." for quote in quotes if not quote.fits)
    lines = [
        f"Attached {pack.source}{commit}: {_files(built)}, {format_tokens(pack.tokens)} tokens, "
        f"{format_share(quotes[0].share)} of the window. The first send and each later one, while the provider's cache holds "
        f"it, cost: {prices}.{fits}"
    ]
    wanted = levels(source.survey, source.choice)
    pairs = zip(wanted, source.levels, strict=True)
    without = sum(one is Level.OUTLINE and other is Level.LISTED for one, other in pairs)
    if without:
        lines.append(f"No outline could be made of {format_count(without, 'file')}; listed by name.")
    if left_out := left_out_words(source):
        lines.append(f"Left out: {left_out}.")
    if idle := idle_words([source]):
        lines.append(idle)
    return " ".join(lines)


def left_out_words(source: PackSource) -> str:
    """What was left out, by reason; empty where nothing was."""
    return ", ".join(_reasons(source))


def idle_words(sources: Sequence[PackSource]) -> str:
    """Which globs fit no file of any source, so that one mistyped isn't paid for; empty where all do."""
    globs = dict.fromkeys(glob for source in sources for glob in (*source.choice.include, *source.choice.exclude))
    idle = idle_globs(list(globs), [file.path for source in sources for file in source.survey.files])
    return f"No file fits {', '.join(idle)}." if idle else ""


def _price(quote: PackQuote) -> str:
    first, again = (format_money(dollars, is_estimate=True) for dollars in (quote.miss_dollars, quote.hit_dollars))
    return f"{first} and {again}" if quote.miss_dollars is not None else "at an unknown price"


def _files(built: BuiltPack) -> str:
    packed = [file.level for file in built.manifest.files]
    outlined, listed = packed.count(Level.OUTLINE), packed.count(Level.LISTED)
    parts = [f"{outlined:,} as outlines"] if outlined else []
    parts += [f"{listed:,} more by name"] if listed else []
    return format_count(built.pack.files, "file") + (f" ({', '.join(parts)})" if parts else "")


def _reasons(source: PackSource) -> Iterator[str]:
    """Each reason with its files and their tokens, most files first."""
    counts: dict[str, int] = {}
    tokens: dict[str, float] = {}
    guessed: set[str] = set()
    for file, level in zip(source.survey.files, source.levels, strict=True):
        if level is not Level.OUT:
            continue
        reason = file.reason or NOT_CHOSEN
        counts[reason] = counts.get(reason, 0) + 1
        if file.tokens < 0:
            guessed.add(reason)
        tokens[reason] = tokens.get(reason, 0) + (
            file.tokens if file.tokens >= 0 else max(0, file.size) / _BYTES_PER_TOKEN
        )
    for left in source.survey.named:
        counts[left.reason] = counts.get(left.reason, 0) + 1
    for reason in sorted(counts, key=lambda one: (-counts[one], one)):
        size = round(tokens.get(reason, 0))
        about = "~" if reason in guessed else ""
        yield f"{counts[reason]:,} {reason}" + (
            f" ({about}{format_tokens(size)} tokens)" if size and reason != "binary" else ""
        )
