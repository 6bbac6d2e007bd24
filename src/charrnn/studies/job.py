"""One training run of a study, measured at given steps, as a value that can be kept and compared."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.arrays import Array
from charrnn.config import make_config
from charrnn.language_model import LanguageModel
from charrnn.ngrams import OnText
from charrnn.recipes import read_recipe
from charrnn.scoring import evaluate, evaluate_fresh_windows
from charrnn.studies.measures import update_noise
from charrnn.text.corpus import Corpus
from charrnn.threads import blas_threads
from charrnn.training.in_context import evaluate_in_context
from charrnn.training.trainer import Trainer, new_trainer

BINS_PER_EPOCH = 100  # training losses are kept as means over hundredths of an epoch
BASE = make_config(read_recipe("reference").settings)


@dataclass(frozen=True)
class Job:
    """The settings that differ from the reference recipe, the length of training, and what to measure."""

    label: str  # what the study varies, in words
    settings: Mapping[str, Any] = field(default_factory=dict)
    epochs: float = 5.0
    evals_per_epoch: float = 5.0
    evals_at: tuple[int, ...] = ()  # further steps to evaluate at
    samples_at: tuple[int, ...] = ()  # steps at which the network writes a sample
    keep_model: bool = False

    def key(self, text_sha256: str) -> str:
        """Return the name of the job's result: the same job on the same text has the same name."""
        values = json.dumps([asdict(self), text_sha256, BINS_PER_EPOCH], sort_keys=True)
        return hashlib.sha256(values.encode()).hexdigest()[:16]


def run_job(job: Job, corpus: Corpus, splits: dict[str, Array], model_path: Path) -> dict[str, Any]:
    """Train, and measure: losses on the whole validation split, with the state carried and from fresh windows.

    `cpu_seconds` is the process's CPU time in training, counting for experts included, on one thread. Losses are in
    nats per character. `val_loss_in_context` is that of a network with experts when they count what they read.
    """
    started = time.process_time()
    with blas_threads(1):
        trainer = new_trainer(make_config(job.settings, BASE), corpus.vocabulary.characters, splits["train"])
    cpu_seconds = time.process_time() - started if trainer.experts else 0.0
    model = LanguageModel(
        trainer.model, trainer.params, corpus.vocabulary, {"text_sha256": corpus.sha256}, trainer.experts
    )
    per_epoch = trainer.batcher.batches_per_epoch
    steps = max(1, round(job.epochs * per_epoch))
    evaluations = max(1, round(job.epochs * job.evals_per_epoch))
    eval_steps = {0, *job.evals_at, *job.samples_at, *_evenly(steps, evaluations)}
    bin_ends = _evenly(steps, max(1, min(steps, round(BINS_PER_EPOCH * job.epochs))))
    points: list[dict[str, Any]] = []
    training: list[list[float]] = []  # [epoch, mean loss] of each bin
    samples: list[dict[str, Any]] = []
    losses: list[float] = []  # of every step
    binned = 0  # the number of losses that are in a bin already
    with blas_threads(1):
        for step in range(steps + 1):  # step 0 is the untrained network
            if step > 0:
                started = time.process_time()
                record = trainer.step((step - 1) / steps)
                cpu_seconds += time.process_time() - started
                losses.append(record.loss)
            if step in bin_ends:
                training.append([step / per_epoch, float(np.mean(losses[binned:]))])
                binned = step
            if step in eval_steps:
                points.append(_point(trainer, splits["val"], step, cpu_seconds))
            if step in job.samples_at:
                text = model.generate(length=300, temperature=0.8, seed=trainer.config.seed)
                samples.append({"step": step, "text": text})
    if job.keep_model:
        model.save(model_path)
    best, last = min(points, key=lambda p: p["val_loss"]), points[-1]
    assert all(math.isfinite(p["val_loss"]) for p in points)
    return {
        "label": job.label, "update_noise": update_noise(losses), "settings": trainer.config.as_dict(),
        "epochs": job.epochs, "parameters": len(trainer.params.vector), "points": points, "training": training,
        "samples": samples, "best_val_loss": best["val_loss"], "best_epoch": best["epoch"],
        "val_loss": last["val_loss"], "val_loss_fresh": last["val_loss_fresh"],
        "val_loss_in_context": _in_context(trainer, splits["val"]), "cpu_seconds": cpu_seconds, "steps": steps,
        "model": model_path.name if job.keep_model else None,
    }  # fmt: skip


def _evenly(steps: int, parts: int) -> set[int]:
    """Return the last step of each of some equal parts of a run."""
    return {round(k * steps / parts) for k in range(1, parts + 1)}


def _point(trainer: Trainer, val_ids: Array, step: int, cpu_seconds: float) -> dict[str, Any]:
    """Evaluate the network as it is."""
    config, window = trainer.config, min(trainer.config.seq_len, len(val_ids) - 1)
    on_text = None if trainer.experts is None else OnText(trainer.experts, val_ids)
    return {
        "step": step,
        "epoch": step / trainer.batcher.batches_per_epoch,
        "characters": step * config.seq_len * config.batch_size,
        "cpu_seconds": round(cpu_seconds, 3),
        "val_loss": evaluate(trainer.model, trainer.params, val_ids, on_text).nats_per_char,
        "val_loss_fresh": evaluate_fresh_windows(trainer.model, trainer.params, val_ids, window, on_text).nats_per_char,
    }


def _in_context(trainer: Trainer, val_ids: Array) -> float | None:
    """The loss of a network whose experts count what they read; None if it has no experts."""
    if trainer.experts is None:
        return None
    return evaluate_in_context(trainer.model, trainer.params, val_ids, trainer.experts).nats_per_char
