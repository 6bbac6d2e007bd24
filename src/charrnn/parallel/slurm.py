"""Jobs of a Slurm cluster, through submitit, as a standard executor.

submitit passes a job and its result through files of its own in the folder it is given; charrnn does not read them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from charrnn.errors import ConfigError, RunError
from charrnn.parallel.backend import Backend

POLL_S = 0.5
USUAL = {"timeout_min": 24 * 60, "cpus_per_task": 1, "mem_gb": 2, "name": "charrnn"}


class Slurm(Backend):
    """Jobs of Slurm.

    Parameters
    ----------
    folder : Path
        Where submitit keeps its files; it must be on a file system that all machines share.
    workers : int
        The number of jobs that may be submitted at a time.
    parameters : mapping
        Those of submitit's `AutoExecutor.update_parameters`, over ours; and `cluster`, which is "slurm", or "local" for
        processes of this machine that are treated like jobs of a cluster.
    """

    deaths = ("UncompletedJobError", "FailedJobError")

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
            raise ConfigError(f"submitit refuses settings of [slurm]: {' '.join(str(error).split())}") from None
        return _Submitted(executor, self.workers)

    def stop(self, executor: Executor, now: bool) -> None:
        executor.shutdown(wait=True, cancel_futures=now)


class _Submitted(ThreadPoolExecutor):
    """submitit's jobs as futures: a thread waits for each."""

    def __init__(self, inner: Any, workers: int) -> None:
        super().__init__(workers)
        self.inner = inner
        self.lock = threading.Lock()  # submitit is not made for threads
        self.cancelled = threading.Event()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        with self.lock:
            job = self.inner.submit(fn, *args, **kwargs)
        return super().submit(self._result, job)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if cancel_futures:
            self.cancelled.set()
        super().shutdown(wait, cancel_futures=cancel_futures)

    def _result(self, job: Any) -> Any:
        while True:
            with self.lock:
                if job.done():
                    break
            if self.cancelled.wait(POLL_S):
                job.cancel(check=False)
                raise CancelledError
        return job.result()
