from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime

import msgspec
import pytest

from dsterm.boot.models_command import run_models
from dsterm.core.account import FetchedList, ListedModel
from dsterm.store.provider_notes import ProviderNotes

SUNDAY = datetime(2026, 11, 22, 9, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)


class Clock:
    def __init__(self, now: datetime = SUNDAY) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def models(tmp_path, capsys):
    def run(*, clock: Clock | None = None, **flags):
        options = argparse.Namespace(**({"provider": None, "base_url": None, "refresh": False, "json": False} | flags))
        environment = {"DSTERM_HOME": str(tmp_path), "PATH": "", "HOME": str(tmp_path)}
        code = run_models(options, environment, print_all, clock or Clock())
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def print_all(text: str) -> None:
    print(text, end="")


def test_all_providers_fit_80_columns_and_say_where_figures_are_from(models):
    code, out, err = models()
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    for name in (
        "novita",
        "deepseek",
        "siliconflow",
        "deepinfra",
        "openrouter",
        "custom",
        "vllm",
        "sglang",
        "llamacpp",
        "ollama",
    ):
        assert f"({name}) at " in out
    one = " ".join(out.split())
    assert "pro = deepseek/deepseek-v4-pro DeepSeek V4 Pro" in one
    assert "$1.60 in, $3.20 out, $0.135 cache read (Novita's article on V4 Pro, 2026-06-09)" in one
    assert "1,048,576 window, 16,384 output (models.dev, 2026-07-02)" in one
    assert "Non-think sends enable_thinking: false" in one
    assert "no address yet: give --base-url" in one
    assert "127.0.0.1:30000" in one


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (SUNDAY, "$0.66 in, $1.98 out, $0.022 cache read (off-peak)"),
        (MONDAY, "$1.32 in, $3.96 out, $0.044 cache read (peak)"),
    ],
)
def test_the_price_of_the_hour_stands_before_both(models, now, words):
    _, out, _ = models(provider="deepseek", clock=Clock(now))
    one = " ".join(out.split())
    assert f"price now {words}" in one
    assert "Mon-Fri 01:00-04:00, Mon-Fri 06:00-10:00 UTC (api-docs.deepseek.com, 2026-08-16)" in one
    assert "novita" not in one.lower()


def test_json_is_one_object_with_the_price_of_the_hour(models):
    code, out, _ = models(json=True, provider="deepseek", clock=Clock(MONDAY))
    (listing,) = json.loads(out)["providers"]
    assert code == 0
    assert listing["provider"]["name"] == "deepseek"
    assert listing["models"][0]["price_now"]["input"] == "1.32"
    assert listing["models"][0]["model"]["off_peak"]["input"] == "0.66"


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        ({"refresh": True}, 2, "There is no key for Novita AI. Set NOVITA_API_KEY"),
        ({"refresh": True, "provider": "demo"}, 2, "The demo is a server that runs only while"),
        ({"refresh": True, "provider": "custom"}, 2, "has no address"),
        ({"provider": "nowhere"}, 2, 'no provider "nowhere"'),
        ({"base_url": "not an address"}, 2, "an address that begins with https://"),
        ({"refresh": True, "provider": "vllm", "base_url": "http://127.0.0.1:1/v1"}, 1, "can't be reached"),
    ],
)
def test_what_can_t_be_is_one_sentence(models, flags, code, words):
    done, out, err = models(**flags)
    assert (done, out) == (code, "")
    assert words in err
    assert err.count("\n") == 1


def test_a_kept_list_is_shown_with_its_day_and_what_was_not_believed(models, tmp_path):
    notes = ProviderNotes(tmp_path / "cache" / "models", tmp_path / "state" / "probes")
    listed = (
        ListedModel(id="deepseek/deepseek-v4-pro", context_window=524_288),
        ListedModel(id="deepseek/deepseek-v4-flash", input=1400, output=2800, cache_read=280),
        ListedModel(id="deepseek/deepseek-v5", title="T\x1b[2J", context_window=1000),
        ListedModel(id="deepseek-v6\x1b[2J"),
    )
    listed = msgspec.convert(msgspec.to_builtins(listed), tuple[ListedModel, ...], strict=False)
    notes.keep_list(FetchedList(provider="novita", origin="https://api.novita.ai", on=SUNDAY.date(), models=listed))
    (tmp_path / "cache" / "models" / "other.json").write_text("{}")
    code, out, err = models(provider="novita")
    one = " ".join(out.split())
    assert code == 0
    assert "524,288 window, 393,216 output (the list of Novita AI, 2026-11-22)" in one
    assert "! deepseek/deepseek-v4-flash: the list of Novita AI says 1400 / 2800 / 280" in one
    assert "$0.14 in, $0.28 out" in one
    assert "deepseek/deepseek-v5 T [2J price unknown" in one
    assert "\x1b" not in out
    assert "deepseek-v6" not in out
    assert "other.json is passed over" in err


def test_a_bad_catalog_file_is_named(models, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "catalog.toml").write_text("[providers.novita]\nbalance_form = 3\n")
    code, _, err = models()
    assert code == 2
    assert "catalog.toml: providers.novita.balance_form" in err
