from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from e2e_program import KEY, DemoServer

FLASH = "deepseek/deepseek-v4-flash"


@pytest.fixture
def server(tmp_path) -> Iterator[DemoServer]:
    """A server of its own: a probe breaks the rules that the others' visits are held against, to see what happens."""
    server = DemoServer(tmp_path)
    yield server
    server.close()


@pytest.mark.timeout(30)
def test_the_program_probes_a_server_and_goes_by_what_it_found(program, server):
    program.environment["NOVITA_API_KEY"] = KEY
    place = ("--base-url", server.url)
    refused = program.run("doctor", "--probe", *place)
    assert refused.sentence(2).endswith("add --yes if that is all right.")
    assert server.ledger() == []
    done = program.run("doctor", "--probe", *place, "--yes")
    assert done.code == 0, done
    assert "in units of at most 64 tokens" in done.out
    booked = server.ledger()
    prompt = sum(entry["usage"]["prompt_tokens"] for entry in booked)
    assert f"{len(booked) + 1} requests, {prompt:,} tokens in" in done.out
    listing = json.loads(program.run("models", "--provider", "novita", *place, "--json").out)["providers"][0]
    probed = {entry["model"]["id"]: entry["model"]["probed"] for entry in listing["models"]}
    assert probed[FLASH]["honoured"] == ["non-think", "think", "think-max"]
    assert probed["deepseek/deepseek-v4-pro"] is None
    assert KEY not in done.out + done.err
