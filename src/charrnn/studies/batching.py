"""Sequential, random or chunked: what the order of training sequences does."""

from __future__ import annotations

from typing import Any

import numpy as np

from charrnn.figures.style import COLOURS, new_figure, smooth
from charrnn.studies.drawing import curve, training_curve
from charrnn.studies.job import Job
from charrnn.studies.lab import Lab, Report, Result, Row, Study, mean_and_spread

ORDERS = ("sequential", "random", "chunked")
BATCH_SIZES = (1, 10)


def carry_out(lab: Lab) -> Report:
    """Every order × batch size × seed, with both validation metrics several times an epoch."""
    epochs = 1.0 if lab.quick else 5.0
    cases = [(order, size) for size in BATCH_SIZES for order in ORDERS]
    jobs = [
        Job(f"{order}, batch {size}, seed {seed}", {"batching": order, "batch_size": size, "seed": seed}, epochs)
        for order, size in cases
        for seed in range(lab.seeds)
    ]
    results = lab.train(jobs)
    groups = {case: results[k * lab.seeds : (k + 1) * lab.seeds] for k, case in enumerate(cases)}
    rows = [_row(f"{order}, batch {size}", group) for (order, size), group in groups.items()]
    by_case = dict(zip(cases, rows, strict=True))
    columns = {
        "label": "order", "val_loss": "validation, state carried (end)", "val_spread": "± over seeds",
        "val_loss_fresh": "validation, fresh windows (end)", "mid_epoch": "validation, worst inside the last epoch",
        "roughness": "roughness of training", "cpu_seconds": "CPU s",
    }  # fmt: skip
    position, correlation = _positions(groups[("sequential", 1)])
    figures = {"curves": _curves(groups), "position": _position_figure(position, correlation, epochs)}
    captions = {
        "curves": "Training loss (thin: as measured, thick: smoothed) and validation loss, mean and range over seeds.",
        "position": "Training loss by position in the text, sequential order with one lane: each epoch draws the same "
        "hills, which are the hard passages of the text, not the network's progress.",
    }
    return Report([*rows, *lab.baselines()], columns, _findings(lab, by_case, correlation, epochs), figures, captions)


def _row(label: str, group: list[Result]) -> Row:
    val, spread = mean_and_spread([r["val_loss"] for r in group])
    last_epoch = [[p["val_loss"] for p in r["points"] if p["epoch"] > r["epochs"] - 0.999] for r in group]
    return {
        "label": label, "val_loss": val, "val_spread": spread,
        "val_loss_fresh": float(np.mean([r["val_loss_fresh"] for r in group])),
        "best_val_loss": float(np.mean([r["best_val_loss"] for r in group])),
        "mid_epoch": float(np.mean([max(values) for values in last_epoch])),
        "roughness": float(np.mean([roughness(r) for r in group])),
        "cpu_seconds": float(np.mean([r["cpu_seconds"] for r in group])), "seeds": len(group),
    }  # fmt: skip


