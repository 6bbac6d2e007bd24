"""Many independent jobs on anything that offers the standard `concurrent.futures.Executor`.

A job is a function that workers can import, and arguments that can be sent to them; its result is plain JSON. A new
backend is a class in a file of its own, and a line in `choose_backend`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charrnn.errors import ConfigError
from charrnn.parallel.backend import Backend, Dask, Here, Mpi, Processes, local_backend
from charrnn.parallel.job import Failure, Job, Outcome
from charrnn.parallel.pool import run_jobs
from charrnn.parallel.slurm import Slurm
from charrnn.parallel.team import launched_as_one_of_several

__all__ = ["Backend", "Failure", "Here", "Job", "Outcome", "Processes", "choose_backend", "local_backend", "run_jobs"]


def choose_backend(jobs: int | None, dask: str | None, slurm: Mapping[str, Any] | None, folder: Path) -> Backend:
    """The backend asked for; MPI's ranks if this process is the first of several; else the cores of this machine.

    Parameters
    ----------
    jobs : int, optional
        Jobs at a time.
    dask : str, optional
        The address of a dask.distributed scheduler.
    slurm : mapping, optional
        Parameters for jobs of Slurm, whose files go into `folder`.
    """
    if dask and slurm is not None:
        raise ConfigError("--dask and --slurm exclude each other: leave one out")
    if dask:
        if jobs is not None:
            raise ConfigError(f"jobs {jobs} has no effect with --dask: each thread of the cluster runs one job")
        return Dask(dask)
    cores = os.cpu_count() or 1
    if slurm is not None:
        return Slurm(folder, jobs or cores, slurm)
    if Mpi.launched():
        if jobs is not None:
            raise ConfigError(f"jobs {jobs} has no effect with MPI: every rank but the first runs one job")
        return Mpi()
    if launched_as_one_of_several():
        raise ConfigError(
            "to share a sweep among MPI processes, run: mpiexec -n N python -m mpi4py.futures -m charrnn sweep …"
        )
    return local_backend(jobs or cores)
