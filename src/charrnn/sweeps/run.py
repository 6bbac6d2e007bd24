"""`sweep`: from a specification to a folder of runs. The command line and `import charrnn.sweeps` both come in here."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.config import TrainConfig
from charrnn.errors import CharRNNError, ConfigError
from charrnn.interrupts import Interrupted
from charrnn.language_model import LanguageModel, load
from charrnn.parallel import Backend, Job, Outcome, run_jobs
from charrnn.sweeps.backend import choose_backend
from charrnn.sweeps.callback import LineSweepCallback, SweepCallback
from charrnn.sweeps.folder import FAILED, FINISHED, PRUNED, Record, SweepFolder
from charrnn.sweeps.methods import METHODS, Method
from charrnn.sweeps.methods.grid import Grid
from charrnn.sweeps.methods.random import Random
from charrnn.sweeps.results import Ranked, best_of, rank, write_results
from charrnn.sweeps.space import RECIPE
from charrnn.sweeps.spec import Settings, Spec, make_spec, read_spec
from charrnn.sweeps.trial import STOPPED, run_trial
from charrnn.text.opening import open_corpus
from charrnn.training.resolve import resolve

CHECKED = 100  # settings that are looked at for contradictions before anything runs


@dataclass(frozen=True)
class Sweep:
    """A finished sweep. Losses are of the whole validation split, in nats per character."""

    path: Path
    records: list[Record]  # what became of each run
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
        taken up: what has finished is not run again, what was interrupted goes on.
    jobs : int, optional
        Runs at a time; the number of cores by default.
    dask : str, optional
        The address of a dask.distributed scheduler, whose workers run them.
    slurm : bool
        Submit them to Slurm.
    retry_failed : bool
        Run those again that have failed.
    callback : SweepCallback, optional
        Hears of progress; lines on standard error by default.

    Raises
    ------
    ConfigError, TextError, RunError
        The specification, the text or the folder does not fit; nothing was run.
    KeyboardInterrupt
        Ctrl-C, after the runs have saved.
    """
    callback = callback or LineSweepCallback()
    checked = make_spec(spec) if isinstance(spec, Mapping) else read_spec(spec)
    name = "sweep" if isinstance(spec, Mapping) else Path(spec).stem
    path = Path(out) if out else Path("sweeps") / name
    _check_combinations(checked)
    text = _check_text(checked, callback)
    backend = choose_backend(path, checked, jobs, dask, slurm)
    with SweepFolder.hold(path, checked, text) as folder:
        records = folder.known()
        if retry_failed:
            for record in [r for r in records.values() if r["state"] == FAILED]:
                folder.forget(records.pop(record["number"]))
        return _carry_out(checked, folder, records, backend, callback)


def _carry_out(
    spec: Spec, folder: SweepFolder, records: dict[int, Record], backend: Backend, callback: SweepCallback
) -> Sweep:
    desk = _Desk(spec, METHODS[spec.method](spec, folder.path), folder, records, callback)
    callback.on_open(desk.total, records)
    try:
        try:
            with closing(run_jobs(backend, desk.next_job, folder.end_session, callback.on_message)) as outcomes:
                for outcome in outcomes:
                    desk.ended(outcome)
        finally:
            folder.end_session()
            callback.on_end()
        if desk.stopped:
            raise Interrupted("its session was ended", 2)
    except BaseException as end:
        try:
            _write(folder, spec, records, desk.total, callback)
        except Exception as error:  # what ended the sweep is to be heard, and not this
            callback.on_message(f"the results so far are not written: {error}")
        if isinstance(end, KeyboardInterrupt):
            raise Interrupted(
                f"{len(records)} of {desk.total} runs are done, in '{folder.path}'; the same command goes on",
                getattr(end, "signal", 2),
            ) from None
        raise
    done = _write(folder, spec, records, desk.total, callback)
    return Sweep(folder.path, done, rank(done), best_of(done))


def _write(
    folder: SweepFolder, spec: Spec, records: Mapping[int, Record], total: int, callback: SweepCallback
) -> list[Record]:
    """Write what the runs have shown; returns them in their order."""
    done = [records[number] for number in sorted(records)]
    if done:
        write_results(folder, spec, done, total, callback.on_message)
    return done


