"""The window's edge: where the next request does not fit, old results are pruned, then what is old is summed up, and it goes on.

At most once for a request: where it does not fit then either, the words say what fills the window and what to do.
"""

from __future__ import annotations

from itertools import takewhile

from dsterm.context.compaction import prunable, stays_in_front
from dsterm.core.context_events import Compacted, ResultsPruned
from dsterm.core.errors import ContextOverflow, DstermError
from dsterm.core.events import MessageAdded, NoticeLevel, TurnEnded, TurnStarted
from dsterm.core.messages import AssistantMessage
from dsterm.core.provider import Failure
from dsterm.engine.compacting.compact import prune, quote_words, replace_by_summary, results_to_prune
from dsterm.engine.compacting.fitting import has_room
from dsterm.engine.compacting.plan import plan_compaction, quoted, tokens_when_pruned, weigher
from dsterm.engine.compacting.summary import ways
from dsterm.engine.live import LiveSession
from dsterm.engine.steps.requests import PlannedRequest, forecast_next, next_request
from dsterm.render.wording import format_tokens

_FULL_PERCENT = 80
"""Where pruning alone gets the prompt below this share of the window, it is enough for a while."""


async def request_at_edge(live: LiveSession) -> PlannedRequest | TurnEnded:
    """The next request, which leaves an answer too little room as it is, with the conversation made shorter.

    ContextOverflow where it can't be made to fit, DiskError when an attached pack is gone.
    """
    trouble = ""
    if not _was_made_shorter(live):
        trouble = await _make_room(live, _window(live) * _FULL_PERCENT // 100, is_needed=not has_room(live))
    try:
        return next_request(live)
    except ContextOverflow as overflow:
        tokens, title = forecast_next(live).prompt_tokens, live.model.short_title
        problem = (
            f"The next request is about {tokens:,} tokens; with room for an answer that doesn't fit"
            f" the {_window(live):,} tokens of {title}."
        )
        raise ContextOverflow(_what_fills(live, problem, trouble)) from overflow


async def made_fitting(live: LiveSession, failure: Failure) -> str:
    """Make the conversation shorter after a server found it too long; what to say where it can't be sent again, else nothing."""
    if _was_made_shorter(live):
        return _what_fills(live, failure.message, "")
    now = forecast_next(live).prompt_tokens
    # Where the server counts more than we do, or does not say where its window ends, our own figures say little.
    goal = min(_window(live), now) * _FULL_PERCENT // 100
    if failure.asked_tokens and failure.window and failure.asked_tokens > now:
        goal = goal * now // failure.asked_tokens
    trouble = await _make_room(live, goal, is_needed=True)
    if _was_made_shorter(live):
        return ""
    return _what_fills(live, failure.message, trouble)


async def _make_room(live: LiveSession, goal: int, *, is_needed: bool) -> str:
    """Bring the next prompt to `goal` tokens or less, if it can be; why not, in words, where it can't.

    First old results are pruned; where that is not enough, what is old is summed up instead, and then results of this turn.
    """
    call_ids = results_to_prune(live)
    if call_ids and tokens_when_pruned(live, call_ids)[0] <= goal:
        prune(live, call_ids, is_automatic=True)
        return ""
    trouble = ""
    try:
        await _sum_up(live)
    except DstermError as error:
        if not is_needed:
            live.notice(str(error), NoticeLevel.WARNING)
            return ""
        trouble = str(error)
        if call_ids:
            prune(live, call_ids, is_automatic=True)
    if forecast_next(live).prompt_tokens > goal and (recent := _results_of_turn(live)):
        prune(live, recent, is_automatic=True)
    return trouble


async def _sum_up(live: LiveSession) -> None:
    plan = plan_compaction(live)
    if plan is None:
        return
    found = ways(live, plan, "")
    quote = quoted(live, plan.after, plan.shared, found[0].dollars)
    live.notice(
        f"The window of {live.model.short_title} is full, so what is old is summed up: {quote_words(live, quote)}."
    )
    await replace_by_summary(live, plan, found, is_automatic=True)


def _results_of_turn(live: LiveSession) -> list[str]:
    """The calls whose long results are not those of the last answer: nobody has read these yet."""
    messages = live.session.messages
    answers = [place for place, message in enumerate(messages) if isinstance(message, AssistantMessage)]
    return [result.call_id for result in prunable(messages, answers[-1] if answers else 0, weigher(live))]


def _window(live: LiveSession) -> int:
    return live.card(live.model).context_window


def _was_made_shorter(live: LiveSession) -> bool:
    """Whether that was done for this request already: since the model last said something, or the turn began."""
    newest_first = (envelope.event for envelope in reversed(live.journal.envelopes))
    since = takewhile(lambda event: not isinstance(event, MessageAdded | TurnStarted), newest_first)
    return any(isinstance(event, ResultsPruned | Compacted) and event.is_automatic for event in since)


def _what_fills(live: LiveSession, problem: str, trouble: str) -> str:
    """The problem, what fills the window, and a way on."""
    weigh, newest = weigher(live), {id(message) for message in live.session.newest_words}
    packs = words = rest = 0
    for message in live.session.messages:
        if stays_in_front(message):
            packs += weigh(message)
        elif id(message) in newest:
            words += weigh(message)
        else:
            rest += weigh(message)
    fills = [f"attached repositories {format_tokens(packs)}"] if packs else []
    fills += [f"your newest message {format_tokens(words)}", f"all else {format_tokens(rest)} tokens"]
    tried = "It was made as short as it can be." if _was_made_shorter(live) else ""
    way = "Send less at once" if words > rest else "Send it in parts"
    way = f"/detach a repository, or begin anew with /new. {way}." if packs else f"{way}, or begin anew with /new."
    return " ".join(filter(None, (problem.strip(), tried, trouble, f"In the window: {', '.join(fills)}.", way)))
