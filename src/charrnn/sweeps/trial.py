"""One run of a sweep, inside a worker: train, or go on with what was begun, and say how it ended."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from charrnn.errors import CharRNNError, RunError
from charrnn.runs.files import read_arrays
from charrnn.runs.folder import RunFolder
from charrnn.sweeps.folder import FINISHED, PRUNED, SweepFolder
from charrnn.sweeps.methods.tpe import Judge
from charrnn.training.callback import Callback, Evaluated, ProgressReport
from charrnn.training.train import Run, train

STOPPED = "stopped"
LISTEN_S = 0.2  # between looks whether the sweep still wants the run
FOLDER_S = 60.0  # for a process that was left behind to save and to leave the run folder


def run_trial(order: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out a run.

    Parameters
    ----------
    order : mapping
        `sweep` (the folder), `session`, `number`, `text`, `recipe`, `settings`, and `trial`: its number in the study
        that decides whether it is worth going on, or None.

    Returns
    -------
    dict
        `state`, and what was measured; losses in nats per character.
    """
    sweep = SweepFolder(Path(order["sweep"]))
    folder = RunFolder(sweep.run(order["number"]))
    judge = None if order["trial"] is None else Judge(sweep.path, order["trial"])
    callback = _TrialCallback(sweep, order["session"], folder, judge)
    try:
        measured = _measured(_train(folder, order, callback))
        return {"state": FINISHED, **measured, "splits": folder.read_config().get("splits")}
    except _Stop as stop:
        best = callback.best_so_far()
        return {"state": stop.state, **best}


def _train(folder: RunFolder, order: Mapping[str, Any], callback: _TrialCallback) -> Run:
    if folder.path.exists():
        with _held(folder):
            if not _is_whole(folder):
                shutil.rmtree(folder.path)
    if folder.path.exists():
        return train(resume=folder.path, callback=callback)
    return train(order["text"], out=folder.path, recipe=order["recipe"], callback=callback, **order["settings"])


@contextmanager
def _held(folder: RunFolder) -> Iterator[None]:
    """The folder's lock, as soon as no other process trains in it."""
    deadline = time.monotonic() + FOLDER_S
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(folder.lock())
                break
            except RunError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(LISTEN_S)
        yield


def _is_whole(folder: RunFolder) -> bool:
    """Whether a run can be gone on with; if it was never begun, or is damaged (by a full disk, say), it is done again.

    Only what stands in its files counts. What else keeps it from going on, such as a text that is not there, or a file
    that cannot be read now, is no reason to lose what was trained.
    """
    if not (folder.checkpoint.is_file() and folder.config.is_file()):
        return False
    try:
        folder.read_config()
        folder.read_metrics()
        read_arrays(folder.checkpoint)
    except RunError as error:
        if isinstance(error.__context__, OSError):
            raise
        return False
    return True


def _measured(run: Run) -> dict[str, Any]:
    assert run.val is not None
    return {
        "val_nats_per_char": run.val.nats_per_char,
        "test_nats_per_char": run.test.nats_per_char if run.test else None,
        "best_step": run.best_step,
        "step": run.step,
        "epoch": run.epoch,
        "seconds": round(run.seconds, 3),
        "ended": run.ended,
        "parameters": len(run.model.params.vector),
    }


class _Stop(Exception):  # noqa: N818  (no error)
    """Training is to end here; it saves first."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class _TrialCallback(Callback):
    """Says nothing; listens whether the run is still wanted, and has it judged."""

    def __init__(self, sweep: SweepFolder, session: str, folder: RunFolder, judge: Judge | None) -> None:
        self.sweep, self.session, self.folder, self.judge = sweep, session, folder, judge
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
        if self.judge and self.val_loss is not None and progress.share < 1:
            val_loss, self.val_loss = self.val_loss, None
            if self.judge.is_hopeless(progress.share, val_loss):
                raise _Stop(PRUNED)

    def best_so_far(self) -> dict[str, Any]:
        """The best validation loss of a run that was ended early, and where it stood."""
        try:
            records = self.folder.read_metrics()
        except CharRNNError:
            return {}
        evaluated = [r for r in records if r.get("val_loss") is not None]
        if not evaluated:
            return {}
        best = min(evaluated, key=lambda r: r["val_loss"])
        last = records[-1]
        return {
            "val_nats_per_char": best["val_loss"], "best_step": best["step"], "step": last["step"],
            "epoch": last["epoch"], "seconds": last["seconds"],
        }  # fmt: skip
