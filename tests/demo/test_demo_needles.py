from __future__ import annotations

import json

from dsterm.context.haystack import build_haystack
from dsterm.context.needle_question import Verdict, judge, question
from dsterm.demo.guide import FIRST_LINE, answer
from dsterm.demo.request import ChatRequest, Role, SentMessage


def request(*texts: str) -> ChatRequest:
    return ChatRequest(
        model="deepseek/deepseek-v4-flash", messages=tuple(SentMessage(role=Role.USER, text=text) for text in texts)
    )


def test_the_guide_finds_what_was_sent_and_no_more() -> None:
    haystack = build_haystack(5_000, 6, 3, lambda texts: [len(text.split()) for text in texts])
    text = "".join(haystack.chapters.values())
    cut = text[: text.index(haystack.needles[3].sentence)]
    for sent, found in ((text, 6), (cut, 3)):
        reply = answer(request(sent, f"[A note.]\n\n{question(haystack.needles)}\n\n[Answer with one JSON value.]"))
        verdicts = judge(haystack.needles, json.loads(reply.text))
        assert verdicts == [Verdict.FOUND] * found + [Verdict.MISSED] * (6 - found)
        assert reply.reasoning.startswith(FIRST_LINE)
