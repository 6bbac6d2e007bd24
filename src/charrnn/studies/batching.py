"""Sequential, random or chunked: what the order of training sequences does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from charrnn.figures.style import COLOURS, finish, new_figure
from charrnn.reports import Captioned
from charrnn.studies.drawing import curve, training_curve
from charrnn.studies.findings import beside_ngram, listed, ranked, ranking, verdict
from charrnn.studies.lab import Lab, Report, Study
from charrnn.studies.measures import Result, Row, column, roughness, tabulate

ORDERS = ("sequential", "random", "chunked")
BATCH_SIZES = (1, 10)
Case = tuple[str, int]


def run(lab: Lab) -> Report:
    """Train with every order, batch size and seed, and measure both validation losses several times an epoch."""
    epochs = 1.0 if lab.quick else 5.0
    cases = [(order, size) for size in BATCH_SIZES for order in ORDERS]
    labels = {(order, size): f"{order}, batch {size}" for order, size in cases}
    groups = lab.compare(
        {case: (label, {"batching": case[0], "batch_size": case[1]}) for case, label in labels.items()}, epochs
    )
    rows, columns = tabulate(
        groups,
        {case: {"label": label} for case, label in labels.items()},
        {"label": "order", "val_loss": "validation, state carried (end)"},
        {
            "val_loss_fresh": ("validation, fresh windows (end)", lambda r: float(r["val_loss_fresh"])),
            "mid_epoch": ("validation, worst inside the last epoch", _worst_in_last_epoch),
            "roughness": ("roughness of training", roughness),
        },
    )
    findings = [sentence for size in BATCH_SIZES for sentence in _of_batch_size(rows, size, epochs)]
    position, hills = _positions(groups["sequential", 1])
    findings += [*hills, beside_ngram(lab, rows.values())]
    figures = {"curves": _curves(groups), "position": position}
    return Report([*rows.values(), *lab.baselines()], columns, findings, figures)


def _worst_in_last_epoch(result: Result) -> float:
    return max(float(p["val_loss"]) for p in result["points"] if p["epoch"] > result["epochs"] - 0.999)


def _curves(groups: Mapping[Case, Sequence[Result]]) -> Captioned:
    figure = new_figure(11, 7.5)
    for size, row in zip(BATCH_SIZES, figure.subplots(len(BATCH_SIZES), 3), strict=True):
        of_size = {order: groups[order, size] for order in ORDERS}
        for number, (order, group) in enumerate(of_size.items()):
            training_curve(row[0], group, order, number)
            curve(row[1], group, "epoch", "val_loss", order, number)
            curve(row[2], group, "epoch", "val_loss_fresh", order, number)
        low = min(p["val_loss"] for group in of_size.values() for r in group for p in r["points"])
        for axes, what in zip(row, ("training", "validation, state carried", "validation, fresh windows"), strict=True):
            finish(
                axes, legend=axes is figure.axes[0], title=f"batch {size}: {what}", xlabel="epochs",
                ylabel="nats per character", ylim=(low - 0.1, low + 0.9),
            )  # fmt: skip
    return Captioned(
        figure, "Training loss (thin: as measured, thick: smoothed) and validation loss, mean and range over seeds."
    )


def _positions(group: Sequence[Result]) -> tuple[Captioned, list[str]]:
    """Draw the training loss by position in the text, epoch by epoch, and say whether the last two epochs are alike."""
    per_epoch = min(100, len(group[0]["training"]))
    losses = np.array([[loss for _, loss in r["training"]] for r in group]).mean(axis=0)
    epochs = losses[: len(losses) // per_epoch * per_epoch].reshape(-1, per_epoch)
    found, title = [], "Sequential, one lane: loss by position"
    if len(epochs) > 1:
        correlation = float(np.corrcoef(epochs[-2], epochs[-1])[0, 1])
        title += f"; correlation of the last two epochs {correlation:.2f}"
        found.append(
            "The hills in the sequential training curve belong to the text: the losses by position in the last two "
            f"epochs have a correlation of {correlation:.2f}. The lowest smoothed training loss marks the easiest "
            "passage, not the best network."
        )
    figure = new_figure(8, 3.8)
    axes = figure.subplots()
    where = (np.arange(epochs.shape[1]) + 0.5) / epochs.shape[1] * 100
    for number, by_position in enumerate(epochs):
        axes.plot(where, by_position, color=COLOURS[number % len(COLOURS)], linewidth=1.1, label=f"epoch {number + 1}")
    ylim = (epochs[-1].min() - 0.15, np.quantile(epochs, 0.97) + 0.15)
    y = "training loss (nats per character)"
    finish(axes, legend=False, xlabel="position in the training split (%)", ylabel=y, title=title, ylim=ylim)
    axes.legend(frameon=False, ncols=len(epochs))
    caption = (
        "Training loss by position in the text, sequential order with one lane: each epoch draws the same hills, which "
        "are the hard passages of the text, not the network's progress."
    )
    return Captioned(figure, caption), found


def _of_batch_size(rows: Mapping[Case, Row], size: int, epochs: float) -> list[str]:
    """State which order is best and which is smoothest at a batch size."""
    of_size = {order: rows[order, size] for order in ORDERS}
    carried, rough = column(of_size, "val_loss"), ranked(column(of_size, "roughness"))
    smoothest, second, _ = rough
    found = [
        ranking(f"Batch {size}, validation with the state carried", carried),
        ranking(f"Batch {size}, validation with fresh windows", column(of_size, "val_loss_fresh")),
        f"Batch {size}, roughness of the training curve (nats): {listed(rough)}. "
        f"{verdict('random starts are smoothest', smoothest == 'random')} "
        f"Chunks are {'' if second == 'chunked' else 'not '}in between.",
    ]
    if epochs >= 2:
        swing = {order: loss - carried[order] for order, loss in column(of_size, "mid_epoch").items()}
        found.append(
            f"Batch {size}, the most by which validation with the state carried exceeds its final value inside the "
            f"last epoch (nats): {listed(swing, 3)}. Stopping at another step can cost that much."
        )
    return found


STUDY = Study(
    "batching",
    "The order of training sequences",
    "Sequential reading with the state carried, random starts with a fresh state, or shuffled chunks? Vanilla RNN, "
    "hidden size 200, windows of 25, Adam 0.001. Both validation metrics are shown: the one with the state carried "
    "favours networks that were trained with it, the one from fresh windows favours those that were not.",
    run,
)
