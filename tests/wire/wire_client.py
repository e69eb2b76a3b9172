"""The real client against whatever a test puts on the other end of the socket."""

from __future__ import annotations

import msgspec

from dsterm.core.messages import UserMessage
from dsterm.core.models import ThinkingMode
from dsterm.core.provider import Ended, Request, StopReason
from dsterm.llm.catalog import load_catalog
from dsterm.llm.openai_chat import OpenAIChat

KEY = "sk_secret-0123456789"
CATALOG = load_catalog()
MODEL = CATALOG.model("novita", "pro")


def request_for(*messages, **fields) -> Request:
    values = {"model": MODEL, "mode": ThinkingMode.THINK, "system": "S", "tools": (), "max_tokens": 1000}
    return Request(messages=messages or (UserMessage(text="hi"),), **(values | fields))


def chat_at(url: str, **options) -> OpenAIChat:
    return OpenAIChat(msgspec.structs.replace(CATALOG.provider("novita"), base_url=url), KEY, **options)


async def deltas_of(chat: OpenAIChat, request: Request | None = None) -> list:
    try:
        return [delta async for delta in chat.stream(request or request_for())]
    finally:
        await chat.close()


async def ended_of(chat: OpenAIChat, request: Request | None = None) -> Ended:
    last = (await deltas_of(chat, request))[-1]
    assert isinstance(last, Ended)
    return last


async def failure_of(chat: OpenAIChat, request: Request | None = None):
    """The failure that a user is shown, which is never without a way out and never holds the key."""
    last = await ended_of(chat, request)
    assert last.stop is StopReason.FAILED
    assert KEY not in last.failure.sentence
    assert last.failure.message.endswith(".")
    return last.failure
