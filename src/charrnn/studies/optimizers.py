"""Adam and what came before it: each rule at the best of its learning rates."""

from __future__ import annotations

from typing import Any

import numpy as np

from charrnn.figures.style import COLOURS, STYLES, new_figure
from charrnn.studies.drawing import curve
from charrnn.studies.job import Job
from charrnn.studies.lab import Lab, Report, Result, Row, Study, mean_and_spread

# Each about a factor of 3 apart, around the rate that is usual for the rule.
RATES = {
    "adam": (0.0003, 0.001, 0.003, 0.01),
    "rmsprop": (0.0003, 0.001, 0.003, 0.01),
    "adagrad": (0.003, 0.01, 0.03, 0.1),
    "sgd": (0.01, 0.03, 0.1, 0.3),
}
BATCH_SIZE = 10
Case = tuple[str, float]


def carry_out(lab: Lab) -> Report:
    """Every rule × learning rate × seed, at a constant rate."""
    epochs = 1.0 if lab.quick else 5.0
    cases: list[Case] = [(rule, rate) for rule, rates in RATES.items() for rate in rates]
    jobs = [
        Job(f"{rule} {rate:g}, seed {seed}", _settings(rule, rate, seed), epochs)
        for rule, rate in cases
        for seed in range(lab.seeds)
    ]
    results = lab.train(jobs)
    groups = {case: results[k * lab.seeds : (k + 1) * lab.seeds] for k, case in enumerate(cases)}
    rows = {case: _row(*case, group) for case, group in groups.items()}
    best = {rule: min((case for case in cases if case[0] == rule), key=lambda c: rows[c]["val_loss"]) for rule in RATES}
    columns = {
        "label": "rule", "learning_rate": "learning rate", "val_loss": f"validation after {epochs:g} epochs",
        "val_spread": "± over seeds", "early": "validation after the first fifth", "cpu_seconds": "CPU s",
    }  # fmt: skip
    captions = {
        "curves": "Left: each rule at the best of its learning rates. Right: how much the choice of the rate matters. "
        "Mean and range over seeds."
    }
    figures = {"curves": _curves({rule: groups[case] for rule, case in best.items()}, rows)}
    return Report([*rows.values(), *lab.baselines()], columns, _findings(lab, rows, best, epochs), figures, captions)


def _settings(rule: str, rate: float, seed: int) -> dict[str, Any]:
    return {"optimizer": rule, "learning_rate": rate, "batching": "chunked", "batch_size": BATCH_SIZE, "seed": seed}


def _row(rule: str, rate: float, group: list[Result]) -> Row:
    val, spread = mean_and_spread([r["val_loss"] for r in group])
    # points[0] is before training; with one seed of a quick run there are five more, else five for each epoch
    early = [r["points"][max(1, len(r["points"]) // 5)]["val_loss"] for r in group]
    return {
        "label": rule, "learning_rate": f"{rate:g}", "val_loss": val, "val_spread": spread,
        "best_val_loss": float(np.mean([r["best_val_loss"] for r in group])), "early": float(np.mean(early)),
        "cpu_seconds": float(np.mean([r["cpu_seconds"] for r in group])), "seeds": len(group),
    }  # fmt: skip


def _curves(groups: dict[str, list[Result]], rows: dict[Case, Row]) -> Any:
    figure = new_figure(9, 3.8)
    left, right = figure.subplots(1, 2, sharey=True)
    for number, (rule, group) in enumerate(groups.items()):
        rate = group[0]["settings"]["learning_rate"]
        curve(left, group, "epoch", "val_loss", f"{rule} {rate:g}", number)
        losses = [rows[(rule, each)]["val_loss"] for each in RATES[rule]]
        right.plot(RATES[rule], losses, STYLES[number % len(STYLES)], marker="o", color=COLOURS[number], label=rule)
    left.set(xlabel="epochs", ylabel="validation loss (nats per character)", title="the best rate of each rule")
    right.set(xlabel="learning rate", xscale="log", title="every rate")
    low = min(row["val_loss"] for row in rows.values())
    left.set_ylim(low - 0.05, low + 1.2)
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
    return figure


def _findings(lab: Lab, rows: dict[Case, Row], best: dict[str, Case], epochs: float) -> list[str]:
    ranked = sorted(best, key=lambda rule: rows[best[rule]]["val_loss"])
    losses = ", ".join(f"{rule} {rows[best[rule]]['val_loss']:.4f} (at {best[rule][1]:g})" for rule in ranked)
    early = sorted(best, key=lambda rule: rows[best[rule]]["early"])
    first = ", ".join(f"{rule} {rows[best[rule]]['early']:.4f}" for rule in early)
    spans = {
        rule: max(rows[(rule, rate)]["val_loss"] for rate in RATES[rule]) - rows[best[rule]]["val_loss"]
        for rule in RATES
    }
    found = [
        f"Each at the best of its rates, after {epochs:g} epochs: {losses} nats per character. The best is {ranked[0]}.",
        f"With the same rates, after the first fifth of the run: {first}. The quickest is {early[0]}.",
        "Between its best and its worst rate a rule loses "
        + ", ".join(f"{rule} {spans[rule]:.3f}" for rule in sorted(spans, key=lambda r: spans[r]))
        + " nats; the rates tried span a factor of about 30 for each.",
    ]
    edges = [rule for rule in RATES if best[rule][1] in (RATES[rule][0], RATES[rule][-1])]
    if edges:
        found.append(
            f"The best rate of {', '.join(edges)} is the first or last one tried: a better one may lie outside."
        )
    found.append(
        "That Adam is the better choice for this network, each rule with its best rate, is "
        + ("confirmed." if ranked[0] == "adam" else "not confirmed.")
    )
    ngram, loss = lab.ngram()
    found.append(f"For comparison: the Witten–Bell {ngram.order}-gram has {loss:.4f} nats per character.")
    return found


STUDY = Study(
    "optimizers",
    "Adam and other rules",
    "Is Adam the rule to take, and how much does its learning rate matter? Vanilla RNN, hidden size 200, windows of 25, "
    f"batch {BATCH_SIZE}, chunked order, gradients clipped as in the reference recipe, constant rates. A rule is judged at "
    "the best of its rates: a comparison at one rate for all would say nothing.",
    carry_out,
)
