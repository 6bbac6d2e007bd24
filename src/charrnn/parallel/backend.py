"""What an backend is: it starts executors of the standard kind, and knows what their errors mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import BrokenExecutor, Executor


class Backend(ABC):
    """Starts executors, and knows what their errors mean.

    Attributes
    ----------
    here : bool
        `submit` runs the job in this process and returns when it is done.
    """

    here = False

    @abstractmethod
    def start(self) -> Executor:
        """An executor ready for jobs; called again when the last one broke."""

    @abstractmethod
    def at_a_time(self, executor: Executor) -> int:
        """How many jobs it can run at once, now."""

    def lacks(self, executor: Executor) -> str:
        """What it waits for, in words, where no job can run until that is there; else nothing."""
        return ""

    def stop(self, executor: Executor, now: bool) -> None:
        """Give the workers back; `now` does not wait for the jobs that they have."""
        executor.shutdown(wait=not now, cancel_futures=True)

    def is_death(self, error: BaseException) -> bool:
        """Whether an error says that the worker was lost, and not that the backend is at fault."""
        return isinstance(error, BrokenExecutor)
