"""The HTTP server: chat completions as Novita serves them, a model list, and the ledger.

It answers to the loopback address by name only, so no web page can reach it through a host name of its own.
This module loads the HTTP library: import it in the server's process and nowhere else.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dsterm.core.errors import DstermError
from dsterm.core.models import ThinkingMode
from dsterm.demo import chunks, guide
from dsterm.demo.balance import BalancePage
from dsterm.demo.cache import CacheRule, PromptCache
from dsterm.demo.job import Job
from dsterm.demo.ledger import Ledger, LedgerEntry
from dsterm.demo.models import MODEL_IDS, model_list
from dsterm.demo.player import Answer, Connection, Output, Player
from dsterm.demo.random_faults import RandomFaults
from dsterm.demo.recording import Recording, Visit, shown_headers
from dsterm.demo.reply import Refusal, UsagePlace
from dsterm.demo.request import BadRequest, ChatRequest, read_request
from dsterm.demo.resets import ResettableProtocol
from dsterm.demo.scenario import Script
from dsterm.demo.settle import cut_to_limit, settle
from dsterm.demo.streaming import HangUp, PlayedResponse
from dsterm.demo.tokens import Tokens
from dsterm.demo.validation import check_request

_LARGEST_BODY = 48 * 1024 * 1024


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What the server is handed: pace in tokens a second (0: full speed), a script, the time, and fresh ids; what is to go wrong
    by chance, where requests are written down, and by which rule prompts hit the cache.
    """

    tokens_per_second: float
    script: Script | None
    now: Callable[[], float]
    new_id: Callable[[], str]
    faults: RandomFaults | None = None
    recording: Recording = Recording(None)
    cache_rule: CacheRule = CacheRule.PREFIX


