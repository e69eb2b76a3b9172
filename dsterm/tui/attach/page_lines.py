"""What stands above and below the tree: the source and its state, what is ticked, what it costs, whether it fits, the keys."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dsterm.core.attachments import PackChoice, Preset, Survey, WorkStage, WorkState
from dsterm.render.clean import clean_code, clean_line
from dsterm.render.style import EMPTY, Line, Span, Style, clipped, spread
from dsterm.render.width import cells
from dsterm.render.wording import format_count, format_money, format_share, format_tokens
from dsterm.tui.attach.folders import Folder
from dsterm.tui.attach.row_lines import Scale, by_size, token_words
from dsterm.tui.attach.tree import AttachTree

_BAR_CELLS = 20
_NARROW = 64
_COMMIT = 10
_HIDES_HERE = 116

KEYS: tuple[tuple[str, str], ...] = (
    ("Space", "tick, untick"),
    ("o l f", "outline, name only, full text"),
    ("Up Down  j k", "move; PgUp PgDn Home End"),
    ("Left Right", "close, open a folder"),
    ("/", "filter by words of the path; Enter keeps it, Esc ends it"),
    ("1 2 3 4", "all, source, tests, docs; ticks by hand are forgotten"),
    ("5", "files changed since a commit, branch or tag"),
    ("d", "leave out what is suggested, where it does not fit"),
    ("s", "by name, by tokens"),
    ("t", "tracked files only, or untracked ones too"),
    ("e", "enter a submodule or a repository inside"),
    ("r", "look and count again; counts on after a stop"),
    ("g", "another folder, PATH@REV or URL"),
    ("Enter", "attach what is ticked"),
    ("Esc", "stop the count; end the filter; leave"),
)
_SHORT_KEYS = ("Space tick", "o outline", "l name only", "/ filter", "1-5 presets", "? keys", "Enter attaches", "Esc")

_LEAVES = " leaves"


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """All that the lines around the tree tell. `attached` is what of this source is in the conversation already, in words."""

    source: str
    choice: PackChoice
    survey: Survey | None = None
    work: WorkState | None = None
    is_counted: bool = False
    said: str = ""
    is_trouble: bool = False
    attached: str = ""
    filter: str = ""
    is_by_tokens: bool = False


def head_lines(page: Page, width: int) -> list[Line]:
    """The source and how far its count is; what is ticked by rule, or what there is to say."""
    left = (Span(" attach  ", Style.ACCENT, bold=True), Span(_clean(page.source), bold=True), *_commit(page.survey))
    first = spread(left, _work(page), width)
    said = page.said or page.attached
    if said:
        style = Style.WARNING if page.is_trouble else Style.TEXT
        return [first, Line(clipped((Span(" "), Span(clean_line(said), style)), width))]
    return [first, Line(clipped((Span(" "), Span(_rule_words(page), Style.DIM)), width))]


def foot_lines(
    tree: AttachTree | None, here: Folder | int | None, scale: Scale, lack: tuple[int, Sequence[str]], width: int
) -> list[Line]:
    """The totals, the prices, whether it fits, the row of the cursor, the keys. `lack` is how many tokens too many there are,
    and what would do if it was left out.
    """
    if tree is None:
        return [EMPTY, EMPTY, EMPTY, EMPTY, _keys(width)]
    total = tree.total()
    if total.unknown:
        words = f" {total.files:,} of {format_count(len(tree.files), 'file')} · {total.unknown:,} not counted yet"
        return [Line(clipped((Span(words),), width)), EMPTY, EMPTY, _here(tree, here, scale, width), _keys(width)]
    return [
        _totals(tree, scale, width),
        Line(clipped((Span(" "), *_money(total.tokens, scale, width)), width)),
        _fit(tree, scale, lack, width),
        _here(tree, here, scale, width),
        _keys(width),
    ]


def _clean(text: str) -> str:
    return clean_code(clean_line(text))


def _commit(survey: Survey | None) -> tuple[Span, ...]:
    if survey is None or not survey.commit:
        return ()
    changes = " with changes" if survey.is_dirty else ""
    return (Span(f"  {_clean(survey.commit)[:_COMMIT]}{changes}", Style.DIM),)


def _work(page: Page) -> tuple[Span, ...]:
    work = page.work
    if work is None:
        known = page.survey is not None and not page.is_counted
        return (Span("count stopped; r counts on ", Style.DIM),) if known else ()
    words = clean_line(work.detail) or {WorkStage.FETCHING: "fetching", WorkStage.LISTING: "listing"}.get(
        work.stage, ""
    )
    if work.stage is WorkStage.COUNTING and work.total:
        words = f"{work.done * 100 // work.total} % counted, ~{format_tokens(work.tokens)} tokens"
    return (Span(f"{words or 'counting'} … ", Style.ACCENT), Span("Esc stops ", Style.DIM))


def _rule_words(page: Page) -> str:
    choice = page.choice
    preset = (
        f"changed since {_clean(choice.since) or 'HEAD'}" if choice.preset is Preset.CHANGED else choice.preset.value
    )
    parts = [f"preset {preset}"]
    if choice.tracked_only:
        parts.append("tracked files only")
    parts += [f"with {_clean(each)}" for each in choice.enters]
    parts += [f"only {_clean(each)}" for each in choice.include]
    parts += [f"not {_clean(each)}" for each in choice.exclude]
    if page.is_by_tokens:
        parts.append("by tokens")
    if page.filter.strip():
        parts.append(f"filter: {_clean(page.filter)}")
    return " · ".join(parts)


def _totals(tree: AttachTree, scale: Scale, width: int) -> Line:
    total = tree.total()
    share = total.tokens / scale.window
    filled = min(_BAR_CELLS, round(share * _BAR_CELLS))
    if total.tokens and not filled:
        filled = 1
    style = Style.WARNING if share > 1 else Style.ACCENT
    bar = (
        () if width < _NARROW else (Span("█" * filled, style), Span("░" * (_BAR_CELLS - filled), Style.DIM), Span(" "))
    )
    words = f" {total.files:,} of {format_count(len(tree.files), 'file')} · "
    tokens = f"{token_words(total.tokens, is_guess=total.is_guess)} tokens "
    of = " of the window " if width >= _NARROW else " "
    return spread((Span(words), Span(tokens, bold=True)), (*bar, Span(f"{format_share(share)}{of}")), width)


def _money(tokens: int, scale: Scale, width: int) -> tuple[Span, ...]:
    """What all of it costs for the first send and for each later one, by model."""
    between = "  " if width < _NARROW else "   "
    spans: list[Span] = []
    for prices in by_size(scale.prices):
        first, again = (format_money(dollars) for dollars in prices.dollars(tokens))
        spans += [Span(between if spans else ""), Span(f"{clean_line(prices.title)} ", Style.DIM)]
        if width < _NARROW:
            spans += [Span(first, bold=True), Span(" / ", Style.DIM), Span(again, bold=True)]
        else:
            spans += [
                Span("first ", Style.DIM),
                Span(first, bold=True),
                Span(" again ", Style.DIM),
                Span(again, bold=True),
            ]
    return tuple(spans)


def _fit(tree: AttachTree, scale: Scale, lack: tuple[int, Sequence[str]], width: int) -> Line:
    missing, parts = lack
    if not missing:
        return Line(
            clipped((Span(" "), Span("fits", Style.SUCCESS), Span(" beside what is in the window", Style.DIM)), width)
        )
    guess = "about " if tree.total().is_guess else ""
    title = clean_line(scale.prices[0].title) if scale.prices else "the model"
    words = f"does not fit {title} by {guess}{format_tokens(missing)} tokens"
    advice = f"; d leaves out {', '.join(map(_clean, parts))}" if parts else "; untick something, or take outlines"
    return Line(clipped((Span(" "), Span(words, Style.WARNING, bold=True), Span(advice)), width))


def _here(tree: AttachTree, here: Folder | int | None, scale: Scale, width: int) -> Line:
    """The path of the cursor's row, and where rows have no room for them its prices."""
    if here is None:
        return EMPTY
    path = tree.files[here].path if isinstance(here, int) else here.path
    left = (Span(" "), Span(_clean(path) or "everything", Style.DIM))
    summed = tree.sum(here)
    tokens = summed.tokens if summed.files else summed.all_tokens
    if width >= _HIDES_HERE or not tokens or (summed.unknown if summed.files else summed.all_unknown):
        return Line(clipped(left, width))
    money = [
        f"{clean_line(prices.title)} " + " / ".join(format_money(dollars) for dollars in prices.dollars(tokens))
        for prices in by_size(scale.prices)
    ]
    words = "  ".join(money)
    if cells(words) > width * 2 // 3 and scale.prices:
        # The path keeps a third: the chosen model's prices must do.
        words = money[by_size(scale.prices).index(scale.prices[0])]
    return spread(left, (Span(f"{words} ", Style.DIM),), width)


def _keys(width: int) -> Line:
    keys = list(_SHORT_KEYS)
    while len(keys) > 2 and sum(len(key) + 3 for key in keys) + len(_LEAVES) > width:
        del keys[-4 if len(keys) > 3 else 0]
    spans = [Span(" ")]
    for key in keys:
        name, _, words = key.partition(" ")
        spans += [Span(name, Style.ACCENT, bold=True), Span(f" {words}   " if words else _LEAVES, Style.DIM)]
    return Line(clipped(tuple(spans), width))
