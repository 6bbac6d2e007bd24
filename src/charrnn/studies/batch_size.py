"""The batch size: what the number of lanes does at equal updates, at equal characters, and at equal time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from charrnn.figures.style import finish, new_figure
from charrnn.reports import Captioned
from charrnn.studies.drawing import training_curve, views
from charrnn.studies.findings import beside_ngram, listed, lowest, ranking, verdict
from charrnn.studies.job import BASE
from charrnn.studies.lab import Lab, Report, Study
from charrnn.studies.measures import Result, Row, column, roughness, shortest, tabulate, value_at

BATCH_SIZES = (1, 10, 50, 100)


def run(lab: Lab) -> Report:
    """Train every batch size for equal epochs; the three views are three readings of the same runs."""
    epochs = 2.0 if lab.quick else 5.0
    # The number of updates of the largest batch: the smaller ones are measured there, too.
    largest = max(BATCH_SIZES) * BASE.seq_len
    updates = max(1, round(epochs * max(1, (len(lab.splits["train"]) - 1) // largest)))
    cases = {f"batch {size}": {"batching": "random", "batch_size": size} for size in BATCH_SIZES}
    groups = lab.compare({name: (name, settings) for name, settings in cases.items()}, epochs, [updates])
    seconds = shortest(groups)
    rows, columns = tabulate(
        groups,
        {name: {"label": name, "steps": group[0]["steps"]} for name, group in groups.items()},
        {"label": "batch", "steps": "updates", "val_loss": f"validation after {epochs:g} epochs"},
        {
            "at_equal_updates": (f"validation after {updates:,} updates", lambda r: value_at(r, "step", updates)),
            "at_equal_time": (f"validation after {seconds:.1f} CPU s", lambda r: value_at(r, "cpu_seconds", seconds)),
            "update_noise": ("roughness, by update", lambda r: float(r["update_noise"])),
            "roughness": ("roughness, by equal characters", roughness),
        },
    )
    quantities = {"step": "updates", "characters": "characters read", "cpu_seconds": "CPU seconds"}
    figures = {
        "views": Captioned(
            views(groups, quantities, 11, xscale="log"),
            "The same runs against updates, characters and time. Mean and range over seeds.",
        ),
        "training": _training(groups),
    }
    equal = {
        "val_loss": f"equal characters ({epochs:g} epochs)",
        "at_equal_updates": f"equal updates ({updates:,})",
        "at_equal_time": f"equal time ({seconds:.1f} CPU seconds of one core)",
    }
    findings = [*_findings(rows, equal), beside_ngram(lab, rows.values())]
    return Report([*rows.values(), *lab.baselines()], columns, findings, figures)


def _training(groups: Mapping[str, Sequence[Result]]) -> Captioned:
    figure = new_figure(7, 3.8)
    axes = figure.subplots()
    for number, (name, group) in enumerate(groups.items()):
        training_curve(axes, group, name, number)
    low = min(loss for group in groups.values() for _, loss in group[0]["training"])
    finish(axes, xlabel="epochs", ylabel="training loss (nats per character)", ylim=(low - 0.1, low + 1.2))
    return Captioned(figure, "Training loss: thin as measured, thick smoothed.")


def _findings(rows: Mapping[str, Row], equal: Mapping[str, str]) -> list[str]:
    """State the results. The rows are in the order of growing batches; `equal` names what each loss holds equal."""
    columns = {key: column(rows, key) for key in (*equal, "update_noise", "roughness")}
    winners = {key: lowest(columns[key]) for key in equal}
    falls = {key: list(losses.values()) == sorted(losses.values(), reverse=True) for key, losses in columns.items()}
    bests = ", ".join(f"{winners[key]} at {words}" for key, words in equal.items())
    agreement = (
        "The three views agree on the best batch size."
        if len(set(winners.values())) == 1
        else f"The views disagree on the best batch size: {bests}. A claim about batch sizes means nothing unless it "
        "says what was held equal."
    )
    return [
        *(ranking(f"At {words}", columns[key]) for key, words in equal.items()),
        agreement,
        f"Roughness of the training curve from update to update (nats): {listed(columns['update_noise'])}. "
        f"{verdict('larger batches are smoother', falls['update_noise'])} In bins of equal numbers of characters the "
        f"roughness is {listed(columns['roughness'])}: a larger batch averages within one update what a smaller batch "
        "averages over several.",
        verdict("larger batches reach a lower validation loss (equal epochs, same learning rate)", falls["val_loss"]),
    ]


STUDY = Study(
    "batch-size",
    "The batch size",
    "What do 1, 10, 50 or 100 lanes do, at the same learning rate (Adam 0.001, not retuned)? Vanilla RNN, hidden size "
    "200, windows of 25, random starts. A larger batch makes fewer, smoother and, for each character, cheaper updates. "
    "Which of these matters depends on what is held equal.",
    run,
)
