from __future__ import annotations

import json

from dsterm.boot.assembly import build_engine
from dsterm.boot.known_keys import KnownKeys
from dsterm.boot.plan import plan_launch
from dsterm.cli import parse
from dsterm.core.events import Notice

KEY = "sk_e2e_0123456789abcdefghijklmnop"


def test_refresh_reads_the_server_s_own_list_and_keeps_it(program, guide):
    url = guide.url
    key = {"NOVITA_API_KEY": KEY}
    done = program.run("models", "--base-url", url, "--refresh", env=key)
    assert done.code == 0, done
    assert "Novita AI lists 2 models; 2 of them are kept in " in done.err
    assert "deepseek/deepseek-v4-pro-0813 is not on its list." in done.err
    assert KEY not in done.err + done.out
    one = " ".join(done.out.split())
    assert " costs " not in done.err
    assert "$1.60 in, $3.20 out, $0.135 cache read (the list of Novita AI, " in one
    listing = json.loads(program.run("models", "--base-url", url, "--json").out)["providers"][0]
    assert listing["models"][0]["model"]["price"]["source"] == "the list of Novita AI"
    elsewhere = json.loads(program.run("models", "--provider", "novita", "--json").out)["providers"][0]
    assert elsewhere["models"][0]["model"]["price"]["source"] == "Novita's article on V4 Pro"


def test_refresh_of_a_local_server_needs_no_key(program, guide):
    done = program.run("models", "--provider", "custom", "--base-url", guide.url, "--refresh")
    assert done.code == 0, done
    assert "deepseek/deepseek-v4-flash is new: price unknown." in done.err
    assert "deepseek/deepseek-v4-flash" in done.out


async def test_balance_is_asked_over_the_socket(program, guide, repo):
    flags = parse(["-p", "--demo", "--no-save", "--base-url", guide.url, "-C", str(repo)])
    engine = build_engine(plan_launch(flags, program.environment), KnownKeys(), "")
    try:
        (said,) = [envelope.event async for envelope in engine.command("/balance")]
    finally:
        await engine.close()
    assert isinstance(said, Notice)
    assert said.text == "Balance at Demo: 0.00 USD. It is the demo's; nothing is owed."


async def test_a_provider_that_can_t_tell_the_balance_says_so(program, guide, repo):
    flags = parse(["-p", "--provider", "deepinfra", "--no-save", "-C", str(repo)])
    plan = plan_launch(flags, program.environment | {"DEEPINFRA_API_KEY": KEY})
    engine = build_engine(plan, KnownKeys(), "")
    try:
        (said,) = [envelope.event async for envelope in engine.command("/balance")]
    finally:
        await engine.close()
    assert said.text == (
        "DeepInfra at https://api.deepinfra.com/v1/openai can't be asked for the balance. "
        "Look at https://deepinfra.com/dash/api_keys."
    )
