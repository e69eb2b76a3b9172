from __future__ import annotations

import json

import pytest
from llm_raw_server import DONE, RawServer, chunk
from test_llm_overflow import TEXTS
from wire_client import KEY, chat_at, failure_of, request_for

from dsterm.core.provider import FailureKind

SAID = "the words of the server"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": SAID, "type": "server_error", "param": None, "code": "server_error"}},
        {"error": {"code": 500, "message": "Provider returned error", "metadata": {"provider_name": "X", "raw": SAID}}},
        {"error": SAID},
        {"message": SAID, "code": 500},
        {"reason": SAID},
        {"detail": SAID},
        SAID,
    ],
)
async def test_the_server_s_sentence_is_found_wherever_a_host_puts_it(server: RawServer, body: object) -> None:
    server.answers("500 X", json.dumps(body).encode())
    assert SAID in (await failure_of(chat_at(server.url))).message


@pytest.mark.parametrize("page", [SAID, f"<html><title>{SAID}</title><script>x</script>", f"<p>{SAID}</p>"])
async def test_text_and_pages_of_a_proxy_come_down_to_their_words(server: RawServer, page: str) -> None:
    server.answers("502 X", page.encode(), "content-type: text/html")
    failure = await failure_of(chat_at(server.url))
    assert SAID in failure.message
    assert "<" not in failure.message


async def test_what_is_long_or_dangerous_is_cut_and_cleaned_and_the_key_is_masked(server: RawServer) -> None:
    message = f"\x1b[31mred\u202e {KEY} " + "x" * 10_000
    server.answers("500 X", json.dumps({"error": {"message": message}}).encode())
    failure = await failure_of(chat_at(server.url))
    assert len(failure.message) < 2100
    assert failure.message.isprintable()
    assert "red *** xxx" in failure.message


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"\xff\xfe", b'{"error":[1]}', b"[" * 5000, b"<" * 9000])
async def test_no_body_of_a_fault_is_too_odd(server: RawServer, body: bytes) -> None:
    server.answers("500 X", body)
    assert (await failure_of(chat_at(server.url))).kind is FailureKind.SERVER


@pytest.mark.parametrize(("text", "window", "prompt"), TEXTS)
async def test_a_prompt_that_is_too_long_is_known_in_the_words_of_every_host(
    server: RawServer, text: str, window: int | None, prompt: int | None
) -> None:
    server.answers("400 X", json.dumps({"error": {"message": text}}).encode())
    failure = await failure_of(chat_at(server.url))
    assert (failure.kind, failure.window, failure.asked_tokens) == (FailureKind.CONTEXT_OVERFLOW, window, prompt)
    assert not failure.is_retryable


@pytest.mark.parametrize(
    "name", ["x-request-id", "x-deepseek-request-id", "x-novita-trace-id", "x-openrouter-request-id", "cf-ray"]
)
async def test_what_a_server_calls_the_request_is_kept_for_its_support(server: RawServer, name: str) -> None:
    server.answers("503 X", b"", f"{name}: r-7")
    assert (await failure_of(chat_at(server.url))).request_id == ("" if name == "cf-ray" else "r-7")


async def test_the_key_is_in_no_log_of_what_passes(server: RawServer) -> None:
    seen: list[bytes] = []
    server.streams(chunk("stop", content=f"you sent {KEY}"), DONE)
    server.answers("401 X", json.dumps({"error": {"message": f"wrong key {KEY}"}}).encode())
    for _ in range(2):
        chat = chat_at(server.url, debug=lambda _what, data: seen.append(data))
        async for _delta in chat.stream(request_for()):
            pass
        await chat.close()
    assert seen
    assert KEY.encode() not in b"".join(seen)