def http_server(app: Starlette) -> uvicorn.Server:
    """A server for `app` that writes no log and waits for nobody when it ends."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http=ResettableProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )


class DemoServer:
    """Answers requests and keeps the account of them."""

    def __init__(self, circumstances: Circumstances, tokens: Tokens) -> None:
        self._around = circumstances
        self._tokens = tokens
        self._cache = PromptCache(circumstances.cache_rule)
        self._ledger = Ledger()
        self._guide_is_busy = asyncio.Lock()
        self._visits = itertools.count(1)

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/models", self._models),
                Route("/v1/user/balance", self._balance),
                Route("/user/balance", self._balance),
                Route("/ledger", self._show_ledger),
            ],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
        )

    async def _models(self, _: Request) -> Response:
        return _json(msgspec.json.encode(model_list()))

    async def _balance(self, _: Request) -> Response:
        return _json(msgspec.json.encode(BalancePage()))

    async def _show_ledger(self, _: Request) -> Response:
        return _json(msgspec.json.encode(self._ledger.page()))

    async def _chat(self, received: Request) -> Response:
        visit = Visit(
            number=next(self._visits),
            at=self._around.now(),
            path=received.url.path,
            headers=shown_headers(received.headers),
        )
        response = await self._visited(received, visit)
        if not isinstance(response, PlayedResponse):
            visit.status = 0 if isinstance(response, HangUp) else response.status_code
            self._around.recording.keep(visit)
        return response

    async def _visited(self, received: Request, visit: Visit) -> Response:
        try:
            body = await _body(received)
            visit.body = body.decode(errors="replace")
            request = read_request(body)
            visit.model, visit.mode = request.model, request.mode
            check_request(request, MODEL_IDS)
            job = Job(request, self._cache, self._tokens, self._around.new_id())
            limit = await job.output_limit()
            answer = await self._answer(request, limit, visit)
            if answer.reply.hangs_up:
                return HangUp()
            if answer.reply.refusal:
                return _refused(answer.reply.refusal)
            visit.id, visit.status, visit.model = job.id, 200, answer.reply.model or request.model
            if request.is_streamed:
                return PlayedResponse(lambda connection: self._play(job, answer, visit, connection))
            return await self._whole(job, answer, visit)
        except BadRequest as error:
            visit.problem = str(error)
            return _json(chunks.error_body(str(error)), error.status)
        except DstermError as error:
            visit.problem = str(error)
            return _json(chunks.error_body(str(error), "server_error", "server_error"), 500)

    async def _answer(self, request: ChatRequest, limit: int, visit: Visit) -> Answer:
        """What the script or else the guide says, with what goes wrong by chance; only the guide keeps to `limit` tokens."""
        around = self._around
        is_thinking = request.mode is not ThinkingMode.NON_THINK
        reply = around.script.next_reply(request.prompt) if around.script else None
        speed = around.tokens_per_second
        if reply and around.script:
            own = reply.tokens_per_second
            speed = around.script.scenario.tokens_per_second if own is None else own
        else:
            async with self._guide_is_busy:
                guided = await asyncio.to_thread(guide.answer, request)
            reply = cut_to_limit(guided, limit, is_thinking=is_thinking)
        if around.faults:
            drawn = around.faults.draw(visit.number, reply, request.model, is_thinking=is_thinking)
            reply, visit.fault = drawn.reply, drawn.name
        return settle(request, reply, speed, around.new_id)

    def _envelope(self, job: Job, answer: Answer) -> chunks.Envelope:
        model = answer.reply.model or job.request.model
        return chunks.Envelope(job.id, int(self._around.now()), model, includes_usage=job.request.includes_usage)

    async def _play(self, job: Job, answer: Answer, visit: Visit, connection: Connection) -> None:
        player = Player(answer, self._envelope(job, answer), connection)
        try:
            await player.play(lambda: job.usage(answer, player.output))
        finally:
            await self._close(job, answer, player.output, visit, is_own_fault=player.has_failed)

    async def _whole(self, job: Job, answer: Answer, visit: Visit) -> Response:
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in answer.calls
        ]
        message: dict[str, object] = {"role": "assistant", "content": answer.text}
        message |= {"reasoning_content": answer.reasoning} if answer.is_thinking else {}
        message |= {"tool_calls": calls} if calls else {}
        output = Output(reasoning=answer.reasoning, text=answer.text, calls=answer.calls, is_complete=True)
        usage = await job.usage(answer, output)
        if answer.tokens_per_second:
            await asyncio.sleep(usage.completion_tokens / answer.tokens_per_second)
        await self._close(job, answer, output, visit)
        is_counted = answer.reply.usage_place is not UsagePlace.MISSING
        body = self._envelope(job, answer).whole(message, answer.finish_reason, usage if is_counted else None)
        return _json(body)

    async def _close(
        self, job: Job, answer: Answer, output: Output, visit: Visit, *, is_own_fault: bool = False
    ) -> None:
        """Book what was generated, all of it or not; a request that failed here before its first token costs nothing."""
        job.remember(output)
        visit.usage = await job.usage(answer, output)
        visit.is_complete = output.is_complete
        visit.finish_reason = answer.finish_reason if output.is_complete else ""
        if is_own_fault and not (output.is_complete or visit.usage.completion_tokens):
            visit.usage = None
        else:
            self._ledger.book(
                LedgerEntry(
                    id=job.id,
                    model=job.request.model,
                    served=visit.model,
                    mode=job.request.mode,
                    usage=visit.usage,
                    finish_reason=visit.finish_reason,
                    is_complete=visit.is_complete,
                )
            )
        if job.request.is_streamed:
            self._around.recording.keep(visit)


async def _body(received: Request) -> bytes:
    parts, size = [], 0
    async for part in received.stream():
        size += len(part)
        if size > _LARGEST_BODY:
            raise BadRequest("The request body is too large.", 413)
        parts.append(part)
    return b"".join(parts)


def _refused(refusal: Refusal) -> Response:
    headers = refusal.headers | ({"Retry-After": refusal.retry_after} if refusal.retry_after else {})
    match refusal.body:
        case None:
            body = chunks.error_body(refusal.message)
        case str():
            body = refusal.body.encode()
        case _:
            body = msgspec.json.encode(refusal.body)
    return _json(body, refusal.status, headers)


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, media_type="application/json")
