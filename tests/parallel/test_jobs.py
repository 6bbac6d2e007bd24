"""Jobs in processes of this machine: results, errors as values, workers that die, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from charrnn.parallel import Backend, Here, Job, Outcome, Processes, local_backend, run_jobs
from charrnn.parallel.slurm import _Submitted
from tests.parallel import work


def run(backend: Backend, jobs: Iterable[Job]) -> dict[str, Outcome]:
    order = iter(jobs)
    return {outcome.job.key: outcome for outcome in run_jobs(backend, lambda: next(order, None))}


@pytest.mark.parametrize("backend", [Here(), Processes(2)], ids=["here", "processes"])
def test_values_and_errors_come_back_as_values(backend: Backend) -> None:
    jobs = [Job(str(n), work.square, (n,)) for n in range(5)]
    done = run(backend, [*jobs, Job("bad", work.fail, (7,)), Job("threads", work.threads)])
    assert [done[str(n)].value for n in range(5)] == [0, 1, 4, 9, 16]
    assert set(done["threads"].value) == {1}
    failure = done["bad"].failure
    assert failure is not None
    assert str(failure) == "ValueError: no 7 at all"
    assert "work.py" in failure.report
    assert done["bad"].value is None


def test_a_job_whose_worker_died_is_tried_again_and_one_that_kills_every_worker_harms_no_other(tmp_path: Path) -> None:
    jobs = [
        Job("twice", work.die_until, (str(tmp_path), "twice", 2)),
        Job("always", work.die_until, (str(tmp_path), "always", 99)),
        *[Job(str(n), work.square, (n,)) for n in range(4)],
    ]
    done = run(Processes(2), jobs)
    assert [done[str(n)].value for n in range(4)] == [0, 1, 4, 9]
    assert done["twice"].value == "twice"
    failure = done["always"].failure
    assert failure is not None
    assert failure.kind == "WorkerDied"
    assert failure.message.startswith("3 workers died running it, perhaps for lack of memory: ")
    assert done["always"].blamed == 3
    assert done["twice"].blamed <= 2


def test_jobs_may_follow_from_outcomes() -> None:
    waiting = [3]
    seen = []
    for outcome in run_jobs(Here(), lambda: Job("n", work.square, (waiting.pop(),)) if waiting else None):
        seen.append(outcome.value)
        if outcome.value < 1000:
            waiting.append(outcome.value)
    assert seen == [9, 81, 6561]


def test_at_a_signal_running_jobs_are_asked_to_stop_and_their_outcomes_still_come(tmp_path: Path) -> None:
    flag = tmp_path / "stop"
    order = iter([Job("long", work.sleep_until_there, (str(flag),)), *[Job("next", work.square, (1,))] * 9])
    came: list[Outcome] = []
    threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        came.extend(run_jobs(Processes(1), lambda: next(order, None), flag.touch))
    assert [outcome.value for outcome in came] == ["stopped"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


SCRIPT = """
import sys
from charrnn.parallel import Job, Processes, run_jobs
from tests.parallel import work
order = iter([Job(str(n), work.sleep, (60.0, f"{sys.argv[1]}/{n}")) for n in range(2)])
print(list(run_jobs(Processes(2), lambda: next(order, None))))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["SIGINT", "SIGKILL"])
def test_workers_do_not_outlive_a_script_and_it_needs_no_main_guard(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "marks"
    folder.mkdir()
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, f"{root}/src"])}
    process = subprocess.Popen(
        [sys.executable, script, folder], env=environment, stderr=subprocess.PIPE, start_new_session=True
    )
    while len(list(folder.iterdir())) < 2 and process.poll() is None:
        time.sleep(0.05)
    assert process.poll() is None
    process.send_signal(number)
    process.communicate(timeout=120)
    deadline = time.monotonic() + 120
    while alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(process.pid)


def alive(group: int) -> bool:
    """Whether any process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_job_at_a_time_runs_here_and_several_in_processes() -> None:
    assert isinstance(local_backend(1), Here)
    assert isinstance(local_backend(2), Processes)


class _Empty(Backend, Executor):
    """A backend all of whose workers are gone; one comes back after `looks` looks."""

    def __init__(self, looks: float) -> None:
        self.looks = looks
        self.future: Future[Any] = Future()

    def start(self) -> Executor:
        return self

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self.future

    def at_a_time(self, executor: Executor) -> int:
        return 1

    def stop(self, executor: Executor, now: bool) -> None: ...

    def waiting_reason(self, executor: Executor) -> str:
        self.looks -= 1
        if not self.looks:
            self.future.set_result(5)
        return "no workers" if self.looks > 0 else ""


def test_that_there_are_no_workers_is_said_once_and_they_are_waited_for() -> None:
    order = iter([Job("n", work.square, (1,))])
    said: list[str] = []
    (outcome,) = run_jobs(_Empty(3), lambda: next(order, None), say=said.append)
    assert outcome.value == 5
    assert said == ["no workers"]


def test_jobs_that_have_no_workers_are_not_waited_for_at_the_end() -> None:
    order = iter([Job("n", work.square, (1,))])
    asked: list[bool] = []
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(run_jobs(_Empty(float("inf")), lambda: next(order, None), lambda: asked.append(True)))
    assert asked == [True]
    assert time.monotonic() - begun < 60  # it would wait for ever


class _Submits:
    """A job of submitit's that is done, with its result."""

    def __init__(self, value: int = 0) -> None:
        self.value = value

    def submit(self, fn: Callable[..., int], *args: Any) -> _Submits:
        return _Submits(fn(*args))

    def done(self) -> bool:
        return True

    def result(self) -> int:
        return self.value


def test_a_cancelled_job_does_not_keep_those_of_slurm_from_being_watched() -> None:
    executor = _Submitted(_Submits(), 1)
    executor.submit(work.square, 2).cancel()
    time.sleep(0.6)  # until it has looked
    assert executor.submit(work.square, 3).result(timeout=60) == 9
    executor.shutdown()
