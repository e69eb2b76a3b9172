from __future__ import annotations

import asyncio
import ssl

import msgspec
import pytest
import trustme
from llm_raw_server import DONE, RawServer, chunk
from wire_client import CATALOG, KEY, chat_at, ended_of, failure_of

from dsterm.boot.connections import Connections
from dsterm.boot.known_keys import KnownKeys
from dsterm.boot.plan import plan_launch
from dsterm.core.provider import StopReason
from dsterm.flags import build_parser
from dsterm.llm.certificates import Certificates


class TlsServer(RawServer):
    """A RawServer behind TLS, with a certificate that an authority of the test's own signed."""

    def __init__(self, authority: trustme.CA, name: str) -> None:
        super().__init__()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self._context)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.url = f"https://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def ca_file(authority, tmp_path):
    file = tmp_path / "own ca.pem"
    authority.cert_pem.write_to_path(file)
    return str(file)


@pytest.fixture
async def tls(authority):
    server = TlsServer(authority, "127.0.0.1")
    await server.start()
    server.streams(chunk("stop", content="x"), DONE)
    yield server
    await server.stop()


async def test_an_own_certificate_is_not_trusted_unless_named(tls):
    failure = await failure_of(chat_at(tls.url))
    assert "its certificate is not trusted: " in failure.message
    assert "CERTIFICATE_VERIFY_FAILED" in failure.message
    assert "ca_file" in failure.hint
    assert "SSL_CERT_FILE" in failure.hint
    assert not failure.is_retryable
    assert not tls.received


@pytest.mark.parametrize("way", ["extra", "file", "folder"])
async def test_an_own_certificate_can_be_named_in_three_ways(tls, authority, ca_file, tmp_path, way):
    place = ca_file
    if way == "folder":
        folder = tmp_path / "certificates"
        folder.mkdir()
        authority.cert_pem.write_to_path(folder / f"{_subject_hash(authority)}.0")
        place = f"/nowhere:{folder}"
    ended = await ended_of(chat_at(tls.url, certificates=Certificates(**{way: place})))
    assert ended.stop is StopReason.STOP


@pytest.mark.parametrize("way", ["ca_file", "SSL_CERT_FILE"])
async def test_settings_and_environment_reach_the_connection(tls, ca_file, tmp_path, monkeypatch, way):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home/config").mkdir(parents=True)
    if way == "ca_file":
        (tmp_path / "home/config/config.toml").write_text(f"ca_file = {ca_file!r}\n")
    environment = {"DSTERM_HOME": str(tmp_path / "home"), "NOVITA_API_KEY": KEY, "SSL_CERT_FILE": ""}
    if way == "SSL_CERT_FILE":
        environment[way] = ca_file
    plan = plan_launch(build_parser().parse_args(["-p", "x"]), environment)
    card = msgspec.structs.replace(CATALOG.provider("novita"), base_url=tls.url)
    assert (await ended_of(Connections(plan, KnownKeys()).connect(card))).stop is StopReason.STOP


async def test_the_wrong_authority_is_not_enough(tls, tmp_path):
    file = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(file)
    failure = await failure_of(chat_at(tls.url, certificates=Certificates(extra=str(file))))
    assert "its certificate is not trusted" in failure.message
    assert not tls.received


async def test_a_certificate_for_another_host_is_not_enough(authority, ca_file):
    server = TlsServer(authority, "somewhere.example")
    await server.start()
    failure = await failure_of(chat_at(server.url, certificates=Certificates(extra=ca_file)))
    await server.stop()
    assert "its certificate is not trusted" in failure.message


@pytest.mark.parametrize(
    ("way", "content", "words"),
    [
        ("extra", None, "ca_file in the settings names {}, which can't be read (No such file or directory); "),
        ("extra", "no certificate", "ca_file in the settings names {}, which holds no PEM certificate; "),
        ("extra", "", "ca_file in the settings names {}, which holds no PEM certificate; "),
        ("file", None, "SSL_CERT_FILE names {}, which can't be read (No such file or directory); "),
        ("file", "no certificate", "SSL_CERT_FILE names {}, which holds no PEM certificate; "),
        ("folder", None, "SSL_CERT_DIR names {}, which is no folder; "),
    ],
)
async def test_a_wrong_file_is_one_clear_sentence(tls, tmp_path, way, content, words):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    failure = await failure_of(chat_at(tls.url, certificates=Certificates(**{way: str(file)})))
    assert failure.sentence == f"{words.format(file)}correct or unset it."
    assert not tls.received


async def test_a_server_that_hangs_up_in_the_handshake_may_be_asked_again():
    async def hang_up(_reader, writer):
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    failure = await failure_of(chat_at(url))
    server.close()
    assert failure.is_retryable, failure


def _subject_hash(authority: trustme.CA) -> str:
    """The name under which OpenSSL looks for a certificate in a folder."""
    import hashlib

    from cryptography import x509

    subject = x509.load_pem_x509_certificate(authority.cert_pem.bytes()).subject
    canonical = b"".join(_canonical(attribute) for attribute in subject)
    return f"{int.from_bytes(hashlib.sha1(canonical).digest()[:4], 'little'):08x}"


def _canonical(attribute) -> bytes:
    """A part of a name as OpenSSL hashes it: UTF-8, lower case, single spaces."""
    text = " ".join(attribute.value.lower().split()).encode()
    parts = [int(part) for part in attribute.oid.dotted_string.split(".")]
    oid = bytes([40 * parts[0] + parts[1], *parts[2:]])
    pair = b"\x06" + bytes([len(oid)]) + oid + b"\x0c" + bytes([len(text)]) + text
    sequence = b"\x30" + bytes([len(pair)]) + pair
    return b"\x31" + bytes([len(sequence)]) + sequence
