"""How many lanes: what the batch size does, against updates, against characters, and against time."""

from __future__ import annotations

from typing import Any

import numpy as np

from charrnn.figures.style import new_figure
from charrnn.studies.batching import roughness
from charrnn.studies.drawing import curve, training_curve
from charrnn.studies.job import BASE, Job
from charrnn.studies.lab import Lab, Report, Result, Row, Study, mean_and_spread

BATCH_SIZES = (1, 10, 50, 100)
VIEWS = {"step": "updates", "characters": "characters read", "cpu_seconds": "CPU seconds"}


def carry_out(lab: Lab) -> Report:
    """Equal epochs for every batch size; the three views are three readings of the same runs."""
    epochs = 2.0 if lab.quick else 5.0
    # How many updates the largest batch makes: the smaller ones are measured there, too.
    largest = max(BATCH_SIZES) * BASE.seq_len
    updates = max(1, round(epochs * max(1, (len(lab.splits["train"]) - 1) // largest)))
    jobs = [
        Job(
            f"batch {size}, seed {seed}",
            {"batching": "random", "batch_size": size, "seed": seed},
            epochs,
            evals_at=(updates,),
        )
        for size in BATCH_SIZES
        for seed in range(lab.seeds)
    ]
    results = lab.train(jobs)
    groups = {size: results[k * lab.seeds : (k + 1) * lab.seeds] for k, size in enumerate(BATCH_SIZES)}
    seconds = min(r["cpu_seconds"] for group in groups.values() for r in group)
    rows = {size: _row(size, group, updates, seconds) for size, group in groups.items()}
    columns = {
        "label": "batch", "steps": "updates", "val_loss": f"validation after {epochs:g} epochs",
        "val_spread": "± over seeds", "at_equal_updates": f"validation after {updates:,} updates",
        "at_equal_time": f"validation after {seconds:.1f} CPU s", "update_noise": "roughness, by update",
        "roughness": "roughness, by equal characters", "cpu_seconds": "CPU s",
    }  # fmt: skip
    captions = {
        "views": "The same runs against updates, characters and time: three stories. Mean and range over seeds.",
        "training": "Training loss, thin as measured, thick smoothed.",
    }
    return Report(
        [*rows.values(), *lab.baselines()], columns, _findings(lab, rows, updates, seconds, epochs),
        {"views": _views(groups), "training": _training(groups)}, captions,
    )  # fmt: skip


def _row(size: int, group: list[Result], updates: int, seconds: float) -> Row:
    val, spread = mean_and_spread([r["val_loss"] for r in group])
    return {
        "label": f"batch {size}", "steps": group[0]["steps"], "val_loss": val, "val_spread": spread,
        "best_val_loss": float(np.mean([r["best_val_loss"] for r in group])),
        "at_equal_updates": float(np.mean([value_at(r, "step", updates) for r in group])),
        "at_equal_time": float(np.mean([value_at(r, "cpu_seconds", seconds) for r in group])),
        "update_noise": float(np.mean([r["update_noise"] for r in group])),
        "roughness": float(np.mean([roughness(r) for r in group])),
        "cpu_seconds": float(np.mean([r["cpu_seconds"] for r in group])), "seeds": len(group),
    }  # fmt: skip


def value_at(result: Result, x: str, where: float) -> float:
    """The validation loss where x reaches a value, interpolated between the points that were measured."""
    return float(np.interp(where, [p[x] for p in result["points"]], [p["val_loss"] for p in result["points"]]))


def _views(groups: dict[int, list[Result]]) -> Any:
    figure = new_figure(11, 3.8)
    for axes, (x, words) in zip(figure.subplots(1, 3, sharey=True), VIEWS.items(), strict=True):
        for number, (size, group) in enumerate(groups.items()):
            curve(axes, group, x, "val_loss", f"batch {size}", number)
        axes.set(xlabel=words, xscale="log", title=f"against {words}")
        axes.grid(alpha=0.25)
    figure.axes[0].set_ylabel("validation loss (nats per character)")
    figure.axes[0].legend(frameon=False)
    return figure


def _training(groups: dict[int, list[Result]]) -> Any:
    figure = new_figure(7, 3.8)
    axes = figure.subplots()
    for number, (size, group) in enumerate(groups.items()):
        training_curve(axes, group, f"batch {size}", number)
    low = min(loss for group in groups.values() for _, loss in group[0]["training"])
    axes.set(xlabel="epochs", ylabel="training loss (nats per character)", ylim=(low - 0.1, low + 1.2))
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    return figure


def _findings(lab: Lab, rows: dict[int, Row], updates: int, seconds: float, epochs: float) -> list[str]:
    views = {
        "val_loss": f"equal characters ({epochs:g} epochs)",
        "at_equal_updates": f"equal updates ({updates:,})",
        "at_equal_time": f"equal time ({seconds:.1f} CPU seconds of one core)",
    }
    found = []
    for key, words in views.items():
        ranked = sorted(rows, key=lambda size: rows[size][key])
        losses = ", ".join(f"batch {size} {rows[size][key]:.4f}" for size in ranked)
        found.append(f"At {words}: {losses} nats per character. The best is batch {ranked[0]}.")
    winners = {key: min(rows, key=lambda size: rows[size][key]) for key in views}
    agree = len(set(winners.values())) == 1
    found.append(
        "The three views agree on the best batch size."
        if agree
        else "The views disagree on the best batch size: "
        + ", ".join(f"{winners[key]} at {words}" for key, words in views.items())
        + ". A claim about batch sizes that does not say what was held equal says nothing."
    )
    noise = {
        key: ", ".join(f"batch {size} {rows[size][key]:.4f}" for size in rows) for key in ("update_noise", "roughness")
    }
    by_update = [rows[size]["update_noise"] for size in sorted(rows)]
    smoother = by_update == sorted(by_update, reverse=True)
    found.append(
        f"Roughness of the training curve from update to update (nats): {noise['update_noise']}. That larger batches are "
        f"smoother is {'confirmed' if smoother else 'not confirmed'}. In bins of equal numbers of characters it is "
        f"{noise['roughness']}: what a larger batch averages inside an update, a smaller one averages over several."
    )
    lower = [rows[size]["val_loss"] for size in sorted(rows)]
    found.append(
        "That larger batches reach a lower validation loss, at equal epochs and the same learning rate, is "
        + ("confirmed." if lower == sorted(lower, reverse=True) else "not confirmed.")
    )
    ngram, loss = lab.ngram()
    found.append(f"For comparison: the Witten–Bell {ngram.order}-gram has {loss:.4f} nats per character.")
    return found


STUDY = Study(
    "batch-size",
    "The batch size",
    "What do 1, 10, 50 or 100 lanes do, at the same learning rate (Adam 0.001, not retuned)? Vanilla RNN, hidden size 200, "
    "windows of 25, random starts. A larger batch makes fewer, smoother and, for each character, cheaper updates; which of "
    "that counts depends on what is held equal.",
    carry_out,
)
