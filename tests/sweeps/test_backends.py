"""Sweeps on other backends, each for real: dask.distributed, mpi4py.futures, and submitit on this machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from charrnn.errors import ConfigError, RunError
from charrnn.parallel.backend import Dask, Mpi
from charrnn.runs.files import read_arrays
from charrnn.runs.folder import RunFolder
from charrnn.sweeps import sweep
from charrnn.sweeps.callback import SweepCallback
from tests.sweeps.conftest import as_toml, command, rows

QUIET = SweepCallback()
MPIEXEC = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
LOCALHOST = ["--host", "127.0.0.1", "--no-dashboard"]


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A dask scheduler's address and its two workers, each a process of its own that nobody replaces."""
    pytest.importorskip("distributed")
    file = tmp_path / "scheduler.json"
    dask, log = [sys.executable, "-m"], subprocess.DEVNULL

    def start(name: str, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*dask, f"distributed.cli.{name}", "--scheduler-file", str(file), *LOCALHOST, *arguments],
            stdout=log, stderr=log, cwd=tmp_path,
        )  # fmt: skip

    scheduler = start("dask_scheduler", "--port", "0")
    workers: list[subprocess.Popen[bytes]] = []
    try:
        wait_for(file, scheduler)
        workers += [
            start("dask_worker", "--no-nanny", "--nthreads", "1", "--name", name) for name in ("first", "second")
        ]
        yield json.loads(file.read_text())["address"], workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


class _Killer(SweepCallback):
    """Kills a worker in the midst of a run, as soon as `after` others have ended."""

    def __init__(self, client: Any, process: subprocess.Popen[bytes], after: int) -> None:
        self.client, self.process, self.after, self.count, self.at = client, process, after, 0, -1
        self.thread = threading.Thread(target=self.kill)

    def on_trial_end(self, record: Any, best: bool, total: int) -> None:
        self.count += 1
        if self.count == self.after:
            self.thread.start()

    def kill(self) -> None:
        (address,) = (a for a, w in self.client.scheduler_info()["workers"].items() if w["name"] == "first")
        while self.at < 0 and self.count < 24:
            if self.client.processing()[address]:
                self.process.send_signal(signal.SIGSTOP)
                time.sleep(0.2)  # for what it has sent to arrive
                if self.client.processing()[address]:  # it has not ended, and cannot any more
                    self.at = self.count
                    self.process.kill()
                    self.process.wait()
                self.process.send_signal(signal.SIGCONT)


def test_twenty_four_runs_on_a_dask_cluster_one_of_whose_workers_is_killed_half_way(
    small: dict[str, Any], cluster: tuple[str, list[subprocess.Popen[bytes]]], tmp_path: Path
) -> None:
    from distributed import Client

    address, workers = cluster
    small["settings"] |= {"steps": 200, "eval_every": 50}
    small |= {"seeds": [0, 1, 2], "search": {"hidden_size": [4, 8], "learning_rate": [0.003, 0.01, 0.03, 0.1]}}
    with Client(address, set_as_default=False) as client:
        killer = _Killer(client, workers[0], 12)
        done = sweep(small, out=tmp_path / "dask", dask=address, callback=killer)
        killer.thread.join()
    assert 12 <= killer.at < 23
    assert workers[0].returncode == -signal.SIGKILL
    assert workers[1].poll() is None
    assert [record["state"] for record in done.records] == ["finished"] * 24
    sweep(small, out=tmp_path / "here", jobs=1, callback=QUIET)
    assert rows(tmp_path / "dask") == rows(tmp_path / "here")


