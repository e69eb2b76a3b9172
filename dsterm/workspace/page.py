"""Fetches a page that the user names: text only, from public addresses only, within a size and a time.

The address that was judged is the one that is connected to, so no answer of a name server can lead elsewhere in between; each
redirect is judged anew. No cookies, no keys, no proxies.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable
from urllib.parse import SplitResult, urljoin, urlsplit

import msgspec

from dsterm.core.errors import WorkspaceError
from dsterm.workspace.page_text import text_of_html

_MOST_BYTES = 2_000_000
_SECONDS = 20.0
_MOST_REDIRECTS = 5
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TEXT = ("text/", "application/json", "application/xml", "application/xhtml+xml", "application/javascript")
_KIND = re.compile(r"[a-z]+/[a-z0-9.+-]{1,40}")
_CHARSET = re.compile(
    r"utf-?8|utf-?16(?:[bl]e)?|us-ascii|ascii|iso-?8859-\d{1,2}|latin-?1|windows-\d{3,4}|cp\d{3,4}|koi8-[ru]|macintosh"
    r"|gbk|gb2312|gb18030|big5(?:-hkscs)?|shift[_-]jis|euc-(?:jp|kr)|iso-2022-(?:jp|kr)",
    re.IGNORECASE,
)
"""What pages are written in. Python has codecs that take minutes for a page, or make no text of it, and a server names any."""

_NOBODYS = ipaddress.ip_network("192.0.0.0/24")
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""All that is given out of IPv6 for the open internet."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page: where it really is, its text without markup, its size in bytes; `is_cut` when it goes on."""

    address: str
    text: str
    size: int
    is_cut: bool = False


def is_public(address: str) -> bool:
    """Whether the IP `address` is one of the open internet: not of this machine, of its network, or of nobody."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is None and found in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        return found.is_global and found in _GLOBAL_UNICAST
    return found.is_global and not found.is_multicast and found not in _NOBODYS


def fetch_page(address: str, allows: Callable[[str], bool] = is_public) -> Page:
    """The text at `address`; blocks, so call it in a thread. `allows` judges IP addresses. WorkspaceError with a sentence."""
    for _ in range(_MOST_REDIRECTS + 1):
        parts = _judged(address)
        following = _visit(parts, allows)
        if isinstance(following, Page):
            return following
        target = urljoin(address, following)
        if parts.scheme == "https" and urlsplit(target).scheme != "https":
            raise WorkspaceError(f"{parts.hostname} leads from https to a place without it, which is not followed.")
        address = target
    raise WorkspaceError(f"{urlsplit(address).hostname} redirects more than {_MOST_REDIRECTS} times.")


def _judged(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        is_right = parts.scheme in _PORTS and bool(parts.hostname) and parts.username is None and address.isprintable()
        _ = parts.port
    except ValueError:
        is_right = False
    if not is_right or " " in address:
        raise WorkspaceError("Only plain http and https addresses can be fetched.")
    return parts


def _visit(parts: SplitResult, allows: Callable[[str], bool]) -> Page | str:
    """The page, or where the server says it is."""
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    stream = _connected(host, port, allows)
    # A server that sends a byte now and then would otherwise be listened to for ever.
    end = threading.Timer(_SECONDS, _cut, (stream,))
    end.start()
    try:
        if parts.scheme == "https":
            context = ssl.create_default_context()
            # The encrypted stream takes the connection over, and from then on only it can be cut.
            stream = context.wrap_socket(stream, server_hostname=host, do_handshake_on_connect=False)
            end.cancel()
            end = threading.Timer(_SECONDS, _cut, (stream,))
            end.start()
            stream.do_handshake()
        connection = http.client.HTTPConnection(host, port)
        connection.sock = stream
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {
            "Host": parts.netloc,
            "User-Agent": "dsterm",
            "Accept": "text/html, text/*",
            "Accept-Encoding": "identity",
        }
        connection.request("GET", path.encode("ascii", "strict").decode(), headers=headers)
        with connection.getresponse() as response:
            return _answer(parts, response)
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        # What the server itself said is not repeated: these words are dsterm's own.
        why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise WorkspaceError(f"{host} gave no page: {why}.") from error
    finally:
        end.cancel()
        stream.close()


def _connected(host: str, port: int, allows: Callable[[str], bool]) -> socket.socket:
    """A connection to an address of `host` that was judged before."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise WorkspaceError(f"{host} can't be found. Check the address.") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(allows(address) for address in addresses):
        raise WorkspaceError(f"{host} is in this machine or its own network, from where nothing is fetched.")
    try:
        return socket.create_connection((addresses[0], port), timeout=_SECONDS / 2)
    except OSError as error:
        raise WorkspaceError(f"{host} can't be reached: {error.strerror or error}.") from error


def _cut(stream: socket.socket) -> None:
    try:
        stream.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # It was closed at that very moment.


def _answer(parts: SplitResult, response: http.client.HTTPResponse) -> Page | str:
    location = response.getheader("Location")
    if response.status in _REDIRECTS and location:
        return location
    if response.status != http.HTTPStatus.OK:
        raise WorkspaceError(f"{parts.hostname} answered {response.status}.")
    kind = response.getheader("Content-Type", "").partition(";")[0].strip().casefold()
    if not kind.startswith(_TEXT) or response.getheader("Content-Encoding", "identity") != "identity":
        said = kind if _KIND.fullmatch(kind) else "of no known kind"
        raise WorkspaceError(f"{parts.geturl()[:80]} is {said}; only text can be sent.")
    data = response.read(_MOST_BYTES + 1)
    text = data[:_MOST_BYTES].decode(_charset(response), "replace")
    if kind in {"text/html", "application/xhtml+xml"}:
        text = text_of_html(text)
    return Page(address=parts.geturl(), text=text, size=len(data), is_cut=len(data) > _MOST_BYTES)


def _charset(response: http.client.HTTPResponse) -> str:
    named = response.headers.get_content_charset("utf-8")
    if not _CHARSET.fullmatch(named):
        return "utf-8"
    try:
        "".encode(named)
    except LookupError:
        return "utf-8"
    return named
