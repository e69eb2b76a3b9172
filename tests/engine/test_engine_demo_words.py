from __future__ import annotations

import msgspec
from git_world import git, git_loop
from scripted import answer as scripted
from work_loop import ANSWERED

from dsterm.core.config import Config
from dsterm.core.messages import UserMessage
from dsterm.core.provider import Request
from dsterm.demo import guide
from dsterm.demo.reply import Reply
from dsterm.demo.request import read_request
from dsterm.engine.check_loop import CheckLoop
from dsterm.engine.planning import PLAN_NOTE
from dsterm.engine.slash.commit import commit, tidy_message
from dsterm.engine.slash.review_command import review_prompt
from dsterm.llm.wire import request_body


def guided(loop, request: Request) -> Reply:
    """What the demo says to `request`, over the wire's own bytes."""
    return guide.answer(read_request(request_body(request, loop.live.provider)))


def said(loop, text: str) -> Reply:
    model = loop.live.model
    message = UserMessage(text=text)
    return guided(
        loop, Request(model=model, mode=loop.live.mode, system="s", tools=(), messages=(message,), max_tokens=1)
    )


async def test_demo_writes_a_message_that_can_be_committed(tmp_path):
    loop = git_loop(tmp_path, [scripted("x")])
    (loop.root / "a.py").write_text("a = 2\n")
    git(loop.root, "add", "a.py")
    loop.answers = ["deny"]
    await commit(loop.live, "")
    reply = guided(loop, loop.provider.requests[0])
    assert tidy_message(reply.text) == reply.text
    assert reply.text.startswith("demo: Change a.py\n\nWritten by dsterm's demo, which is no model")


async def test_demo_reviews_what_the_review_command_sends(tmp_path):
    loop = git_loop(tmp_path)
    (loop.root / "a.py").write_text("print(2)  # TODO\n")
    made = await review_prompt(loop.live, "")
    text = said(loop, f"<environment>\nfolder: x\n</environment>\n\n{made.data}\n\n{made.prompt}").text
    assert "`a.py:1` prints" in text
    assert "1 file, +1 -1" in text


async def test_demo_looks_at_the_tests_again_when_checks_failed(tmp_path):
    async def yes(_command: str) -> bool:
        return True

    loop = git_loop(tmp_path, config=Config(checks=("echo rename a to b; false",)))
    loop.begin_turn()
    checks = CheckLoop(loop.live, yes)
    loop.edit()
    steered = await checks.after(ANSWERED)
    reply = said(loop, f"{steered.note}\n\n{steered.text}")
    assert "no tools" in reply.text


def test_demo_knows_the_note_of_plan_mode(tmp_path):
    loop = git_loop(tmp_path)
    body = {
        "model": loop.live.model.id,
        "messages": [{"role": "user", "content": f"{PLAN_NOTE}\n\nrun make"}],
        "tools": [{"type": "function", "function": {"name": "bash", "parameters": {"type": "object"}}}],
    }
    reply = guide.answer(read_request(msgspec.json.encode(body)))
    assert not reply.tool_calls
    assert "# Plan" in reply.text