def test_a_dask_cluster_whose_workers_are_gone(cluster: tuple[str, list[subprocess.Popen[bytes]]]) -> None:
    address, workers = cluster
    backend = Dask(address)
    executor = backend.start()
    assert backend.waiting_reason(executor) == ""
    for worker in workers:
        worker.kill()
    deadline = time.monotonic() + 30
    while not (reason := backend.waiting_reason(executor)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert reason == f"no workers: waiting for 'dask worker {address}'"
    backend.stop(executor, now=True)


def test_a_dask_cluster_that_is_not_there(
    small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("charrnn.parallel.backend.CONNECT_S", 1)
    with pytest.raises(RunError, match=r"no dask scheduler answers at 'tcp://127.0.0.1:9' .*: start one with"):
        sweep(small, out=tmp_path / "out", dask="tcp://127.0.0.1:9", callback=QUIET)
    with pytest.raises(RunError, match=r"no dask scheduler answers at 'nonsense://x'"):
        sweep(small, out=tmp_path / "out", dask="nonsense://x", callback=QUIET)


def test_on_the_ranks_of_mpi(small: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("mpi4py")
    if MPIEXEC is None:
        pytest.skip("mpiexec is not installed: pip install 'charrnn[mpi]'")
    (tmp_path / "s.toml").write_text(as_toml(small))
    plain = command("sweep", tmp_path / "s.toml", "--out", tmp_path / "mpi", "--json")
    futures = [plain[0], "-m", "mpi4py.futures", *plain[1:]]
    found = subprocess.run([MPIEXEC, "-n", "3", *futures], check=True, capture_output=True, timeout=120)
    assert json.loads(found.stdout)["finished"] == 8
    sweep(small, out=tmp_path / "here", jobs=1, callback=QUIET)
    assert rows(tmp_path / "mpi") == rows(tmp_path / "here")
    refused = subprocess.run([MPIEXEC, "-n", "2", *plain], check=False, capture_output=True, timeout=120)
    assert refused.returncode != 0
    assert b"python -m mpi4py.futures -m charrnn sweep" in refused.stderr


def test_ctrl_c_on_the_ranks_of_mpi_one_of_which_is_idle(small: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("mpi4py")
    if MPIEXEC is None:
        pytest.skip("mpiexec is not installed: pip install 'charrnn[mpi]'")
    small["settings"] |= {"steps": 1_000_000, "log_every": 20}
    (tmp_path / "s.toml").write_text(as_toml({**small, "seeds": [0], "search": {"hidden_size": [6]}}))
    plain = command("sweep", tmp_path / "s.toml", "--out", tmp_path / "mpi")
    process = subprocess.Popen(
        [MPIEXEC, "-n", "3", plain[0], "-m", "mpi4py.futures", *plain[1:]], stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    run = tmp_path / "mpi/runs/000"
    wait_for(run / "metrics.jsonl", process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "charrnn: interrupted: 0 of 1 runs are done" in err.decode()
    assert "Traceback" not in err.decode()
    _, header = read_arrays(run / "checkpoint.safetensors")
    assert header["progress"]["step"] >= RunFolder(run).latest()["step"] > 0


def test_as_jobs_that_submitit_runs_on_this_machine(small: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    small["search"] = {"hidden_size": [4], "batching": ["chunked", "sequential"], "chunk_len": [8]}
    done = sweep({**small, "seeds": [0], "slurm": {"cluster": "local"}}, out=tmp_path / "o", slurm=True, callback=QUIET)
    assert [record["state"] for record in done.records] == ["finished", "failed"]
    assert "chunk_len 8 has no effect" in done.records[1]["error"]
    assert (tmp_path / "o/slurm").is_dir()
    sweep({**small, "seeds": [0]}, out=tmp_path / "here", jobs=1, callback=QUIET)
    assert rows(tmp_path / "o") == rows(tmp_path / "here")


def test_a_job_of_slurm_that_is_killed_is_submitted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setattr("submitit.Job._results_timeout_s", 1)  # how long it waits for a file that never comes
    from charrnn.parallel import Job, run_jobs
    from charrnn.parallel.slurm import Slurm
    from tests.parallel import work

    order = iter([Job("twice", work.die_until, (str(tmp_path), "twice", 2))])
    (outcome,) = run_jobs(Slurm(tmp_path / "slurm", 1, {"cluster": "local"}), lambda: next(order, None))
    assert outcome.value == "twice"
    assert outcome.deaths == 2


def test_parameters_that_slurm_does_not_know(small: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    wrong = {**small, "slurm": {"cluster": "local", "partitoin": "cpu"}}
    with pytest.raises(ConfigError, match=r"submitit refuses settings of \[slurm\]: .*partitoin"):
        sweep(wrong, out=tmp_path / "out", slurm=True, callback=QUIET)
    with pytest.raises(RunError, match="cannot submit jobs to 'pbs'"):
        sweep({**small, "slurm": {"cluster": "pbs"}}, out=tmp_path / "out", slurm=True, callback=QUIET)


def test_places_to_run_that_contradict_each_other(
    small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="--dask and --slurm exclude each other"):
        sweep(small, out=tmp_path / "out", dask="tcp://x:1", slurm=True, callback=QUIET)
    with pytest.raises(ConfigError, match="jobs 3 has no effect with --dask"):
        sweep(small, out=tmp_path / "out", dask="tcp://x:1", jobs=3, callback=QUIET)
    monkeypatch.setattr(Mpi, "launched", lambda: True)
    with pytest.raises(ConfigError, match="jobs 3 has no effect with MPI"):
        sweep(small, out=tmp_path / "out", jobs=3, callback=QUIET)
    assert not (tmp_path / "out").exists()
