"""Whom a request went to, and the cleaning of whatever comes back from there in words."""

from __future__ import annotations

import re

import msgspec

from dsterm.core.models import ProviderCard

TEXT_CAP = 2000
"""The most characters of a server's text that are shown."""

_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a request went to, for the words of a failure. `secret` is the API key, so that it can be kept out of them."""

    card: ProviderCard
    model: str = ""
    secret: str = ""

    @property
    def host(self) -> str:
        """Host and port of the provider."""
        return host_in(self.card.base_url) or "an empty address"

    @property
    def key_variables(self) -> str:
        """The environment variables that can hold the key, as a user would read them."""
        return " or ".join(dict.fromkeys((*self.card.key_variables[:1], "DSTERM_API_KEY")))

    @property
    def key_page(self) -> str:
        """Where keys are made, as a sentence behind another one; empty where that is not known."""
        return f" Keys are made at {self.card.key_page}." if self.card.key_page else ""


def clean(text: str, secret: str = "") -> str:
    """`text` on one line, without control characters and without `secret`, at most 2,000 characters of it."""
    if secret:
        text = text.replace(secret, "***")
    text = text[: TEXT_CAP * 4]
    # Someone may have put what is not seen between its letters.
    if secret and secret in (bare := _UNPRINTABLE.sub("", text)):
        text = bare.replace(secret, "***")
    line = _UNPRINTABLE.sub(" ", text).strip()
    return line if len(line) <= TEXT_CAP else line[:TEXT_CAP] + "…"


def host_in(url: str) -> str:
    """Host and port in `url`, however broken it is, without a user's name and password."""
    return re.split(r"[/?#\\]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]
