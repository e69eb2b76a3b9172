"""Servers with a character: what they answer depends on what they are asked, as the ones that a probe is for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import date

from llm_raw_server import DONE, END, HEAD, RawServer, _receive, chunk, chunked, sse

from dsterm.core.account import ProbedModel, ProbeResult
from dsterm.llm.catalog import load_catalog
from dsterm.llm.catalog_file import origin
from dsterm.llm.openai_chat import OpenAIChat
from dsterm.llm.probe import ModelProbe
from dsterm.llm.probe_questions import plan_model
from dsterm.llm.probe_replies import Asker, Circumstances, Tap

TODAY = date(2026, 11, 22)
KEY = "sk_secret-0123456789"


class CharacterServer(RawServer):
    """Reasons where `reasons` says so of the body, counts words as tokens, caches in units of `unit` (0: not at all; None: it
    doesn't say); `refuses` gives the words of a 400.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reasons: Callable[[dict], bool] = lambda body: body.get("enable_thinking", True)
        self.refuses: Callable[[dict], str] = lambda body: ""
        self.raw: Callable[[dict], bytes | None] = lambda body: None
        self.usage_place = "finish"
        self.unit: int | None = 64
        self.sees_at = 2
        self.page = b'{"data": []}'
        self.done = DONE
        self._seen: list[list[str]] = []

    @property
    def bodies(self) -> list[dict]:
        return [received.json for received in self.received if received.line.startswith("POST")]

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        received = await _receive(reader)
        self.received.append(received)
        if received.line.startswith("GET"):
            writer.write(plain("200 OK", self.page))
            return True
        body = received.json
        words, given = self.refuses(body), self.raw(body)
        if given is not None:
            writer.write(given)
        elif words:
            writer.write(plain("400 Bad Request", json.dumps({"error": {"message": words}}).encode()))
        else:
            writer.write(self._answer(body))
        return True

    def _answer(self, body: dict) -> bytes:
        reasoning = ["hm"] * (300 if "high" in json.dumps(body) else 120) if self.reasons(body) else []
        reasoning, text = reasoning[: body["max_tokens"]], ["27"]
        if len(reasoning) == body["max_tokens"]:
            text = []
        prompt = " ".join(message["content"] for message in body["messages"]).split()
        usage = {"prompt_tokens": len(prompt), "completion_tokens": len(reasoning) + len(text)}
        if self.unit is not None:
            cached = self._cached(prompt)
            usage |= {"prompt_tokens_details": {"cached_tokens": cached}}
            usage |= {"completion_tokens_details": {"reasoning_tokens": len(reasoning)}}
        events = [chunk(role="assistant", content=None, reasoning_content="")]
        events += [chunk(reasoning_content=word + " ") for word in reasoning]
        events += [chunk(content=word) for word in text]
        on_finish = usage if self.usage_place == "finish" else None
        events.append(chunk("stop" if text else "length", on_finish, content=""))
        events += [{"choices": [], "usage": usage}] if on_finish is None else []
        return HEAD + b"".join(chunked(sse(event)) for event in (*events, *([self.done] if self.done else []))) + END

    def _cached(self, prompt: list[str]) -> int:
        times = sum(prompt == other for other in self._seen)
        self._seen.append(prompt)
        return len(prompt) // self.unit * self.unit if self.unit and times >= self.sees_at - 1 else 0


def plain(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


class Probing:
    """A probe of one model of the provider at a server, and what it says."""

    def __init__(
        self, server: CharacterServer, provider: str = "novita", model: str = "flash", limit: float = 5
    ) -> None:
        self.url = server.url
        self.provider = provider
        catalog = load_catalog(base_url=server.url, provider=provider)
        self.card = catalog.model(provider, model)
        self.plan = plan_model(self.card, "nonce")
        self.waits: list[float] = []
        tap = Tap()
        around = Circumstances(
            connect=lambda card: OpenAIChat(card, KEY, debug=tap.listen), tap=tap, pause=self._pause, limit=limit
        )
        self.asker = Asker(catalog.provider(provider), around)
        self.probe = ModelProbe(self.plan, self.asker, lambda served: catalog.is_same_model(self.card, served))
        self.lines: list[str] = []

    async def _pause(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def run(self, former: ProbedModel | None = None) -> ProbedModel | None:
        try:
            async for finding in self.probe.findings():
                mark = {True: "ok", False: "failed", None: "note"}[finding.is_good]
                self.lines.append(f"{mark} {finding.text}")
        finally:
            await self.asker.close()
        assert self.asker.sent <= len(self.plan.questions)
        return self.probe.result(TODAY, former)

    @property
    def said(self) -> str:
        return "\n".join(self.lines)

    def next_start(self, found: ProbedModel) -> object:
        result = ProbeResult(provider=self.provider, origin=origin(self.url), models=(found,))
        return load_catalog(base_url=self.url, provider=self.provider, probed=[result]).model(self.provider, found.id)
