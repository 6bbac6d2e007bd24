"""Many independent jobs on anything that offers the standard `concurrent.futures.Executor`.

A job is a function that workers can import, and arguments that travel; its result is plain JSON. A new engine is one
class, and a line where engines are chosen.
"""

from __future__ import annotations

from charrnn.parallel.engine import Engine
from charrnn.parallel.executors import Here, Processes, local_engine
from charrnn.parallel.job import Failure, Job, Outcome
from charrnn.parallel.pool import run_jobs

__all__ = ["Engine", "Failure", "Here", "Job", "Outcome", "Processes", "local_engine", "run_jobs"]
