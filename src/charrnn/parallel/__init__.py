"""Many independent jobs on anything that offers the standard `concurrent.futures.Executor`.

A job is a function that workers can import, and arguments that can be sent to them; its result is plain JSON.
"""

from __future__ import annotations

from charrnn.parallel.backend import Backend, Here, Processes, local_backend
from charrnn.parallel.choose import choose_backend
from charrnn.parallel.job import Failure, Job, Outcome
from charrnn.parallel.pool import run_jobs

__all__ = ["Backend", "Failure", "Here", "Job", "Outcome", "Processes", "choose_backend", "local_backend", "run_jobs"]
