from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.core.errors import WorkspaceError
from dsterm.workspace.page import fetch_page, is_public
from dsterm.workspace.page_text import text_of_html

ANYWHERE = lambda _address: True  # noqa: E731
PAGE = b"<html><head><title>A page</title><style>x{}</style></head><body><h1>Hi</h1><p>one <b>two</b></p><script>evil()</script>"


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        port = self.server.server_address[1]
        places = {
            "/loop": "/loop",
            "/away": f"http://127.0.0.2:{port}/page",
            "/file": "file:///etc/passwd",
            "/once": "/page",
        }
        if self.path in places:
            self.send_response(302)
            self.send_header("Location", places[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        kind, data = {
            "/page": ("text/html; charset=utf-8", PAGE),
            "/plain?q=1": ("text/plain", "grün".encode()),
            "/picture": ("image/png", b"\x89PNG"),
            "/long": ("text/plain", b"x" * 2_500_000),
            "/odd": ("text/plain; charset=nothing", b"text"),
        }.get(self.path, ("", b""))
        self.send_response(200 if kind else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_page_comes_as_text_without_markup(site: str) -> None:
    page = fetch_page(f"{site}/page", ANYWHERE)
    assert page.text == "A page\n\nHi\n\none two"
    assert page.size == len(PAGE)
    assert fetch_page(f"{site}/plain?q=1", ANYWHERE).text == "grün"
    assert fetch_page(f"{site}/odd", ANYWHERE).text == "text"


def test_a_redirect_is_followed_and_judged(site: str) -> None:
    assert fetch_page(f"{site}/once", ANYWHERE).address == f"{site}/page"
    with pytest.raises(WorkspaceError, match="own network"):
        fetch_page(f"{site}/away", lambda address: address == "127.0.0.1")
    with pytest.raises(WorkspaceError, match="plain http"):
        fetch_page(f"{site}/file", ANYWHERE)
    with pytest.raises(WorkspaceError, match="redirects more than"):
        fetch_page(f"{site}/loop", ANYWHERE)


def test_a_long_page_is_cut(site: str) -> None:
    page = fetch_page(f"{site}/long", ANYWHERE)
    assert page.is_cut
    assert len(page.text) == 2_000_000


def test_only_text_is_taken(site: str) -> None:
    with pytest.raises(WorkspaceError, match="image/png"):
        fetch_page(f"{site}/picture", ANYWHERE)
    with pytest.raises(WorkspaceError, match="404"):
        fetch_page(f"{site}/none", ANYWHERE)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "0x7f.1"])
def test_this_machine_is_not_asked(site: str, host: str) -> None:
    with pytest.raises(WorkspaceError, match=r"own network|can't be found"):
        fetch_page(f"http://{host}:{site.rpartition(':')[2]}/page")


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "ftp://x/y",
        "http://",
        "http://me:pw@example.org/",
        "http://a b/",
        "http://x:99999/",
        "https://\n",
    ],
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(WorkspaceError, match="plain http"):
        fetch_page(address)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *("::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
    ],
)
def test_these_addresses_are_of_no_public_place(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_these_addresses_are_public(address: str) -> None:
    assert is_public(address)


@given(st.text())
def test_any_text_can_be_read_as_a_page(html: str) -> None:
    assert isinstance(text_of_html(html), str)
