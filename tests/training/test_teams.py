"""Several processes train one network: the same figures whatever their number, and nothing is lost when one dies."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charrnn.errors import ConfigError
from charrnn.parallel.team import launched, launched_as_one_of_several
from charrnn.randomness import some_rows, stream
from charrnn.runs.folder import RunFolder
from charrnn.runs.model_file import read_model
from tests.training.team_runs import KINDS, SETTINGS, STEPS

BESIDE = Path(sys.executable).with_name("mpiexec")
MPIEXEC = str(BESIDE) if BESIDE.exists() else shutil.which("mpiexec")
needs_mpi = pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None or MPIEXEC is None, reason="mpi4py and mpiexec are not installed"
)
WAYS = ("down", "up", "out", "away", "home", "by", "in", "off")
CLI = [sys.executable, "-m", "charrnn"]
Figures = list[dict[str, Any]]


def mpiexec(processes: int, *command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    line = [MPIEXEC, "-n", str(processes), *map(str, command)]
    return subprocess.run(line, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, **options)


def start(processes: int, *command: str | Path) -> subprocess.Popen[str]:
    line = [str(MPIEXEC), "-n", str(processes), *map(str, command)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)


def flags(**changes: Any) -> list[str]:
    return [f"--{name.replace('_', '-')}={value}" for name, value in {**SETTINGS, **changes}.items()]


def figures(folder: Path) -> Figures:
    """What was measured at each step, without times."""
    keys = ("step", "train_loss", "grad_norm", "learning_rate", "val_loss")
    return [{key: record[key] for key in keys if key in record} for record in RunFolder(folder).read_metrics()]


def largest_difference(one: Figures, two: Figures) -> float:
    assert [record.keys() for record in one] == [record.keys() for record in two]
    return max(abs(a[key] - b[key]) for a, b in zip(one, two, strict=True) for key in a)


@pytest.fixture(scope="module")
def team_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of every order of sequences by 1, 2 and 4 processes in float64, and by 1 and 2 in float32."""
    folder = tmp_path_factory.mktemp("teams")
    text = "The clock struck one, and the cat ran down.\nThe clock struck two, and the cat ran up.\n" * 40
    (folder / "book.txt").write_text(text)
    (folder / "list.txt").write_text("".join(f"the {a}{b}t ran {c}\n" for a in "bchmrs" for b in "aou" for c in WAYS))
    for dtype, counts in {"float64": (1, 2, 4), "float32": (1, 2)}.items():
        for processes in counts:
            done = mpiexec(processes, sys.executable, "-m", "tests.training.team_runs", folder, dtype)
            assert done.returncode == 0, done.stderr
    return folder


@needs_mpi
@pytest.mark.parametrize("processes", [2, 4])  # 4 processes take 1 or 2 of the 6 lanes
@pytest.mark.parametrize("kind", KINDS)
def test_the_number_of_processes_changes_nothing(team_runs: Path, kind: str, processes: int) -> None:
    alone = figures(team_runs / f"{kind}-float64-1")
    assert len(alone) == STEPS
    assert alone[-1]["train_loss"] < 0.8 * alone[0]["train_loss"]  # it has learnt: there was something to differ in
    assert largest_difference(alone, figures(team_runs / f"{kind}-float64-{processes}")) < 1e-12


@needs_mpi
@pytest.mark.parametrize("kind", KINDS)
def test_in_float32_it_changes_no_more_than_rounding(team_runs: Path, kind: str) -> None:
    alone, two = (figures(team_runs / f"{kind}-float32-{processes}") for processes in (1, 2))
    assert 0 < largest_difference(alone, two) < 1e-3  # 200 steps amplify what the last digits differ in
    assert largest_difference(alone[:10], two[:10]) < 1e-5


