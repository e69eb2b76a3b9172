"""Whether this launch trusts its folder: by flag, by an answer kept from before, or by one that is still to be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dsterm.store.trust import Trust, TrustBook

_NOTICE = "This folder is not trusted: its own settings are not read. --trust says that you trust it."


@dataclass(frozen=True)
class SettledTrust:
    """What holds for the folder of a launch. `must_ask`: nobody said so far, and there is a screen to ask on.

    `notice` is for a user who can't be asked, empty where there is nothing to say.
    """

    is_trusted: bool
    must_ask: bool = False
    notice: str = ""


def settle_trust(book: TrustBook, folder: Path, *, says_trusted: bool, is_headless: bool) -> SettledTrust:
    """What holds for `folder`; `says_trusted` is the flag --trust, which is kept. SettingsError and DiskError as of TrustBook.

    An unknown folder counts as not trusted, also while the user is being asked.
    """
    if says_trusted:
        book.set_trust(folder, is_trusted=True)
        return SettledTrust(is_trusted=True)
    match book.trust_of(folder):
        case Trust.TRUSTED:
            return SettledTrust(is_trusted=True)
        case Trust.REFUSED:
            return SettledTrust(is_trusted=False)
        case Trust.UNKNOWN if is_headless:
            return SettledTrust(is_trusted=False, notice=_NOTICE)
        case Trust.UNKNOWN:
            return SettledTrust(is_trusted=False, must_ask=True)
