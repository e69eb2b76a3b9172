"""Whom a TLS connection trusts: what the machine trusts, what SSL_CERT_FILE and SSL_CERT_DIR put in its place, and the
user's own certificates beside either. Verification is never off.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from pathlib import Path

import msgspec

from dsterm.core.errors import ProviderError


class Certificates(msgspec.Struct, frozen=True, kw_only=True):
    """`extra` is a file of PEM certificates to trust beside the usual ones; `file` and `folder` replace the usual ones.

    `folder` may be several, separated as in PATH. Empty means none.
    """

    extra: str = ""
    file: str = ""
    folder: str = ""


def trusting(certificates: Certificates, usual: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """What verifies servers by `certificates`; `usual` makes what trusts as the machine does.

    ProviderError, one sentence that names the setting, for a file that can't be used.
    """
    context = _replaced(certificates) if certificates.file or certificates.folder else usual()
    if certificates.extra:
        _add(context, certificates.extra, "ca_file in the settings")
    return context


def _replaced(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if certificates.file:
        _add(context, certificates.file, "SSL_CERT_FILE")
    if certificates.folder:
        if not any(Path(part).is_dir() for part in certificates.folder.split(os.pathsep)):
            raise ProviderError(f"SSL_CERT_DIR names {certificates.folder}, which is no folder; correct or unset it.")
        context.load_verify_locations(capath=certificates.folder)
    return context


def _add(context: ssl.SSLContext, name: str, setting: str) -> None:
    path = Path(name).expanduser()
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise ProviderError(f"{setting} names {path}, which holds no PEM certificate; correct or unset it.") from error
    except OSError as error:
        reason = error.strerror or error
        raise ProviderError(f"{setting} names {path}, which can't be read ({reason}); correct or unset it.") from error
