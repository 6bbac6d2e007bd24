"""What the server withstands: connections that ask for nothing, too much to compute, stop strings made to be slow."""

from __future__ import annotations

import asyncio
import itertools
import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.requests import Request

from charrnn.generation.stop import StopMatcher
from charrnn.serving.app import make_app
from charrnn.serving.http import connections as connections_module
from charrnn.serving.http.connections import FILES, connections, open_files
from charrnn.serving.http.errors import GONE, ApiError
from charrnn.serving.limits import Limits
from charrnn.serving.models import Models
from charrnn.serving.server import Server, bind
from charrnn.serving.service import COMPUTING, Service
from tests.reference.stop import PlainEnding

# Connections

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def with_server(run: Path, check: Callable[[int, Server], Awaitable[None]], limits: Limits | None = None) -> None:
    """Run a coroutine function beside a server, in the same event loop."""

    async def both() -> None:
        listener = bind("127.0.0.1", 0)
        started = asyncio.Event()
        server = Server(make_app(Models([run]), limits), started.set, lambda message: None)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await started.wait()
        try:
            await asyncio.wait_for(check(listener.getsockname()[1], server), 30)
        finally:
            server.stop()
            await serving

    asyncio.run(both())


async def healthy(port: int, streams: Streams | None = None) -> Streams:
    """Ask whether all is well, and keep the connection open."""
    reader, writer = streams or await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b" 200 " in await reader.readline()
    length = 0
    while (line := await reader.readline()) != b"\r\n":
        if line.lower().startswith(b"content-length:"):
            length = int(line[15:])
    assert json.loads(await reader.readexactly(length))["status"] == "ok"
    return reader, writer


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the other side closes the connection soon."""
    try:
        return await asyncio.wait_for(reader.read(), 5) == b""
    except ConnectionError:
        return True


def test_a_connection_without_a_whole_request_is_closed(run_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_module, "HEAD_SECONDS", 0.3)

    async def check(port: int, server: Server) -> None:
        silent = await asyncio.open_connection("127.0.0.1", port)
        slow = await asyncio.open_connection("127.0.0.1", port)
        again = await healthy(port)  # a first request does not buy time for a second
        again[1].write(b"GET / HTT")
        for character in "GET / HTTP":  # that something comes does not count
            slow[1].write(character.encode())
            await asyncio.sleep(0.02)
        for reader, writer in (silent, slow, again):
            assert await ended(reader)
            writer.close()
        while server.server_state.connections:
            await asyncio.sleep(0.01)

    with_server(run_path, check)


def test_a_request_in_progress_is_no_idle_connection(run_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_module, "HEAD_SECONDS", 0.1)

    async def check(port: int, server: Server) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = json.dumps({"prompt": "The", "max_tokens": 10**6, "stream": True}).encode()
        writer.write(
            b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        text = b""
        while piece := await reader.read(1 << 16):
            text += piece
            if b"[DONE]" in text:
                break
        assert b'"finish_reason":"length"' in text
        writer.close()

    with_server(run_path, check, Limits(max_seconds=0.6, max_length=10**6))


def test_where_connections_run_out_the_one_that_idles_longest_goes(
    run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections_module, "SPARE", 3)

    async def check(port: int, server: Server) -> None:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        asking = await healthy(port)
        assert await ended(idle[0][0])
        await healthy(port, asking)
        assert len(server.server_state.connections) == 5
        for _, writer in (*idle, asking):
            writer.close()

    with_server(run_path, check, Limits(max_requests=2))


def test_the_limit_on_open_files_is_kept() -> None:
    program = (
        "import resource; from charrnn.serving.http.connections import connections, open_files;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (50, {hard})); print(open_files(), connections(1000).most)"
    )
    for hard, told in ((300, [300, 300 - FILES]), (100, [100, 1])):
        done = subprocess.run(
            [sys.executable, "-c", program.format(hard=hard)], capture_output=True, text=True, check=True
        )
        assert [int(number) for number in done.stdout.split()] == told
    assert open_files() <= resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert connections(1).most <= 101


# Computing


def request_of(gone: asyncio.Event) -> Request:
    """A request whose body has been read, and whose client may go."""

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


async def failure(work: Awaitable[Any]) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await work
    return caught.value


def test_what_computes_is_bounded_and_not_begun_for_those_who_have_gone(run_path: Path) -> None:
    async def run() -> None:
        service = Service(Models([run_path]), Limits(max_scores=COMPUTING + 1))
        never, gone, done = asyncio.Event(), asyncio.Event(), threading.Event()
        begun: list[str] = []
        first = [
            asyncio.create_task(service.compute(request_of(never), lambda: begun.append("first") or done.wait(20)))
            for _ in range(COMPUTING)
        ]
        while len(begun) < COMPUTING:
            await asyncio.sleep(0.001)
        waiting = asyncio.create_task(service.compute(request_of(gone), lambda: begun.append("waiting")))
        await asyncio.sleep(0)  # it has begun to wait
        refused = await failure(service.compute(request_of(never), lambda: begun.append("refused")))
        assert (refused.status, refused.code) == (429, "busy")
        assert int(refused.headers["retry-after"]) >= 1
        assert await asyncio.wait_for(service.read(lambda: "a file"), 5) == "a file"  # reading waits for nobody
        gone.set()
        assert (await failure(waiting)).status == GONE
        done.set()
        assert await asyncio.gather(*first) == [True] * COMPUTING
        assert begun == ["first"] * COMPUTING
        assert await service.compute(request_of(never), lambda: "free again") == "free again"

    asyncio.run(run())


def test_whose_turn_does_not_come_in_time_is_told(run_path: Path) -> None:
    async def run() -> None:
        service = Service(Models([run_path]), Limits(max_seconds=0.05))
        never, done, begun = asyncio.Event(), threading.Event(), threading.Semaphore(0)
        first = [
            asyncio.create_task(service.compute(request_of(never), lambda: begun.release() or done.wait(20)))
            for _ in range(COMPUTING)
        ]
        for _ in range(COMPUTING):
            await asyncio.to_thread(begun.acquire)
        late = await failure(service.compute(request_of(never), lambda: None))
        assert (late.status, late.code) == (503, "late")
        done.set()
        await asyncio.gather(*first)

    asyncio.run(run())


# Stop strings


def test_stop_strings_end_a_text_where_plain_searching_would() -> None:
    rng = np.random.default_rng(0)
    ended = 0
    for _ in range(1500):
        letters = list("ab" if rng.random() < 0.7 else "abc")
        stops = tuple("".join(rng.choice(letters, rng.integers(1, 9))) for _ in range(rng.integers(0, 5)))
        fast, plain = StopMatcher(stops), PlainEnding(stops)
        for character in rng.choice(letters, 40):
            assert (fast.add(character), fast.reached) == (plain.add(character), plain.reached)
            assert fast.reached or fast.pending == plain.pending
        assert fast.flush() == plain.flush()
        ended += fast.reached
    assert 500 < ended < 1400  # both ends were met


def test_the_cost_of_a_character_does_not_grow_with_the_stop_strings() -> None:
    def seconds(length: int) -> float:
        ending = StopMatcher(tuple("a" * length + f"b{k}" for k in range(16)))
        begun = time.process_time()
        for character in itertools.repeat("a", 2000):
            ending.add(character)
        spent = time.process_time() - begun
        assert len(ending.pending) == length
        return spent

    long, short = (min(seconds(length) for _ in range(5)) for length in (990, 10))
    assert long < 10 * short  # searching plainly takes a hundred times as long
