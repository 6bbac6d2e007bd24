"""Downloads that never end, in any way, end; and nothing half written is left."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from charrnn.errors import TextError
from charrnn.text import library
from charrnn.text.library import LIBRARY, fetch

TEXT = b"To be, or not to be"
ENTRY = replace(LIBRARY["tinyshakespeare"], characters=len(TEXT), sha256=hashlib.sha256(TEXT).hexdigest())
Serve = Callable[[Callable[[BaseHTTPRequestHandler], None]], None]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """A mirror on this machine that answers as it is asked to, and an empty cache."""
    servers: list[ThreadingHTTPServer] = []

    def begin(answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer(self)

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # type: ignore[assignment, misc]  # the reader has gone
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("CHARRNN_MIRROR", f"http://127.0.0.1:{server.server_port}")

    monkeypatch.setenv("CHARRNN_CACHE", str(tmp_path / "cache"))
    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_download_without_end_is_cut_off_at_the_size_of_the_text(serve: Serve, tmp_path: Path) -> None:
    sent = []

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while True:
            sent.append(request.wfile.write(bytes(1 << 16)))

    serve(endless)
    with pytest.raises(TextError, match=r"longer than the expected text: more than 76 bytes; without internet, set"):
        fetch(ENTRY)
    assert sum(sent) < 100 << 20
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize("where", ["status", "head", "body"])
def test_a_trickle_has_a_deadline(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setattr(library, "DOWNLOAD_SECONDS", 0.3)
    over = threading.Event()

    def trickle(request: BaseHTTPRequestHandler) -> None:
        if where != "status":
            request.wfile.write(b"HTTP/1.0 200 OK\r\n")
        if where == "body":
            request.wfile.write(b"\r\n")
        while not over.wait(0.05):
            request.wfile.write(b"a")

    serve(trickle)
    begun = time.monotonic()
    with pytest.raises(TextError, match=r"it is not complete after 0.3 seconds; without internet, set CHARRNN_MIRROR"):
        fetch(ENTRY)
    assert time.monotonic() - begun < 10
    over.set()
    assert not list((tmp_path / "cache").iterdir())


def test_a_download_that_breaks_off_leaves_nothing_and_the_next_succeeds(serve: Serve, tmp_path: Path) -> None:
    def broken(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(TEXT)))
        request.end_headers()
        request.wfile.write(TEXT[:5])

    serve(broken)
    with pytest.raises(TextError, match="cannot download 'tinyshakespeare' from"):
        fetch(ENTRY)
    assert not list((tmp_path / "cache").iterdir())

    def whole(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(TEXT)

    serve(whole)
    assert fetch(ENTRY).read_bytes() == TEXT
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.parametrize(
    "mirror",
    ["https://[::1", "https://\x1b[2J", "https://a\nb", "https://" + "a" * 70 + ".b", "https://x:99999", "x" * 9999],
)
def test_a_mirror_that_is_no_address_is_refused_in_one_line(
    mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARRNN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CHARRNN_MIRROR", mirror)
    with pytest.raises(TextError) as error:
        fetch(ENTRY)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 700
