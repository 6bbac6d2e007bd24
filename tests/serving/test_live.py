"""`charrnn train --serve`: the run can be looked at while it trains, and is the run it would have been."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.serving.conftest import TEXT
from tests.training.test_teams import MPIEXEC, needs_mpi

SMALL = ["--cell", "rnn", "--num-layers", "1", "--hidden-size", "16", "--seq-len", "10", "--batch-size", "4"]


def begin(folder: Path, *arguments: str, launcher: Sequence[str] = ()) -> subprocess.Popen[str]:
    (folder / "book.txt").write_text(TEXT)
    return subprocess.Popen(
        [*launcher, sys.executable, "-m", "charrnn", "train", "book.txt", *SMALL, *arguments],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def address(process: subprocess.Popen[str]) -> str:
    """What the server says of itself among the lines of training."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"serving live at (http://127\.0\.0\.1:\d+)/", line):
            return found[1]
    raise AssertionError("no address was told")


def read(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def gone(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except (urllib.error.URLError, ConnectionError):
        return True
    return False


def until(holds: Any, seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_curve_and_model_are_served_while_training_goes_on(tmp_path: Path) -> None:
    process = begin(tmp_path, "--serve", "--port", "0", "--out", "live", "--steps", "1000000", "--eval-every", "100")
    try:
        url = address(process)

        def writes() -> bool:
            try:
                written = urllib.request.Request(
                    f"{url}/v1/completions", json.dumps({"prompt": "The", "max_tokens": 5}).encode(),
                    {"content-type": "application/json"},
                )  # fmt: skip
                with urllib.request.urlopen(written, timeout=60) as answer:
                    return len(json.load(answer)["choices"][0]["text"]) == 5
            except urllib.error.HTTPError as error:
                error.close()
                if error.code != 503:  # not yet saved
                    raise
                return False

        until(writes)
        first = read(f"{url}/api/runs/live/metrics")["step"] or 0
        until(lambda: (read(f"{url}/api/runs/live/metrics")["step"] or 0) > first)
        (run,) = read(f"{url}/api/runs")["runs"]
        assert run["training"]
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "charrnn train --resume live" in err
    assert "Traceback" not in err
    until(lambda: gone(url))


def test_the_run_is_the_one_it_would_have_been(tmp_path: Path) -> None:
    results = []
    for name, more in (("alone", []), ("live", ["--serve", "--port", "0"])):
        process = begin(tmp_path, "--out", name, "--steps", "400", "--json", *more)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        values = json.loads(out)  # standard output holds the result of training alone
        results.append(
            (values["sample"], values["val_nats_per_char"], (tmp_path / name / "model.safetensors").read_bytes())
        )
    assert results[0] == results[1]


def test_the_server_ends_with_training_however_that_ends(tmp_path: Path) -> None:
    process = begin(tmp_path, "--serve", "--port", "0", "--out", "live", "--steps", "1000000")
    url = address(process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    until(lambda: gone(url))


@needs_mpi
def test_a_run_that_several_processes_train_can_be_looked_at(tmp_path: Path) -> None:
    arguments = ["--serve", "--port", "0", "--out", "live", "--steps", "1000000"]
    process = begin(tmp_path, *arguments, launcher=[str(MPIEXEC), "-n", "2"])
    try:
        url = address(process)
        assert [run["id"] for run in read(f"{url}/api/runs")["runs"]] == ["live"]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    until(lambda: gone(url))
