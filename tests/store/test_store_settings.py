from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.core.config import Config, FallbackConsent
from dsterm.core.errors import SettingsError
from dsterm.core.models import PermissionMode, ThinkingMode
from dsterm.store.paths import Paths
from dsterm.store.setting_values import allowed, check_value
from dsterm.store.settings import Settings, load_settings


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(config=tmp_path / "config", state=tmp_path / "state", cache=tmp_path / "cache")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def load(
    paths: Paths,
    user: str = "",
    project: str = "",
    environment: dict[str, str] | None = None,
    flags: dict[str, object] | None = None,
) -> Settings:
    folder = paths.config.parent / "project"
    write(paths.config_file, user)
    write(folder / ".dsterm/config.toml", project)
    return load_settings(paths, environment or {}, flags or {}, folder)


def test_without_anything_the_defaults_hold(paths: Paths) -> None:
    settings = load_settings(paths, {}, {}, None)
    assert settings.config == Config()
    assert set(settings.origins.values()) == {"default"}
    assert set(settings.origins) == set(Config.__struct_fields__)


def test_flags_win_over_the_environment_over_the_user_file(paths: Paths) -> None:
    settings = load(
        paths,
        user='model = "flash"\nmode = "think"\nprovider = "deepseek"\n',
        environment={
            "DSTERM_MODE": "non-think",
            "DSTERM_PROVIDER": "custom",
            "DSTERM_BASE_URL": "http://localhost:1/v1",
        },
        flags={"mode": "think-max", "theme": None},
    )
    assert settings.config.model == "flash"
    assert settings.config.provider == "custom"
    assert settings.config.mode is ThinkingMode.THINK_MAX
    assert settings.origins["model"] == str(paths.config_file)
    assert settings.origins["provider"] == "DSTERM_PROVIDER"
    assert settings.origins["mode"] == "--mode"
    assert settings.origins["theme"] == "default"


def test_money_is_exact_from_every_layer(paths: Paths) -> None:
    assert load(paths, user="budget = 0.1").config.budget == Decimal("0.1")
    assert load(paths, environment={"DSTERM_BUDGET": "0.3"}).config.budget == Decimal("0.3")
    assert load(paths, flags={"budget": "0.70"}).config.budget == Decimal("0.70")


def test_a_price_that_asks_first_may_be_zero_and_no_project_sets_it(paths: Paths) -> None:
    assert load(paths).config.ask_above == Decimal("0.05")
    settings = load(paths, user="ask_above = 0.2", project="ask_above = 9")
    assert settings.config.ask_above == Decimal("0.2")
    assert any("ask_above" in notice for notice in settings.notices)
    assert load(paths, environment={"DSTERM_ASK_ABOVE": "0"}).config.ask_above == 0


def test_values_that_are_typed_already_pass_as_flags(paths: Paths) -> None:
    flags: dict[str, object] = {
        "mode": ThinkingMode.NON_THINK,
        "permission_mode": PermissionMode.YOLO,
        "max_turns": 3,
        "budget": Decimal(2),
        "debug": True,
        "allowed_tools": ["read,grep", "edit"],
    }
    config = load(paths, flags=flags).config
    assert (config.mode, config.permission_mode, config.max_turns) == (ThinkingMode.NON_THINK, PermissionMode.YOLO, 3)
    assert (config.budget, config.debug, config.allowed_tools) == (Decimal(2), True, ("read", "grep", "edit"))


def test_a_project_may_tighten(paths: Paths) -> None:
    project = 'permission_mode = "plan"\nbudget = 0.5\nmax_turns = 4\ndisallowed_tools = ["write"]\n'
    settings = load(paths, user='permission_mode = "auto"\nbudget = 2\ndisallowed_tools = ["edit"]\n', project=project)
    assert settings.config.permission_mode is PermissionMode.PLAN
    assert settings.config.budget == Decimal("0.5")
    assert settings.config.max_turns == 4
    assert settings.config.disallowed_tools == ("edit", "write")
    assert settings.notices == ()


