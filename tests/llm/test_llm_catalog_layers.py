from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from dsterm.core.account import FetchedList, ListedModel, ProbedModel, ProbeResult
from dsterm.core.errors import UsageError
from dsterm.core.models import Probed, ThinkingMode
from dsterm.llm.catalog import load_catalog
from dsterm.llm.catalog_file import origin

PRO, FLASH = "deepseek/deepseek-v4-pro", "deepseek/deepseek-v4-flash"
TODAY = date(2026, 11, 22)
NOVITA = "https://api.novita.ai"


def listed(*models: ListedModel, provider: str = "novita", place: str = NOVITA, on: date = TODAY) -> FetchedList:
    return FetchedList(provider=provider, origin=place, on=on, models=models)


def priced(name: str, *amounts: str | None, **limits: int) -> ListedModel:
    told = [None if amount is None else Decimal(amount) for amount in amounts]
    return ListedModel(id=name, input=told[0], output=told[1], cache_read=told[2], **limits)


def figures(card) -> tuple[str, ...] | None:
    price = card.price
    return price and tuple(f"{amount:f}" for amount in (price.input, price.output, price.cache_read))


@pytest.mark.parametrize(
    "url", ["https://api.novita.ai/openai/v1", "https://api.novita.ai/v3/openai", "https://API.novita.ai:443/x"]
)
def test_both_addresses_of_novita_are_the_same_server(url):
    fetched = listed(priced(PRO, "1.5", "3", "0.1"))
    catalog = load_catalog(base_url=url, provider="novita", fetched=[fetched])
    card = catalog.provider("novita")
    assert card.base_url == url
    assert card.balance_url.startswith("https://api.novita.ai/")
    assert figures(catalog.model("novita", "pro")) == ("1.5", "3", "0.1")


@pytest.mark.parametrize(
    "url", ["https://proxy.example/v1", "http://api.novita.ai/openai/v1", "https://api.novita.ai:8443/v1"]
)
def test_another_server_has_neither_balance_nor_prices_of_the_original(url):
    fetched = listed(priced(PRO, "1.5", "3", "0.1"))
    catalog = load_catalog(base_url=url, provider="novita", fetched=[fetched])
    assert catalog.provider("novita").balance_url == ""
    assert figures(catalog.model("novita", "pro")) == ("1.60", "3.20", "0.135")
    assert catalog.provider("deepseek").balance_url == "https://api.deepseek.com/user/balance"


def test_an_address_is_that_of_the_chosen_provider_alone():
    catalog = load_catalog(base_url="https://mine.example/v1", provider="deepseek")
    assert catalog.provider("deepseek").base_url == "https://mine.example/v1"
    assert catalog.provider("novita").base_url == "https://api.novita.ai/openai/v1"


def test_the_demo_tells_its_balance_on_its_own_address():
    catalog = load_catalog(demo_url="http://127.0.0.1:5/v1", fetched=[listed(priced(PRO, "1.5", "3", "0.1"))])
    card = catalog.provider("demo")
    assert (card.balance_url, card.balance_form) == ("http://127.0.0.1:5/user/balance", "deepseek")
    assert figures(catalog.model("demo", "pro")) == ("1.60", "3.20", "0.135")
    assert load_catalog().provider("demo").balance_url == ""


def test_every_figure_of_the_catalog_says_where_it_is_from():
    for card in load_catalog(base_url="http://localhost/v1").providers:
        for model in load_catalog(base_url="http://localhost/v1").models(card.name):
            assert model.source
            assert model.price is None or model.price.source


def test_a_list_goes_over_the_built_in_and_is_dated():
    catalog = load_catalog(fetched=[listed(priced(PRO, "1.5", "3", "0.1", context_window=524_288, max_output=200_000))])
    pro = catalog.model("novita", "pro")
    assert figures(pro) == ("1.5", "3", "0.1")
    assert (pro.context_window, pro.max_output) == (524_288, 200_000)
    assert (pro.price.since, pro.since, pro.price.source, pro.source) == (TODAY, TODAY, *["the list of Novita AI"] * 2)
    assert figures(catalog.model("novita", "flash")) == ("0.14", "0.28", "0.028")
    assert catalog.warnings("novita") == ()


@pytest.mark.parametrize(
    ("amounts", "is_taken"),
    [
        (("0.32", "0.64", "0.027"), True),
        (("8", "16", "0.675"), True),
        (("0.31", "3.2", "0.135"), False),
        (("8.01", "3.2", "0.135"), False),
        (("1.6", "16.1", "0.135"), False),
        (("1.6", "3.2", "0"), False),
        (("16000", "32000", "1350"), False),
        (("0.0000016", "0.0000032", None), False),
    ],
)
def test_a_price_is_believed_within_a_fifth_and_five_times(amounts, is_taken):
    catalog = load_catalog(fetched=[listed(priced(PRO, *amounts), priced(FLASH, "0.15", "0.3", "0.03"))])
    assert (catalog.model("novita", "pro").price.since == TODAY) is is_taken
    assert figures(catalog.model("novita", "flash")) == ("0.15", "0.3", "0.03")
    assert len(catalog.warnings("novita")) == (0 if is_taken else 1)
    if not is_taken:
        assert figures(catalog.model("novita", "pro")) == ("1.60", "3.20", "0.135")
        assert PRO in catalog.warnings("novita")[0]


