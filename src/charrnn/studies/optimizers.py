"""Adam and what came before it: each rule at the best of its learning rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from charrnn.figures.style import COLOURS, STYLES, finish, new_figure
from charrnn.reports import Captioned
from charrnn.studies.drawing import curve
from charrnn.studies.findings import beside_ngram, listed, lowest, ranked, ranking, verdict
from charrnn.studies.lab import Lab, Report, Study
from charrnn.studies.measures import Result, Row, tabulate

# Each about a factor of 3 apart, around the rate that is usual for the rule.
RATES = {
    "adam": (0.0003, 0.001, 0.003, 0.01),
    "rmsprop": (0.0003, 0.001, 0.003, 0.01),
    "adagrad": (0.003, 0.01, 0.03, 0.1),
    "sgd": (0.01, 0.03, 0.1, 0.3),
}
BATCH_SIZE = 10
Case = tuple[str, float]


def run(lab: Lab) -> Report:
    """Train with every rule, learning rate and seed, at a constant rate."""
    epochs = 1.0 if lab.quick else 5.0
    cases = [(rule, rate) for rule, rates in RATES.items() for rate in rates]
    same = {"batching": "chunked", "batch_size": BATCH_SIZE}
    groups = lab.compare(
        {
            (rule, rate): (f"{rule} {rate:g}", {"optimizer": rule, "learning_rate": rate, **same})
            for rule, rate in cases
        },
        epochs,
    )
    rows, columns = tabulate(
        groups,
        {(rule, rate): {"label": rule, "learning_rate": f"{rate:g}"} for rule, rate in cases},
        {"label": "rule", "learning_rate": "learning rate", "val_loss": f"validation after {epochs:g} epochs"},
        {"early": ("validation after the first fifth", _early)},
    )
    best = {
        rule: min((case for case in cases if case[0] == rule), key=lambda case: float(rows[case]["val_loss"]))
        for rule in RATES
    }
    curves = _curves({case: groups[case] for case in best.values()}, rows)
    findings = [*_findings(rows, best, epochs), beside_ngram(lab, rows.values())]
    return Report([*rows.values(), *lab.baselines()], columns, findings, {"curves": curves})


def _early(result: Result) -> float:
    """Return the validation loss after the first fifth of a run; `points[0]` is before training."""
    points = result["points"]
    return float(points[max(1, len(points) // 5)]["val_loss"])


def _curves(groups: Mapping[Case, Sequence[Result]], rows: Mapping[Case, Row]) -> Captioned:
    figure = new_figure(9, 3.8)
    left, right = figure.subplots(1, 2, sharey=True)
    for number, ((rule, rate), group) in enumerate(groups.items()):
        curve(left, group, "epoch", "val_loss", f"{rule} {rate:g}", number)
        losses = [rows[rule, each]["val_loss"] for each in RATES[rule]]
        right.plot(RATES[rule], losses, STYLES[number % len(STYLES)], marker="o", color=COLOURS[number], label=rule)
    low = min(row["val_loss"] for row in rows.values())
    finish(left, xlabel="epochs", ylabel="validation loss (nats per character)", title="the best rate of each rule")
    finish(right, xlabel="learning rate", xscale="log", title="every rate")
    left.set_ylim(low - 0.05, low + 1.2)
    return Captioned(
        figure,
        "Left: each rule at the best of its learning rates. Right: how much the choice of the rate matters. "
        "Mean and range over seeds.",
    )


def _findings(rows: Mapping[Case, Row], best: Mapping[str, Case], epochs: float) -> list[str]:
    losses = {rule: float(rows[case]["val_loss"]) for rule, case in best.items()}
    worst = {rule: max(rows[rule, rate]["val_loss"] for rate in rates) for rule, rates in RATES.items()}
    costs = ranked({rule: worst[rule] - losses[rule] for rule in RATES})
    found = [
        ranking(
            f"Each rule at its best rate, after {epochs:g} epochs",
            {f"{rule} (at {best[rule][1]:g})": loss for rule, loss in losses.items()},
        ),
        ranking("At the same rates, after the first fifth of the run", {r: rows[best[r]]["early"] for r in RATES}),
        f"The cost of each rule's worst rate, compared with its best (nats): {listed(costs, 3)}. The rates span a "
        "factor of about 30 for each.",
    ]
    edges = [rule for rule, rates in RATES.items() if best[rule][1] in (rates[0], rates[-1])]
    if edges:
        found.append(
            f"The best rate of {', '.join(edges)} is the first or last one tried: a better one may lie outside."
        )
    found.append(verdict("Adam is the best choice here (each rule at its best rate)", lowest(losses) == "adam"))
    return found


STUDY = Study(
    "optimizers",
    "Adam and other rules",
    "Is Adam the best choice, and how much does its learning rate matter? Vanilla RNN, hidden size 200, windows of 25, "
    f"batch {BATCH_SIZE}, chunked order, gradients clipped as in the reference recipe, constant rates. Each rule is "
    "judged at the best of its rates: a comparison at one rate for all would be meaningless.",
    run,
)
