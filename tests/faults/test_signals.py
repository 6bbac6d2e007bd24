"""SIGHUP, the signal of a terminal that is closed, saves and stops as SIGTERM does: in training, sweeps and serving."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from charrnn.interrupts import StopRequest, stop_signals
from tests.faults.commands import BOOK, SMALL, run, start

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP here")
LONG = [*SMALL, "--minutes", "5", "--eval-every", "20"]


@pytest.fixture(autouse=True)
def hangups_are_heard() -> Iterator[None]:
    """Tests that nohup has started ignore hangups, and so would every program that they start."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "book.txt").write_text(BOOK)
    return tmp_path


def test_a_hangup_saves_and_the_run_resumes_exactly_there(folder: Path) -> None:
    process = start(folder, "train", "book.txt", *LONG, "--out", "run")
    assert process.stderr is not None
    while not process.stderr.readline().startswith(b"step "):
        pass
    for _ in range(2):  # the shell and the system send one each
        process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGHUP
    assert b"interrupted: saved at step " in err
    step = int(err.split(b"saved at step ")[1].split(b";")[0].replace(b",", b""))
    _, out, err = run(folder, "train", "--resume", "run", "--steps", step + 5, "--json")
    assert f"resuming run at step {step:,}".encode() in err
    assert json.loads(out)["step"] == step + 5


def test_nohup_is_respected(folder: Path) -> None:
    settings = [*SMALL, "--steps", 1500, "--eval-every", 20, "--out", "run"]
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # children inherit it, as from nohup
    try:
        process = start(folder, "train", "book.txt", *settings)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert process.stderr is not None
    while not process.stderr.readline().startswith(b"step "):
        pass
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.startswith(b"trained 1,500 steps")


def test_a_hangup_never_counts_as_the_second_signal() -> None:
    with StopRequest() as stop:
        for number in (signal.SIGHUP, signal.SIGHUP):
            os.kill(os.getpid(), number)
        assert stop.signal == signal.SIGHUP
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.SIGHUP in stop_signals()


def test_a_hangup_saves_a_sweep(folder: Path) -> None:
    settings = 'cell = "rnn"\nnum_layers = 1\nseq_len = 16\nbatch_size = 4\nsteps = 200000\neval_every = 20\n'
    (folder / "sweep.toml").write_text(f'text = "book.txt"\n[settings]\n{settings}[search]\nhidden_size = [8, 9]\n')
    process = start(folder, "sweep", "sweep.toml", "--jobs", 2, start_new_session=True)
    runs = folder / "sweeps/sweep/runs"
    while not all((runs / name / "metrics.jsonl").exists() for name in ("000", "001")):
        assert process.poll() is None
        signal.sigtimedwait([], 0.05)
    os.killpg(process.pid, signal.SIGHUP)  # as the system does to everything that the terminal had
    _, err = process.communicate(timeout=90)
    assert process.returncode == 128 + signal.SIGHUP
    assert b"interrupted" in err
    for name in ("000", "001"):
        steps = json.loads((runs / name / "metrics.jsonl").read_text().splitlines()[-1])["step"]
        _, _, err = run(folder, "train", "--resume", runs / name, "--steps", steps + 50)
        assert b"resuming" in err


def test_a_hangup_ends_a_server_in_an_orderly_way(folder: Path) -> None:
    run(folder, "train", "book.txt", *SMALL, "--steps", 5, "--out", "run")
    process = start(folder, "serve", "run", "--port", 0)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"serving run at ")
    for _ in range(2):
        process.send_signal(signal.SIGHUP)
    assert process.communicate(timeout=30)[1] == b""
    assert process.returncode == 0
