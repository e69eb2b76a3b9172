"""One request on its way through the server: its prompt, what of it is cached, what it comes to."""

from __future__ import annotations

import msgspec

from dsterm.core.models import ThinkingMode, Usage
from dsterm.demo.cache import PromptCache, whole_units
from dsterm.demo.player import Answer, Output
from dsterm.demo.rendering import render_output, render_prompt
from dsterm.demo.request import ChatRequest
from dsterm.demo.tokens import Tokens
from dsterm.demo.validation import CONTEXT_WINDOW, output_limit


class Job:
    """One request on its way: its prompt, what of it is cached, what it comes to."""

    def __init__(self, request: ChatRequest, cache: PromptCache, tokens: Tokens, answer_id: str) -> None:
        self.id = f"chatcmpl-{answer_id}"
        self.request = request
        self._cache = cache
        self._tokens = tokens
        self._prompt = render_prompt(request)
        self._bytes = self._prompt.encode(errors="replace")
        self._known = cache.common_prefix(request.model, self._bytes)
        self._prompt_tokens: int | None = None
        cache.remember(request.model, self._bytes)

    async def prompt_tokens(self) -> int:
        """Tokens of the whole prompt, counted once."""
        if self._prompt_tokens is None:
            self._prompt_tokens = await self._tokens.count(self._prompt)
        return self._prompt_tokens

    async def output_limit(self) -> int:
        """Tokens for the answer. No token is shorter than a byte, so most prompts fit without being counted first."""
        asked = self.request.max_tokens
        if asked is not None and len(self._bytes) + asked <= CONTEXT_WINDOW:
            return asked
        return output_limit(self.request, await self.prompt_tokens())

    async def usage(self, answer: Answer, output: Output) -> Usage:
        """What has been used with `output`, or what the reply says was used."""
        given = answer.reply.usage
        if given:
            return msgspec.convert(msgspec.structs.asdict(given), Usage)
        prompt = await self.prompt_tokens()
        reasoning = await self._tokens.count(output.reasoning)
        written = render_output("", output.text, output.calls, is_thinking=False, is_complete=False)
        return Usage(
            prompt_tokens=prompt,
            completion_tokens=reasoning + await self._tokens.count(written),
            cached_tokens=whole_units(min(prompt, await self._tokens.count(self._known))),
            reasoning_tokens=reasoning,
        )

    def remember(self, output: Output) -> None:
        """Put the prompt with its answer into the cache."""
        is_thinking = self.request.mode is not ThinkingMode.NON_THINK
        written = render_output(
            output.reasoning, output.text, output.calls, is_thinking=is_thinking, is_complete=output.is_complete
        )
        self._cache.remember(self.request.model, self._bytes + written.encode(errors="replace"))
