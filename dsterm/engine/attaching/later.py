"""The door to what is told of attached files later: nothing heavy is loaded while no repository is followed."""

from __future__ import annotations

from pathlib import Path

from dsterm.core.events import TurnEnded
from dsterm.core.messages import UserMessage
from dsterm.engine.live import LiveSession


async def tell_changes(live: LiveSession, *, is_prompt: bool) -> None:
    """Append what changed in attached files since it was told, if any are followed; `is_prompt`: before a prompt."""
    if not any(pack.is_followed for pack in live.session.packs):
        live.parts.toolbox.follow(_nothing)
        return
    from dsterm.engine.attaching import drift  # noqa: PLC0415  only where something is followed

    await drift.tell_changes(live, is_prompt=is_prompt)


def offer_snapshot(live: LiveSession, ended: TurnEnded) -> None:
    """Offer a new snapshot after a turn that has `ended`, where one pays."""
    if any(isinstance(message, UserMessage) and message.repo for message in live.session.messages):
        from dsterm.engine.attaching import fresh_snapshot  # noqa: PLC0415  only where something changed

        fresh_snapshot.offer_snapshot(live, ended)


def _nothing(_path: Path) -> str:
    """No file is known."""
    return ""
