from __future__ import annotations

import json
import random
import string
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dsterm.store.history import PromptHistory
from dsterm.store.secrets import MASK, check_key, find_secrets, redact

ALNUM = string.ascii_letters + string.digits
URL_SAFE = ALNUM + "-_"
HEX = "0123456789abcdef"
BASE64 = ALNUM + "+/"
PEM_LINE = "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MbzYLdZ7ZvVy7F7V"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{PEM_LINE}\n{PEM_LINE}\nq83vEjRWeJA=\n-----END RSA PRIVATE KEY-----"

Drawn = Callable[[str, int], str]

# How keys look, with what they are drawn from: (before the secret, its alphabet, its length, after it).
KEYS = {
    "novita": ("", "sk_", URL_SAFE, 43, ""),
    "deepseek": ("", "sk-", HEX, 32, ""),
    "openai project": ("", "sk-proj-", URL_SAFE, 120, ""),
    "anthropic": ("", "sk-ant-api03-", URL_SAFE, 93, ""),
    "openrouter": ("", "sk-or-v1-", HEX, 64, ""),
    "siliconflow": ("", "sk-", string.ascii_lowercase, 48, ""),
    "github": ("", "ghp_", ALNUM, 36, ""),
    "github fine": ("", "github_pat_", ALNUM + "_", 82, ""),
    "gitlab": ("", "glpat-", URL_SAFE, 20, ""),
    "slack bot": ("", "xoxb-", string.digits + "-", 40, ""),
    "slack hook": ("https://hooks.slack.com/services/", "T", ALNUM, 40, ""),
    "aws id": ("", "AKIA", string.ascii_uppercase + "234567", 16, ""),
    "aws secret": ("aws_secret_access_key = ", "", BASE64, 40, ""),
    "aws secret in json": ('"SecretAccessKey": "', "", BASE64, 40, '"'),
    "google": ("", "AIza", URL_SAFE, 35, ""),
    "stripe": ("", "sk_live_", ALNUM, 24, ""),
    "stripe restricted": ("", "rk_live_", ALNUM, 99, ""),
    "npm": ("", "npm_", ALNUM, 36, ""),
    "pypi": ("", "pypi-AgEIcHlwaS5vcmc", URL_SAFE, 150, ""),
    "hugging face": ("", "hf_", ALNUM, 34, ""),
    "groq": ("", "gsk_", ALNUM, 52, ""),
    "jwt": ("", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.", URL_SAFE, 43, ""),
    "basic": ("Authorization: Basic ", "", BASE64, 24, "=="),
    "bearer": ("authorization: Bearer ", "", URL_SAFE, 40, ""),
    "address": ("postgres://app:", "", ALNUM + "!$^*", 20, "@db.example.com:5432/app"),
    "user of an address": ("https://", "", ALNUM, 40, "@git.example.com/x.git"),
    "quoted": ('api_key = "', "", ALNUM, 40, '"'),
    "yaml": ("  password: ", "", ALNUM, 32, "\n"),
    "variable": ("export DB_PASSWORD=", "", ALNUM, 32, "\n"),
    "python": ('client_secret: str = "', "", ALNUM, 40, '"'),
    "subscript": ('os.environ["API_KEY"] = \'', "", ALNUM, 40, "'"),
    "flag": ("tool --auth-token ", "", ALNUM, 40, " run"),
    "json in json": ('{\\"apiKey\\": \\"', "", ALNUM, 40, '\\"}'),
    "xml": ("<password>", "", ALNUM, 32, "</password>"),
}


def drawn(seed: int) -> Drawn:
    chance = random.Random(seed)
    return lambda alphabet, length: "".join(chance.choices(alphabet, k=length))


@pytest.mark.parametrize("kind", KEYS)
@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**40),
    around=st.sampled_from(["{}", "x {} y", "\n{}\n", '{{"a": 1}}\n{}', "\x1b[31m{}\x1b[0m"]),
)
def test_a_planted_key_never_stays_and_masking_again_changes_nothing(kind: str, seed: int, around: str) -> None:
    before, prefix, alphabet, length, after = KEYS[kind]
    secret = drawn(seed)(alphabet, length)
    # A draw of chance that reads like words can't be told from words; that is said in the module, and rare.
    assume(sum(character.isdigit() for character in secret) * 20 >= length or prefix)
    assume(not prefix.startswith("xox") or secret.strip("-"))
    text = around.format(f"{before}{prefix}{secret}{after}")
    masked = redact(text, ())
    assert secret not in masked
    assert MASK in masked
    assert redact(masked, ()) == masked
    assert find_secrets(text, ())
    assert not any(secret[4:] in what for what in find_secrets(text, ()))


@given(
    st.text(alphabet="sk-_=:@/\"' \n\x1b[m]abAB01{}$.redctpwotn", max_size=200),
    st.sets(st.text(min_size=6, max_size=12)),
)
def test_masking_twice_is_masking_once(text: str, secrets: set[str]) -> None:
    once = redact(text, secrets)
    assert redact(once, secrets) == once


