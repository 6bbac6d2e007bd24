"""The run around the training step: when to log, evaluate, sample, save and stop."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from charrnn.arrays import Array
from charrnn.config import AUTO
from charrnn.errors import DivergenceError, RunError
from charrnn.interrupts import StopRequest
from charrnn.language_model import LanguageModel
from charrnn.nn.parameters import Parameters
from charrnn.randomness import stream
from charrnn.runs.folder import RunFolder
from charrnn.runs.training_state import Progress, TrainingState, read_latest_state, write_state
from charrnn.text.corpus import Corpus
from charrnn.training.announce import provenance, sample_text
from charrnn.training.budget import Budget, StepClock, default_eval_every
from charrnn.training.callback import Callback, Evaluated, ProgressReport
from charrnn.training.forgetting import OldText
from charrnn.training.guessing import NEAR, guessing, is_far_beyond, refuse_far_beyond
from charrnn.training.trainer import StepRecord, Trainer
from charrnn.training.workers import Pace

REPORT_SECONDS = 0.1  # between progress reports
SAMPLE_LENGTH = 200
SAMPLE_TEMPERATURE = 0.8
SAMPLES_IN_A_RUN = 5
SAMPLE_STEPS = 1000  # between samples where the budget is not counted in steps


class Session:
    """A run in progress: a trainer, and everything that is kept about it."""

    def __init__(
        self, trainer: Trainer, corpus: Corpus, splits: dict[str, Array], folder: RunFolder, callback: Callback
    ) -> None:
        self.trainer, self.splits, self.folder, self.callback = trainer, splits, folder, callback
        self.config = config = trainer.config
        self.vocabulary, self.val_ids = corpus.vocabulary, splits["val"]
        self.provenance = provenance(config, corpus, splits)
        self.batches_per_epoch = trainer.batcher.batches_per_epoch
        self.budget = Budget.of(config, self.batches_per_epoch)
        parallel = trainer.model.layers[0].parallel_in_time
        self.eval_every = config.eval_every or default_eval_every(
            config, len(self.val_ids), parallel, self.batches_per_epoch
        )
        self.sample_every = config.sample_every or self._default_sample_every()
        self.progress = Progress()
        self.old_text: OldText | None = None  # of the model that it starts from, where it was found
        self.best = trainer.params.vector.copy()  # by validation loss; without a validation split, the latest
        # Steps and their parameters: the last to give a finite loss; and the last record's, which the next step tests.
        self._good = self._candidate = (0, self.best.copy())
        self._start = self._good if config.init_from else None
        self._smoothed, self._clock = math.nan, StepClock()
        self._pace = Pace(trainer.model.kernels.crew, fixed=config.workers != AUTO)
        self._in_step = False  # while True, the trainer's values are between two states
        self._saved_at = self._reported_at = time.monotonic()
        self._logged_chars, self._logged_seconds = 0, 0.0

    def run(self) -> str:
        """Train until the budget or the patience is used up, or a signal arrives; returns which of them.

        Raises
        ------
        DivergenceError
            The loss or gradient stopped being finite; the best parameters so far are saved.
        """
        self.trainer.broadcast()
        try:
            return self._run()
        except DivergenceError as error:
            raise DivergenceError(f"{error}; {self._keep_good()}{self._advice()}") from None

    def _run(self) -> str:
        """The loop itself, and a last checkpoint, whatever ends the loop."""
        try:
            with StopRequest() as stop:
                if self.progress.step == 0:
                    if self._start and len(self.val_ids):  # the model that it starts from may be the best
                        self._keep_if_best(*self._start)
                    self.save_checkpoint()
                while (ended := self.ended()) is None:
                    self._step()
                    if stop.signal is not None:
                        ended = f"signal {stop.signal}"
                        break
                self._report_progress()
                self.save_checkpoint()
        except DivergenceError:
            raise
        except Exception:
            if not self._in_step:  # a callback or a file failed: training so far need not be lost
                self.save_checkpoint()
            raise
        return ended

    def language_model(self, best: bool = True) -> LanguageModel:
        """The best parameters so far, or the latest, as a model that writes and scores."""
        p = self.progress
        params = Parameters(self.trainer.params.layout, (self.best if best else self.trainer.params.vector).copy())
        provenance = {**self.provenance, "step": p.best_step, "val_nats_per_char": p.best_val_loss}
        return LanguageModel(self.trainer.model, params, self.vocabulary, provenance, self.trainer.experts)

    @property
    def epoch(self) -> float:
        return self.progress.step / self.batches_per_epoch

    def ended(self) -> str | None:
        """Why the run is over, "budget" or "patience", or None while it is not."""
        if self.config.patience and self.progress.evaluations_since_best >= self.config.patience:
            return "patience"
        return "budget" if self.budget.progress(self.progress.step, self.progress.seconds) >= 1 else None

    def save_checkpoint(self) -> None:
        """Save everything an exact resume needs; until an evaluation has chosen a model, also save the latest one."""
        self._saved_at = time.monotonic()
        if not np.isfinite(self.trainer.params.vector).all():
            raise DivergenceError(
                f"training diverged by step {self.progress.step:,}: a parameter is not a finite number"
            )
        chosen = self.progress.best_val_loss is not None
        if not chosen:
            self.progress.best_step = self.progress.step
            self.best[...] = self.trainer.params.vector
        self.folder.sync_metrics()
        write_state(
            self.folder.checkpoint,
            TrainingState(
                self._arrays(self.trainer.whole_state()), self.progress, self.provenance["text_sha256"], self._counts()
            ),
            self.folder.previous,
        )
        if not chosen:
            self.language_model().save(self.folder.model)

    def restore(self) -> None:
        """Return to the folder's checkpoint, or to the one before it if that is damaged; drop what came after it."""
        arrays = self._arrays(self.trainer.state)
        state, damage = read_latest_state(self.folder.checkpoint, self.folder.previous, arrays)
        if damage:
            self.callback.on_message(f"{damage}; resuming from the checkpoint before it")
        if state.text_sha256 != self.provenance["text_sha256"]:
            raise RunError(f"'{self.folder.checkpoint}' belongs to another run: it was trained on another text")
        if state.counts_sha256 != self._counts():
            raise RunError(f"'{self.folder.checkpoint}' has other counts: resume it with the charrnn that began it")
        for name, array in arrays.items():
            array[...] = state.arrays[name]
        self.progress = state.progress
        self.trainer.step_count = self.trainer.optimizer.t = state.progress.step
        self._good = self._candidate = (state.progress.step, self.trainer.params.vector.copy())
        self._start = self._good if self.config.init_from else None
        self._logged_seconds = state.progress.seconds
        self.folder.clean(state.progress.step)
        self.language_model().save(self.folder.model)  # a kill may have left one that is newer than the checkpoint

    def _counts(self) -> str | None:
        """The SHA-256 of what the experts have counted."""
        return None if self.trainer.experts is None else self.trainer.experts.counts_sha256

    def _arrays(self, state: Array) -> dict[str, Array]:
        optimizer = self.trainer.optimizer
        return {
            "params": self.trainer.params.vector,
            **{f"{self.config.optimizer}_{name}": array for name, array in optimizer.memory.items()},
            "state": state,  # of all lanes, whatever the number of processes
            "best_params": self.best,
        }

    def _step(self) -> None:
        progress, config = self.progress, self.config
        self._in_step = True
        self._clock.begin()
        record = self.trainer.step(self.budget.progress(progress.step, progress.seconds))
        seconds = self._clock.end()
        progress.seconds, progress.cpu_seconds = progress.seconds + seconds, progress.cpu_seconds + self._clock.cpu
        self._pace.stepped(seconds)
        self._in_step = False
        self._count(record)
        logs, last = record.step % config.log_every == 0, self.ended() is not None
        evaluates = len(self.val_ids) > 0 and (last or record.step % self.eval_every == 0)
        if evaluates or logs or last:
            self._record(record.learning_rate, evaluates, end_of_interval=logs)
        if record.step % self.sample_every == 0:
            self._sample()
        now = time.monotonic()
        if now - self._reported_at > REPORT_SECONDS:
            self._reported_at = now
            self._report_progress()
        if now - self._saved_at > config.checkpoint_minutes * 60:
            self.save_checkpoint()

    def _count(self, record: StepRecord) -> None:
        """Take a step into the running means; its finite loss makes the parameters before it good ones."""
        progress = self.progress
        if self._candidate[0] == progress.step:
            self._good = self._candidate
        progress.step = record.step
        progress.loss_sum += record.loss
        progress.grad_norm_sum += record.grad_norm
        progress.count += 1
        self._logged_chars += self.config.seq_len * self.config.batch_size
        self._smoothed = record.loss if math.isnan(self._smoothed) else 0.98 * self._smoothed + 0.02 * record.loss

    def _record(self, learning_rate: float, evaluates: bool, end_of_interval: bool) -> None:
        """Write one line of metrics.jsonl, in which train_loss is the mean since the last multiple of log_every."""
        progress = self.progress
        seconds = progress.seconds - self._logged_seconds
        entry: dict[str, Any] = {
            "step": progress.step,
            "epoch": self.epoch,
            "train_loss": progress.loss_sum / progress.count,
            "grad_norm": progress.grad_norm_sum / progress.count,
            "learning_rate": learning_rate,
            "chars_per_second": round(self._logged_chars / seconds) if seconds > 0 else None,
            "seconds": round(progress.seconds, 3),
            "cpu_seconds": round(progress.cpu_seconds, 3),
        }
        far = is_far_beyond(entry["train_loss"], len(self.vocabulary))
        if evaluates and not far:
            entry["val_loss"] = self._evaluate(entry["train_loss"])
        self.folder.append(entry)
        if far:
            self._good = self._initial()
            refuse_far_beyond(progress.step, entry["train_loss"], len(self.vocabulary))
        self._logged_chars, self._logged_seconds = 0, progress.seconds
        if end_of_interval:
            progress.loss_sum, progress.grad_norm_sum, progress.count = 0.0, 0.0, 0
            self._candidate = (progress.step, self.trainer.params.vector.copy())

    def _evaluate(self, train_loss: float) -> float:
        progress = self.progress
        val_loss = self._val_loss(self.trainer.params.vector)
        if not math.isfinite(val_loss):
            raise DivergenceError(f"training diverged by step {progress.step:,}: the validation loss is {val_loss}")
        if progress.best_val_loss is None and val_loss > NEAR * guessing(len(self.vocabulary)):
            self._keep_if_best(*self._initial())
        progress.evaluations_since_best += 1
        is_best = self._keep_if_best(progress.step, self.trainer.params.vector, val_loss)
        kind = self.vocabulary.documents, len(self.vocabulary.label_ids) > 0
        self.callback.on_evaluation(Evaluated(progress.step, self.epoch, train_loss, val_loss, is_best, *kind))
        return val_loss

    def _keep_if_best(self, step: int, vector: Array, val_loss: float | None = None) -> bool:
        """Save the parameters of a step as the model unless earlier ones have a lower validation loss."""
        progress, val_loss = self.progress, self._val_loss(vector) if val_loss is None else val_loss
        if not val_loss < (math.inf if progress.best_val_loss is None else progress.best_val_loss):
            return False
        progress.best_step, progress.best_val_loss, progress.evaluations_since_best = step, val_loss, 0
        self.best[...] = vector
        self.language_model().save(self.folder.model)
        return True

    def _val_loss(self, vector: Array) -> float:
        params = Parameters(self.trainer.params.layout, vector)
        model = LanguageModel(self.trainer.model, params, self.vocabulary, experts=self.trainer.experts)
        return model.evaluate_ids(self.val_ids).nats_per_char

    def _initial(self) -> tuple[int, Array]:
        """A step and its parameters: before the first step, or, of a run that started from a model, the first known."""
        config = self.config
        return self._start or (
            0, self.trainer.model.init_parameters(stream(config.seed, "initialisation"), config.dtype).vector
        )  # fmt: skip

    def _sample(self) -> None:
        """Write a sample with the latest parameters. Its randomness depends on seed and step alone."""
        model, seed = self.language_model(best=False), self.config.seed + self.progress.step
        text = sample_text(model, SAMPLE_LENGTH, temperature=SAMPLE_TEMPERATURE, seed=seed)
        self.folder.write_sample(self.progress.step, text)
        self.callback.on_sample(self.progress.step, text)

    def _report_progress(self) -> None:
        p = self.progress
        share = self.budget.progress(p.step, p.seconds)
        pace = p.step * self.config.seq_len * self.config.batch_size / p.seconds if p.seconds else 0.0
        left = self.budget.seconds_left(p.step, p.seconds)
        self.callback.on_progress(ProgressReport(p.step, self.epoch, min(1.0, share), self._smoothed, pace, left))

    @np.errstate(over="ignore", invalid="ignore")
    def _keep_good(self) -> str:
        """After a divergence, save the last good parameters unless better ones are saved; returns where they are."""
        if self.progress.best_val_loss is None:
            self.progress.best_step, self.best[...] = self._good
            for step, vector in (self._initial(), self._good) if len(self.val_ids) else ():
                self._keep_if_best(step, vector)
            self.language_model().save(self.folder.model)
        return f"the parameters of step {self.progress.best_step:,} are saved in '{self.folder.model}'"

    def _advice(self) -> str:
        clip = "" if self.config.grad_clip else ", or switch on --grad-clip 1"
        return f"; try a smaller --learning-rate (it was {self.config.learning_rate:g}){clip}"

    def _default_sample_every(self) -> int:
        return max(1, self.budget.steps // SAMPLES_IN_A_RUN) if self.budget.steps else SAMPLE_STEPS
