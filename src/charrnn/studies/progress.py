"""How the text improves while the network learns."""

from __future__ import annotations

from typing import Any

import numpy as np

from charrnn.figures.style import COLOURS, new_figure, smooth
from charrnn.studies.drawing import panel_of_text
from charrnn.studies.job import Job
from charrnn.studies.lab import Lab, Report, Result, Study
from charrnn.studies.text_measures import share_of_words, words

STEPS = (0, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000)


def carry_out(lab: Lab) -> Report:
    """One run of the reference setting, with a sample at steps that grow by factors of about three."""
    epochs = 1.0 if lab.quick else 5.0
    job = Job(
        "reference: sequential, batch 1", {"batching": "sequential", "batch_size": 1}, epochs, 10.0 / epochs,
        samples_at=STEPS, keep_model=True,
    )  # fmt: skip
    (result,) = lab.train([job])
    losses = {p["step"]: p["val_loss"] for p in result["points"]}
    rows = [
        {"label": f"step {s['step']:,}", "step": s["step"], "val_loss": losses[s["step"]], "sample": s["text"]}
        for s in result["samples"]
    ]
    rows.append(
        {"label": f"best, step {_best_step(result):,}", "step": _best_step(result), "val_loss": result["best_val_loss"]}
    )
    columns = {"label": "network", "val_loss": "validation loss"}
    captions = {
        "samples": "What the network writes after so many updates (temperature 0.8), with its validation loss; words that "
        "do not occur in the training text are in colour.",
        "curve": "Training loss (smoothed) and validation loss against updates, on a logarithmic scale.",
    }
    return Report(
        [*rows, *lab.baselines()], columns, _findings(lab, rows[:-1], result),
        {"samples": _samples(rows[:-1], set(words(lab.train_text))), "curve": _curve(result)}, captions,
    )  # fmt: skip


def _best_step(result: Result) -> int:
    return int(min(result["points"], key=lambda p: p["val_loss"])["step"])


def _samples(rows: list[dict[str, Any]], known: set[str]) -> Any:
    figure = new_figure(8.4, 0.72 * len(rows))
    for axes, row in zip(figure.subplots(len(rows), 1, squeeze=False)[:, 0], rows, strict=True):
        title = f"{row['label']}: validation {row['val_loss']:.3f} nats per character"
        panel_of_text(axes, row["sample"].replace("\n", " ¶ "), title, 145, 3, known)
    return figure


def _curve(result: Result) -> Any:
    figure = new_figure(7, 3.6)
    axes = figure.subplots()
    per_epoch = result["steps"] / result["epochs"]
    steps = np.array([e * per_epoch for e, _ in result["training"]])
    losses = np.array([loss for _, loss in result["training"]])
    axes.plot(steps, losses, color=COLOURS[0], alpha=0.25, linewidth=0.7)
    axes.plot(steps, smooth(losses), "--", color=COLOURS[0], label="training")
    points = result["points"][1:]
    axes.plot([p["step"] for p in points], [p["val_loss"] for p in points], "o-", color=COLOURS[1], label="validation")
    axes.set(xscale="log", xlabel="updates", ylabel="loss (nats per character)")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    return figure


def _findings(lab: Lab, rows: list[dict[str, Any]], result: Result) -> list[str]:
    known = set(words(lab.train_text))
    found = []
    for row in rows:
        share = share_of_words(row["sample"], known)
        found.append(
            f"{row['label']}: {row['val_loss']:.3f} nats per character; {share:.0%} of its words are real ones."
        )
    ngram, loss = lab.ngram()
    found.append(
        f"Best validation loss {result['best_val_loss']:.4f} at step {_best_step(result):,} "
        f"(Witten–Bell {ngram.order}-gram: {loss:.4f})."
    )
    return found


STUDY = Study(
    "progress",
    "How the text improves",
    "The reference setting (vanilla RNN, hidden size 200, windows of 25, Adam 0.001, one lane, sequential), and what it "
    "writes on its way.",
    carry_out,
)
