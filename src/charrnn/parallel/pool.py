"""Jobs to an backend, outcomes back as they come; a job whose worker died is tried again, an interruption heard."""

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
from charrnn.parallel.job import Failure, Job, Outcome, call, call_in_worker

POLL_S = 0.2
TRIES = 3  # of a job that its workers die of
SUSPECT = 2  # deaths, after which a job is run alone, to see whose doing they are
TO_STOP_S = 30.0  # for jobs that were asked to stop
TO_BREAK_S = 10.0  # until an executor that has broken has said so of each of its jobs
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
        Called whenever a worker is free. None says that there is nothing to do now; when nothing is running either,
        that is the end. What it returns may depend on the outcomes so far.
    ask_to_stop : callable, optional
        Called at the first Ctrl-C (or SIGTERM). Jobs that are running then have half a minute to end by themselves, and
        those that are complete are still returned. Without it they are stopped at once.
    say : callable, optional
        Told, once each time, what the backend lacks when no job can run.

    Raises
    ------
    KeyboardInterrupt
        After the first Ctrl-C, when nothing runs any more; and at the second.
    """
    crew = _Crew(backend, next_job)
    try:
        # A job that runs here hears the signal itself.
        with nullcontext() if backend.here else StopRequest() as stop:
            deadline = math.inf
            while crew.busy() and time.monotonic() < deadline:
                yield from crew.outcomes()
                if crew.lacks(say) and crew.stopping:
                    break
                if stop is not None and stop.signal is not None and not crew.stopping:
                    crew.stopping = True
                    deadline = time.monotonic() + (TO_STOP_S if ask_to_stop else 0.0)
                    if ask_to_stop:
                        ask_to_stop()
            if stop is not None and stop.signal is not None:
                raise Interrupted("interrupted", stop.signal)
    except BaseException:
        crew.leave(now=True)
        raise
    crew.leave(now=False)


class _Crew:
    """The workers of an backend and what each is doing."""

    def __init__(self, backend: Backend, next_job: NextJob) -> None:
        self.backend, self.next_job = backend, next_job
        self.executor: Executor | None = None
        self.running: dict[Future[Any], Outcome] = {}
        self.again: deque[Outcome] = deque()  # jobs whose worker died
        self.stopping = False
        self.lacked = ""

    def busy(self) -> bool:
        """Hand out as many jobs as there is room for; whether anything is running."""
        while not self.stopping and (taken := self._next()) is not None:
            if self.executor is None:
                self.executor = self.backend.start()
            how = call if self.backend.here else call_in_worker
            future = self.executor.submit(how, taken.job.function, taken.job.arguments)
            self.running[future] = taken
        return bool(self.running)

    def _next(self) -> Outcome | None:
        alone = any(taken.deaths >= SUSPECT for taken in self.running.values())
        room = 1 if self.executor is None else self.backend.at_a_time(self.executor)
        if alone or len(self.running) >= room:
            return None
        if self.again:
            if self.again[0].deaths >= SUSPECT and self.running:
                return None
            return self.again.popleft()
        job = self.next_job()
        return None if job is None else Outcome(job)

    def lacks(self, say: Callable[[str], None]) -> bool:
        """Whether what is running cannot go on; that is said when it begins."""
        lacks = self.backend.lacks(self.executor) if self.executor is not None and self.running else ""
        if lacks and not self.lacked:
            say(lacks)
        self.lacked = lacks
        return bool(lacks)

    def outcomes(self) -> Iterator[Outcome]:
        """Wait a little; what is complete."""
        done, _ = wait(self.running, timeout=POLL_S, return_when=FIRST_COMPLETED)
        if any(isinstance(_error(future), LOST) for future in done):  # and all others with it
            wait(self.running, timeout=TO_BREAK_S)
            done = set(self.running)
            self._let_go(now=True)
        alone = len(done) == 1 and not self.running.keys() - done
        for future in done:
            taken = self.running.pop(future)
            error = _error(future)
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
            reason = " ".join(why.split())[:300]
            yield replace(
                taken,
                failure=Failure("WorkerDied", f"{TRIES} workers died of it, perhaps of too little memory: {reason}"),
            )

    def leave(self, now: bool) -> None:
        """Give everything back."""
        for future in self.running:
            future.cancel()
        self._let_go(now)

    def _let_go(self, now: bool) -> None:
        if self.executor is not None:
            self.backend.stop(self.executor, now)
            self.executor = None


def _error(future: Future[Any]) -> BaseException | None:
    """What a future ended with; for one that has not ended, that it was lost."""
    if not future.done() or future.cancelled():
        return CancelledError("its worker is gone")
    return future.exception()
