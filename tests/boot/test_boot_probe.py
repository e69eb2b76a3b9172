from __future__ import annotations

import argparse
import asyncio
import itertools
import re
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from dsterm.boot.catalogs import open_catalog
from dsterm.boot.doctor import examine
from dsterm.boot.models_command import plan_of
from dsterm.boot.probe_command import Surroundings, run_probe
from dsterm.core.models import ThinkingMode
from dsterm.demo.server import Circumstances, DemoServer, http_server
from dsterm.demo.tokens import Tokens

FLASH = "deepseek/deepseek-v4-flash"
KEY = "sk_probe_0123456789abcdefghij"
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


class Clock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def count_words(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]", text))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The demo server in a thread of its own, at full speed."""
    listener = socket.create_server(("127.0.0.1", 0))
    ids = (f"id{number}" for number in itertools.count())
    around = Circumstances(tokens_per_second=0, script=None, now=lambda: 1.8e9, new_id=lambda: next(ids))
    servers = []

    async def serve() -> None:
        servers.append(http_server(DemoServer(around, Tokens(lambda: count_words)).app()))
        await servers[0].serve(sockets=[listener])

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    servers[0].should_exit = servers[0].force_exit = True
    thread.join(5)
    listener.close()


async def no_pause(seconds: float) -> None:
    assert seconds <= 10


@pytest.fixture
def probe(tmp_path, capsys, url):
    def run(*, answer: bool | None = None, key: str = KEY, write=None, **flags):
        options = {"provider": "novita", "base_url": url, "model": None, "yes": False} | flags
        written: list[str] = []
        asked: list[str] = []

        def ask(question: str) -> bool:
            asked.append("".join(written) + question)
            return bool(answer)

        around = Surroundings(
            environment=environment(tmp_path) | ({"NOVITA_API_KEY": key} if key else {}),
            write=write or written.append,
            ask=None if answer is None else ask,
            clock=Clock(),
            nonce="0123456789abcdef",
            pause=no_pause,
        )
        code = run_probe(argparse.Namespace(**options), around)
        return code, "".join(written), capsys.readouterr().err, asked

    return run


def environment(home) -> dict[str, str]:
    return {"DSTERM_HOME": str(home), "PATH": "", "HOME": str(home)}


def next_card(home, url, model=FLASH):
    catalog, _ = open_catalog(plan_of("novita", url, environment(home)))
    return catalog.model("novita", model)


def kept(home) -> list:
    return list((home / "state" / "probes").glob("*"))


def test_without_a_terminal_it_needs_yes_and_says_the_price_all_the_same(probe, tmp_path):
    code, out, err, _ = probe()
    assert code == 2
    assert "add --yes" in err
    assert "at most 28 tiny requests to Novita AI" in out
    assert "They cost at most $0.0053 (prices: Novita's article on V4 Flash, 2026-06-09)." in out
    assert kept(tmp_path) == []


def test_the_price_stands_before_the_question_and_no_is_no(probe, tmp_path):
    code, out, err, asked = probe(answer=False)
    assert (code, err) == (0, "")
    (shown,) = asked
    assert "They cost at most $" in shown
    assert shown.endswith("Go on? [y/N] ")
    assert "\nNon-think" not in out
    assert kept(tmp_path) == []


def test_two_models_cost_both_and_an_unknown_price_is_said_as_such(probe, url):
    _, out, _, _ = probe(answer=False, model=["flash", "pro", FLASH])
    assert "at most 56 tiny requests" in out
    assert "cost at most $0.06" in out
    _, out, _, _ = probe(answer=False, provider="vllm", base_url=url, model=["mine"])
    assert "What they cost is not known: the catalog has no price." in out


def test_what_was_found_is_kept_and_the_next_catalog_has_it(probe, tmp_path, url):
    code, out, err, _ = probe(answer=True)
    assert (code, err) == (0, ""), out
    assert "ok      Non-think: sending enable_thinking: false: no reasoning arrived" in out
    assert "in units of at most 64 tokens" in out
    assert "This is in no session's total." in out
    assert re.search(r"^1[2-4] requests, [\d,]+ tokens in \([\d,]+ cached\), \d+ out: \$0\.00\d\d\.", out, re.MULTILINE)
    (file,) = kept(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    card = next_card(tmp_path, url)
    assert card.probed.on == NOW.date()
    assert card.probed.honoured == tuple(ThinkingMode)
    assert (card.probed.has_cache, card.probed.cache_unit) == (True, 64)
    assert KEY not in out + file.read_text()


def test_a_switch_of_the_user_that_does_nothing_is_told_and_stays(probe, tmp_path, url):
    (tmp_path / "config").mkdir()
    own = tmp_path / "config" / "catalog.toml"
    own.write_text(
        "[providers.novita]\nmodes.non-think = { off = true }\n"
        "mode_alternatives.non-think = [{ enable_thinking = false }]\n"
    )
    code, out, _, _ = probe(answer=True)
    assert code == 0
    assert "note    Non-think: sending off: true: reasoning arrived" in out
    assert f"Non-think of {FLASH}: {own} sets it otherwise, and stays above this" in out
    assert next_card(tmp_path, url).mode_bodies[ThinkingMode.NON_THINK].keys() == {"off"}
    own.unlink()
    assert next_card(tmp_path, url).mode_bodies[ThinkingMode.NON_THINK].keys() == {"enable_thinking"}


def test_ctrl_c_keeps_what_was_found(probe, tmp_path, url):
    written: list[str] = []

    def write(text: str) -> None:
        written.append(text)
        if "Think: sending" in text and "Non-think" not in text:
            raise KeyboardInterrupt

    code, _, _, _ = probe(yes=True, write=write)
    assert code == 130
    assert "Stopped." in "".join(written)
    assert next_card(tmp_path, url).probed.honoured == (ThinkingMode.NON_THINK, ThinkingMode.THINK)


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        ({"key": ""}, 2, "There is no key for Novita AI. Set NOVITA_API_KEY"),
        ({"provider": "nowhere"}, 2, 'no provider "nowhere"'),
        ({"model": ["gpt"]}, 2, 'no model "gpt"'),
        ({"provider": "demo", "base_url": None}, 2, "The demo is a server that runs only while"),
    ],
)
def test_what_can_t_be_is_one_sentence_before_anything_is_sent(probe, flags, code, words):
    done, out, err, _ = probe(yes=True, **flags)
    assert (done, out) == (code, "")
    assert words in err
    assert err.count("\n") == 1


def test_a_server_out_of_reach_is_a_failed_line(probe, tmp_path):
    code, out, _, _ = probe(yes=True, base_url="http://127.0.0.1:1/v1")
    assert code == 1
    assert "failed  stopped: " in out
    assert "Nothing was found that is worth keeping." in out
    assert "4 requests, 0 tokens in (0 cached), 0 out: $0.0000. " in out
    assert kept(tmp_path) == []


def test_flags_of_the_probe_go_with_the_probe(capsys):
    with pytest.raises(SystemExit) as ended:
        examine(["--model", "pro"])
    assert ended.value.code == 2
    assert "--model goes with --probe" in capsys.readouterr().err
