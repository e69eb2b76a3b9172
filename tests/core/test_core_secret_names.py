from __future__ import annotations

import pytest

from dsterm.core.secret_names import looks_secret

SECRET = """.env app/.env.production deploy/id_ed25519 tls/server.key cert.PEM .npmrc config/secrets.yml home/.ssh/config
credentials prod.tfvars client_secret_123.json db-secret.yaml .ENV"""

ORDINARY = """.env.example id_rsa.pub keys.py secrets.py README.md environment.yml monkey tests/test_secret.py secretary.txt
.environment token.py env secrets.md"""


@pytest.mark.parametrize("path", SECRET.split())
def test_names_of_keys_and_passwords_look_secret(path: str) -> None:
    assert looks_secret(path)


@pytest.mark.parametrize("path", ORDINARY.split())
def test_ordinary_names_do_not(path: str) -> None:
    assert not looks_secret(path)
