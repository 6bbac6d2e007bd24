"""Jobs of a Slurm cluster, through submitit, in the shape of a standard executor.

submitit passes a job and its result through files of its own in the folder it is given; those are not ours to read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from charrnn.errors import ConfigError, RunError
from charrnn.parallel.backend import Backend

POLL_S = 0.5
USUAL = {"timeout_min": 24 * 60, "cpus_per_task": 1, "mem_gb": 2, "name": "charrnn"}


class Slurm(Backend):
    """Slurm's jobs.

    Parameters
    ----------
    folder : Path
        Where submitit keeps its files; it must be on a file system that all machines share.
    workers : int
        How many jobs may be submitted at a time.
    parameters : mapping
        Those of submitit's `AutoExecutor.update_parameters`, over ours; and `cluster`, which is "slurm", or "local" for
        processes of this machine that are treated like jobs of a cluster.
    """

    def __init__(self, folder: Path, workers: int, parameters: Mapping[str, Any]) -> None:
        self.folder, self.workers, self.parameters = folder, workers, dict(parameters)

    def start(self) -> Executor:
        try:
            from submitit import AutoExecutor
        except ImportError:
            raise RunError("jobs of Slurm need submitit: pip install 'charrnn[slurm]'") from None
        parameters = {**USUAL, **self.parameters}
        cluster = parameters.pop("cluster", "slurm")
        try:
            executor = AutoExecutor(self.folder, cluster=cluster)
        except (RuntimeError, ValueError, AssertionError) as error:
            raise RunError(f"cannot submit jobs to '{cluster}': {' '.join(str(error).split())}") from None
        try:
            executor.update_parameters(**parameters)
        except (TypeError, ValueError, NameError, AssertionError) as error:
            raise ConfigError(f"submitit does not take these of [slurm]: {' '.join(str(error).split())}") from None
        return _Submitted(executor)

    def at_a_time(self, executor: Executor) -> int:
        return self.workers

    def stop(self, executor: Executor, now: bool) -> None:
        executor.shutdown(wait=True, cancel_futures=now)

    def is_death(self, error: BaseException) -> bool:
        return type(error).__name__ in ("UncompletedJobError", "FailedJobError")


class _Submitted(Executor):
    """submitit's jobs as futures; a thread looks which are done."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.jobs: dict[Future[Any], Any] = {}
        self.closed = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # nobody but the watching thread ends it
        self.jobs[future] = self.inner.submit(fn, *args, **kwargs)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        while wait and not cancel_futures and self.jobs:
            self.closed.wait(POLL_S)
        self.closed.set()
        self.thread.join()
        for job in self.jobs.values():
            job.cancel(check=False)
        self.jobs.clear()

    def _watch(self) -> None:
        while not self.closed.wait(POLL_S):
            for future, job in list(self.jobs.items()):
                try:
                    if not job.done():
                        continue
                    future.set_result(job.result())
                except Exception as error:
                    future.set_exception(error)
                del self.jobs[future]
