"""How the text improves while the network learns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from charrnn.figures.style import COLOURS, finish, new_figure, smooth
from charrnn.reports import Captioned
from charrnn.studies.drawing import panel_of_text
from charrnn.studies.job import Job
from charrnn.studies.lab import Lab, Report, Study
from charrnn.studies.measures import Result, Row, share_of_words, words

STEPS = (0, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000)


def run(lab: Lab) -> Report:
    """Train once at the reference setting, with a sample at steps that grow by factors of about three."""
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
    best_step, best_loss = min(losses, key=losses.__getitem__), result["best_val_loss"]
    best = {"label": f"best, step {best_step:,}", "step": best_step, "val_loss": best_loss}
    known = set(words(lab.train_text))
    ngram, loss = lab.ngram
    findings = [
        f"{row['label']}: {row['val_loss']:.3f} nats per character; {share_of_words(row['sample'], known):.0%} of its "
        "words are real ones."
        for row in rows
    ]
    findings.append(
        f"Best validation loss {best_loss:.4f} at step {best_step:,} (Witten–Bell {ngram.order}-gram: {loss:.4f})."
    )
    figures = {"samples": _samples(rows, known), "curve": _curve(result)}
    columns = {"label": "network", "val_loss": "validation loss"}
    return Report([*rows, best, *lab.baselines()], columns, findings, figures)


def _samples(rows: Sequence[Row], known: set[str]) -> Captioned:
    figure = new_figure(8.4, 0.72 * len(rows))
    for axes, row in zip(figure.subplots(len(rows), 1, squeeze=False)[:, 0], rows, strict=True):
        title = f"{row['label']}: validation {row['val_loss']:.3f} nats per character"
        panel_of_text(axes, row["sample"].replace("\n", " ¶ "), title, 145, 3, known)
    return Captioned(
        figure,
        "What the network writes after each number of updates (temperature 0.8), with its validation loss; words that "
        "do not occur in the training text are in colour.",
    )


def _curve(result: Result) -> Captioned:
    figure = new_figure(7, 3.6)
    axes = figure.subplots()
    per_epoch = result["steps"] / result["epochs"]
    steps = np.array([e * per_epoch for e, _ in result["training"]])
    losses = np.array([loss for _, loss in result["training"]])
    axes.plot(steps, losses, color=COLOURS[0], alpha=0.25, linewidth=0.7)
    axes.plot(steps, smooth(losses), "--", color=COLOURS[0], label="training")
    points = result["points"][1:]
    axes.plot([p["step"] for p in points], [p["val_loss"] for p in points], "o-", color=COLOURS[1], label="validation")
    finish(axes, xscale="log", xlabel="updates", ylabel="loss (nats per character)")
    return Captioned(figure, "Training loss (smoothed) and validation loss against updates, on a logarithmic scale.")


STUDY = Study(
    "progress",
    "How the text improves",
    "What does the reference setting (vanilla RNN, hidden size 200, windows of 25, Adam 0.001, one lane, sequential) "
    "write as it learns?",
    run,
)
