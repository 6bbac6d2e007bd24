"""The machine of a measurement, and the same conditions for every library. Import it before any of them."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Let every library choose its own kernels for the processor, whatever the environment says.
for forced in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(forced, None)
AVX2 = "--avx2" in sys.argv  # no library may use what only newer processors have
if AVX2:
    os.environ.update(
        OPENBLAS_CORETYPE="Haswell", NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR",
        ATEN_CPU_CAPABILITY="avx2", ONEDNN_MAX_CPU_ISA="AVX2", MKL_ENABLE_INSTRUCTIONS="AVX2",
    )  # fmt: skip


def _threads_from_arguments() -> int:
    """Return the number after --threads, or 1. A single thread is pinned to the core of CORE or of its MPI rank."""
    arguments = sys.argv[1:]
    threads = int(arguments[arguments.index("--threads") + 1]) if "--threads" in arguments else 1
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(threads)
    if threads == 1:
        avx2 = " --xla_cpu_max_isa=AVX2" if AVX2 else ""
        os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1{avx2}"
        core = int(os.environ.get("CORE", os.environ.get("PMI_RANK", 0)))
        os.sched_setaffinity(0, {core % (os.cpu_count() or 1)})
    return threads


THREADS = _threads_from_arguments()


def limit_torch(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


def limit_kernels() -> None:
    """With --avx2, let our own kernels use no newer instructions either."""
    from charrnn.nn.kernels import kernels

    if AVX2:
        kernels.instructions = lambda: "v3"


def describe() -> str:
    """Return the processor, the versions and the commit, in one line."""
    import importlib.metadata

    import numpy as np
    from threadpoolctl import threadpool_info

    import charrnn
    from charrnn import reports

    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    found = [b for b in threadpool_info() if b["internal_api"] == "openblas"]
    blas = f"OpenBLAS {found[0]['version']}, kernels {found[0]['architecture']}" if found else "no OpenBLAS"
    installed = {d.name: d.version for d in importlib.metadata.distributions() if d.name in ("torch", "jax")}
    peers = [f"{name} {version}" for name, version in sorted(installed.items())]
    limited = ", restricted to AVX2" if AVX2 else ""
    return (
        f"{reports.machine()}, {os.cpu_count()} cores{limited}; Python {platform.python_version()}, "
        f"NumPy {np.__version__} ({blas}), {', '.join(peers)}; charrnn {charrnn.__version__} ({commit})"
    )
