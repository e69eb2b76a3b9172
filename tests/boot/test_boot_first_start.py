from __future__ import annotations

import pytest

from dsterm.boot.catalogs import open_catalog
from dsterm.boot.plan import plan_launch
from dsterm.boot.screen import settle_first_start
from dsterm.flags import build_parser
from dsterm.tui import welcome

ADDRESS = "http://127.0.0.1:9/v1"


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    flags = build_parser().parse_args(["--base-url", ADDRESS, "--cwd", str(tmp_path)])
    return plan_launch(flags, {"DSTERM_HOME": str(tmp_path / "home")})


@pytest.mark.parametrize(
    ("chosen", "at"), [("novita", ADDRESS), ("deepseek", "https://api.deepseek.com")], ids=["the same", "another"]
)
def test_an_address_that_was_given_is_not_that_of_a_provider_chosen_on_the_first_page(plan, monkeypatch, chosen, at):
    choice = welcome.WelcomeChoice(welcome.WelcomeKind.KEY, provider=chosen)
    monkeypatch.setattr(welcome, "run_welcome", lambda *_words, **_options: choice)
    settled = settle_first_start(plan)
    catalog, _ = open_catalog(settled)
    assert settled.config.provider == chosen
    assert catalog.provider(chosen).base_url == at
    assert settled.chose_provider