@pytest.mark.parametrize(
    "amounts", [(None, None, None), ("1.5", None, "0.1"), (None, "3", "0.1"), ("0", "3", "0.1"), ("-1", "-1", "-1")]
)
def test_no_price_in_the_list_keeps_the_built_in(amounts):
    catalog = load_catalog(fetched=[listed(priced(PRO, *amounts))])
    assert figures(catalog.model("novita", "pro")) == ("1.60", "3.20", "0.135")
    assert catalog.warnings("novita") == ()


def test_without_a_listed_cache_price_the_known_one_stays():
    catalog = load_catalog(fetched=[listed(priced(PRO, "1.5", "3", None))])
    assert figures(catalog.model("novita", "pro")) == ("1.5", "3", "0.135")


def test_a_limit_that_can_t_be_is_not_believed():
    catalog = load_catalog(fetched=[listed(priced(PRO, None, None, None, context_window=7, max_output=10**9))])
    pro = catalog.model("novita", "pro")
    assert (pro.context_window, pro.max_output) == (1_048_576, 393_216)
    assert len(catalog.warnings("novita")) == 2


def test_a_release_after_the_list_wins():
    catalog = load_catalog(fetched=[listed(priced(PRO, "1.5", "3", "0.1", max_output=200_000), on=date(2026, 1, 1))])
    pro = catalog.model("novita", "pro")
    assert (figures(pro), pro.max_output) == (("1.60", "3.20", "0.135"), 393_216)


def test_openrouter_is_priced_by_its_list_alone():
    place = "https://openrouter.ai"
    assert load_catalog().model("openrouter", "flash").price is None
    fair = listed(priced(FLASH, "0.1", "0.2", "0.01"), provider="openrouter", place=place)
    assert figures(load_catalog(fetched=[fair]).model("openrouter", "flash")) == ("0.1", "0.2", "0.01")
    wrong = listed(priced(FLASH, "100000", "200000", "10000"), provider="openrouter", place=place)
    catalog = load_catalog(fetched=[wrong])
    assert catalog.model("openrouter", "flash").price is None
    assert "stays unknown" in catalog.warnings("openrouter")[0]


def test_prices_with_hours_are_not_replaced_by_a_list_without():
    fetched = listed(priced("deepseek-v4-pro", "1", "2", "0.04"), provider="deepseek", place="https://api.deepseek.com")
    assert load_catalog(fetched=[fetched]).model("deepseek", "pro").price.input == Decimal("1.32")


def test_a_new_model_is_added_with_its_price_where_the_list_agrees_on_known_ones():
    new = priced("deepseek/deepseek-v5-pro", "2", "4", None, context_window=2_000_000, max_output=100_000)
    catalog = load_catalog(fetched=[listed(priced(PRO, "1.6", "3.2", "0.135"), new)])
    card = catalog.model("novita", "deepseek/deepseek-v5-pro")
    assert (card.context_window, card.max_output, figures(card)) == (2_000_000, 100_000, ("2", "4", "2"))
    assert set(card.mode_bodies) == set(ThinkingMode)
    for doubtful in ([new], [new, priced(PRO, "16000", "32000", "1350")]):
        assert load_catalog(fetched=[listed(*doubtful)]).model("novita", "deepseek/deepseek-v5-pro").price is None


def test_a_local_server_s_list_brings_its_models_and_windows():
    fetched = listed(
        ListedModel(id="qwen.gguf", context_window=8192), provider="llamacpp", place="http://127.0.0.1:8080"
    )
    card = load_catalog(fetched=[fetched]).model("llamacpp", "qwen.gguf")
    assert (card.context_window, card.max_output, card.price) == (8192, 8192, None)
    with pytest.raises(UsageError, match="--refresh"):
        load_catalog().model("llamacpp", "pro")
    assert load_catalog().model("ollama", "smollm2:135m").source.startswith("assumed")


def test_the_user_s_file_wins_over_everything_learned(tmp_path):
    file = tmp_path / "catalog.toml"
    file.write_text(
        f"""
        [providers.novita.models."{PRO}"]
        max_output = 50000
        price = {{ input = "9", output = "9", cache_read = "9", since = 2026-01-01, source = "my contract" }}
        modes.think = {{ mine = 1.5 }}
        [providers.deepseek.models."deepseek-v4-pro"]
        price = {{ input = "9", output = "9", cache_read = "9", since = 2026-01-01, source = "my contract" }}
        """,
        encoding="utf-8",
    )
    probe = ProbeResult(
        provider="novita",
        origin=NOVITA,
        models=(
            ProbedModel(id=PRO, found=Probed(on=TODAY), bodies={key: {"p": msgspec.Raw(b"1")} for key in ThinkingMode}),
        ),
    )
    fetched = listed(priced(PRO, "1.5", "3", "0.1", context_window=524_288, max_output=200_000))
    catalog = load_catalog(file, fetched=[fetched], probed=[probe])
    pro = catalog.model("novita", "pro")
    assert (figures(pro), pro.context_window, pro.max_output) == (("9", "9", "9"), 524_288, 50_000)
    assert pro.source == "your own catalog.toml"
    assert {mode: {name: bytes(value) for name, value in body.items()} for mode, body in pro.mode_bodies.items()} == {
        ThinkingMode.NON_THINK: {"p": b"1"},
        ThinkingMode.THINK: {"mine": b"1.5"},
        ThinkingMode.THINK_MAX: {"p": b"1"},
    }
    flat = catalog.model("deepseek", "pro")
    assert (flat.off_peak, flat.peak_hours) == (None, ())


