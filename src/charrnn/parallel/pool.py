"""Jobs to a backend, outcomes back as they come. A job whose worker died is tried again; Ctrl-C stops all of them."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from charrnn.interrupts import Interrupted, StopRequest
from charrnn.parallel.backend import Backend
from charrnn.parallel.job import Failure, Job, Outcome, call

POLL_S = 0.2
TRIES = 3  # of a job whose workers die
SUSPECT = 2  # deaths, after which a job is run alone, to see whether it causes them
TO_STOP_S = 30.0  # for jobs that were asked to stop
TO_BREAK_S = 10.0  # for a broken executor to say so for each of its jobs
LOST = (BrokenExecutor, CancelledError)  # the executor is of no more use

NextJob = Callable[[], "Job | None"]


def run_jobs(
    backend: Backend,
    next_job: NextJob,
    ask_to_stop: Callable[[], None] | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Generator[Outcome, None, None]:
    """Run jobs until there are no more, as many at a time as the backend can; outcomes come in the order of completion.

    Parameters
    ----------
    next_job : callable
        Called whenever a worker is free. None means that there is nothing to do now; when nothing is running either,
        that is the end. What it returns may depend on the outcomes so far.
    ask_to_stop : callable, optional
        Called at the first Ctrl-C (or SIGTERM, or SIGHUP). Running jobs then have half a minute to end by themselves,
        and the outcomes of those that are complete are still returned. Without it they are stopped at once.
    say : callable, optional
        Receives a message, once each time, when no worker is available.

    Raises
    ------
    KeyboardInterrupt
        After the first Ctrl-C, when nothing runs any more; and at the second.
    """
    pool, waits, deadline = _Pool(backend, next_job), "", math.inf
    try:
        # A job in this process handles the signal itself.
        with nullcontext() if backend.here else StopRequest() as stop:
            while time.monotonic() < deadline:
                if not pool.stopping:
                    pool.dispatch()
                if not pool.running:
                    break
                yield from pool.outcomes()
                before, waits = waits, pool.waiting_reason()
                if waits and not before:
                    say(waits)
                if waits and pool.stopping:
                    break
                if stop is not None and stop.signal is not None and not pool.stopping:
                    pool.stopping = True
                    deadline = time.monotonic() + (TO_STOP_S if ask_to_stop else 0.0)
                    if ask_to_stop:
                        ask_to_stop()
            if stop is not None and stop.signal is not None:
                raise Interrupted("interrupted", stop.signal)
    except BaseException:
        pool.release(now=True)
        raise
    pool.release(now=False)


class _Pool:
    """The workers of a backend, and the job of each."""

    def __init__(self, backend: Backend, next_job: NextJob) -> None:
        self.backend, self.next_job = backend, next_job
        self.executor: Executor | None = None
        self.running: dict[Future[Any], Outcome] = {}
        self.again: deque[Outcome] = deque()  # jobs whose worker died
        self.stopping = False

    def dispatch(self) -> None:
        """Submit as many jobs as there is room for."""
        while (taken := self._next()) is not None:
            if self.executor is None:
                self.executor = self.backend.start()
            job = taken.job
            self.running[self.executor.submit(call, job.function, job.arguments, not self.backend.here)] = taken

    def _next(self) -> Outcome | None:
        alone = any(taken.deaths >= SUSPECT for taken in self.running.values())
        room = 1 if self.executor is None else self.backend.at_a_time(self.executor)
        if alone or len(self.running) >= room:
            return None
        if self.again:
            return None if self.again[0].deaths >= SUSPECT and self.running else self.again.popleft()
        job = self.next_job()
        return None if job is None else Outcome(job)

    def waiting_reason(self) -> str:
        """A message if jobs are submitted and no worker is available; otherwise empty."""
        return self.backend.waiting_reason(self.executor) if self.executor is not None and self.running else ""

    def outcomes(self) -> Iterator[Outcome]:
        """Wait a little; the outcomes of the jobs that are complete."""
        done, _ = wait(self.running, timeout=POLL_S, return_when=FIRST_COMPLETED)
        if any(isinstance(_error(future), LOST) for future in done):  # and all others with it
            wait(self.running, timeout=TO_BREAK_S)
            done = set(self.running)
            self._stop_executor(now=True)
        alone = len(done) == 1 and not self.running.keys() - done
        for future in done:
            taken, error = self.running.pop(future), _error(future)
            if error is None:
                yield from self._ended(taken, future.result())
            elif isinstance(error, LOST) or self.backend.is_death(error):
                yield from self._died(taken, str(error), certain=alone or not isinstance(error, LOST))
            else:
                raise error

    def _ended(self, taken: Outcome, result: dict[str, Any]) -> Iterator[Outcome]:
        if "interrupted" in result:  # by a signal to the worker
            yield from self._died(taken, "stopped by a signal", certain=True)
        elif "failure" in result:
            yield replace(taken, failure=Failure(*result["failure"]))
        else:
            yield replace(taken, value=result["value"])

    def _died(self, taken: Outcome, why: str, certain: bool) -> Iterator[Outcome]:
        taken = replace(taken, deaths=taken.deaths + 1, blamed=taken.blamed + certain)
        if taken.blamed < TRIES or self.stopping:
            self.again.append(taken)
        else:
            reason = f"{TRIES} workers died running it, perhaps for lack of memory: {' '.join(why.split())[:300]}"
            yield replace(taken, failure=Failure("WorkerDied", reason))

    def release(self, now: bool) -> None:
        """Cancel what is left and release the workers."""
        for future in self.running:
            future.cancel()
        self._stop_executor(now)

    def _stop_executor(self, now: bool) -> None:
        if self.executor is not None:
            self.backend.stop(self.executor, now)
            self.executor = None


def _error(future: Future[Any]) -> BaseException | None:
    """The error that a future ended with; for one that has not ended, that its worker is lost."""
    if not future.done() or future.cancelled():
        return CancelledError("its worker is gone")
    return future.exception()
