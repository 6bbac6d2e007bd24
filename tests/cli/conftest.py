"""A trained run, and the command line run inside the test's process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from charrnn.cli import main

SMALL = [
    *[
        "--cell",
        "rnn",
        "--num-layers",
        "1",
        "--hidden-size",
        "16",
        "--seq-len",
        "10",
        "--batch-size",
        "4",
        "--learning-rate",
        "0.01",
        "--log-every",
        "5",
    ]
]
TEXT = "The clock struck one, and the cat ran down.\nThe clock struck two, and the cat ran up.\n" * 40


class Result(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def charrnn(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Call the command line with arguments, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["charrnn", *map(str, arguments)])
        capfd.readouterr()
        status = 0
        try:
            main()
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        return Result(status, *capfd.readouterr())

    return call


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder, trained once for all tests, with its text beside it."""
    import charrnn as package
    from charrnn.training.callback import Callback

    folder = tmp_path_factory.mktemp("trained")
    (folder / "book.txt").write_text(TEXT)
    settings = {"cell": "rnn", "num_layers": 1, "hidden_size": 16, "seq_len": 10, "batch_size": 4}
    return package.train(
        folder / "book.txt",
        out=folder / "run",
        steps=60,
        eval_every=20,
        log_every=5,
        learning_rate=0.01,
        callback=Callback(),
        **settings,
    ).path