def test_a_project_can_not_loosen(paths: Paths) -> None:
    user = 'permission_mode = "ask"\nbudget = 1\nmax_turns = 3\n'
    settings = load(paths, user=user, project='permission_mode = "yolo"\nbudget = 50\nmax_turns = 900\n')
    assert settings.config.permission_mode is PermissionMode.ASK
    assert settings.config.budget == Decimal(1)
    assert settings.config.max_turns == 3
    assert len(settings.notices) == 3


def test_a_project_may_make_the_sandbox_stricter(paths: Paths) -> None:
    user = "sandbox = false\nsandbox_network = true\nmask_secrets = false\n"
    project = "sandbox = true\nsandbox_network = false\nmask_secrets = true\ncommand_timeout = 30\n"
    settings = load(paths, user=user, project=project)
    config = settings.config
    assert (config.sandbox, config.sandbox_network, config.mask_secrets) == (True, False, True)
    assert config.command_timeout == 30
    assert settings.notices == ()


def test_a_project_can_not_open_the_sandbox(paths: Paths) -> None:
    project = "sandbox = false\nsandbox_network = true\nmask_secrets = false\ncommand_timeout = 3600\n"
    settings = load(paths, project=project)
    assert settings.config == Config()
    assert len(settings.notices) == 4


def test_the_users_own_flag_wins_over_a_project(paths: Paths) -> None:
    assert not load(paths, project="sandbox = true", flags={"sandbox": False}).config.sandbox


def test_a_project_can_set_nothing_else_and_a_notice_says_so(paths: Paths) -> None:
    project = 'base_url = "https://evil.example"\nallowed_tools = ["write"]\nnonsense = 1\nprovider = "custom"\n'
    settings = load(paths, project=project)
    assert settings.config == Config()
    assert len(settings.notices) == 1
    assert "base_url" in settings.notices[0]
    assert "nonsense" in settings.notices[0]


def test_a_project_proposes_checks_and_sets_none(paths: Paths) -> None:
    settings = load(paths, user='checks = ["mine"]', project='checks = ["make test", "ruff check", "make test"]')
    assert settings.config.checks == ("mine",)
    assert settings.proposed_checks == ("make test", "ruff check")
    assert settings.notices == ()


@pytest.mark.parametrize(
    "checks",
    [
        '"make"',
        "[1]",
        '["make", {}]',
        '["a", "b", "c", "d", "e", "f"]',
        f'["{"x" * 301}"]',
        '[" "]',
        '["make\\nrm -rf x"]',
        '["make \\u001b[8m; rm -rf x"]',
        '["make \\u202e x"]',
        '["make \\u200b x"]',
    ],
)
def test_checks_that_can_not_be_shown_or_are_too_many_are_not_proposed(paths: Paths, checks: str) -> None:
    settings = load(paths, project=f"checks = {checks}")
    assert settings.proposed_checks == ()
    assert len(settings.notices) == 1
    assert settings.notices[0].isprintable()


def test_a_project_adds_no_folders(paths: Paths) -> None:
    settings = load(paths, project='add_dirs = ["/"]')
    assert settings.config.add_dirs == ()
    assert "add_dirs" in settings.notices[0]


def test_nothing_of_a_folder_without_trust_is_read(paths: Paths) -> None:
    write(paths.config.parent / "project/.dsterm/config.toml", "this is = no toml = at all")
    settings = load_settings(paths, {}, {}, None)
    assert settings.config == Config()
    assert settings.notices == settings.proposed_checks == ()


def test_checks_and_folders_come_from_every_layer_of_the_user(paths: Paths) -> None:
    environment = {
        "DSTERM_CHECKS": "make test\n\n ruff check \n",
        "DSTERM_ADD_DIRS": os.pathsep.join(["~/b", "/c", ""]),
    }
    settings = load(
        paths,
        user='checks = ["old"]\nadd_dirs = ["/a b"]\n',
        environment=environment,
        flags={"add_dirs": ["/d, e", "/c"]},
    )
    assert settings.config.checks == ("make test", " ruff check ")
    assert settings.config.add_dirs == ("/a b", "~/b", "/c", "/d, e")
    assert load(paths, flags={"add_dirs": "/only one"}).config.add_dirs == ("/only one",)