class _Desk:
    """Where jobs are handed out and outcomes are put on record."""

    def __init__(
        self, spec: Spec, method: Method, folder: SweepFolder, records: dict[int, Record], callback: SweepCallback
    ) -> None:
        self.spec, self.method, self.folder, self.records, self.callback = spec, method, folder, records, callback
        self.session = folder.begin_session()
        self.chosen: dict[int, Settings] = {}
        self.asked = 0  # settings
        self.ready: deque[int] = deque()  # numbers of runs
        self.stopped = False

    @property
    def total(self) -> int:
        """How many runs there may be: of a setting whose first run was not worth it, there are no others."""
        firsts = [r for r in self.records.values() if r["seed"] == self.spec.seeds[0]]
        left_out = len([r for r in firsts if self.method.patient and r["state"] != FINISHED])
        return self.method.count * len(self.spec.seeds) - left_out * (len(self.spec.seeds) - 1)

    def next_job(self) -> Job | None:
        if self.stopped:
            return None
        while not self.ready and self.asked < self.method.count:
            setting = self.asked
            self.asked += 1
            self.chosen[setting] = self.method.settings(setting)
            first, *others = self._numbers(setting)
            if self.method.patient:
                self._follow(setting) if first in self.records else self.ready.append(first)
            else:
                self.ready.extend(number for number in (first, *others) if number not in self.records)
        return self._job(self.ready.popleft()) if self.ready else None

    def ended(self, outcome: Outcome) -> None:
        """Put what became of a run on record."""
        number = int(outcome.job.key)
        setting, seed = divmod(number, len(self.spec.seeds))
        record: Record = {
            "number": number, "setting": setting, "seed": self.spec.seeds[seed], "settings": self.chosen[setting],
        }  # fmt: skip
        if outcome.failure:
            failure = outcome.failure
            record |= {"state": FAILED, "error": str(failure), "report": failure.report}
        elif outcome.value["state"] == STOPPED:
            self.stopped = True
            return
        else:
            record |= outcome.value
        self.folder.keep(record)
        self.records[number] = record
        losses = [r["val_nats_per_char"] for r in self.records.values() if r["state"] == FINISHED]
        best = record["state"] == FINISHED and record["val_nats_per_char"] <= min(losses)
        self.callback.on_trial_end(record, best, self.total)
        if self.method.patient:
            self._follow(setting, number)

    def _numbers(self, setting: int) -> range:
        return range(setting * len(self.spec.seeds), (setting + 1) * len(self.spec.seeds))

    def _job(self, number: int) -> Job:
        setting, seed = divmod(number, len(self.spec.seeds))
        settings = {**self.spec.settings, **self.chosen[setting], "seed": self.spec.seeds[seed]}
        judged = self.method.patient and self.spec.pruning and seed == 0
        order = {
            "sweep": str(self.folder.path), "session": self.session, "number": number, "text": list(self.spec.text),
            "recipe": settings.pop(RECIPE, None), "settings": settings, "trial": setting if judged else None,
        }  # fmt: skip
        self.callback.on_trial_begin(number, self.chosen[setting], self.spec.seeds[seed], self.folder.run(number))
        return Job(str(number), run_trial, (order,))

    def _follow(self, setting: int, ended: int | None = None) -> None:
        """The other seeds of a setting whose first is worth it; and when all are done, what the method is told."""
        first, *others = self._numbers(setting)
        state = self.records[first]["state"]
        missing = [number for number in others if number not in self.records]
        if state == FINISHED and missing:
            if ended in (None, first):
                self.ready.extend(missing)
            return
        losses = [self.records[n]["val_nats_per_char"] for n in (first, *others) if self._finished(n)]
        self.method.tell(setting, PRUNED if state == PRUNED else state, float(np.mean(losses)) if losses else None)

    def _finished(self, number: int) -> bool:
        return number in self.records and self.records[number]["state"] == FINISHED


def _check_text(spec: Spec, callback: SweepCallback) -> dict[str, Any]:
    """Read the text once, before all runs do; returns its name and SHA-256."""
    settings = {**TrainConfig().as_dict(), **spec.settings}
    corpus, _ = open_corpus(spec.text, settings["encoding"], callback.on_message, callback.on_reading)
    corpus.split(settings["val_fraction"], settings["test_fraction"])
    return {"text_name": corpus.name, "text_sha256": corpus.sha256}


def _check_combinations(spec: Spec) -> None:
    """Refuse a sweep all of whose settings contradict each other; single ones are recorded as runs that failed."""
    known = (Random if spec.trials else Grid)(replace(spec, trials=spec.trials and CHECKED), Path())
    errors: list[CharRNNError] = []
    for number in range(min(known.count, CHECKED)):
        settings = {**spec.settings, **known.settings(number)}
        recipe = settings.pop(RECIPE, None)
        try:
            resolve(settings, recipe)
            return
        except CharRNNError as error:
            errors.append(error)
    raise ConfigError(f"no setting of this sweep can be run: {errors[0]}")
