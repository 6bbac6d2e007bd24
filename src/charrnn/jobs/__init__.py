"""Many independent jobs on anything that offers the standard `concurrent.futures.Executor`.

A job is a function that workers can import, and arguments that travel; its result is plain JSON. A new engine is one
class and one line in ENGINES.
"""

from __future__ import annotations

from charrnn.jobs.engine import Engine
from charrnn.jobs.engines import ENGINES, Here, Processes, local_engine
from charrnn.jobs.job import Failure, Job, Outcome
from charrnn.jobs.running import run_jobs

__all__ = ["ENGINES", "Engine", "Failure", "Here", "Job", "Outcome", "Processes", "local_engine", "run_jobs"]