def test_what_a_probe_found_is_on_the_card_and_sent():
    found = Probed(on=TODAY, honoured=(ThinkingMode.NON_THINK,), has_cache=True, cache_unit=64)
    body = {"thinking": msgspec.Raw(b'{"type":"disabled"}')}
    result = ProbeResult(
        provider="novita",
        origin=NOVITA,
        models=(ProbedModel(id=PRO, found=found, bodies={ThinkingMode.NON_THINK: body}),),
    )
    card = load_catalog(probed=[result]).model("novita", "pro")
    assert card.probed == found
    assert bytes(card.mode_bodies[ThinkingMode.NON_THINK]["thinking"]) == b'{"type":"disabled"}'
    assert "reasoning" in card.mode_bodies[ThinkingMode.THINK]
    elsewhere = load_catalog(probed=[result], base_url="https://x.example/v1", provider="novita")
    assert elsewhere.model("novita", "pro").probed is None


def test_a_probe_can_t_set_what_dsterm_sets_itself():
    bodies = {
        ThinkingMode.THINK: {"model": msgspec.Raw(b'"other"')},
        ThinkingMode.THINK_MAX: {"x": msgspec.Raw(b"[" * 100_000)},
    }
    models = tuple(ProbedModel(id=name, found=Probed(on=TODAY), bodies=bodies) for name in (PRO, "a\x1b[2J", "unknown"))
    result = ProbeResult(provider="novita", origin=NOVITA, models=models)
    assert (
        load_catalog(probed=[result]).model("novita", "pro").mode_bodies
        == load_catalog().model("novita", "pro").mode_bodies
    )


def test_every_provider_names_other_ways_to_ask_for_a_mode():
    catalog = load_catalog(base_url="http://localhost/v1")
    for card in catalog.providers:
        model = (
            *catalog.models(card.name),
            *([catalog.model(card.name, "x")] if not catalog.models(card.name) else []),
        )[0]
        assert set(model.mode_alternatives) == set(ThinkingMode)
        for mode, bodies in model.mode_alternatives.items():
            spelled = [
                {name: bytes(value) for name, value in body.items()} for body in (model.mode_bodies[mode], *bodies)
            ]
            assert all(spelled.count(body) == 1 for body in spelled), (card.name, mode)


@pytest.mark.parametrize(
    ("url", "place"),
    [("HTTPS://Host.example:443/a/b", "https://host.example"), ("http://h:80", "http://h"), ("http://h:81/", "http://h:81"),
     ("http://[::1", ""), ("", ""), ("x", "")],
)  # fmt: skip
def test_a_server_is_scheme_host_and_port(url, place):
    assert origin(url) == place


@pytest.mark.parametrize("provider", ["novita", "vllm"])
def test_a_mode_that_the_user_sets_for_a_whole_provider_stays_above_what_a_probe_found(tmp_path, provider):
    file = tmp_path / "catalog.toml"
    named = "custom" if provider == "vllm" else provider
    file.write_text(f"[providers.{named}.modes]\nnon-think = {{ mine = true }}\n")
    body = {"thinking": msgspec.Raw(b'{"type":"disabled"}')}
    model = ProbedModel(
        id=FLASH if provider == "novita" else "deepseek-ai/DeepSeek-V4-Flash",
        found=Probed(on=TODAY),
        bodies={ThinkingMode.NON_THINK: body, ThinkingMode.THINK: body},
    )
    place = NOVITA if provider == "novita" else "http://127.0.0.1:8000"
    result = ProbeResult(provider=provider, origin=place, models=(model,))
    card = load_catalog(file, probed=[result]).model(provider, "flash")
    assert card.mode_bodies[ThinkingMode.NON_THINK] == {"mine": msgspec.Raw(b"true")}
    assert card.mode_bodies[ThinkingMode.THINK].keys() == {"thinking"}


def test_a_probed_model_of_a_server_that_takes_any_is_known_though_nothing_else_is_to_be_sent():
    found = Probed(on=TODAY, honoured=(ThinkingMode.THINK,))
    result = ProbeResult(
        provider="llamacpp", origin="http://127.0.0.1:8080", models=(ProbedModel(id="gemma.gguf", found=found),)
    )
    catalog = load_catalog(probed=[result])
    assert catalog.model("llamacpp", "gemma.gguf").probed == found
    assert [card.id for card in catalog.models("llamacpp")] == ["gemma.gguf"]
