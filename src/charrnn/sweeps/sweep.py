"""`sweep`: from a specification to a folder of runs. The command line and `import charrnn.sweeps` both enter here."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.config import TrainConfig
from charrnn.errors import CharRNNError, ConfigError
from charrnn.interrupts import Interrupted
from charrnn.language_model import LanguageModel, load
from charrnn.parallel import Backend, Job, Outcome, choose_backend, run_jobs
from charrnn.settings import check_path, check_value
from charrnn.sweeps.callback import LineSweepCallback, SweepCallback
from charrnn.sweeps.folder import FAILED, FINISHED, PRUNED, Record, SweepFolder
from charrnn.sweeps.results import Ranked, best_of, rank, write_results
from charrnn.sweeps.samplers import METHODS
from charrnn.sweeps.space import RECIPE, Settings
from charrnn.sweeps.spec import Spec, make_spec, read_spec
from charrnn.sweeps.trial import STOPPED, run_trial
from charrnn.text.opening import Plan, open_corpus
from charrnn.training.resolve import resolve
from charrnn.units import unit_of

MOST_JOBS = 1000  # at a time: each is a process
CHECKED = 100  # settings that are checked for contradictions before anything runs


@dataclass(frozen=True)
class Sweep:
    """A finished sweep. Losses are of the whole validation split, in nats per character."""

    path: Path
    records: list[Record]  # of all runs, in the order of their numbers
    ranking: list[Ranked]  # the settings, the best first
    best: Record | None  # the best run of the best setting; None where every run failed

    @property
    def model(self) -> LanguageModel:
        """The best run's model."""
        return load(self.path / "best")


def sweep(
    spec: str | Path | Mapping[str, Any],
    *,
    out: str | Path | None = None,
    jobs: int | None = None,
    dask: str | None = None,
    slurm: bool = False,
    retry_failed: bool = False,
    callback: SweepCallback | None = None,
) -> Sweep:
    """Train with many settings, each with every seed, and rank them by validation loss.

    Parameters
    ----------
    spec : path or mapping
        A TOML file, or the same as a mapping.
    out : path, optional
        The sweep's folder; `sweeps/NAME` by default, after the specification's file. A sweep that was begun there is
        resumed: finished runs are not run again, and interrupted ones continue.
    jobs : int, optional
        Runs at a time; the number of cores by default.
    dask : str, optional
        The address of a dask.distributed scheduler, whose workers carry out the runs.
    slurm : bool
        Submit the runs to Slurm.
    retry_failed : bool
        Run those again that failed.
    callback : SweepCallback, optional
        Receives progress; by default, lines are printed on standard error.

    Raises
    ------
    ConfigError, TextError, RunError
        The specification, the text or the folder does not fit; nothing was run.
    KeyboardInterrupt
        Ctrl-C, after the runs have saved.
    """
    callback = callback or LineSweepCallback()
    jobs = check_value("jobs", jobs, "int | None", least=1, most=MOST_JOBS)
    checked = make_spec(spec) if isinstance(spec, Mapping) else read_spec(spec)
    name = "sweep" if isinstance(spec, Mapping) else Path(spec).stem
    path = Path("sweeps") / name if out is None else check_path("out", out)
    _check_combinations(checked)
    text = _check_text(checked, callback)
    backend = choose_backend(jobs, dask, checked.slurm if slurm else None, Path(os.path.realpath(path)) / "slurm")
    with SweepFolder.hold(path, checked, text) as folder:
        records = folder.known(checked)
        for record in [r for r in records.values() if retry_failed and r["state"] == FAILED]:
            folder.forget(records.pop(record["number"]))
        return _run(_Scheduler(checked, folder, records, callback), backend)


def _run(scheduler: _Scheduler, backend: Backend) -> Sweep:
    folder, records, callback = scheduler.folder, scheduler.records, scheduler.callback
    callback.on_open(scheduler.total, records)
    try:
        try:
            with closing(run_jobs(backend, scheduler.next_job, folder.end_session, callback.on_message)) as outcomes:
                for outcome in outcomes:
                    scheduler.record(outcome)
        finally:
            folder.end_session()
            callback.on_end()
        if scheduler.stopped:
            raise Interrupted("its session was ended", 2)
    except BaseException as end:
        try:
            scheduler.write()
        except Exception as error:  # it must not hide what ended the sweep
            callback.on_message(f"the results so far are not written: {error}")
        if isinstance(end, KeyboardInterrupt):
            raise Interrupted(
                f"{len(records)} of {scheduler.total} runs are done, in '{folder.path}'; the same command resumes it",
                getattr(end, "signal", 2),
            ) from None
        raise
    done = scheduler.write()
    return Sweep(folder.path, done, rank(done), best_of(done))