def roughness(result: Result) -> float:
    """Standard deviation of the training loss around its smoothed curve, over the second half of a run, in nats."""
    losses = np.array([loss for _, loss in result["training"]])
    rest = (losses - smooth(losses))[len(losses) // 2 :]
    return float(rest.std())


def _positions(group: list[Result]) -> tuple[np.ndarray, float]:
    """Training loss by epoch and hundredth of the text, mean over seeds, and how alike the last two epochs are."""
    per_epoch = min(100, len(group[0]["training"]))
    losses = np.array([[loss for _, loss in r["training"]] for r in group]).mean(axis=0)
    epochs = losses[: len(losses) // per_epoch * per_epoch].reshape(-1, per_epoch)
    if len(epochs) < 2:
        return epochs, float("nan")
    return epochs, float(np.corrcoef(epochs[-2], epochs[-1])[0, 1])


def _curves(groups: dict[tuple[str, int], list[Result]]) -> Any:
    figure = new_figure(11, 7.5)
    axes = figure.subplots(len(BATCH_SIZES), 3)
    for row, size in zip(axes, BATCH_SIZES, strict=True):
        for number, order in enumerate(ORDERS):
            group = groups[(order, size)]
            training_curve(row[0], group, order, number)
            curve(row[1], group, "epoch", "val_loss", order, number)
            curve(row[2], group, "epoch", "val_loss_fresh", order, number)
        for ax, title in zip(row, ("training", "validation, state carried", "validation, fresh windows"), strict=True):
            ax.set(title=f"batch {size}: {title}", xlabel="epochs", ylabel="nats per character")
            ax.grid(alpha=0.25)
        low = min(p["val_loss"] for order in ORDERS for r in groups[(order, size)] for p in r["points"])
        for ax in row:
            ax.set_ylim(low - 0.1, low + 0.9)
    axes[0, 0].legend(frameon=False)
    return figure


def _position_figure(epochs: np.ndarray, correlation: float, total: float) -> Any:
    figure = new_figure(8, 3.8)
    axes = figure.subplots()
    where = (np.arange(epochs.shape[1]) + 0.5) / epochs.shape[1] * 100
    for number, losses in enumerate(epochs):
        axes.plot(where, losses, color=COLOURS[number % len(COLOURS)], linewidth=1.1, label=f"epoch {number + 1}")
    title = f"; correlation of the last two epochs {correlation:.2f}" if total > 1 else ""
    axes.set(
        xlabel="position in the training split (%)", ylabel="training loss (nats per character)",
        title=f"Sequential, one lane: loss by position{title}",
        ylim=(epochs[-1].min() - 0.15, np.quantile(epochs, 0.97) + 0.15),
    )  # fmt: skip
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, ncols=len(epochs))
    return figure


def _findings(lab: Lab, rows: dict[tuple[str, int], Row], correlation: float, epochs: float) -> list[str]:
    ngram, ngram_loss = lab.ngram()
    found = []
    for size in BATCH_SIZES:
        of_size = {order: rows[(order, size)] for order in ORDERS}
        for metric, words in (("val_loss", "the state carried"), ("val_loss_fresh", "fresh windows")):
            ranked = sorted(ORDERS, key=lambda order: of_size[order][metric])
            found.append(
                f"Batch {size}, validation with {words}: "
                + ", ".join(f"{order} {of_size[order][metric]:.4f}" for order in ranked)
                + f" nats per character; the best is {ranked[0]}."
            )
        smooth_order = sorted(ORDERS, key=lambda order: of_size[order]["roughness"])
        listed = ", ".join(f"{order} {of_size[order]['roughness']:.4f}" for order in smooth_order)
        claim = "confirmed" if smooth_order[0] == "random" else "not confirmed"
        between = "and chunks are in between" if smooth_order[1] == "chunked" else "and chunks are not in between"
        found.append(
            f"Batch {size}, roughness of the training curve (nats): {listed}. That random starts are smoothest is "
            f"{claim}, {between}."
        )
        if epochs < 2:
            continue
        swing = {order: of_size[order]["mid_epoch"] - of_size[order]["val_loss"] for order in ORDERS}
        found.append(
            f"Batch {size}: inside the last epoch, validation with the state carried is up to {swing['sequential']:.3f} nats above its end with "
            f"sequential order, {swing['random']:.3f} with random starts, {swing['chunked']:.3f} with chunks: "
            "where one stops matters by that much."
        )
    if not np.isnan(correlation):
        found.append(
            f"The hills in the sequential training curve are the text's: loss by position in one epoch and in the next "
            f"correlate with {correlation:.2f}. The lowest smoothed training loss marks the easiest passage, not the "
            "best network."
        )
    best = min(rows.values(), key=lambda row: row["val_loss"])
    relation = "better than" if best["val_loss"] < ngram_loss else "not as good as"
    found.append(
        f"The best of these networks ({best['label']}: {best['val_loss']:.4f}) is {relation} the Witten–Bell "
        f"{ngram.order}-gram ({ngram_loss:.4f}), which takes about a second."
    )
    return found


STUDY = Study(
    "batching",
    "The order of training sequences",
    "Sequential reading with the state carried on, random starts with a fresh state, or shuffled chunks? Vanilla RNN, "
    "hidden size 200, windows of 25, Adam 0.001. Both validation metrics are shown, since the one with the state carried "
    "favours networks that were trained with it, and the one from fresh windows those that were not.",
    carry_out,
)
