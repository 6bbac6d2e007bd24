"""Which backend carries out a sweep."""

from __future__ import annotations

import os
from pathlib import Path

from charrnn.errors import ConfigError
from charrnn.parallel import Backend, local_backend
from charrnn.parallel.executors import Dask, Mpi
from charrnn.parallel.slurm import Slurm
from charrnn.parallel.team import launched_as_one_of_several
from charrnn.sweeps.spec import Spec


def choose_backend(folder: Path, spec: Spec, jobs: int | None, dask: str | None, slurm: bool) -> Backend:
    """The one that was asked for; MPI's ranks where this process is the first of them; else this machine's cores."""
    if dask and slurm:
        raise ConfigError("--dask and --slurm are two places to run: leave one out")
    if dask:
        if jobs is not None:
            raise ConfigError(f"jobs {jobs} has no effect with --dask: as many are run as the cluster has threads")
        return Dask(dask)
    cores = os.cpu_count() or 1
    if slurm:
        return Slurm(folder.resolve() / "slurm", jobs or cores, spec.slurm)
    if Mpi.launched():
        if jobs is not None:
            raise ConfigError(f"jobs {jobs} has no effect with MPI: every rank but the first carries out a run")
        return Mpi()
    if launched_as_one_of_several():
        raise ConfigError(
            "processes of mpiexec share a sweep like this: mpiexec -n N python -m mpi4py.futures -m charrnn sweep …"
        )
    return local_backend(jobs or cores)
