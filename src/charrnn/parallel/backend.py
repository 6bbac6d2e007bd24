"""Where jobs run: in this process, in processes of this machine, on a dask cluster, or on MPI's ranks."""

from __future__ import annotations

import logging
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from charrnn.errors import RunError
from charrnn.parallel.job import begin_rank, begin_worker

WAIT_FOR_WORKERS_S = 60
CONNECT_S = 10
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Backend(ABC):
    """Starts executors of the standard kind, and knows what their errors mean.

    Attributes
    ----------
    here : bool
        `submit` runs the job in this process and returns when it is done.
    workers : int
        The number of jobs that an executor can run at once, where it does not change.
    deaths : tuple of str
        The names of further exceptions that mean that a worker was lost, and not that the backend fails.
    """

    here = False
    workers = 1
    deaths: tuple[str, ...] = ()

    @abstractmethod
    def start(self) -> Executor:
        """An executor ready for jobs; called again when the last one broke."""

    def at_a_time(self, executor: Executor) -> int:
        """The number of jobs that it can run at once, now."""
        return self.workers

    def waiting_reason(self, executor: Executor) -> str:
        """A message if no worker is available; otherwise empty."""
        return ""

    def stop(self, executor: Executor, now: bool) -> None:
        """Release the workers; `now` does not wait for their jobs."""
        executor.shutdown(wait=not now, cancel_futures=True)


class Here(Backend, Executor):
    """One job after another in this process."""

    here = True

    def start(self) -> Executor:
        return self

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call the function now, and return its result as a future that is done."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class Processes(Backend):
    """Processes of this machine (joblib's loky): they import nothing from the caller's script."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def start(self) -> Executor:
        try:
            from joblib.externals.loky import ProcessPoolExecutor
        except ImportError:
            raise RunError(
                "several jobs at a time need joblib: pip install 'charrnn[sweep]', or use --jobs 1"
            ) from None
        pool: Executor = ProcessPoolExecutor(
            self.workers, initializer=begin_worker, initargs=(os.getpid(),), env=ONE_THREAD
        )
        return pool

    def stop(self, executor: Executor, now: bool) -> None:
        executor.shutdown(wait=True, kill_workers=now)  # type: ignore[call-arg]  # loky's own


class Dask(Backend):
    """The workers of a dask.distributed cluster, on any machine; dask itself replaces those that die."""

    deaths = ("KilledWorker",)

    def __init__(self, address: str) -> None:
        self.address = address
        self.client: Any = None

    def start(self) -> Executor:
        try:
            import distributed
        except ImportError:
            raise RunError("a dask cluster needs dask.distributed: pip install 'charrnn[dask]'") from None
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # we report a lost scheduler ourselves
        try:
            connect: Any = distributed.Client
            self.client = connect(self.address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise RunError(
                f"no dask scheduler answers at '{self.address}' ({reason}): start one with 'dask scheduler', "
                "and give the address that it prints"
            ) from None
        try:
            self.client.wait_for_workers(1, timeout=WAIT_FOR_WORKERS_S)
        except (OSError, TimeoutError):
            self.client.close()
            raise RunError(
                f"the dask scheduler at '{self.address}' has no workers: start some with 'dask worker {self.address}'"
            ) from None
        executor: Executor = self.client.get_executor(pure=False)
        return executor

    def at_a_time(self, executor: Executor) -> int:
        return max(1, sum(map(int, self.client.nthreads().values())))

    def waiting_reason(self, executor: Executor) -> str:
        return "" if self.client.nthreads() else f"no workers: waiting for 'dask worker {self.address}'"

    def stop(self, executor: Executor, now: bool) -> None:
        executor.shutdown(wait=not now)
        self.client.close()


class Mpi(Backend):
    """The ranks of `mpiexec -n N python -m mpi4py.futures -m charrnn …`: rank 0 hands out the jobs, the others work."""

    def start(self) -> Executor:
        if not self.launched():
            raise RunError("no MPI ranks are running: start with mpiexec -n N python -m mpi4py.futures -m charrnn …")
        from mpi4py.futures import MPIPoolExecutor

        executor: Executor = MPIPoolExecutor(initializer=begin_rank)
        return executor

    @staticmethod
    def launched() -> bool:
        """Whether this process is the first of several ranks under `python -m mpi4py.futures`."""
        if "mpi4py.futures" not in sys.modules:
            return False
        from mpi4py import MPI

        return bool(MPI.COMM_WORLD.Get_size() > 1)

    def at_a_time(self, executor: Executor) -> int:
        return max(1, int(executor.num_workers))  # type: ignore[attr-defined]  # mpi4py's own


def local_backend(jobs: int) -> Backend:
    """This machine: one job at a time in this process, or several in processes."""
    return Here() if jobs == 1 else Processes(jobs)
