"""Many independent jobs on anything that offers the standard `concurrent.futures.Executor`.

A job is a function that workers can import, and arguments that travel; its result is plain JSON. A new backend is one
class, and a line where backends are chosen.
"""

from __future__ import annotations

from charrnn.parallel.backend import Backend
from charrnn.parallel.executors import Here, Processes, local_backend
from charrnn.parallel.job import Failure, Job, Outcome
from charrnn.parallel.pool import run_jobs

__all__ = ["Backend", "Failure", "Here", "Job", "Outcome", "Processes", "local_backend", "run_jobs"]