class _Scheduler:
    """Decides which run is next, and records the outcomes."""

    def __init__(self, spec: Spec, folder: SweepFolder, records: dict[int, Record], callback: SweepCallback) -> None:
        self.spec, self.folder, self.records, self.callback = spec, folder, records, callback
        self.session = folder.begin_session()
        self.method = METHODS[spec.method](
            spec.search, spec.trials, spec.seed, folder.path, folder.begun_settings(spec, records), callback.on_message
        )
        self.chosen: list[Settings] = []  # by the number of the setting
        self.ready: deque[int] = deque()  # numbers of runs
        self.stopped = False

    @property
    def total(self) -> int:
        """The largest number of runs; where seeds come in turn, a setting whose first run fails has no others."""
        firsts = [r for r in self.records.values() if r["seed"] == self.spec.seeds[0] and r["state"] != FINISHED]
        left_out = len(firsts) * (len(self.spec.seeds) - 1) if self.method.seeds_in_turn else 0
        return self.method.count * len(self.spec.seeds) - left_out

    def next_job(self) -> Job | None:
        """The next run; None if there is nothing to run now."""
        while not (self.stopped or self.ready) and len(self.chosen) < self.method.count:
            settings = self.method.settings(len(self.chosen))
            if settings is not None:
                self.chosen.append(settings)
                self._queue(len(self.chosen) - 1)
        if self.stopped or not self.ready:
            return None
        number = self.ready.popleft()
        setting, place = divmod(number, len(self.spec.seeds))
        chosen, seed = self.chosen[setting], self.spec.seeds[place]
        settings = {**self.spec.settings, **chosen, "seed": seed}
        order = {
            "sweep": str(self.folder.path), "session": self.session, "number": number, "text": list(self.spec.text),
            "recipe": settings.pop(RECIPE, None), "settings": settings,
            "trial": setting if self.spec.pruning and place == 0 else None,
        }  # fmt: skip
        self.callback.on_trial_begin(number, chosen, seed, self.folder.run(number))
        return Job(str(number), run_trial, (order,))

    def record(self, outcome: Outcome) -> None:
        """Record the outcome of a run."""
        number = int(outcome.job.key)
        setting, place = divmod(number, len(self.spec.seeds))
        record: Record = {
            "number": number, "setting": setting, "seed": self.spec.seeds[place], "settings": self.chosen[setting],
        }  # fmt: skip
        if outcome.failure:
            record |= {"state": FAILED, "error": str(outcome.failure), "report": outcome.failure.report}
        elif outcome.value["state"] == STOPPED:
            self.stopped = True
            return
        else:
            record |= outcome.value
        if documents := self.spec.settings.get("documents"):
            record["unit"] = unit_of(bool(documents), bool(self.spec.settings.get("label")))
        self.folder.keep(record)
        self.records[number] = record
        losses = [r["val_nats_per_char"] for r in self.records.values() if r["state"] == FINISHED]
        best = record["state"] == FINISHED and record["val_nats_per_char"] <= min(losses)
        self.callback.on_trial_end(record, best, self.total)
        self._queue(setting, number)

    def _queue(self, setting: int, ended: int | None = None) -> None:
        """Queue the runs of a setting that may begin now; when none is left to run, tell the method its outcome."""
        numbers = range(setting * len(self.spec.seeds), (setting + 1) * len(self.spec.seeds))
        first = self.records.get(numbers[0], {}).get("state")
        wanted = numbers[:1] if self.method.seeds_in_turn and first != FINISHED else numbers
        missing = [number for number in wanted if number not in self.records]
        if ended is None or (self.method.seeds_in_turn and ended == numbers[0]):  # the others are queued already
            self.ready.extend(missing)
        if not missing:
            done = [self.records[number] for number in numbers if number in self.records]
            losses = [record["val_nats_per_char"] for record in done if record["state"] == FINISHED]
            self.method.tell(setting, first == PRUNED, float(np.mean(losses)) if losses else None)

    def write(self) -> list[Record]:
        """Write the results; returns the records in the order of their numbers."""
        done = [self.records[number] for number in sorted(self.records)]
        if done:
            write_results(self.folder, self.spec, done, self.total, self.callback.on_message)
        return done


def _check_text(spec: Spec, callback: SweepCallback) -> dict[str, Any]:
    """Read the text once, before all runs do; returns its name and SHA-256."""
    settings = {**TrainConfig().as_dict(), **spec.settings}
    plan = Plan.of({**settings, "seed": spec.seeds[0]})
    corpus, _ = open_corpus(spec.text, settings["encoding"], callback.on_message, callback.on_reading, plan)
    corpus.split(settings["val_fraction"], settings["test_fraction"])
    return {"text_name": corpus.name, "text_sha256": corpus.sha256}


def _check_combinations(spec: Spec) -> None:
    """Refuse a sweep all of whose settings contradict each other; single ones are recorded as failed runs."""
    method = METHODS[spec.method](spec.search, spec.trials and CHECKED, spec.seed, None)
    errors: list[CharRNNError] = []
    for number in range(min(method.count, CHECKED)):
        settings = {**spec.settings, **(method.settings(number) or {})}
        recipe = settings.pop(RECIPE, None)
        try:
            resolve(settings, recipe)
            return
        except CharRNNError as error:
            errors.append(error)
    raise ConfigError(f"no setting of this sweep can be run: {errors[0]}")
