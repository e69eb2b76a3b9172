"""What a prompt mentions, read once when it is sent: the text goes beside the prompt as data and stays as it was in the log."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from dsterm.context.mentions import Found, find_mentions
from dsterm.core.mentions import Mention, MentionKind
from dsterm.core.questions import Option, QuestionAsked
from dsterm.core.tools import Effect, Plan
from dsterm.engine.asking import ask
from dsterm.engine.live import LiveSession
from dsterm.engine.mentioning.bringing import bring, marked
from dsterm.engine.mentioning.brought import Brought
from dsterm.engine.mentioning.pages import bring_page
from dsterm.engine.mentioning.resolved import Resolved
from dsterm.engine.questions import DENY, ONCE
from dsterm.policy.permissions import Verdict, decide

MOST = 50
_ALL_CAP = 2_000_000
"""Mentions in one prompt, and characters that they bring in all."""


async def resolve(live: LiveSession, prompt: str) -> Resolved:
    """What `prompt` mentions, read now; secrets and pages are asked about first. Nothing is raised but CancelledError."""
    all_found = _without_repeats(find_mentions(prompt))
    mentions: list[Mention] = []
    texts: list[str] = []
    told: list[str] = []
    room = _ALL_CAP
    for found in all_found[:MOST]:
        brought = await bring(live.parts, found)
        if brought is None:
            continue
        brought = await _allowed(live, brought)
        text = await asyncio.to_thread(marked, live.parts, brought)
        if len(text) > room:
            problem = "There is no room for it beside the other mentions; name fewer, or a range of lines."
            brought, text = Brought(mention=replace(brought.mention, problem=problem)), ""
        room -= len(text)
        mention = brought.mention
        told += brought.told
        if mention.problem:
            told.append(f"{mention.written} is not sent. {mention.problem}")
            texts.append(f"[{mention.written} was left out: {mention.problem}]")
        else:
            mention = replace(mention, tokens=await asyncio.to_thread(live.parts.counter.count, text))
            texts.append(text)
        mentions.append(mention)
        for path, data in brought.read:
            live.parts.toolbox.note_read(path, data)
    if len(all_found) > MOST:
        told.append(f"Only the first {MOST} mentions are looked at.")
    note = "\n".join(("[What the user mentions, as it stands now.]", *texts)) if texts else ""
    return Resolved(mentions=tuple(mentions), note=note, told=tuple(told))


def _without_repeats(all_found: tuple[Found, ...]) -> list[Found]:
    return list({found.mention.written: found for found in reversed(all_found)}.values())[::-1]


async def _allowed(live: LiveSession, brought: Brought) -> Brought:
    """`brought`, or without its text where the user does not want it sent."""
    if brought.mention.kind is MentionKind.URL and live.parts.config.allow_urls:
        return await bring_page(live, brought.mention)
    if not brought.secrets or brought.mention.problem:
        return brought
    plan = Plan(effects=(Effect.READ, Effect.SECRETS), subject=brought.mention.target, concerns=brought.secrets)
    if decide("mention", plan, live.rules()).verdict is Verdict.ALLOW:
        return brought
    concern = f"{'; '.join(brought.secrets)}."
    if not live.parts.can_ask:
        return Brought(mention=replace(brought.mention, problem=f"{concern} Nobody can be asked in this run."))
    question = QuestionAsked(
        id=live.parts.new_id(),
        text=f"Send {brought.mention.written} to the model?",
        reasons=brought.secrets,
        options=(
            Option(key="y", answer=ONCE, label="yes, this once"),
            Option(key="n", answer=DENY, label="no, send the prompt without it"),
        ),
    )
    if (await ask(live, question)).answer == ONCE:
        return brought
    return Brought(mention=replace(brought.mention, problem="The user did not want it sent."))
