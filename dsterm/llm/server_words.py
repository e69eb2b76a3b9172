"""The sentence, the kind words and the figures in what a server answers instead of an answer, wherever a host puts them.

DeepSeek and most others: `{"error": {"message", "type", "param", "code"}}`. OpenRouter puts the upstream's words into
`metadata.raw` and its limits into `metadata.headers`. Others use `message`, `reason`, `detail` at the top. A proxy sends HTML.
"""

from __future__ import annotations

import re

import msgspec

from dsterm.llm.origin import TEXT_CAP, clean

_TAG = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^<>]*>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title[^<>]*>([^<>]+)", re.IGNORECASE)
_TEXT_FIELDS = ("message", "reason", "detail", "msg")
_KIND_FIELDS = ("type", "code", "reason")


class ServerWords(msgspec.Struct, frozen=True, kw_only=True):
    """What was found: `text` is clean and cut, `kinds` are type and code in one line, `headers` are in lower case.

    `window` and `prompt_tokens` are figures that stand beside the text, not in it.
    """

    text: str = ""
    kinds: str = ""
    headers: dict[str, str] = {}
    request_id: str = ""
    window: int | None = None
    prompt_tokens: int | None = None


def words_in(body: bytes, secret: str) -> ServerWords:
    """What the body of an answer says; it may be JSON, HTML or anything."""
    try:
        return words_of(msgspec.json.decode(body), secret)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = body[: TEXT_CAP * 4].decode("utf-8", "replace")
    title = _TITLE.search(text)
    return ServerWords(text=clean(title[1] if title else _TAG.sub(" ", text), secret))


def words_of(told: object, secret: str) -> ServerWords:
    """What a decoded error object says."""
    outer = told
    if isinstance(told, dict) and told.get("error"):
        told = told["error"]
    if not isinstance(told, dict):
        return ServerWords(text=clean(_text(told), secret))
    around = outer if isinstance(outer, dict) and outer is not told else {}
    text = next((_text(told[field]) for field in _TEXT_FIELDS if told.get(field)), "")
    metadata = told.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    if metadata.get("raw"):
        text = f"{text}: {_text(metadata['raw'])}"
    kinds = [told.get(field) for field in _KIND_FIELDS] + [around.get("code"), metadata.get("error_type")]
    headers = metadata.get("headers")
    return ServerWords(
        text=clean(text or _text(told), secret),
        kinds=clean(" ".join(str(kind) for kind in kinds if isinstance(kind, str | int | float)), secret),
        headers={str(name).lower(): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {},
        request_id=clean(str(told.get("request_id") or around.get("request_id") or ""), secret)[:100],
        window=_count(told.get("n_ctx")),
        prompt_tokens=_count(told.get("n_prompt_tokens")),
    )


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return msgspec.json.encode(value).decode()
    except RecursionError:
        return "something nested too deeply"


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
