"""A real server in a process of its own: clients of other makes, many at once, some that vanish; and its end."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from charrnn import ConfigError, LanguageModel
from charrnn.serving.limits import Limits
from charrnn.serving.server import bind
from tests.serving.conftest import Process

Start = Callable[..., Process]


def ask(url: str, path: str, **values: Any) -> bytes:
    """A POST with a JSON body; or a GET without values."""
    request = urllib.request.Request(url + path, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, json.dumps(values).encode() if values else None, timeout=30) as answer:
        body: bytes = answer.read()
        return body


def gauge(process: Process, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", ask(process.url, "/metrics").decode(), re.MULTILINE)
    assert found
    return float(found[1])


def wait_for(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


# The official client


@pytest.fixture
def client(server: Process) -> Any:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0) as client:
        yield client


def test_the_openai_client_completes(client: openai.OpenAI, model: LanguageModel) -> None:
    answer = client.completions.create(
        model="cat", prompt="The clock", max_tokens=40, temperature=0.7, top_p=0.9, seed=3, n=2, logprobs=3,
        extra_body={"top_k": 10, "min_p": 0.01},
    )  # fmt: skip
    settings = {"temperature": 0.7, "top_p": 0.9, "top_k": 10, "min_p": 0.01}
    assert [c.text for c in answer.choices] == model.generate_many(2, "The clock", 40, seed=3, **settings)
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 80
    told = answer.choices[0].logprobs
    assert told is not None
    assert told.tokens is not None
    assert "".join(told.tokens) == answer.choices[0].text


def test_the_openai_client_streams(client: openai.OpenAI, model: LanguageModel) -> None:
    with client.completions.create(model="cat", prompt="The", max_tokens=60, seed=1, stream=True) as stream:
        parts = list(stream)
    assert "".join(part.choices[0].text for part in parts) == model.generate("The", 60, seed=1)
    assert parts[-1].choices[0].finish_reason == "length"


def test_the_openai_client_lists_models_and_meets_errors(client: openai.OpenAI) -> None:
    assert [m.id for m in client.models.list()] == ["cat"]
    assert client.models.retrieve("cat").owned_by == "charrnn"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("dog")
    with pytest.raises(openai.BadRequestError, match=re.escape("(U+03A9")) as caught:
        client.completions.create(model="cat", prompt="Ω")
    assert caught.value.type == "invalid_request_error"


def test_the_openai_client_brings_its_key(start_server: Start, run_path: Path) -> None:
    url = start_server(run_path, "--api-key", "open sesame").url
    with openai.OpenAI(base_url=f"{url}/v1", api_key="open sesame") as client:
        assert client.completions.create(model="cat", prompt="The").choices
    with openai.OpenAI(base_url=f"{url}/v1", api_key="wrong") as client, pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_the_documents_example_runs(server: Process, capsys: pytest.CaptureFixture[str], model: LanguageModel) -> None:
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code.replace("http://127.0.0.1:8000", server.url), "serving.md", "exec"), names)
    names["client"].close()
    out = capsys.readouterr().out
    assert out.startswith(model.generate("The clock", 200, seed=1))
    assert len(names["answer"].choices) == 3


def test_the_documents_limits_are_the_defaults(server: Process) -> None:
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
    rows = dict(re.findall(r"^\| `--([\w-]+)`[^|]*\| ([\d,]+) \|", page, re.MULTILINE))
    assert len(rows) == 11
    for flag, default in rows.items():
        assert float(default.replace(",", "")) == getattr(Limits(), flag.replace("-", "_")), flag


def test_the_key_may_come_from_the_environment(run_path: Path) -> None:
    told = subprocess.Popen(
        [sys.executable, "-m", "charrnn", "serve", str(run_path), "--port", "0", "--json"],
        env={**os.environ, "CHARRNN_API_KEY": "open sesame"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert told.stdout is not None
        url = json.loads(told.stdout.readline())["address"]
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(url, "v1/models")
        assert caught.value.code == 401
        caught.value.close()
    finally:
        told.terminate()
        told.communicate()
    assert told.returncode == 0


# Many at once


async def read_stream(url: str, body: dict[str, Any], stop_after: int | None = None) -> tuple[str, str | None]:
    """The text of a streamed completion and its finish reason, over a socket of our own."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        data = json.dumps({**body, "stream": True}).encode()
        head = f"POST /v1/completions HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data)
        text, finish, events = "", None, 0
        assert b" 200 " in await reader.readline()
        while line := await reader.readline():
            if line.startswith(b"data: {"):
                part = json.loads(line[6:])
                if "error" in part:
                    return text, part["error"]["code"]
                (choice,) = part["choices"]
                text, finish = text + choice["text"], choice["finish_reason"]
                events += 1
                if events == stop_after:
                    break
        return text, finish
    finally:
        writer.close()


