"""A small trained run, and servers of it: real processes, found free ports, ended in an orderly way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import charrnn
from charrnn.generation import SamplingConfig
from charrnn.serving.engine import TextRequest
from charrnn.serving.service import Service
from charrnn.training.callback import Callback

TEXT = (
    'The clock struck one, and the cat ran down.\n"Where to?" asked the clock (it was an old one).\n'
    "The clock struck two, and the cat ran up.\n"
) * 40


class Process:
    """`charrnn serve` in a process of its own; without a key, unless one is given or `no_key` is empty."""

    def __init__(self, *arguments: object, no_key: Sequence[str] = ("--no-key",)) -> None:
        no_key = () if "--api-key" in arguments else no_key
        self.process = subprocess.Popen(
            [sys.executable, "-m", "charrnn", "serve", *map(str, arguments), "--port", "0", "--json", *no_key],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "CHARRNN_API_KEY": ""} if "--api-key" not in arguments else None,
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        self.told: dict[str, Any] = json.loads(line)
        self.url: str = self.told["address"].rstrip("/")

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 20.0) -> tuple[int, str]:
        """Send a signal; the exit status, and what was said on standard error."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            err = self.process.communicate(timeout=seconds)[1]
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        return self.process.returncode, err


@pytest.fixture(scope="session")
def run_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with metrics and samples, trained once."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "book.txt").write_text(TEXT)
    return charrnn.train(
        folder / "book.txt", out=folder / "cat", cell="qrnn", ngrams="none", num_layers=2, hidden_size=24, seq_len=16,
        batch_size=8, steps=150, eval_every=30, log_every=10, sample_every=50, learning_rate=0.01, callback=Callback(),
    ).path  # fmt: skip


@pytest.fixture(scope="session")
def model(run_path: Path) -> charrnn.LanguageModel:
    return charrnn.load(run_path)


@pytest.fixture(scope="session")
def server(run_path: Path) -> Iterator[Process]:
    """A server of the run, shared by the tests that do not stop it."""
    process = Process(run_path)
    yield process
    status, err = process.stop()
    assert (status, err) == (0, "")


class Occupied:
    """Texts that take places until they are told to leave."""

    def __init__(self, client: TestClient, number: int) -> None:
        self.service: Service = client.app.state.service  # type: ignore[attr-defined]
        self.call = client.portal.call  # type: ignore[union-attr]
        self.writings = self.call(self._begin, number)

    def _begin(self, number: int) -> list[TextRequest]:
        served = next(iter(self.service.models))
        texts = [TextRequest(served.model, "The", 10**9, SamplingConfig(), k) for k in range(number)]
        self.engine = self.service.engine(served)
        self.engine.submit(texts)
        return texts

    def leave(self) -> None:
        self.engine.cancel(self.writings)
        while self.engine.active or self.engine.queued:
            time.sleep(0.001)


Occupy = Callable[[TestClient, int], Occupied]


@pytest.fixture
def occupy(monkeypatch: pytest.MonkeyPatch) -> Occupy:
    """Take places at the first model of a server in this process."""
    monkeypatch.setattr("charrnn.serving.engine.engine.BUFFER", 10**12)  # nobody reads these texts
    return Occupied


@pytest.fixture
def start_server() -> Iterator[Callable[..., Process]]:
    """Begin servers that are gone after the test."""
    begun: list[Process] = []

    def start(*arguments: object, **options: Any) -> Process:
        begun.append(Process(*arguments, **options))
        return begun[-1]

    yield start
    for process in begun:
        process.stop()
