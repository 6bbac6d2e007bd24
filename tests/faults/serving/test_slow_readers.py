"""Clients that ask and do not read: they hold no place of others, little memory, and not for long."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from charrnn import LanguageModel
from charrnn.generation import SamplingConfig
from charrnn.serving.engine import Engine, TextRequest
from charrnn.serving.engine.engine import BUFFER
from charrnn.serving.engine.text_request import ALTERNATIVE, TOKEN
from charrnn.serving.http import connections as connections_module
from charrnn.serving.limits import Limits
from charrnn.serving.server import Server
from tests.serving.conftest import Process
from tests.serving.test_endurance import healthy, with_server

HEAD = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
MANY = Limits().max_requests + 100  # as many connections as there may be


def unread(port: int, request: bytes, system_keeps: int = 4096) -> socket.socket:
    """Send requests, and read no answer."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, system_keeps)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", port))
    connection.setblocking(False)
    connection.send(request)
    return connection


def completion(**values: object) -> bytes:
    body = json.dumps(values).encode()
    head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get(port: int, path: bytes) -> tuple[int, float]:
    """The status, and the seconds until the whole answer was there."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path)
        answer = b""
        while piece := connection.recv(1 << 16):
            answer += piece
    return int(answer.split()[1]), time.monotonic() - begun


@contextmanager
def slow_readers(port: int, number: int, request: bytes) -> Iterator[list[socket.socket]]:
    readers = [unread(port, request) for _ in range(number)]
    try:
        yield readers
    finally:
        for each in readers:
            each.close()


def test_readers_that_do_not_read_shut_nobody_out(run_path: Path) -> None:
    process = Process(run_path)
    port = process.told["port"]
    try:
        get(port, b"/openapi.json")  # made at the first request
        with slow_readers(port, MANY, HEAD % b"/openapi.json" * 400):
            get(port, b"/healthz")  # they have all been accepted before
            for _ in range(5):
                for path in (b"/healthz", b"/v1/models", b"/api/runs"):
                    status, seconds = get(port, path)
                    assert status == 200
                    assert path != b"/healthz" or seconds < 10
    finally:
        process.stop()


def test_an_answer_that_is_not_read_is_given_up(run_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_module, "READ_SECONDS", 0.2)

    async def check(port: int, server: Server) -> None:
        stream = completion(prompt="The", max_tokens=10_000, logprobs=5, stream=True)
        for request in (HEAD % b"/openapi.json" * 400, stream, stream * 50):
            readers = [unread(port, request) for _ in range(20)]
            while not server.server_state.connections:
                await asyncio.sleep(0.01)
            while server.server_state.connections or server.service.metrics.open_requests:
                await asyncio.sleep(0.01)
            while any(engine.active or engine.queued for engine in server.service.engines()):
                await asyncio.sleep(0.01)
            for each in readers:
                each.close()

    with_server(run_path, check, Limits(max_seconds=3600))


def test_a_slow_reader_that_does_read_gets_its_answers(run_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_module, "READ_SECONDS", 1.0)
    number = 100

    async def check(port: int, server: Server) -> None:
        connection = unread(port, HEAD % b"/openapi.json" * number, system_keeps=1 << 16)
        reader, writer = await asyncio.open_connection(sock=connection, limit=4096)
        sizes = set()
        for _ in range(number):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            size = int(head.lower().split(b"content-length:")[1].split()[0])
            await reader.readexactly(size)
            sizes.add(size)
            await asyncio.sleep(0.03)
        assert len(sizes) == 1
        writer.close()

    with_server(run_path, check)


def test_requests_wait_until_the_answer_before_is_read(run_path: Path) -> None:
    async def check(port: int, server: Server) -> None:
        one = unread(port, HEAD % b"/openapi.json" * 400)
        counted = server.service.metrics.requests
        while not any(c.flow.write_paused for c in server.server_state.connections):  # type: ignore[union-attr]
            await asyncio.sleep(0.01)
        answered = sum(counted.values())
        assert answered < 50
        for _ in range(5):
            (_, writer) = await healthy(port)
            writer.close()
        assert sum(counted.values()) - 5 <= answered + 1
        one.close()

    with_server(run_path, check)


def test_all_unread_answers_together_are_bounded(run_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_module, "MOST_UNREAD", 100_000)
    dropped: list[object] = []

    async def check(port: int, server: Server) -> None:
        drop = connections_module.Connection._drop
        monkeypatch.setattr(connections_module.Connection, "_drop", lambda c: (dropped.append(c), drop(c)))
        readers = [unread(port, HEAD % b"/openapi.json" * 400) for _ in range(30)]
        while not dropped:
            await asyncio.sleep(0.01)
        waiting = [c.transport.get_write_buffer_size() for c in server.server_state.connections]  # type: ignore[union-attr]
        assert sum(waiting) <= 100_000
        for each in readers:
            each.close()

    with_server(run_path, check)


def test_health_is_told_beyond_the_limit_on_requests(run_path: Path) -> None:
    async def check(port: int, server: Server) -> None:
        server.service.metrics.open_requests += 5
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD % b"/v1/models")
        assert b" 429 " in await reader.readline()
        writer.close()
        (_, other) = await healthy(port)
        other.close()
        server.service.metrics.open_requests -= 5

    with_server(run_path, check, Limits(max_requests=5))


@pytest.mark.parametrize("logprobs", [None, 0, 5])
def test_a_text_that_is_not_read_is_bounded_in_bytes(model: LanguageModel, logprobs: int | None) -> None:
    async def parked() -> TextRequest:
        engine = Engine(model, 4, 4)
        text = TextRequest(model, "The", 10**6, SamplingConfig(), 1, logprobs=logprobs)
        engine.submit([text])
        while text.parked is None:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(engine.close)
        return text

    text = asyncio.run(parked())
    token = TOKEN + ALTERNATIVE * (logprobs or 0)
    assert BUFFER < text.unsent <= BUFFER + token
    tokens = text.take()
    assert len(tokens) == BUFFER // token + 1
    assert text.unsent == 0
