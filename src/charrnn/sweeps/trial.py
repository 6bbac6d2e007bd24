"""One run of a sweep, inside a worker: train, or resume what was begun, and return the outcome."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charrnn.errors import CharRNNError, RunError
from charrnn.runs.files import DamagedError, read_arrays
from charrnn.runs.folder import RunFolder
from charrnn.sweeps.folder import FINISHED, PRUNED, SweepFolder
from charrnn.sweeps.samplers import Pruner
from charrnn.training.callback import Callback, Evaluated, ProgressReport
from charrnn.training.run import Run
from charrnn.training.train import train

STOPPED = "stopped"
LISTEN_S = 0.2  # between looks whether the sweep still wants the run
FOLDER_S = 60.0  # for a process of an earlier session to save and to leave the run folder


def run_trial(order: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out a run.

    Parameters
    ----------
    order : mapping
        `sweep` (the folder), `session`, `number`, `text`, `recipe`, `settings`, and `trial`: its number in the study
        whose pruner may end it early, or None.

    Returns
    -------
    dict
        `state`, and the results; losses in nats per character.
    """
    sweep = SweepFolder(Path(order["sweep"]))
    folder = RunFolder(sweep.run(order["number"]))
    pruner = None if order["trial"] is None else Pruner(sweep.path, order["trial"])
    try:
        run = _train(folder, order, _TrialCallback(sweep, order["session"], pruner))
    except _Stop as stop:
        return {"state": stop.state, **_best_so_far(folder)}
    assert run.val is not None
    return {
        "state": FINISHED,
        "val_nats_per_char": run.val.nats_per_char,
        "test_nats_per_char": run.test.nats_per_char if run.test else None,
        "best_step": run.best_step,
        "step": run.step,
        "epoch": run.epoch,
        "seconds": round(run.seconds, 3),
        "ended": run.ended,
        "parameters": len(run.model.params.vector),
        "splits": folder.read_config().get("splits"),
    }


def _train(folder: RunFolder, order: Mapping[str, Any], callback: Callback) -> Run:
    if folder.path.exists():
        deadline = time.monotonic() + FOLDER_S
        while folder.in_training() and time.monotonic() < deadline:
            time.sleep(LISTEN_S)
        with folder.lock():
            if not _can_be_resumed(folder):
                shutil.rmtree(folder.path)
    if folder.path.exists():
        return train(resume=folder.path, callback=callback)
    text = tuple(order["text"])  # an empty tuple is the bundled novel; JSON has made a list of it
    return train(
        text, out=folder.path, recipe=order["recipe"], callback=callback, **{"workers": 1, **order["settings"]}
    )


def _can_be_resumed(folder: RunFolder) -> bool:
    """Whether a run's files are whole; one that was never begun, or is damaged (by a full disk, say), is done again.

    Only the content of its files counts. Anything else that prevents resuming, such as a missing text or a file that
    cannot be read now, is no reason to lose what was trained.
    """
    if not folder.config.is_file():
        return False
    try:
        folder.read_config()
        folder.read_metrics()
        _read_either(folder.checkpoint, folder.previous)
    except RunError as error:
        if isinstance(error.__context__, OSError):
            raise
        return False
    return True


def _read_either(checkpoint: Path, previous: Path) -> None:
    try:
        read_arrays(checkpoint)
    except DamagedError:
        read_arrays(previous)


class _Stop(Exception):  # noqa: N818  (no error)
    """Ends training, which saves first."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class _TrialCallback(Callback):
    """Prints nothing; ends a run that the sweep no longer wants, or that its pruner gives up."""

    def __init__(self, sweep: SweepFolder, session: str, pruner: Pruner | None) -> None:
        self.sweep, self.session, self.pruner = sweep, session, pruner
        self.listened_at = 0.0
        self.val_loss: float | None = None

    def on_evaluation(self, result: Evaluated) -> None:
        self.val_loss = result.val_loss

    def on_progress(self, progress: ProgressReport) -> None:
        """Between two steps: a run that stops here is resumed exactly."""
        now = time.monotonic()
        if now - self.listened_at > LISTEN_S:
            self.listened_at = now
            if not self.sweep.is_session(self.session):
                raise _Stop(STOPPED)
        if self.pruner and self.val_loss is not None and progress.share < 1:
            val_loss, self.val_loss = self.val_loss, None
            if self.pruner.report(progress.share, val_loss):
                raise _Stop(PRUNED)


def _best_so_far(folder: RunFolder) -> dict[str, Any]:
    """The best validation loss of a run that was ended early, and the step where it ended."""
    try:
        records = folder.read_metrics()
    except CharRNNError:
        return {}
    evaluated = [record for record in records if record.get("val_loss") is not None]
    if not evaluated:
        return {}
    best, last = min(evaluated, key=lambda r: r["val_loss"]), records[-1]
    return {
        "val_nats_per_char": best["val_loss"], "best_step": best["step"],
        **{name: last[name] for name in ("step", "epoch", "seconds")},
    }  # fmt: skip