def test_two_hundred_streams_at_once_lose_nothing(server: Process, model: LanguageModel) -> None:
    async def run() -> list[tuple[str, str | None]]:
        return await asyncio.gather(
            *(
                read_stream(server.url, {"prompt": "The ", "max_tokens": 150, "seed": k % 20, "temperature": 0.8})
                for k in range(200)
            )
        )

    expected = [(model.generate("The ", 150, seed=k, temperature=0.8), "length") for k in range(20)]
    results = asyncio.run(run())
    assert len(results) == 200
    for k, result in enumerate(results):
        assert result == expected[k % 20]


def test_those_who_vanish_leave_their_lanes(start_server: Start, run_path: Path) -> None:
    process = start_server(run_path, "--max-length", 10**6, "--max-answer", 10**7)
    long = {"prompt": "The ", "max_tokens": 10**6, "n": 3}

    async def run() -> None:
        await asyncio.gather(*(read_stream(process.url, long, stop_after=2) for _ in range(10)))

    asyncio.run(run())
    # One that asks for a whole answer and does not wait for it.
    host, port = process.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        data = json.dumps(long).encode()
        connection.sendall(
            f"POST /v1/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        wait_for(lambda: gauge(process, "charrnn_active_lanes") == 3)
    wait_for(lambda: gauge(process, "charrnn_active_lanes") == 0)
    wait_for(lambda: gauge(process, "charrnn_open_requests") == 1)  # the one that asks


def test_those_who_do_not_read_hold_no_lane(start_server: Start, run_path: Path) -> None:
    process = start_server(run_path, "--max-length", 10**6, "--max-streams", 1, "--max-seconds", 20)
    host, port = process.url.removeprefix("http://").split(":")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((host, int(port)))
        data = json.dumps({"prompt": "The ", "max_tokens": 10**6, "stream": True, "logprobs": 5}).encode()
        connection.sendall(
            f"POST /v1/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        wait_for(lambda: gauge(process, "charrnn_active_lanes") == 1)
        wait_for(lambda: gauge(process, "charrnn_active_lanes") == 0 and gauge(process, "charrnn_queue_length") == 1)
        assert json.loads(ask(process.url, "/v1/completions", prompt="The "))["choices"]  # the only lane is free
    wait_for(lambda: gauge(process, "charrnn_queue_length") == 0)


def test_memory_stays_flat(start_server: Start, run_path: Path) -> None:
    process = start_server(run_path)
    pid = process.process.pid

    def resident() -> int:
        status = Path(f"/proc/{pid}/status")
        if not status.exists():
            pytest.skip("the memory of a process can be read under Linux only")
        return int(re.findall(r"VmRSS:\s+(\d+)", status.read_text())[0])

    def some(number: int) -> None:
        async def run() -> None:
            for k in range(0, number, 20):
                body = {"prompt": "The ", "max_tokens": 8, "logprobs": 5, "temperature": 0.5 + k / 1000}
                await asyncio.gather(*(read_stream(process.url, body) for _ in range(20)))

        asyncio.run(run())

    some(300)
    before = resident()
    some(600)
    assert resident() - before < 4000  # kB; an answer that was kept would have been 10


# The end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_streams_end(start_server: Start, run_path: Path, number: signal.Signals) -> None:
    process = start_server(run_path, "--max-length", 20_000, "--grace", 60)

    async def run() -> tuple[str, str | None]:
        stream = asyncio.create_task(read_stream(process.url, {"prompt": "The ", "max_tokens": 20_000}))
        while gauge(process, "charrnn_active_lanes") == 0:
            await asyncio.sleep(0.01)
        process.process.send_signal(number)
        return await stream

    text, finish = asyncio.run(run())
    assert (len(text), finish) == (20_000, "length")
    err = process.process.communicate(timeout=60)[1]
    assert process.process.returncode == 0
    assert err.splitlines() == ["stopping: 1 text in progress may take 60 s more; again to stop at once"]


def test_a_stream_that_outlasts_the_grace_is_told(start_server: Start, run_path: Path) -> None:
    process = start_server(run_path, "--max-length", 10**7, "--grace", 0.3)
    request = urllib.request.Request(
        f"{process.url}/v1/completions", headers={"content-type": "application/json"},
        data=json.dumps({"prompt": "The ", "max_tokens": 10**7, "stream": True}).encode(),
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.readline()
        process.process.send_signal(signal.SIGTERM)
        lines = [line for line in answer.read().split(b"\n\n") if line]
    assert json.loads(lines[-2][6:])["error"]["code"] == "shutting_down"
    assert lines[-1] == b"data: [DONE]"
    assert process.stop()[0] == 0


def test_a_whole_answer_that_outlasts_the_grace_is_a_503(start_server: Start, run_path: Path) -> None:
    process = start_server(run_path, "--max-length", 10**6, "--max-answer", 10**6, "--grace", 0.3)
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(ask, process.url, "/v1/completions", prompt="The ", max_tokens=10**6)
        wait_for(lambda: gauge(process, "charrnn_active_lanes") == 1)
        process.process.send_signal(signal.SIGTERM)
        error = answer.exception(timeout=60)
    assert isinstance(error, urllib.error.HTTPError)
    with error:
        assert (error.code, json.load(error)["error"]["code"]) == (503, "shutting_down")
        assert error.headers["retry-after"] == "5"
    err = process.process.communicate(timeout=60)[1]
    assert (process.process.returncode, len(err.splitlines())) == (0, 1)  # and no traceback


def test_the_end_of_its_starter_is_no_second_signal(run_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "charrnn", "serve", str(run_path), "--port", "0", "--json", "--while-stdin-is-open",
         "--max-length", "6000", "--grace", "60", "--no-key"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None

    async def run(url: str) -> tuple[str, str | None]:
        stream = asyncio.create_task(read_stream(url, {"prompt": "The ", "max_tokens": 6000}))
        while not re.search(r"active_lanes [1-9]", ask(url, "/metrics").decode()):
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGINT)
        await asyncio.sleep(0.1)
        process.stdin.close()
        return await stream

    try:
        text, finish = asyncio.run(run(json.loads(process.stdout.readline())["address"].rstrip("/")))
    finally:
        process.stdin = None
        _, err = process.communicate(timeout=60)
    assert (len(text), finish) == (6000, "length")
    assert err.splitlines() == ["stopping: 1 text in progress may take 60 s more; again to stop at once"]
    assert process.returncode == 0


def test_a_second_signal_does_not_wait(start_server: Start, run_path: Path) -> None:
    process = start_server(run_path, "--max-length", 10**7)

    async def run() -> str | None:
        stream = asyncio.create_task(read_stream(process.url, {"prompt": "The ", "max_tokens": 10**7}))
        while gauge(process, "charrnn_active_lanes") == 0:
            await asyncio.sleep(0.01)
        process.process.send_signal(signal.SIGINT)
        assert process.process.stderr is not None
        assert process.process.stderr.readline().startswith("stopping: 1 text in progress")  # it has had the first
        process.process.send_signal(signal.SIGINT)
        return (await stream)[1]

    assert asyncio.run(run()) == "shutting_down"
    err = process.process.communicate(timeout=60)[1]
    assert process.process.returncode == 0
    assert err.splitlines() == ["stopping at once"]


def test_an_idle_server_stops_at_once_and_silently(start_server: Start, run_path: Path) -> None:
    process = start_server(run_path)
    with socket.create_connection(("127.0.0.1", process.told["port"])):  # someone connected, and silent
        assert process.stop() == (0, "")


def test_a_port_in_use_and_one_that_is_given(server: Process, run_path: Path) -> None:
    taken = subprocess.run(
        [sys.executable, "-m", "charrnn", "serve", str(run_path), "--port", str(server.told["port"])],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert taken.returncode == 2
    assert taken.stderr.startswith(f"charrnn: error: cannot listen on 127.0.0.1 port {server.told['port']}")
    assert "choose another --port" in taken.stderr
    assert server.told["models"] == ["cat"]
    assert server.told["host"] == "127.0.0.1"


def test_a_host_that_is_not_of_this_machine() -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1 port 0: .*; choose another --port"):
        bind("192.0.2.1", 0)  # an address for documents


def test_beyond_this_machine_there_is_a_warning(start_server: Start, run_path: Path) -> None:
    for no_key, who, end in (
        ((), "anyone who has the key", "put a TLS proxy in front of it"),
        (("--no-key",), "anyone who can reach this machine", "leave out --no-key, or listen on 127.0.0.1"),
    ):
        process = start_server(run_path, "--host", "0.0.0.0", no_key=no_key)
        assert json.loads(ask(f"http://127.0.0.1:{process.told['port']}", "/healthz"))["status"] == "ok"
        status, err = process.stop()
        assert status == 0
        assert err.startswith(f"warning: listening on 0.0.0.0: {who} can use these models and read these runs")
        assert err.endswith(f"{end}\n")


def test_nobody_reads_other_files(server: Process) -> None:
    for path in (
        "/v1/models/..%2f..%2fconfig.json",
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/api/runs/..%2f../samples",
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(server.url, path)
        assert caught.value.code == 404
        caught.value.close()
