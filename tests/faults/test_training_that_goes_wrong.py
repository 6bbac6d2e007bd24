"""Losses that are worse than guessing, and time in which the process was stopped."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import charrnn
from charrnn.errors import ConfigError, DivergenceError
from charrnn.training import budget
from charrnn.training.budget import StepClock
from tests.training.test_runs import Listener, train

WILD = {"hidden_size": 32, "learning_rate": 0.4, "schedule": "constant", "warmup_steps": 0, "steps": 40}


def test_a_run_that_is_worse_than_guessing_keeps_step_0_and_warns(book: Path, tmp_path: Path) -> None:
    run = train(book, tmp_path / "run", **WILD)
    guessing = math.log(len(run.model.vocabulary))
    assert run.metrics[-1]["val_loss"] > guessing
    assert run.val is not None
    assert (run.best_step, run.model.provenance["step"]) == (0, 0)
    assert run.val.nats_per_char < 1.1 * guessing
    assert charrnn.evaluate(run.path, callback=Listener()).nats_per_char == run.val.nats_per_char
    assert run.warning is not None
    assert f"is worse than guessing, which costs {guessing:.4f} nats; try a smaller --learning-rate" in run.warning
    unwatched = train(book, tmp_path / "unwatched", val_fraction=0.0, **WILD)
    assert unwatched.warning is not None
    assert unwatched.warning.startswith("training at the end")


def test_a_run_that_learns_is_not_warned_about(book: Path, tmp_path: Path) -> None:
    for steps in (1, 60):
        assert train(book, tmp_path / f"{steps}", steps=steps).warning is None


@pytest.mark.parametrize("val_fraction", [0.0, 0.1])
def test_a_loss_far_beyond_guessing_is_a_divergence(val_fraction: float, book: Path, tmp_path: Path) -> None:
    settings = {**WILD, "learning_rate": 100.0, "val_fraction": val_fraction}
    with pytest.raises(DivergenceError, match=r"guessing costs 2\.996; the parameters of step 0 are saved"):
        train(book, tmp_path / "run", **settings)
    assert charrnn.load(tmp_path / "run").provenance["step"] == 0
    assert charrnn.load(tmp_path / "run").evaluate(book.read_text()).nats_per_char < 4


def test_a_resumed_run_may_lower_its_learning_rate_and_not_raise_it(book: Path, tmp_path: Path) -> None:
    run = train(book, tmp_path / "run", steps=10, schedule="constant").path
    with pytest.raises(ConfigError, match=r"may only lower its learning_rate 0\.01 \(asked for: 0\.02\)"):
        charrnn.train(resume=run, steps=20, learning_rate=0.02, callback=Listener())
    resumed = charrnn.train(resume=run, steps=20, learning_rate=0.001, callback=Listener())
    assert resumed.metrics[-1]["learning_rate"] == 0.001


def test_a_pause_does_not_count_and_work_and_waiting_do(monkeypatch: pytest.MonkeyPatch) -> None:
    wall, cpu = [0.0], [0.0]
    monkeypatch.setattr(budget.time, "perf_counter", lambda: wall[0])
    monkeypatch.setattr(budget.time, "process_time", lambda: cpu[0])
    clock = StepClock()

    def step(seconds: float, work: float) -> float:
        clock.begin()
        wall[0], cpu[0] = wall[0] + seconds, cpu[0] + work
        return clock.end()

    assert step(12.0, 0.1) == pytest.approx(0.1)  # a pause in the first step
    for _ in range(9):
        assert step(0.1, 0.1) == pytest.approx(0.1)
    assert step(12.0, 0.1) == pytest.approx(0.1)
    assert step(12.0, 11.9) == pytest.approx(12.0)  # slow, but at work
    assert step(0.4, 0.1) == pytest.approx(0.4)  # a busy machine


@pytest.mark.skipif(os.name != "posix", reason="SIGSTOP is POSIX's")
def test_a_process_that_was_stopped_trains_as_long_as_was_asked(book: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "charrnn", "train", str(book), "--out", str(out), "--minutes", "0.03"]
    command += ["--cell", "rnn", "--hidden-size", "12", "--num-layers", "1", "--batch-size", "4", "--log-every", "20"]
    process = subprocess.Popen([*command, "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (out / "metrics.jsonl").is_file():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGSTOP)
    time.sleep(2.5)  # longer than the whole budget
    before = len((out / "metrics.jsonl").read_text().splitlines())
    process.send_signal(signal.SIGCONT)
    assert process.wait() == 0
    assert len((out / "metrics.jsonl").read_text().splitlines()) > 3 * before