def test_bans_of_tools_add_up_over_all_layers(paths: Paths) -> None:
    settings = load(
        paths,
        user='disallowed_tools = ["a"]',
        project='disallowed_tools = ["b"]',
        environment={"DSTERM_DISALLOWED_TOOLS": "c, a"},
        flags={"disallowed_tools": "d"},
    )
    assert settings.config.disallowed_tools == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ('mode = "fast"', "mode", "think-max"),
        ('permission_mode = "root"', "permission_mode", "accept-edits"),
        ("budget = 0", "budget", "more than 0"),
        ("budget = nan", "budget", "more than 0"),
        ("ask_above = -0.01", "ask_above", "0 for never"),
        ("max_turns = 0", "max_turns", "at least 1"),
        ("max_turns = true", "max_turns", "at least 1"),
        ("max_output = 400000", "max_output", "393,216"),
        ("model = 4", "model", "pro, flash"),
        ('base_url = "ftp://x"', "base_url", "https://"),
        ('base_url = "https://me:secret@x"', "base_url", "without a user"),
        ('mouse = "yes"', "mouse", "true or false"),
        ("allowed_tools = [1]", "allowed_tools", "tool names"),
        ("allowed_tools = [2026-01-01]", "allowed_tools", "tool names"),
        ("theme = {a = 1}", "theme", "name of a theme"),
        ("command_timeout = 0", "command_timeout", "1 to 3,600"),
        ("command_timeout = 3601", "command_timeout", "1 to 3,600"),
        ("command_timeout = 1.5", "command_timeout", "1 to 3,600"),
        ('sandbox = "off"', "sandbox", "true or false"),
        ("sandbox_network = 1", "sandbox_network", "true or false"),
        ('mask_secrets = "no"', "mask_secrets", "true or false"),
        ('checks = "make test"', "checks", "list of commands"),
        ('checks = [""]', "checks", "list of commands"),
        ('checks = ["a\\tb"]', "checks", "list of commands"),
        ('add_dirs = [" "]', "add_dirs", "list of folders"),
        ('fallback = "maybe"', "fallback", "ask, always, never"),
        ('[fallbacks]\nflash = "deepseek/flash"', "fallbacks", "PROVIDER/MODEL"),
        ('[fallbacks]\nflash = ["deepseek"]', "fallbacks", "PROVIDER/MODEL"),
        ('[fallbacks]\nflash = ["deep seek/flash"]', "fallbacks", "PROVIDER/MODEL"),
        ("idle_timeout = 0", "idle_timeout", "1 to 3,600"),
        ('ca_file = "a\\u0000b"', "ca_file", "certificates"),
        ('add_dirs = ["/a\\u0000b"]', "add_dirs", "list of folders"),
    ],
)
def test_a_bad_value_names_file_key_and_what_is_allowed(paths: Paths, text: str, key: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(paths, user=text)
    message = str(caught.value)
    assert str(paths.config_file) in message
    assert f"`{key}`" in message
    assert hint in message
    assert "\n" not in message


def test_a_bad_value_in_a_project_stops_too_as_it_was_meant_to_tighten(paths: Paths) -> None:
    with pytest.raises(SettingsError, match="project"):
        load(paths, project='permission_mode = "plann"')


def test_bad_variables_and_flags_are_named(paths: Paths) -> None:
    with pytest.raises(SettingsError, match="DSTERM_MODE"):
        load(paths, environment={"DSTERM_MODE": "x"})
    with pytest.raises(SettingsError, match="--max-turns"):
        load(paths, flags={"max_turns": "many"})


def test_an_unknown_key_names_the_nearest(paths: Paths) -> None:
    with pytest.raises(SettingsError, match="Did you mean `permission_mode`"):
        load(paths, user='permision-mode = "ask"')


def test_a_key_in_the_settings_file_is_sent_to_its_place_and_not_shown(paths: Paths) -> None:
    with pytest.raises(SettingsError, match="DSTERM_API_KEY") as caught:
        load(paths, user='api_key = "sk-verysecret"')
    assert "verysecret" not in str(caught.value)


@pytest.mark.parametrize("data", [b"mode = ", b"\xff\xfe", b"a" * 1_000_001, b"x = " + b"[" * 5000])
def test_a_file_that_is_no_settings_file_is_one_sentence(paths: Paths, data: bytes) -> None:
    paths.config.mkdir()
    paths.config_file.write_bytes(data)
    with pytest.raises(SettingsError) as caught:
        load_settings(paths, {}, {}, None)
    assert str(paths.config_file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pipe_in_place_of_the_project_file_is_not_waited_for(paths: Paths, tmp_path: Path) -> None:
    (tmp_path / ".dsterm").mkdir()
    os.mkfifo(tmp_path / ".dsterm/config.toml")
    with pytest.raises(SettingsError, match="not a file"):
        load_settings(paths, {}, {}, tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_one_sentence(paths: Paths) -> None:
    write(paths.config_file, "").chmod(0)
    with pytest.raises(SettingsError, match="can't be read"):
        load_settings(paths, {}, {}, None)


def test_every_setting_says_what_is_allowed() -> None:
    assert all("another kind" not in allowed(key) for key in Config.__struct_fields__)


@given(key=st.sampled_from(Config.__struct_fields__), text=st.text())
def test_any_text_for_any_setting_is_a_value_or_a_sentence(key: str, text: str) -> None:
    try:
        check_value(key, text, "here", is_text=True)
    except SettingsError as error:
        assert str(error).isprintable()


def test_fallbacks_are_lists_by_model_from_a_table_or_a_variable(paths: Paths) -> None:
    user = 'fallback = "always"\n[fallbacks]\nflash = ["deepseek/flash", "novita/deepseek/deepseek-v4-pro"]\n'
    config = load(paths, user=user).config
    assert config.fallbacks == {"flash": ("deepseek/flash", "novita/deepseek/deepseek-v4-pro")}
    assert config.fallback is FallbackConsent.ALWAYS
    variable = {"DSTERM_FALLBACKS": "flash=deepseek/flash, flash=siliconflow/flash pro=deepseek/pro"}
    assert load(paths, environment=variable).config.fallbacks == {
        "flash": ("deepseek/flash", "siliconflow/flash"),
        "pro": ("deepseek/pro",),
    }
    with pytest.raises(SettingsError, match="DSTERM_FALLBACKS"):
        load(paths, environment={"DSTERM_FALLBACKS": "deepseek/flash"})


def test_a_project_sends_nothing_to_another_provider(paths: Paths) -> None:
    settings = load(paths, project='fallback = "always"\n[fallbacks]\nflash = ["custom/flash"]\n')
    assert (settings.config.fallbacks, settings.config.fallback) == ({}, FallbackConsent.ASK)
    assert '"fallback", "fallbacks"' in settings.notices[0]


OWN_SERVER = 'provider = "custom"\nbase_url = "http://localhost:8000/v1"\n'


@pytest.mark.parametrize(
    ("user", "environment", "flags", "address"),
    [
        (OWN_SERVER, {}, {}, "http://localhost:8000/v1"),
        (OWN_SERVER, {}, {"provider": "custom"}, "http://localhost:8000/v1"),
        (OWN_SERVER, {}, {"provider": "deepseek"}, ""),
        (OWN_SERVER, {"DSTERM_PROVIDER": "deepseek"}, {}, ""),
        (OWN_SERVER, {}, {"provider": "deepseek", "base_url": "https://proxy.example/v1"}, "https://proxy.example/v1"),
        ('base_url = "http://localhost:8000/v1"', {}, {"provider": "deepseek"}, ""),
        ("", {"DSTERM_BASE_URL": "http://localhost:8000/v1"}, {"provider": "custom"}, "http://localhost:8000/v1"),
    ],
)
def test_an_address_in_the_file_is_that_of_the_provider_there(
    paths: Paths, user: str, environment: dict[str, str], flags: dict[str, object], address: str
) -> None:
    settings = load(paths, user=user, environment=environment, flags=flags)
    assert settings.config.base_url == address
    assert bool(settings.notices) == (not address)
    assert not settings.notices or "so deepseek doesn't get it" in settings.notices[0]
