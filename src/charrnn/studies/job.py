"""One training run of a study, measured at given points, as a value that can be kept and compared."""

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
from charrnn.nn.model import CharModel
from charrnn.recipes import read_recipe
from charrnn.runs.model_file import ModelFile, write_model
from charrnn.scoring import evaluate, evaluate_fresh_windows
from charrnn.text.corpus import Corpus
from charrnn.threads import blas_threads
from charrnn.training.trainer import Trainer, new_trainer

BINS_PER_EPOCH = 100  # training losses are kept as means over hundredths of an epoch
BASE = make_config(read_recipe("reference").settings)


@dataclass(frozen=True)
class Job:
    """Settings over the reference recipe, how long to train, and what to measure."""

    label: str  # what the study varies, in words
    settings: Mapping[str, Any] = field(default_factory=dict)
    epochs: float = 5.0
    evals_per_epoch: float = 5.0
    evals_at: tuple[int, ...] = ()  # further steps to evaluate at
    samples_at: tuple[int, ...] = ()  # steps at which the network writes a sample
    keep_model: bool = False

    def key(self, text_sha256: str) -> str:
        """A name for the job's result: the same job on the same text has the same name."""
        values = json.dumps([asdict(self), text_sha256, BINS_PER_EPOCH], sort_keys=True)
        return hashlib.sha256(values.encode()).hexdigest()[:16]


def run_job(job: Job, corpus: Corpus, splits: dict[str, Array], model_path: Path) -> dict[str, Any]:
    """Train, and measure: losses on the whole validation split, with the state carried and from fresh windows.

    `cpu_seconds` is the process's CPU time in training alone, on one thread. Losses are in nats per character.
    """
    config = make_config(job.settings, BASE)
    trainer = new_trainer(config, len(corpus.vocabulary), splits["train"])
    model, params = trainer.model, trainer.params
    per_epoch = trainer.batcher.batches_per_epoch
    steps = max(1, round(job.epochs * per_epoch))
    evaluations = max(1, round(job.epochs * job.evals_per_epoch))
    eval_steps = {round(k * steps / evaluations) for k in range(1, evaluations + 1)} | set(job.evals_at)
    bins = max(1, min(steps, round(BINS_PER_EPOCH * job.epochs)))
    ends = {round(k * steps / bins) for k in range(1, bins + 1)}
    points: list[dict[str, Any]] = []
    training: list[list[float]] = []  # [epoch, mean loss] of each bin
    samples: list[dict[str, Any]] = []
    losses: list[float] = []  # of every step
    binned = 0  # how many of them are in a bin already
    cpu_seconds = 0.0

    def measure(step: int) -> None:
        carried = evaluate(model, params, splits["val"])
        fresh = evaluate_fresh_windows(model, params, splits["val"], min(config.seq_len, len(splits["val"]) - 1))
        points.append(
            {
                "step": step,
                "epoch": step / per_epoch,
                "characters": step * config.seq_len * config.batch_size,
                "cpu_seconds": round(cpu_seconds, 3),
                "val_loss": carried.nats_per_char,
                "val_loss_fresh": fresh.nats_per_char,
            }
        )

    with blas_threads(1):
        measure(0)
        for step in range(steps + 1):
            if step in job.samples_at:
                if points[-1]["step"] != step:
                    measure(step)
                samples.append({"step": step, "text": _sample(model, trainer, corpus, config.seed)})
            if step == steps:
                break
            begun = time.process_time()
            record = trainer.step(step / steps)
            cpu_seconds += time.process_time() - begun
            losses.append(record.loss)
            if step + 1 in ends:
                training.append([(step + 1) / per_epoch, float(np.mean(losses[binned:]))])
                binned = len(losses)
            if step + 1 in eval_steps:
                measure(step + 1)
    if job.keep_model:
        write_model(model_path, ModelFile(model, params, corpus.vocabulary, {"text_sha256": corpus.sha256}))
    best = min(points, key=lambda p: p["val_loss"])
    assert all(math.isfinite(p["val_loss"]) for p in points)
    return {
        "label": job.label, "update_noise": _update_noise(losses), "settings": config.as_dict(), "epochs": job.epochs, "parameters": len(params.vector),
        "points": points, "training": training, "samples": samples,
        "best_val_loss": best["val_loss"], "best_epoch": best["epoch"], "val_loss": points[-1]["val_loss"],
        "val_loss_fresh": points[-1]["val_loss_fresh"], "cpu_seconds": cpu_seconds, "steps": steps,
        "model": model_path.name if job.keep_model else None,
    }  # fmt: skip


def _update_noise(losses: list[float]) -> float:
    """How much the loss of one update differs from the next by chance: the standard deviation of single losses, in nats.

    From successive differences over the second half of a run, so that slow changes do not count.
    """
    half = np.array(losses[len(losses) // 2 :])
    return float(np.diff(half).std() / math.sqrt(2)) if len(half) > 1 else 0.0


def _sample(model: CharModel, trainer: Trainer, corpus: Corpus, seed: int) -> str:
    from charrnn.language_model import LanguageModel

    writer = LanguageModel(model, trainer.params, corpus.vocabulary)
    return writer.generate(length=300, temperature=0.8, seed=seed)