@pytest.mark.parametrize("before", ["{}: ", "{}:", "a/log.txt:{}:", "a/log.txt:", "log.txt-{}-", "{}\t", "+", ""])
def test_a_private_key_that_was_found_line_by_line_is_masked_whole_or_from_the_middle(before: str) -> None:
    lines = [f"{before.format(number)}{line}" for number, line in enumerate(f"{PEM}\nmore".split("\n"), 1)]
    for found in (lines, lines[1:]):
        masked = redact("\n".join(found), ())
        assert PEM_LINE not in masked
        assert masked.endswith(f"{MASK}\n{lines[-1]}")


@pytest.mark.parametrize(
    "text",
    [
        "task-force disk-usage the bearer of news, risk_of_something_long, sk-learn",
        "commit 3f2504e04f8911d39a0c0305e82c33013f2504e0",
        "id: 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        '"integrity": "sha512-aB3dE5fG7hI9aB3dE5fG7hI9aB3dE5fG7hI9aB3dE5fG7hI9aB3dE5fG7hI9aA=="',
        "data = 'aB3dE5fG7hI9aB3dE5fG7hI9aB3dE5fG7hI9aB3dE5fG7hI9aB3dE5fG7hI9'",
        '<div class="sk-folding-cube sk-toggleable__content-wrapper sk-estimator-doc-link">',
        "CONSTRAINT pk_user_id_constraint PRIMARY KEY, rk_region_key_for_orders",
        "pip install sk-learn-extra-2024 pypi-package-of-somebody",
        "sodium_crypto_sign_ed25519_sk_to_curve25519",
        "Bearer authentication is used; Authorization: Basic authentication",
        "password = os.getenv('DB_PASSWORD1')",
        "password: hunter2 and pwd=secret",
        "token = next_token2(lexer)  # token: a Token3 of kind X",
        "api_key: _AzureApiKeyT | None, token: str = settings.auth_token",
        "max_tokens = 128000; token_count: 4096; tokens: 12k; tokenizer=deepseek_v4_tokenizer",
        "secret: my-app-tls-cert-2024",
        "PWD=/home/ada/a1b2c3d4e5 OLDPWD=/srv/x9y8z7",
        "PASSWORD=${DB_PASSWORD_1a2b} SECRET={{ vault_secret_9x8y }} TOKEN=$GITHUB_TOKEN_2",
        "postgres://app:${DB_PASSWORD}@db/app https://x.example/a:b http://localhost:8080?to=me@example.com",
        "http://localhost:8080,ada@example.com git@github.com:ada/x.git ssh://git@host:22/x.git",
        'if line.startswith("-----BEGIN RSA PRIVATE KEY-----"):\n    internationalization(line)',
        'BEGIN, END = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"',
        "-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCqGKukO1De7zhZj6\n-----END PUBLIC KEY-----",
        'TOKEN = "[a-zA-Z_][a-zA-Z0-9_-]*"',
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text, ()) == text
    assert find_secrets(text, ()) == ()


@pytest.mark.parametrize(
    "text",
    [
        PEM,
        PEM.replace("\n", "\r\n"),
        PEM.replace("\n", "\\n"),
        PEM.replace("\n", "\n    "),
        "\n".join(f"{number}\t{line}" for number, line in enumerate(PEM.splitlines(), 1)),
        "\n".join(f"-{line}" for line in PEM.splitlines()),
        "\n".join(f"+{line}" for line in PEM.splitlines()),
        PEM.replace("KEY-----\nMIIE", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B2C\n\nMIIE"),
        PEM[: len(PEM) // 2],
        PEM[len(PEM) // 3 :],
        PEM.replace("RSA", "OPENSSH"),
    ],
    ids=[
        "plain",
        "windows",
        "json",
        "indented",
        "numbered",
        "taken-out",
        "put-in",
        "encrypted",
        "head",
        "tail",
        "openssh",
    ],
)
def test_a_private_key_is_masked_however_it_is_shown(text: str) -> None:
    masked = redact(f"before {text} after", ())
    assert PEM_LINE[8:40] not in masked
    assert "q83vEjRWeJA" not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")


def test_only_the_password_of_an_address_goes() -> None:
    assert redact("postgres://ada:hunter2@db/x", ()) == f"postgres://ada:{MASK}@db/x"
    assert redact("redis://:p%40ss@cache:6379/0", ()) == f"redis://:{MASK}@cache:6379/0"
    assert redact("mysql://ada:p@ss#1?@db/x", ()) == f"mysql://ada:{MASK}@db/x"


def test_a_header_keeps_its_name_and_scheme() -> None:
    assert redact("Authorization: Bearer abcdefgh12345678", ()) == f"Authorization: Bearer {MASK}"
    assert redact("'authorization': 'Basic YWRhOmh1bnRlcjI='", ()) == f"'authorization': 'Basic {MASK}'"


def test_a_key_behind_an_escape_of_json_is_found() -> None:
    assert redact(r'{"content": "look:\nsk-0123456789abcdef\ndone"}', ()) == rf'{{"content": "look:\n{MASK}\ndone"}}'


def test_colours_inside_a_key_do_not_hide_it_and_go_on_behind_it() -> None:
    text = "\x1b[32ma: \x1b[01;31m\x1b[Ksk-\x1b[m\x1b[K0123456789abcdef\x1b[0m end"
    assert redact(text, ()) == f"\x1b[32ma: \x1b[01;31m\x1b[K{MASK}\x1b[m\x1b[K\x1b[0m end"


def test_an_address_inside_an_escape_sequence_is_looked_into() -> None:
    assert "hunter22" not in redact("\x1b]8;;https://ada:hunter22@host/\x07link\x1b]8;;\x07", ())


def test_what_was_found_is_named_without_being_shown() -> None:
    text = f'key sk-ant-api03-{"aB3_" * 20} and password = "Tr0ub4dor&3xY" at ftp://ada:hunter2@x\n{PEM}'
    assert set(find_secrets(text, ())) == {
        "a key that begins with sk-a…",
        "what stands behind `password`",
        "a password in an address",
        "a private key",
    }


def test_a_known_key_is_named_even_where_it_has_no_shape() -> None:
    assert find_secrets("try plainword-key-7", {"plainword-key-7"}) == ("the API key that dsterm uses",)


def test_a_prompt_that_is_nothing_but_a_key_is_noticed() -> None:
    assert find_secrets(" Xk29dLq0ZpW8sVt4Rm7YcB1n \n", ()) == ("nothing but what looks like a key",)
    assert find_secrets("3f2504e04f8911d39a0c0305e82c33013f2504e0", ()) == ()
    assert find_secrets("internationalization-of-everything", ()) == ()


def test_a_known_secret_is_masked_in_every_spelling() -> None:
    secret = 'pa"ss\\w/rd+=7'
    for spelling in (secret, json.dumps(secret), quote(secret, safe="")):
        assert redact(f"a {spelling} b", {secret}).replace('"', "") == f"a {MASK} b"


def test_known_secrets_are_masked_wherever_they_stand_the_longer_first() -> None:
    assert redact("url?k=hunter22-long&x=hunter22", ["hunter22", "hunter22-long"]) == f"url?k={MASK}&x={MASK}"


@given(
    before=st.text(max_size=20),
    key=st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40),
    after=st.text(max_size=20),
)
def test_no_valid_key_survives_redaction(before: str, key: str, after: str) -> None:
    if key in MASK:
        return
    assert check_key(key, "x") == key
    assert key not in redact(before + key + after, {key}).replace(MASK, "\0")


@pytest.mark.parametrize(
    "unit",
    [
        "-", "eyJaaaaaaaaa-", "sk-", "sk-aaaa_bbbb ", "://a:b", "://" + "@" * 40, "token", "token='", "token: ",
        "token: a|a|a|a| ",
        "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "A" * 20 + "\n-----END PRIVATE KEY-----", "\n-",
        "bearer ", "authorization: aaaa ", "\x1b[31m", "\x1b[1;", "\x1b]8;;", "--a-a-a-", "ghp_", "a", "A1", "\\n",
        "Proc-Type: a\n",
        "glpat-aaaaaaaaaaaaaaaa.", "password=a1B2c3D4", "password='a1B2c3D4", "hooks.slack.com/services/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("frame", ["{}", "-----BEGIN PRIVATE KEY-----{}", "{}-----END PRIVATE KEY-----", "password={}"])
def test_masking_takes_time_in_proportion_to_the_text_whatever_it_is(unit: str, frame: str) -> None:
    def seconds(size: int) -> float:
        text = frame.format(unit * (size // len(unit)))
        started = time.process_time()
        redact(text, ())
        return time.process_time() - started

    short = max(seconds(30_000), 0.004)
    assert seconds(240_000) < 8 * short * 4


def test_a_megabyte_of_chance_is_masked_soon() -> None:
    text = "password=" + drawn(1)(ALNUM + " \n=:'\"", 1_000_000)
    started = time.process_time()
    redact(text, ())
    assert time.process_time() - started < 5


def test_a_prompt_with_a_key_never_reaches_the_history(tmp_path: Path) -> None:
    history = PromptHistory(tmp_path / "h", secrets={"known-key-77"})
    history.add(f"use known-key-77 or sk-0123456789abcdef or\n{PEM}")
    kept = (tmp_path / "h").read_text() + "".join(history.entries())
    assert not any(secret in kept for secret in ("known-key-77", "0123456789abcdef", PEM_LINE[:20]))
