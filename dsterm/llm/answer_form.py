"""What came with a status of success: a stream of events, a whole answer in one object, or something that is neither.

Some hosts and proxies ignore `stream: true`, some call a stream by the wrong content type, some send a login page.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

_SPACE = b"\xef\xbb\xbf \t\r\n"
_FIELDS = (b":", b"data:", b"event:", b"id:", b"retry:")
_LONGEST_FIELD = 6


class AnswerForm(StrEnum):
    """How to read the body of an answer."""

    EVENTS = "events"
    OBJECT = "object"
    PAGE = "page"


def form_of(content_type: str, start: bytes) -> AnswerForm | None:
    """The form of a body that begins with `start`; None while too little has come to tell. Blank lines say nothing."""
    begin = start.lstrip(_SPACE)[:_LONGEST_FIELD]
    if not begin:
        return None
    if begin.startswith(b"{"):
        return AnswerForm.OBJECT
    if begin.startswith((b"<", b"[")):
        return AnswerForm.PAGE
    if "event-stream" in content_type.lower() or begin.startswith(_FIELDS):
        return AnswerForm.EVENTS
    return None if any(field.startswith(begin) for field in _FIELDS) else AnswerForm.PAGE


def as_chunk(body: bytes) -> bytes | None:
    """A whole `chat.completion` as the one chunk that brings all of it; None where `body` is nothing like it."""
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(answer, dict) or answer.get("error") or not isinstance(answer.get("choices"), list):
        return None
    choices = []
    for choice in answer["choices"]:
        if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
            return None
        choices.append(
            {"index": choice.get("index"), "delta": choice["message"], "finish_reason": choice.get("finish_reason")}
        )
    if not choices:
        return None
    kept = {name: answer[name] for name in ("id", "model", "usage") if name in answer}
    try:
        return msgspec.json.encode({**kept, "choices": choices})
    except RecursionError:
        return None
