"""Counts: what they give a network that is mixed with them after training, and one that knows them in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from charrnn.arrays import Array
from charrnn.figures.style import COLOURS, finish, new_figure
from charrnn.ngrams import EXPERTS, Experts, OnText, choose_experts, in_context
from charrnn.reports import Captioned, mean_and_spread
from charrnn.scoring.evaluation import WINDOW
from charrnn.studies.drawing import views
from charrnn.studies.findings import beside_ngram, listed, ranking, verdict
from charrnn.studies.job import Job
from charrnn.studies.lab import Lab, Report, Study
from charrnn.studies.measures import Result, Row, column, tabulate
from charrnn.studies.mixing import two_fold
from charrnn.studies.trust import POSITIONS, draw_trust, positions_in_word, read, trust_rows

# As the recipe `plain-quick` trains on the bundled novel, so that the network without counts is not held back.
SAME = {
    "seq_len": 64, "batch_size": 16, "batching": "chunked", "beta2": 0.99, "weight_decay": 0.02, "schedule": "cosine",
    "warmup_steps": 100, "grad_clip": 1.0,
}  # fmt: skip
QRNN = {"cell": "qrnn", "hidden_size": 128, "num_layers": 3, "dropout": 0.1, **SAME}
RNN = {"cell": "rnn", "hidden_size": 200, **SAME}
RATES = (0.003, 0.006)
CHAINS = EXPERTS["auto"].chains
COUNTS, MIXED = "mixed counts", "QRNN mixed with counts"
PLAIN, KNOWING, ONLY = "QRNN without counts", "QRNN that knows the counts", "QRNN that knows the {} only"
RNN_PLAIN, RNN_KNOWING = "RNN without counts", "RNN whose logits know the counts"
NETWORKS = {
    PLAIN: QRNN, KNOWING: {**QRNN, "ngrams": "auto"}, **{ONLY.format(c): {**QRNN, "ngrams": c} for c in CHAINS},
    RNN_PLAIN: RNN, RNN_KNOWING: {**RNN, "ngrams": "auto"},
}  # fmt: skip
KINDS = ("counts alone", "network alone", "mixed after training", "known in training")
Case = tuple[str, float]  # a network and its learning rate
Groups = Mapping[Case, Sequence[Result]]


class Along(NamedTuple):
    """What the counts say along the validation split: log-probabilities (S, N, V)."""

    chains: tuple[str, ...]
    static: Array
    in_context: Array
    targets: Array  # (N,)


def run(lab: Lab) -> Report:
    """Train without and with counts; then mix, and look at the gates, with the networks that were kept."""
    epochs = 1.0 if lab.quick else 5.0
    groups = _train(lab, epochs)
    losses = {case: mean_and_spread([r["val_loss"] for r in group])[0] for case, group in groups.items()}
    chosen = {name: min(((name, rate) for rate in RATES), key=losses.__getitem__) for name in NETWORKS}
    trained = _trained(groups, epochs)

    ids, characters = lab.splits["val"], lab.corpus.vocabulary.characters
    along = _along(lab, ids)
    plain, knowing = ([read(lab.model(r), ids) for r in groups[chosen[name]]] for name in (PLAIN, KNOWING))
    rows, weights = _mixtures(along, [each.log_probs for each in plain])
    rows |= {name: trained[case] for name, case in chosen.items()}
    rows = {name: rows[name] for name in dict.fromkeys((*along.chains, COUNTS, PLAIN, MIXED, *NETWORKS))}

    predictors = {f"counts of {chain}": [q] for chain, q in zip(along.chains, along.static, strict=True)}
    predictors |= {PLAIN: [each.log_probs for each in plain], KNOWING: [each.log_probs for each in knowing]}
    nats = {name: np.mean([_nats(q, along.targets) for q in of], axis=0) for name, of in predictors.items()}
    positions = positions_in_word(characters, ids)[1:]
    trust = trust_rows(along.chains, [each.gates for each in knowing], nats, positions)
    for p, row in trust.items():
        row |= {"label": f"{KNOWING}: {POSITIONS[p]}", "val_loss": row[f"loss: {KNOWING}"]}

    rest = [row for case, row in trained.items() if case not in chosen.values()]
    columns = {
        "label": "predictor", "learning_rate": "learning rate", "val_loss": "validation, static counts",
        "val_spread": "± over seeds", "in_context": "validation, in-context counts",
        **{f"gate_{chain}": f"mean gate of {chain}" for chain in along.chains}, "cpu_seconds": "CPU s",
    }  # fmt: skip
    figures = {
        "losses": _losses(rows),
        "curves": _curves({name: groups[chosen[name]] for name in (PLAIN, KNOWING, RNN_KNOWING)}, rows),
        "trust": draw_trust(trust, along.chains, list(nats)),
    }
    findings = [
        *_findings(rows, weights, along.chains),
        f"Each network has the better of two learning rates, {RATES[0]:g} and {RATES[1]:g}, chosen on the validation "
        f"split; a third may be better. {_rates(losses)}",
        _time(groups[chosen[PLAIN]], groups[chosen[KNOWING]]),
        *_trusted(trust, along.chains),
        beside_ngram(lab, trained.values()),
    ]
    return Report([*rows.values(), *rest, *trust.values(), *lab.baselines()], columns, findings, figures)


def _train(lab: Lab, epochs: float) -> dict[Case, list[Result]]:
    """Every network at both learning rates, with every seed."""
    cases = [(name, rate) for name in NETWORKS for rate in RATES]
    jobs = [
        Job(
            f"{name}, learning rate {rate:g}, seed {seed}", {**NETWORKS[name], "learning_rate": rate, "seed": seed},
            epochs, 10.0 / epochs, keep_model=name in (PLAIN, KNOWING),
        )
        for name, rate in cases
        for seed in range(lab.seeds)
    ]  # fmt: skip
    results = lab.train(jobs)
    return {case: results[k * lab.seeds : (k + 1) * lab.seeds] for k, case in enumerate(cases)}


def _trained(groups: Groups, epochs: float) -> dict[Case, Row]:
    """The rows of all trained networks."""
    facts = {(name, rate): {"label": name, "learning_rate": f"{rate:g}"} for name, rate in groups}
    rows, _ = tabulate(groups, facts, {}, {})
    for case, group in groups.items():
        in_context = [r["val_loss_in_context"] for r in group]
        knows = in_context[0] is not None
        rows[case] |= {"kind": KINDS[3 if knows else 1], "epochs": epochs, "steps": group[0]["steps"]}
        rows[case] |= {"in_context": mean_and_spread(in_context)[0] if knows else None}
    return rows


def _along(lab: Lab, ids: Array) -> Along:
    """Count the training split, and ask the counts along ids (N + 1,)."""
    characters, text = lab.corpus.vocabulary.characters, lab.splits["train"]
    chains = choose_experts("auto", characters, text)
    experts = Experts.count(chains, characters, text)

    def said(on_text: OnText) -> Array:
        n = len(ids) - 1
        pieces = [on_text.log_q(np.array([start]), min(WINDOW, n - start)) for start in range(0, n, WINDOW)]
        return np.concatenate(pieces, axis=1)[:, :, 0]

    return Along(chains, said(OnText(experts, ids)), said(in_context(experts, ids)), ids[1:])


def _nats(log_probs: Array, targets: Array) -> Array:
    """The surprise (N,) of a predictor (N, V)."""
    return -log_probs[np.arange(len(targets)), targets].astype(np.float64)


def _mixtures(along: Along, networks: Sequence[Array]) -> tuple[dict[str, Row], dict[str, Array]]:
    """The counts alone, and mixed with each of the networks (N, V); the rows, and the weights of static counts."""

    def row(kind: str, label: str, static: Sequence[float], growing: Sequence[float]) -> Row:
        loss, spread = mean_and_spread(static)
        return {"label": label, "val_loss": loss, "val_spread": spread, "kind": kind,
                "in_context": mean_and_spread(growing)[0]}  # fmt: skip

    rows, alone = {}, (along.static, along.in_context)
    for chain, *both in zip(along.chains, *alone, strict=True):
        rows[chain] = row(KINDS[0], f"counts of {chain}", *([_nats(q, along.targets).mean()] for q in both))
    counts = [two_fold(q, along.targets) for q in alone]
    mixed = [[two_fold(np.stack([own, *q]), along.targets) for own in networks] for q in alone]
    rows[COUNTS] = row(KINDS[0], f"{COUNTS} (two-fold)", *([each.nats.mean()] for each in counts))
    rows[MIXED] = row(KINDS[2], f"{MIXED} (two-fold)", *([each.nats.mean() for each in of] for of in mixed))
    return rows, {COUNTS: counts[0].weights, MIXED: np.mean([each.weights for each in mixed[0]], axis=0)}


def _losses(rows: Mapping[str, Row]) -> Captioned:
    figure = new_figure(11, 0.36 * len(rows) + 1.2)
    left, right = figure.subplots(1, 2, sharey=True)
    for axes in (left, right):
        for y, row in enumerate(rows.values()):
            colour, loss = COLOURS[KINDS.index(row["kind"])], row["val_loss"]
            label = None if y else "static counts, or none"
            axes.errorbar(loss, y, xerr=row["val_spread"], fmt="o", color=colour, capsize=3, label=label)
            if row["in_context"] is not None:
                label = None if y else "in-context counts"
                axes.plot(row["in_context"], y, "o", color=colour, fillstyle="none", label=label)
            if axes is left:
                axes.annotate(f"{loss:.3f}", (loss, y), (7, -3), textcoords="offset points", fontsize=8)
    of_counts = [loss for row in rows.values() if row["in_context"] for loss in (row["val_loss"], row["in_context"])]
    margin = 0.1 * (max(of_counts) - min(of_counts))
    x = "validation loss (nats per character)"
    finish(left, xlabel=x, title="all", legend=False)
    left.margins(x=0.2)  # room for the numbers
    left.set_yticks(range(len(rows)), [str(row["label"]) for row in rows.values()], fontsize=9)
    left.invert_yaxis()
    finish(right, xlabel=x, title="a part of it", xlim=(min(of_counts) - margin, max(of_counts) + margin))
    return Captioned(
        figure,
        "What counts give: validation loss, mean and range over seeds; on the right, a part of the left. The colours "
        "separate counts alone, a network alone, a network that is mixed with counts after training, and networks that "
        "know them in training. Open circles: with in-context counts, to be compared with other open circles only.",
    )


def _curves(groups: Mapping[str, Sequence[Result]], rows: Mapping[str, Row]) -> Captioned:
    low = min(rows[name]["val_loss"] for name in groups)
    figure = views(groups, {"step": "updates", "cpu_seconds": "CPU seconds"}, 11, ylim=(low - 0.03, low + 0.5))
    for axes in figure.axes:
        for name, style in ((COUNTS, ":"), (MIXED, "--")):
            axes.axhline(rows[name]["val_loss"], color="black", linestyle=style, linewidth=1, label=rows[name]["label"])
    figure.axes[0].legend(frameon=False)
    return Captioned(
        figure,
        "Validation loss with static counts against updates and against CPU seconds, counting included: mean and range "
        "over seeds. The black lines are the counts alone, and the QRNN without counts at its end, mixed with them.",
    )


def _findings(rows: Mapping[str, Row], weights: Mapping[str, Array], chains: Sequence[str]) -> list[str]:
    static, in_context = column(rows, "val_loss"), column(rows, "in_context")
    only = {f"{chain} only": static[ONLY.format(chain)] for chain in CHAINS}
    of_counts, of_mixed = (
        listed(dict(zip((*before, *chains), weights[name], strict=True)), 2)
        for name, before in ((COUNTS, ()), (MIXED, ("network",)))
    )
    return [
        ranking("Counts alone, static", {name: static[name] for name in (*chains, COUNTS)})
        + f" The weights of a mixture are fitted on one half of the validation split and measured on the other; here "
        f"they are {of_counts}.",
        ranking("Beside the network, static", {name: static[name] for name in (COUNTS, PLAIN, MIXED, KNOWING)}),
        f"Mixed in after training (weights: {of_mixed}), counts take {static[PLAIN] - static[MIXED]:.3f} nats "
        "from the network's loss; known in training, for the same number of updates, they take "
        f"{static[PLAIN] - static[KNOWING]:.3f}. "
        + verdict("counts known in training beat counts mixed in afterwards", static[KNOWING] < static[MIXED]),
        ranking("Known in training, static", {f"auto ({' and '.join(chains)})": static[KNOWING], **only})
        + " "
        + verdict("what auto chooses beats one chain only", static[KNOWING] < min(only.values())),
        f"A vanilla RNN of one layer, whose logits alone know the counts, has {static[RNN_KNOWING]:.4f} nats per "
        f"character, static, and without counts {static[RNN_PLAIN]:.4f}.",
        ranking(
            "With in-context counts, which adapt to the text that they predict",
            {name: loss for name, loss in in_context.items() if name in (COUNTS, MIXED, KNOWING)},
        ),
    ]


def _rates(losses: Mapping[Case, float]) -> str:
    """What the networks lose at the smaller rate and at the larger one."""
    both = (f"{name} {losses[name, RATES[0]]:.4f} and {losses[name, RATES[1]]:.4f}" for name in NETWORKS)
    return f"Static losses at the smaller and at the larger rate: {'; '.join(both)} nats per character."


def _time(plain: Sequence[Result], knowing: Sequence[Result]) -> str:
    """When a network that knows the counts is as good as one without them at its end."""
    goal, total = (float(np.mean([r[key] for r in plain])) for key in ("val_loss", "cpu_seconds"))
    reached = [next((p for p in r["points"] if p["val_loss"] <= goal), None) for r in knowing]
    found = [(p["step"], p["cpu_seconds"]) for p in reached if p]
    if len(found) < len(knowing):
        return f"{KNOWING} does not reach the final loss of {PLAIN} ({goal:.4f}, static) in every run."
    step, seconds = np.mean(found, axis=0)
    whole = float(np.mean([r["cpu_seconds"] for r in knowing]))
    return (
        f"{KNOWING} is first measured below the final loss of {PLAIN} ({goal:.4f}, static) after {step:,.0f} updates "
        f"and {seconds:.1f} CPU seconds, counting included; {PLAIN} takes {plain[0]['steps']:,} and {total:.1f}. All "
        f"{knowing[0]['steps']:,} updates of {KNOWING} take {whole:.1f} CPU seconds."
    )


def _trusted(trust: Mapping[int, Row], chains: Sequence[str]) -> list[str]:
    """Where each expert's gate is highest and lowest."""
    found = []
    for chain in chains:
        gates = {p: float(row[f"gate_{chain}"]) for p, row in trust.items()}
        high, low = max(gates, key=gates.__getitem__), min(gates, key=gates.__getitem__)
        found.append(
            f"The counts of {chain} are trusted most at “{POSITIONS[high]}” (mean gate {gates[high]:.2f}) and least at "
            f"“{POSITIONS[low]}” ({gates[low]:.2f})."
        )
    return found


STUDY = Study(
    "ngrams",
    "Counts and networks",
    "What do counts of contexts give a network: mixed in after training, or known in training as experts? A "
    "quasi-recurrent network (three layers of 128, windows of 64, batch 16, chunked order, otherwise as the recipe "
    "`plain-quick`) without and with counts, for the same updates; the same with one chain of contexts; and a vanilla "
    "RNN of 200 units. Losses are on the whole validation split with the state carried. Static counts are those of the "
    "training split; in-context counts include what was read, and their losses are compared only with one another. "
    "Mixtures are log-linear, with one weight for each predictor, fitted on one half of the validation split and "
    "measured on the other, both ways round (two-fold).",
    run,
)