@needs_mpi
def test_a_run_of_three_resumes_with_two_and_with_one(team_runs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    common = flags(dtype="float64", batching="sequential", steps=80, warmup_steps=0, schedule="constant")
    alone = subprocess.run([*CLI, "train", team_runs / "book.txt", "--out", tmp_path / "alone", *common, "--quiet"])
    assert alone.returncode == 0
    begun = mpiexec(3, *CLI, "train", team_runs / "book.txt", "--out", run, *common, "--steps=30", "--quiet")
    assert begun.returncode == 0, begun.stderr
    assert mpiexec(2, *CLI, "train", "--resume", run, "--steps=60", "--quiet").returncode == 0
    assert subprocess.run([*CLI, "train", "--resume", run, "--steps=80", "--quiet"]).returncode == 0
    one, parts = figures(tmp_path / "alone"), figures(run)
    for record in parts:  # the last step of each part was evaluated
        if record["step"] in (30, 60):
            assert record.pop("val_loss") > 0
    assert largest_difference(one, parts) < 1e-12


@needs_mpi
@pytest.mark.parametrize(("ngrams", "settings"), [("none", {"mix_old": 0.4}), ("auto", {})])
def test_a_run_that_starts_from_a_model_is_the_same_with_two(
    ngrams: str, settings: dict[str, float], tmp_path: Path
) -> None:
    """With characters that are new, a frozen layer, and both texts in each batch, or the counts of both."""
    (tmp_path / "old.txt").write_text("The clock struck one, and the cat ran down.\n" * 40)
    (tmp_path / "new.txt").write_text("WHERE TO? – ASKED ZOË; 4711 OR 42? – THERE, AND BACK!\n" * 40)
    parent = subprocess.run(
        [
            *CLI,
            "train",
            tmp_path / "old.txt",
            "--out",
            tmp_path / "parent",
            *flags(dtype="float64", steps=20, ngrams=ngrams),
            "--quiet",
        ]
    )
    assert parent.returncode == 0
    start_from = flags(dtype="float64", steps=30, init_from=tmp_path / "parent", freeze_layers=1, **settings)
    for processes in (1, 2):
        out = tmp_path / f"{processes}"
        done = mpiexec(processes, *CLI, "train", tmp_path / "new.txt", "--out", out, *start_from, "--quiet")
        assert done.returncode == 0, done.stderr
    one, two = figures(tmp_path / "1"), figures(tmp_path / "2")
    assert one[-1]["train_loss"] < 0.9 * one[0]["train_loss"]
    assert largest_difference(one, two) < 1e-12


@needs_mpi
def test_a_killed_process_takes_the_job_down_and_the_checkpoint_is_whole(team_runs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    job = start(
        2, *CLI, "train", team_runs / "book.txt", "--out", run, *flags(steps=10**6), "--checkpoint-minutes", "0.005"
    )
    try:
        checkpoint = RunFolder(run).checkpoint
        first = None
        for _ in range(600):  # until a later checkpoint than that of step 0 is there
            time.sleep(0.1)
            written = checkpoint.stat().st_mtime_ns if checkpoint.exists() else None
            first = first or written
            if written != first:
                break
        else:
            raise AssertionError("there was no checkpoint after that of step 0")
        os.kill(rank_of(job.pid, 1), signal.SIGKILL)
        out, err = job.communicate(timeout=120)
    finally:
        job.kill()
    assert job.returncode != 0
    assert "signal 9" in out + err
    saved = read_model(RunFolder(run).model).provenance["step"]
    assert saved > 0
    resumed = subprocess.run(
        [*CLI, "train", "--resume", run, f"--steps={saved + 5}", "--quiet", "--json"], capture_output=True, text=True
    )
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["step"] >= saved + 5


def rank_of(parent: int, rank: int) -> int:
    """The process that mpiexec has started as a rank."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            command = (folder / "cmdline").read_bytes()
            above = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            grand = int(Path(f"/proc/{above}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        if f"PMI_RANK={rank}".encode() in environment and b"charrnn" in command and parent in (above, grand):
            return int(folder.name)
    raise AssertionError(f"no process is rank {rank} of {parent}")


@needs_mpi
def test_a_rank_that_fails_takes_the_job_down_and_says_why(team_runs: Path, tmp_path: Path) -> None:
    shutil.copy(team_runs / "book.txt", tmp_path)
    done = mpiexec(2, sys.executable, "-m", "tests.training.team_runs", tmp_path, "float32", "fail")
    assert done.returncode != 0
    assert "charrnn: error: rank 1 has failed" in done.stderr
    assert "a planted failure" in done.stderr


@needs_mpi
def test_ctrl_c_saves_and_only_rank_0_talks(team_runs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    job = start(2, *CLI, "train", team_runs / "book.txt", "--out", run, *flags(steps=10**6))
    try:
        for _ in range(600):
            time.sleep(0.1)
            if len(RunFolder(run).read_metrics()) > 3:
                break
        job.send_signal(signal.SIGINT)
        _, err = job.communicate(timeout=120)
    finally:
        job.kill()
    assert job.returncode == 130
    assert err.count("charrnn: interrupted: saved at step") == 1
    assert err.count("2 processes share the 6 lanes of each batch") == 1


@needs_mpi
@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--hidden-size", "0"], 2, "hidden_size 0 is too small"),
        (["--batch-size", "1"], 2, "batch_size 1 is too small for 2 processes: each needs at least one lane"),
        (
            ["--cell", "rnn", "--optimizer", "sgd", "--learning-rate", "1e38", "--grad-clip", "0"],
            1,
            "training diverged",
        ),
    ],
)
def test_errors_are_reported_once(
    team_runs: Path, tmp_path: Path, arguments: list[str], status: int, message: str
) -> None:
    given = flags(cell="rnn", dtype="float32", num_layers=1, dropout=0.0)
    done = mpiexec(2, *CLI, "train", team_runs / "book.txt", "--out", tmp_path / "run", *given, *arguments, "--quiet")
    assert done.returncode == status, done.stderr
    assert done.stderr.count("charrnn: error: ") == done.stderr.count(message) == 1


@pytest.mark.parametrize(("first", "last"), [(0, 2), (2, 5), (4, 5), (0, 5)])
def test_some_rows_are_those_of_all(first: int, last: int) -> None:
    whole, part = stream(3, "dropout", 7), some_rows(stream(3, "dropout", 7), slice(first, last), 5)
    for length in (6, 14):  # one layer after another
        expected = whole.random((5, length), np.float32)[first:last]
        np.testing.assert_array_equal(part.random((last - first, length), np.float32), expected)


def test_rows_of_odd_length_or_other_number_are_refused() -> None:
    rows = some_rows(stream(3, "dropout", 7), slice(1, 3), 5)
    with pytest.raises(ValueError, match="cannot draw"):
        rows.random((2, 5), np.float32)
    with pytest.raises(ValueError, match="cannot draw"):
        rows.random((3, 4), np.float32)


@needs_mpi
@pytest.mark.parametrize(("size", "batch_size"), [(2, 2), (3, 7), (4, 6), (5, 5)])
def test_every_lane_is_shared_out_once_and_evenly(size: int, batch_size: int) -> None:
    from charrnn.training.mpi import MpiTeam

    class Comm:
        def Get_rank(self) -> int:
            return 0

        def Get_size(self) -> int:
            return size

    team = MpiTeam(Comm())  # type: ignore[arg-type]
    lanes = [list(range(batch_size))[team.lanes_of_rank(rank, batch_size)] for rank in range(size)]
    assert [lane for part in lanes for lane in part] == list(range(batch_size))
    assert {len(part) for part in lanes} <= {batch_size // size, -(-batch_size // size)}
    with pytest.raises(ConfigError, match="is too small for"):
        MpiTeam(Comm()).lanes(size - 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("environment", "processes"),
    [
        ({}, 1), ({"PMI_SIZE": "1"}, 1), ({"PMI_SIZE": "4"}, 4), ({"OMPI_COMM_WORLD_SIZE": "2", "PMIX_RANK": "1"}, 2),
        ({"PMIX_RANK": "0"}, None), ({"PMIX_RANK": "1"}, None),
    ],
)  # fmt: skip
def test_launchers_give_the_number_of_processes(
    environment: dict[str, str], processes: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "PMIX_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert launched() == processes
    assert launched_as_one_of_several() == (processes != 1)


@needs_mpi
def test_a_launcher_of_another_library_is_an_error_and_a_job_of_one_is_not(team_runs: Path, tmp_path: Path) -> None:
    command = [*CLI, "train", team_runs / "book.txt", "--out", tmp_path / "run", *flags(steps=3), "--quiet"]
    environment = {**os.environ, "OMPI_COMM_WORLD_SIZE": "2"}
    other = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert other.returncode == 2
    assert "mpiexec has started 2 processes, but mpi4py sees 1" in other.stderr
    code = (
        "from charrnn.parallel import team\nfrom charrnn.training import mpi\nmpi.launched = lambda: None\n"
        "with mpi.mpi_team() as found: print(found is team.ALONE)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "True\n"


@needs_mpi
def test_ranks_find_the_same_large_text_or_stop(team_runs: Path, tmp_path: Path) -> None:
    """Texts that are not held in memory are not sent: each rank reads its own."""
    script = tmp_path / "large.py"
    script.write_text(
        "import os, sys\nimport charrnn\nfrom charrnn.text import mapped\nfrom charrnn.training.mpi import mpi_team\n"
        "mapped.LARGE_BYTES = 1\nos.chdir(sys.argv[int(os.environ['PMI_RANK']) + 1])\n"
        "with mpi_team() as team:\n"
        "    charrnn.train('book.txt', out=sys.argv[3], team=team, cell='rnn', hidden_size=8, seq_len=9, batch_size=4, "
        "num_layers=1, steps=5, log_every=1)\n"
    )
    other = tmp_path / "other"
    other.mkdir()
    (other / "book.txt").write_text((team_runs / "book.txt").read_text().replace("cat", "dog"))
    environment = {**os.environ, "CHARRNN_CACHE": str(tmp_path / "cache")}
    same = mpiexec(2, sys.executable, script, team_runs, team_runs, tmp_path / "same", env=environment)
    assert same.returncode == 0, same.stderr
    assert len(figures(tmp_path / "same")) == 5
    parted = mpiexec(2, sys.executable, script, team_runs, other, tmp_path / "parted", env=environment)
    assert parted.returncode != 0
    assert "rank 1 and rank 0 read different texts from book.txt" in parted.stderr
